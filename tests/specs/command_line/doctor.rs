//! `doctor`: what is wrong is said with what to do, and nothing is changed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;

/// A log of some lines, and a data directory in which `up --once` has worked.
fn worked() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    std::fs::create_dir(scratch.path().join("log")).unwrap();
    let mut server = ApiServer::in_directory(&scratch.path().join("log"));
    server.write_all(slices(&superset()[..40]));
    server.rotate();
    server.write_all(slices(&superset()[40..60]));
    let run = once(server.path(), &data, &[]);
    assert!(run.status.success(), "{}", said(&run));
    let log = server.path().to_owned();
    (scratch, log, data)
}

fn doctor(log: &Path, data: &Path, more: &[&str]) -> Output {
    let mut command = command("auditrail");
    command.args(["doctor", "--path"]).arg(log).arg("--data").arg(data).args(more).output().unwrap()
}

/// The line that begins with these words, blanks between them left out.
fn line(run: &Output, grade: &str, check: &str) -> String {
    let lines = printed(run);
    let found = lines
        .lines()
        .find(|line| line.starts_with(grade) && line[grade.len()..].trim_start().starts_with(check));
    found.unwrap_or_else(|| panic!("no {grade} of {check} in:\n{lines}{}", said(run))).to_owned()
}

/// Every file below a directory with its bytes.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(contents(&entry.path())),
            false => drop(found.insert(entry.path(), std::fs::read(entry.path()).unwrap())),
        }
    }
    found
}

/// The newest segment of the collector's queue.
fn segment(data: &Path) -> PathBuf {
    let segments = std::fs::read_dir(data.join("collector/segments")).unwrap();
    segments.map(|entry| entry.unwrap().path()).max().unwrap()
}

#[test]
fn a_healthy_system_is_said_to_be_so_in_text_and_json() {
    let (_scratch, log, data) = worked();
    let before = contents(&data);
    let run = doctor(&log, &data, &[]);
    assert!(run.status.success(), "{}{}", printed(&run), said(&run));
    let log_line = line(&run, "ok", "log");
    assert!(log_line.contains(&format!("{}: readable", log.display())), "{log_line}");
    assert!(log_line.ends_with("rotated siblings: 1"), "{log_line}");
    for check in ["queue", "quarantine", "spool of lake"] {
        line(&run, "ok", check);
    }
    assert!(contents(&data) == before, "something was changed");
    let json: serde_json::Value = serde_json::from_slice(&doctor(&log, &data, &["--json"]).stdout).unwrap();
    assert_eq!(json["ok"], true);
    assert!(json["findings"].as_array().unwrap().iter().all(|finding| finding["grade"] == "ok"), "{json}");
}

#[test]
fn before_the_first_start_it_says_what_is_missing_and_makes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let (log, data) = (scratch.path().join("audit.log"), scratch.path().join("data"));
    let run = doctor(&log, &data, &[]);
    assert_eq!(run.status.code(), Some(1));
    assert!(line(&run, "error", "log").contains("does not exist; it is waited for"));
    assert!(line(&run, "ok", "queue").contains("has nothing yet"));
    assert!(!data.exists());
}

#[test]
fn a_directory_that_cannot_hold_a_queue_is_said() {
    let (scratch, log, _) = worked();
    let data = scratch.path().join("file");
    std::fs::write(&data, "no directory").unwrap();
    let run = doctor(&log, &data, &[]);
    assert_eq!(run.status.code(), Some(1));
    assert!(line(&run, "error", "queue").contains("no directory"), "{}", printed(&run));
}

#[cfg(unix)]
#[test]
fn a_log_and_a_sibling_that_may_not_be_read_are_said_with_the_right_that_is_missing() {
    use std::os::unix::fs::PermissionsExt;
    let (_scratch, log, data) = worked();
    let files = std::fs::read_dir(log.parent().unwrap()).unwrap();
    for file in files {
        std::fs::set_permissions(file.unwrap().path(), std::fs::Permissions::from_mode(0o0)).unwrap();
    }
    if std::fs::File::open(&log).is_ok() {
        eprintln!("not tested: this user may read everything");
        return;
    }
    let run = doctor(&log, &data, &[]);
    assert_eq!(run.status.code(), Some(1));
    assert!(line(&run, "error", "log").contains("CAP_DAC_READ_SEARCH"), "{}", printed(&run));
    assert_eq!(printed(&run).matches("may not be read").count(), 2, "{}", printed(&run));
}

#[test]
fn a_flipped_byte_in_the_queue_is_said_with_its_place_and_left_as_it_is() {
    let (_scratch, log, data) = worked();
    let segment = segment(&data);
    let mut bytes = std::fs::read(&segment).unwrap();
    let last = bytes.windows(4).rposition(|four| four == b"\xA7qR\x1C").unwrap();
    bytes[last] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let before = contents(&data);
    let run = doctor(&log, &data, &[]);
    assert_eq!(run.status.code(), Some(1), "{}", printed(&run));
    let place = format!("damaged: {} from byte", segment.display());
    assert!(line(&run, "error", "queue").contains(&place), "{}", printed(&run));
    assert!(contents(&data) == before, "something was changed");
}

#[test]
fn a_newest_segment_that_was_cut_is_said_with_what_is_missing() {
    let (_scratch, log, data) = worked();
    let segment = segment(&data);
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &bytes[..bytes.len() - 40]).unwrap();
    let before = contents(&data);
    let run = doctor(&log, &data, &[]);
    assert_eq!(run.status.code(), Some(1), "{}", printed(&run));
    let words = line(&run, "error", "queue");
    assert!(words.contains("missing: ") && words.contains("40 bytes"), "{words}");
    assert!(words.contains(&segment.display().to_string()), "{words}");
    assert!(contents(&data) == before, "something was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_system_is_asked_instead_and_left_alone() {
    let intake = Intake::start(Mood::Accept).await;
    let setup = tests::cluster::Setup::to_datadog(&intake.url());
    for layout in [tests::cluster::Layout::OneProcess, tests::cluster::Layout::FourProcesses] {
        let cluster = tests::cluster::Cluster::start(layout, &setup).await;
        let mut server = ApiServer::in_directory(&cluster.logs());
        server.write_all(slices(&superset()[..20]));
        cluster.settled(20).await;
        let config = cluster.config();
        let run = tokio::task::spawn_blocking(move || {
            command("auditrail").args(["doctor", "--config"]).arg(config).output().unwrap()
        });
        let run = run.await.unwrap();
        assert!(line(&run, "ok", "queue").contains("in use by the running collector"), "{}", printed(&run));
        assert!(line(&run, "ok", "spool of datadog").contains("in use by the running shipper"));
        let is_one = layout == tests::cluster::Layout::OneProcess;
        let way = if is_one { "joined by calls" } else { "serves" };
        assert!(line(&run, "ok", "next stage").contains(way), "{}", printed(&run));
        server.write_all(slices(&superset()[20..30]));
        cluster.settled(30).await;
    }
}
