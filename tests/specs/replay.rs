//! Recorded events again: marked, complete, and apart from what a running service has.

use std::path::Path;
use std::process::Output;

use tests::account::assert_same;
use tests::fixture::{lossy, superset};
use tests::intake::{Intake, Mood};
use tests::process::command;

fn replay(directory: &Path, url: &str, arguments: &[&str]) -> Output {
    let to = format!("datadog:{url}");
    let mut command = command("auditrail");
    command.args(["replay", "--give-up", "300ms", "--to", &to, "--data"]).arg(directory.join("data"));
    command.args(arguments).env("DD_API_KEY", "k").output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_delivers_every_event_marked_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let lines = superset()[..300].to_vec();
    let log = directory.path().join("old.log");
    std::fs::write(&log, lines.join(&b'\n')).unwrap();
    let intake = Intake::start(Mood::Accept).await;
    let run = replay(directory.path(), &intake.url(), &[log.to_str().unwrap()]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_same(&intake.messages(), &lossy(&lines));
    assert!(intake.items().iter().all(|item| item.ddtags.contains("auditrail.replay:true")));
    assert!(!directory.path().join("data/replay").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_replay_could_not_deliver_is_delivered_by_resume_and_nothing_starts_before() {
    let directory = tempfile::tempdir().unwrap();
    let lines = superset()[..300].to_vec();
    let log = directory.path().join("old.log");
    std::fs::write(&log, lines.join(&b'\n')).unwrap();
    let log = log.to_str().unwrap();
    let intake = Intake::start(Mood::Accept).await;
    let nobody = "http://127.0.0.1:9";
    assert_eq!(replay(directory.path(), nobody, &["--resume"]).status.code(), Some(64));
    assert_eq!(replay(directory.path(), nobody, &[log]).status.code(), Some(1));
    let second = replay(directory.path(), &intake.url(), &[log]);
    assert_eq!(second.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&second.stderr).contains("--resume"));
    let rest = replay(directory.path(), &intake.url(), &["--resume"]);
    assert!(rest.status.success(), "{}", String::from_utf8_lossy(&rest.stderr));
    assert_same(&intake.messages(), &lossy(&lines));
}
