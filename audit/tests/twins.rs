//! The logs that one API server wrote of the same requests under several policies at once.
//!
//! `AUDITRAIL_TWINS=DIR cargo test -p audit --test twins`: DIR holds `audit*.log`, written with everything, and for
//! each NAME a `NAME.yaml` and the `twin-NAME.log` that the server wrote under it. Without the variable
//! this is skipped; `vectors.rs` always holds a sample of such lines to what the server made of them.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used)] // tests may read files

use audit::{Attributes, Event, Lowered, Policy, lower};
use std::collections::HashMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// Lines that the server lost at the fuller level, since a patch body was no JSON; their twins have them.
const NEVER_IN_THE_SUPERSET: usize = 15;

#[test]
fn the_full_log_lowered_is_the_log_that_the_server_wrote_under_the_policy() {
    let Some(directory) = std::env::var_os("AUDITRAIL_TWINS").map(PathBuf::from) else {
        println!("skipped: AUDITRAIL_TWINS names no directory with twin logs");
        return;
    };
    let twins = twins(&directory);
    assert!(!twins.is_empty(), "no twin-NAME.log in {}", directory.display());
    for name in twins {
        let policy = std::fs::read_to_string(directory.join(format!("{name}.yaml"))).unwrap();
        let (extra, missing) = compare(&directory, &name, &Policy::load(&policy).unwrap().policy);
        assert_eq!(extra, Vec::<String>::new(), "{name}: lines that the server did not write");
        assert!(
            missing.len() <= NEVER_IN_THE_SUPERSET,
            "{name}: {} missing, such as {}",
            missing.len(),
            missing[0]
        );
        assert!(missing.iter().all(|line| line.contains(r#""verb":"patch""#)), "{name}: {missing:?}");
        println!("{name}: equal, but for {} lines that the full log never held", missing.len());
    }
}

fn twins(directory: &Path) -> Vec<String> {
    let names =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| Some(name.strip_prefix("twin-")?.strip_suffix(".log")?.to_owned())).collect()
}

/// What is too much and what is missing in the lowered log.
fn compare(directory: &Path, name: &str, policy: &Policy) -> (Vec<String>, Vec<String>) {
    let mut balance: HashMap<Vec<u8>, i64> = HashMap::new();
    each_line(&directory.join(format!("twin-{name}.log")), |line| {
        *balance.entry(line.to_vec()).or_default() += 1
    });
    let mut out = Vec::new();
    for file in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        let file_name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !file_name.starts_with("audit") || !file_name.ends_with(".log") {
            continue;
        }
        each_line(&file, |line| {
            if let Some(written) = lowered(policy, line, &mut out) {
                match balance.get_mut(written) {
                    Some(count) => *count -= 1,
                    None => drop(balance.insert(written.to_vec(), -1)),
                }
            }
        });
    }
    let pick = |sign: i64| {
        let picked = balance.iter().filter(move |(_, count)| count.signum() == sign);
        picked.map(|(line, _)| String::from_utf8_lossy(line).into_owned()).collect()
    };
    (pick(-1), pick(1))
}

fn lowered<'o>(policy: &Policy, line: &'o [u8], out: &'o mut Vec<u8>) -> Option<&'o [u8]> {
    let event = Event::scan(line).unwrap();
    let decision = policy.decide(&Attributes::of(&event));
    out.clear();
    match lower(&event, &decision, out) {
        Lowered::Dropped(_) => None,
        Lowered::Whole => Some(line),
        Lowered::Spliced => Some(out),
    }
}

fn each_line(path: &Path, mut take: impl FnMut(&[u8])) {
    let mut reader = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).unwrap() > 0 {
        take(line.strip_suffix(b"\n").unwrap_or(&line));
        line.clear();
    }
}
