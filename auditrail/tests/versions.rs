//! What a newer version wrote is refused with what, where and what to do, and left as it is; what a version wrote that
//! marked nothing yet is read.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const EVENT: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"A","stage":"ResponseComplete","requestURI":"/x","verb":"get","user":{"username":"u"},"requestReceivedTimestamp":"2026-11-01T00:00:00.000000Z","stageTimestamp":"2026-11-01T00:00:00.000001Z"}"#;

struct Place(tempfile::TempDir);

impl Place {
    /// A data directory in which `up --once` has worked.
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.log(2);
        let run = place.once();
        assert!(run.status.success(), "{}", said(&run));
        place
    }

    /// The log has so many events now.
    fn log(&self, events: usize) {
        std::fs::write(self.path("audit.log"), format!("{EVENT}\n").repeat(events)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
        command.args(arguments).current_dir(self.0.path()).output().unwrap()
    }

    fn once(&self) -> Output {
        self.run(&["up", "--once", "--path", "audit.log", "--data", "data"])
    }
}

fn said(run: &Output) -> String {
    String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr)
}

/// Every file below a directory with its bytes.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true => found.extend(contents(&entry)),
            false => drop(found.insert(entry.clone(), std::fs::read(&entry).unwrap())),
        }
    }
    found
}

/// The bytes of `file` with the one that `of` names, counted from the end of `before`, set to this.
fn bump(file: &Path, before: &[u8], distance: usize, to: u8) {
    let mut bytes = std::fs::read(file).unwrap();
    let at = bytes.windows(before.len()).position(|window| window == before);
    let at = at.unwrap_or_else(|| panic!("no version in {}", file.display())) + before.len() + distance;
    bytes[at] = to;
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn every_store_of_a_newer_version_is_refused_with_what_to_do_and_left_as_it_is() {
    for (store, of) in [
        ("data/collector", "collector "),
        ("data/shipper/lake/spool", "spool "),
        ("data/shipper/lake/receipts", "receipts "),
    ] {
        let place = Place::new();
        let format = place.path(store).join("format");
        bump(&format, of.as_bytes(), 0, b'9');
        place.log(3);
        let before = contents(&place.path(store));
        let run = place.once();
        assert_eq!(run.status.code(), Some(1), "{store}: {}", said(&run));
        let words = said(&run);
        assert!(words.contains("format has format version 9"), "{store}: {words}");
        assert!(words.contains("start the newer program"), "{store}: {words}");
        assert!(words.contains(format.file_name().unwrap().to_str().unwrap()), "{store}: {words}");
        assert!(contents(&place.path(store)) == before, "{store}: something was changed");
    }
}

#[test]
fn dead_letters_of_a_newer_version_are_refused_with_what_to_do_and_left_as_they_are() {
    let place = Place::new();
    let store = place.path("data/shipper/datadog/dead-letters");
    std::fs::create_dir_all(&store).unwrap();
    std::fs::write(store.join("format"), "dead letters 2\n").unwrap();
    let run = place.run(&[
        "up",
        "--once",
        "--path",
        "audit.log",
        "--data",
        "data",
        "--to",
        "datadog:http://127.0.0.1:9",
    ]);
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
    assert!(said(&run).contains("has format version 2, and this program reads up to 1"), "{}", said(&run));
    assert_eq!(contents(&store).len(), 1);
}

#[test]
fn a_segment_of_a_newer_version_is_refused_by_name_and_left_as_it_is() {
    let place = Place::new();
    let queue = place.path("data/collector");
    let segments = std::fs::read_dir(queue.join("segments")).unwrap();
    let newest = segments.map(|entry| entry.unwrap().path()).max().unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    // Behind the magic stands the version, and behind it the version with every bit turned.
    let at = bytes.windows(8).position(|eight| eight == [1, 0, 0, 0, 254, 255, 255, 255]).unwrap();
    (bytes[at], bytes[at + 4]) = (2, 253);
    std::fs::write(&newest, bytes).unwrap();
    let before = contents(&queue);
    let run = place.once();
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
    let segment = newest.file_name().unwrap().to_str().unwrap();
    assert!(said(&run).contains(&format!("{segment} has format version 2")), "{}", said(&run));
    assert!(contents(&queue) == before, "something was changed");
}

#[test]
fn a_file_of_the_lake_of_a_newer_version_is_refused_by_name_and_left_as_it_is() {
    let place = Place::new();
    let lake = place.path("data/lake");
    let files = contents(&lake);
    let file = files.keys().find(|path| path.extension().is_some_and(|form| form == "parquet")).unwrap();
    bump(file, b"auditrail.version", 2, b'7');
    let before = contents(&lake);
    let name = file.file_name().unwrap().to_str().unwrap();
    for command in [&["verify", "--lake", "data/lake"][..], &["denied", "--lake", "data/lake"]] {
        let run = place.run(command);
        assert_ne!(run.status.code(), Some(0), "{command:?}: {}", said(&run));
        let words = said(&run);
        assert!(words.contains(name) && words.contains("has format version 7"), "{command:?}: {words}");
    }
    place.run(&["lake", "compact", "--lake", "data/lake"]);
    assert!(contents(&lake) == before, "something was changed");
}

#[test]
fn what_was_kept_before_directories_were_marked_is_read_and_goes_on() {
    let place = Place::new();
    for store in ["collector", "shipper/lake/spool", "shipper/lake/receipts"] {
        std::fs::remove_file(place.path("data").join(store).join("format")).unwrap();
    }
    place.log(3);
    let run = place.once();
    assert!(run.status.success() && said(&run).contains('3'), "{}", said(&run));
    assert_eq!(std::fs::read_to_string(place.path("data/collector/format")).unwrap(), "collector 2\n");
}
