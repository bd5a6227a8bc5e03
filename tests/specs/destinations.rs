//! Promise 2, when destinations come and go: what was read meanwhile is named, not in flight for ever.

use std::path::Path;
use std::process::Output;

use tests::apiserver::ApiServer;
use tests::fixture::{real, slices};
use tests::process::command;

/// Runs `up --once` to these destinations, on a cluster of this name; gives the account that it prints.
fn once(cluster: &str, log: &Path, scratch: &Path, to: &[&str]) -> String {
    let mut command = command("auditrail");
    command.env("AUDITRAIL_COLLECTOR__CLUSTER", cluster).args(["up", "--once", "--path"]).arg(log);
    command.arg("--data").arg(scratch.join("data")).args(to.iter().flat_map(|to| ["--to", to]));
    let Output { status, stderr, .. } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert!(status.success(), "{said}");
    said
}

#[test]
fn lines_from_when_it_was_no_destination_are_named_and_everything_has_its_end() {
    let scratch = tempfile::tempdir().unwrap();
    let file = format!("file:{}", scratch.path().join("out.log").display());
    let lines = real();
    let (first, rest) = lines.split_at(100);
    let (second, third) = rest.split_at(70);
    let missed = |name: &str, events: usize| format!("{name}: filtered by no destination then: {events}");
    let mut server = ApiServer::in_directory(scratch.path());
    let log = server.path().to_path_buf();
    let once = |cluster: &str, to: &[&str]| once(cluster, &log, scratch.path(), to);

    server.write_all(slices(first));
    assert!(!once("one", &[&file]).contains("no destination then"));
    assert!(once("one", &[&file, "lake"]).contains(&missed("lake", 100)), "added, and nothing new was read");
    server.write_all(slices(second));
    assert!(once("one", &["lake"]).contains(&missed("lake", 100)), "added, and something new was read");
    assert!(once("one", &[&file]).contains(&missed("file", 70)), "taken out and added again");
    server.write_all(slices(third));
    let said = once("two", &[&file, "lake"]);
    assert!(said.contains(&missed("file", 70)) && said.contains(&missed("lake", 100)), "{said}");
    let written = std::fs::read(scratch.path().join("out.log")).unwrap();
    assert_eq!(written.iter().filter(|&&byte| byte == b'\n').count(), lines.len() - 70);
}
