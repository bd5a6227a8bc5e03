//! Recorded input as people have it: packed under any name, damaged, in lists, of another encoding, or no events at all.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const COUNT: [&str; 4] = ["sql", "SELECT count(*) FROM events", "-o", "csv"];

/// A directory to put recordings in, and the lines of a real one.
struct Place {
    directory: TempDir,
    log: Vec<u8>,
}

impl Place {
    fn new() -> Place {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/real.log.zst");
        let log = zstd::decode_all(std::fs::read(fixture).unwrap().as_slice()).unwrap();
        Place { directory: tempfile::tempdir().unwrap(), log }
    }

    fn lines(&self) -> Vec<&[u8]> {
        self.log.split_inclusive(|byte| *byte == b'\n').collect()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Told {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Told {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
        command.current_dir(self.directory.path()).env("AUDITRAIL_STATES", "none").args(arguments);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // One that ends early reads no further.
                let _ = input.write_all(stdin);
            });
            Told::of(&child.wait_with_output().unwrap())
        })
    }

    /// How many events SQL counts in a file, the exit code, and what stderr says.
    fn count(&self, name: &str) -> (usize, i32, String) {
        self.run(&[&COUNT[..], &[name]].concat()).counted()
    }
}

struct Told {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Told {
    fn of(output: &Output) -> Told {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Told {
            code: output.status.code().unwrap(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    fn counted(self) -> (usize, i32, String) {
        let number = self.stdout.lines().nth(1).unwrap_or_else(|| panic!("{}", self.stderr));
        (number.parse().unwrap(), self.code, self.stderr)
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// What the webhook posts.
fn event_list(lines: &[&[u8]]) -> Vec<u8> {
    let items: Vec<&[u8]> = lines.iter().map(|line| line.trim_ascii()).collect();
    let head = b"{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{},\"items\":[";
    [&head[..], &items.join(&b','), b"]}"].concat()
}

#[test]
fn lines_that_are_no_events_are_no_rows_and_are_told_in_the_words_of_every_report() {
    let place = Place::new();
    let events = place.lines().len();
    let cut = &place.log[..place.log.len() - 100];
    place.write("cut.log", cut);
    place.write("none.log", b"hello\n");
    place.write("mixed.log", &[b"hello\n", &place.log[..], &[0x00, 0xfe, b'\n', 0x9f]].concat());
    for (name, expected, bad) in [
        ("cut.log", events - 1, vec![events]),
        ("none.log", 0, vec![1]),
        ("mixed.log", events, vec![1, events + 2]),
    ] {
        let (count, code, stderr) = place.count(name);
        assert_eq!((count, code), (expected, 1), "{name}: {stderr}");
        let report = place.run(&["denied", name]);
        assert_eq!((report.code, &report.stderr), (1, &stderr), "{name}: the same words");
        for line in bad {
            assert!(stderr.contains(&format!("{name}:{line}: ")), "{name}: {stderr}");
        }
    }
    place.write("many.log", "hello\n".repeat(25).as_bytes());
    let many = place.count("many.log").2;
    assert!(many.contains("15 more lines are no events"), "{many}");
    assert_eq!(place.run(&["denied", "many.log"]).stderr, many);
    let question = "SELECT seq FROM events WHERE stage IS NULL";
    let told = place.run(&["sql", question, "-o", "csv", "mixed.log"]);
    assert_eq!((told.code, told.stdout.as_str()), (1, "seq\n"));
}

#[test]
fn a_lake_keeps_objects_that_are_no_events_as_rows_without_a_stage() {
    let place = Place::new();
    let events = place.lines().len();
    let object = b"{\"hello\":1}\n";
    place.write("audit.log", &[object, &place.log[..]].concat());
    let filled = place.run(&["up", "--once", "--path", "audit.log", "--to", "lake", "--data", "data"]);
    assert_eq!(filled.code, 0, "{}", filled.stderr);
    let ask = |question: &str| place.run(&["sql", question, "-o", "csv", "--lake", "data/lake"]).counted();
    assert_eq!(ask("SELECT count(stage) FROM events"), (events, 0, String::new()));
    let question = "SELECT count(*) FROM events WHERE stage IS NULL AND raw ->> '$.hello' = 1";
    assert_eq!(ask(question), (1, 0, String::new()));
    let (count, code, stderr) = place.count("audit.log");
    assert_eq!((count, code), (events, 1), "files have no such rows: {stderr}");
}

#[test]
fn what_is_packed_is_read_from_stdin_and_under_any_name() {
    let place = Place::new();
    let events = place.lines().len();
    let list = event_list(&place.lines());
    for (name, bytes) in [
        ("gzip.log", gzip(&place.log)),
        ("zstd.log", zstd(&place.log)),
        ("plain.log.gz", place.log.clone()),
        ("zstd.gz", zstd(&place.log)),
        ("list.txt", gzip(&list)),
        ("list.json", zstd(&list)),
    ] {
        place.write(name, &bytes);
        assert_eq!(place.count(name), (events, 0, String::new()), "{name}");
        assert_eq!(place.run_with(&COUNT, &bytes).counted(), (events, 0, String::new()), "{name} as stdin");
        let report = place.run_with(&["gaps"], &bytes);
        assert_eq!((report.code, report.stderr.as_str()), (0, ""), "{name}");
    }
}

#[test]
fn one_damaged_file_is_named_and_costs_no_more_than_what_is_behind_the_damage() {
    let place = Place::new();
    let lines = place.lines();
    let half = lines.len() / 2;
    let (first, second) = (lines[..half].concat(), lines[half..].concat());
    place.write("logs/audit-2026-11-23T06-10-37.001.log", &first);
    let packed = gzip(&second);
    place.write("logs/audit-2026-11-23T06-10-38.938.log.gz", &packed[..packed.len() / 2]);
    place.write("logs/audit.log", &first);
    let packed = zstd(&second);
    place.write("cut.log.zst", &packed[..packed.len() * 3 / 4]);

    let (count, code, stderr) = place.count("logs");
    assert!((2 * half..2 * half + lines.len() - half).contains(&count), "{count}");
    assert_eq!((code, stderr.lines().count()), (1, 1), "{stderr}");
    let line = count - 2 * half + 1;
    assert!(stderr.contains(&format!("06-10-38.938.log.gz:{line}: cannot be read on from here")), "{stderr}");
    let report = place.run(&["denied", "logs", "-o", "json"]);
    assert_eq!((report.code, &report.stderr), (1, &stderr));
    assert!(serde_json::from_str::<Value>(&report.stdout).unwrap()["refused"].is_array());
    let alone = place.run(&["denied", "cut.log.zst"]);
    assert!(alone.code == 1 && alone.stdout.contains("Refused (403)"), "{}", alone.stderr);
    assert!(alone.stderr.contains("cut.log.zst:"), "{}", alone.stderr);
}

#[test]
fn a_directory_of_bodies_that_the_webhook_posted_is_read_and_other_json_beside_is_not() {
    let place = Place::new();
    let lines = place.lines();
    let (a, b, c) = (&lines[..70], &lines[70..100], &lines[100..]);
    place.write("bodies/batch-00000001.json", &event_list(a));
    place.write("bodies/batch-00000002.json.gz", &gzip(&event_list(b)));
    place.write("bodies/batch-00000003.json.zst", &zstd(&event_list(c)));
    place.write("bodies/load-stats.json", b"{\n  \"requests\": 219\n}\n");
    place.write("bodies/index.tsv", b"1\t2\n");
    assert_eq!(place.count("bodies"), (lines.len(), 0, String::new()));
    let order = "SELECT group_concat(raw, char(10)) || char(10) AS log FROM events";
    let told = place.run(&["sql", order, "-o", "json", "bodies"]);
    let log = serde_json::from_str::<Value>(&told.stdout).unwrap()[0]["log"].as_str().unwrap().to_owned();
    assert!(log == String::from_utf8_lossy(&place.log), "in the order of their names");
    let report = place.run(&["gaps", "bodies"]);
    assert!(!report.stdout.contains("no end yet"), "{}", report.stdout);

    place.write("none/load-stats.json", b"{}");
    let none = place.run(&["denied", "none"]);
    assert_eq!(none.code, 1);
    assert!(none.stderr.contains("holds no *.log, and no *.json with events"), "{}", none.stderr);
}

#[test]
fn a_byte_order_mark_costs_no_event() {
    let place = Place::new();
    let marked = [b"\xef\xbb\xbf", &place.log[..]].concat();
    place.write("bom.log", &marked);
    place.write("bom.json.gz", &gzip(&[b"\xef\xbb\xbf", &event_list(&place.lines())[..]].concat()));
    for name in ["bom.log", "bom.json.gz"] {
        assert_eq!(place.count(name), (place.lines().len(), 0, String::new()), "{name}");
    }
}

#[test]
fn utf_16_and_yaml_are_told_once_with_what_they_look_like_and_what_to_do() {
    let place = Place::new();
    let text = String::from_utf8_lossy(&place.log).into_owned();
    let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect();
    let yaml =
        "apiVersion: v1\nitems:\n- apiVersion: audit.k8s.io/v1\n  auditID: x\n  kind: Event\nkind: List\n";
    place.write("wide.log", &wide);
    place.write("big.log", &big);
    place.write("list.yaml", yaml.as_bytes());
    place.write("events.yaml", format!("---\n{yaml}---\n{yaml}").as_bytes());
    place.write("good.log", &place.log);
    for (name, line, words) in [
        ("wide.log", 1, "this looks like UTF-16, and events are UTF-8: convert it"),
        ("big.log", 1, "this looks like UTF-16"),
        ("list.yaml", 1, "this looks like YAML, and events are JSON: print it with `-o json`"),
        ("events.yaml", 2, "this looks like YAML"),
    ] {
        let told = place.run(&[&COUNT[..], &[name, "good.log"]].concat()).counted();
        assert_eq!((told.0, told.1), (place.lines().len(), 1), "{}", told.2);
        assert_eq!(told.2.lines().count(), 1, "{}", told.2);
        assert!(told.2.contains(&format!("{name}:{line}: {words}")), "{}", told.2);
        let report = place.run(&["denied", name, "good.log"]);
        assert_eq!((report.code, report.stderr), (1, told.2));
    }
}

#[test]
fn policy_commands_read_up_to_the_damage_and_end_with_1() {
    let place = Place::new();
    let packed = gzip(&place.log);
    place.write("cut.log", &packed[..packed.len() * 3 / 4]);
    place.write(
        "policy.yaml",
        b"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: RequestResponse\n",
    );
    for command in ["apply", "explain", "simulate"] {
        let told = place.run(&["policy", command, "--policy", "policy.yaml", "cut.log"]);
        assert!(told.code == 1 && !told.stdout.is_empty(), "{command}: {}", told.stderr);
        assert!(told.stderr.contains("cannot be read on from here"), "{command}: {}", told.stderr);
    }
}
