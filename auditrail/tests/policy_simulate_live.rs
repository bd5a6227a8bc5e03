//! `policy simulate --live`: what is written while it runs, and nothing else, through rotations, to an end.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
    let simulate = ["policy", "simulate", "--json", "--policy", "datadog.yaml"];
    command.current_dir(fixtures()).args(simulate).args(arguments);
    command
}

fn lines() -> Vec<Vec<u8>> {
    let text = zstd::decode_all(std::fs::File::open(fixtures().join("small.log.zst")).unwrap()).unwrap();
    text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// A log with something in it, and a simulation that follows it.
struct Followed {
    place: TempDir,
    child: Child,
    words: BufReader<ChildStderr>,
}

impl Followed {
    /// Returns when the log is followed.
    fn start(arguments: &[&str]) -> Followed {
        Followed::by(arguments, |log| log.to_owned())
    }

    /// As [`Followed::start`]; `named` says by which path of the command the log is followed.
    fn by(arguments: &[&str], named: impl Fn(&Path) -> PathBuf) -> Followed {
        let place = tempfile::tempdir().unwrap();
        let log = place.path().join("audit.log");
        std::fs::write(&log, lines()[..50].concat()).unwrap();
        let mut command = command(arguments);
        let mut child =
            command.arg(named(&log)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut words = BufReader::new(child.stderr.take().unwrap());
        let (mut said, mut line) = (String::new(), String::new());
        while !line.contains("following ") {
            said.push_str(&line);
            line.clear();
            assert!(words.read_line(&mut line).unwrap() > 0, "ended early: {said}");
        }
        Followed { place, child, words }
    }

    fn append(&self, lines: &[Vec<u8>]) {
        let log = self.place.path().join("audit.log");
        let mut log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        log.write_all(&lines.concat()).unwrap();
    }

    fn rotate(&self) {
        let at = |name: &str| self.place.path().join(name);
        std::fs::rename(at("audit.log"), at("audit-2026-11-23T06-10-38.938.log")).unwrap();
    }

    fn output(mut self) -> (Output, String) {
        let mut words = String::new();
        self.words.read_to_string(&mut words).unwrap();
        (self.child.wait_with_output().unwrap(), words)
    }
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The rules of the policy with everything but what they would cost.
fn without_prices(report: &Value) -> Vec<Value> {
    let mut rules = report["policies"][0]["rules"].as_array().unwrap().clone();
    rules.iter_mut().for_each(|rule| rule["usdPerMonth"] = Value::Null);
    rules
}

#[test]
fn what_is_written_meanwhile_is_simulated_as_it_would_be_from_its_recording_rotations_included() {
    let lines = lines();
    let written = lines.len() - 50;
    let followed = Followed::start(&["--live", "1h", "--live-events", &written.to_string()]);
    followed.append(&lines[50..200]);
    followed.rotate();
    followed.append(&lines[200..]);
    let (output, words) = followed.output();
    assert!(output.status.success(), "{words}");

    let recorded = tempfile::tempdir().unwrap();
    let file = recorded.path().join("recorded.log");
    std::fs::write(&file, lines[50..].concat()).unwrap();
    let expected = report(&command(&[file.to_str().unwrap()]).output().unwrap());
    assert_eq!(expected["recorded"]["events"], written);
    let told = report(&output);
    assert_eq!((&told["recorded"], &told["unknown"]), (&expected["recorded"], &expected["unknown"]));
    assert_eq!(without_prices(&told), without_prices(&expected));
    // A month is so many times the time that was watched, not that between two events.
    let (seconds, factor) =
        (told["watchedSeconds"].as_f64().unwrap(), told["month"]["factor"].as_f64().unwrap());
    assert!((seconds * factor / (30.0 * 86_400.0) - 1.0).abs() < 1e-3, "{seconds} {factor}");
}

#[test]
fn it_ends_at_its_number_of_events_even_within_a_batch() {
    let followed = Followed::start(&["--live", "1h", "--live-events", "7"]);
    followed.append(&lines()[50..100]);
    let (output, words) = followed.output();
    assert!(output.status.success(), "{words}");
    assert_eq!(report(&output)["recorded"]["events"], 7);
}

#[test]
fn it_ends_with_its_time_and_without_an_event() {
    let (output, words) = Followed::start(&["--live", "1s"]).output();
    assert!(output.status.success(), "{words}");
    assert_eq!(report(&output)["recorded"]["events"], 0);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_early_with_the_report() {
    let followed = Followed::start(&["--live", "1h"]);
    let asked = Command::new("kill").args(["-INT", &followed.child.id().to_string()]).status().unwrap();
    assert!(asked.success());
    let (output, words) = followed.output();
    assert!(output.status.success(), "{words}");
    assert_eq!(report(&output)["recorded"]["events"], 0);
}

#[test]
fn lines_that_are_no_events_are_counted_and_fail_it_in_the_end() {
    let followed = Followed::start(&["--live", "1h", "--live-events", "1"]);
    followed.append(&[b"garbage\n{\"kind\":\"Pod\"}\n".to_vec(), lines()[60].clone()]);
    let (output, words) = followed.output();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert_eq!(report(&output)["recorded"]["notEvents"], 2, "{words}");
}

#[test]
fn without_a_log_nothing_is_followed() {
    for arguments in [&["--live", "1h"][..], &["--live", "1h", "no-such.log"], &["--live-events", "1"]] {
        assert_eq!(command(arguments).output().unwrap().status.code(), Some(64), "{arguments:?}");
    }
}

#[test]
fn a_directory_or_a_configuration_may_name_the_log() {
    let configured = |log: &Path| {
        let config = log.with_file_name("auditrail.yaml");
        let entry = format!("collector:\n  logs: [{{type: file, path: '{}'}}]\n", log.display());
        std::fs::write(&config, entry).unwrap();
        config
    };
    let once = ["--live", "1h", "--live-events", "1"];
    for followed in [
        Followed::by(&[&once[..], &["--config"]].concat(), configured),
        Followed::by(&once, |log| log.parent().unwrap().to_owned()),
    ] {
        followed.append(&lines()[50..60]);
        let (output, words) = followed.output();
        assert!(output.status.success(), "{words}");
        assert_eq!(report(&output)["recorded"]["events"], 1);
    }
}
