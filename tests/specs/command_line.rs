//! The commands as a person or a script runs them: what they print, what they write, and their exit codes.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tests::account::assert_same;
use tests::apiserver::ApiServer;
use tests::fixture::{directory, lossy, real, slices, superset, twin};
use tests::intake::{Intake, Mood};
use tests::process::{command, output};

mod doctor;
mod migration;
mod pipes_and_files;
mod up;

/// Datadog's sample policy, as its documentation has it: `verbs` stands inside a `resources` entry.
const DATADOG_SAMPLE: &str = "datadog-sample.yaml";

fn fixture(name: &str) -> String {
    directory().join(name).display().to_string()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn with_input(mut command: Command, input: &[u8]) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    output
}

fn text(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect()
}

/// Runs `up --once` on a directory's log.
fn once(log: &Path, data: &Path, more: &[&str]) -> Output {
    let mut command = command("auditrail");
    command.args(["up", "--once", "--path"]).arg(log).arg("--data").arg(data).args(more);
    command.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn up_once_delivers_rotated_and_compressed_siblings_and_exits_with_the_account() {
    let intake = Intake::start(Mood::Accept).await;
    let scratch = tempfile::tempdir().unwrap();
    let lines = [real(), superset()].concat();
    let mut server = ApiServer::in_directory(scratch.path());
    let third = lines.len() / 3;
    server.write_all(slices(&lines[..third]));
    let oldest = server.rotate();
    server.write_all(slices(&lines[third..2 * third]));
    server.rotate();
    server.write_all(slices(&lines[2 * third..]));
    ApiServer::compress(&oldest);
    let log = server.path().to_path_buf();

    let to = format!("datadog:{}", intake.url());
    let data = scratch.path().join("data");
    let run = tokio::task::spawn_blocking(move || once(&log, &data, &["--to", &to])).await.unwrap();

    assert!(run.status.success(), "{}", said(&run));
    assert_same(&intake.messages(), &lossy(&lines));
    assert_eq!(intake.broken(), Vec::<String>::new());
    assert!(said(&run).contains("in flight"), "{}", said(&run));
}

#[test]
fn up_once_again_delivers_nothing_again() {
    let scratch = tempfile::tempdir().unwrap();
    let (out, data) = (scratch.path().join("out.ndjson"), scratch.path().join("data"));
    let mut server = ApiServer::in_directory(scratch.path());
    server.write_all(slices(&superset()[..100]));
    let to = format!("file:{}", out.display());
    for _ in 0..2 {
        let run = once(server.path(), &data, &["--to", &to]);
        assert!(run.status.success(), "{}", said(&run));
        assert_eq!(std::fs::read(&out).unwrap(), text(&superset()[..100]));
    }
}

#[test]
fn up_once_without_its_log_says_which_and_exits_1() {
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("none.log");
    let run = once(&log, &scratch.path().join("data"), &[]);
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
    assert!(said(&run).contains("none.log"), "{}", said(&run));
}

#[tokio::test(flavor = "multi_thread")]
async fn up_once_gives_up_on_a_destination_that_is_out_and_goes_on_at_the_next_start() {
    let intake = Intake::start(Mood::Refuse(403)).await;
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let mut server = ApiServer::in_directory(scratch.path());
    server.write_all(slices(&superset()[..50]));
    let (log, to) = (server.path().to_path_buf(), format!("datadog:{}", intake.url()));
    let run = |give_up: &'static str| {
        let (log, data, to) = (log.clone(), data.clone(), to.clone());
        tokio::task::spawn_blocking(move || once(&log, &data, &["--to", &to, "--give-up", give_up]))
    };

    let held = run("1s").await.unwrap();
    assert_eq!(held.status.code(), Some(1), "{}", said(&held));
    assert!(said(&held).contains("datadog"), "{}", said(&held));
    intake.becomes(Mood::Accept);
    let done = run("1m").await.unwrap();
    assert!(done.status.success(), "{}", said(&done));
    assert_same(&intake.messages(), &lossy(&superset()[..50]));
}

#[test]
fn up_once_names_a_line_without_its_newline_and_does_not_read_it() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out.ndjson");
    let mut server = ApiServer::in_directory(scratch.path());
    server.write(&superset()[0]);
    server.write_raw(b"{\"half\":");
    let run =
        once(server.path(), &scratch.path().join("data"), &["--to", &format!("file:{}", out.display())]);
    assert!(run.status.success(), "{}", said(&run));
    assert!(said(&run).contains("no newline"), "{}", said(&run));
    assert_eq!(std::fs::read(&out).unwrap(), text(&superset()[..1]));
}

#[test]
fn up_to_stdout_prints_the_lines_and_nothing_else() {
    let scratch = tempfile::tempdir().unwrap();
    let mut server = ApiServer::in_directory(scratch.path());
    server.write_all(slices(&superset()[..20]));
    let run = once(server.path(), &scratch.path().join("data"), &["--to", "stdout"]);
    assert_eq!(run.stdout, text(&superset()[..20]));
}

#[test]
fn a_policy_that_kube_apiserver_refuses_is_refused_before_anything_starts() {
    let scratch = tempfile::tempdir().unwrap();
    let policy = scratch.path().join("bad.yaml");
    std::fs::write(&policy, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n  - level: Everything\n")
        .unwrap();
    let mut server = ApiServer::in_directory(scratch.path());
    server.write(b"{}");
    let data = scratch.path().join("data");
    let run = once(server.path(), &data, &["--policy", &policy.display().to_string()]);
    assert_eq!(run.status.code(), Some(64), "{}", said(&run));
    assert!(said(&run).contains("bad.yaml:4:"), "{}", said(&run));
    assert!(said(&run).contains("rules[0].level"), "{}", said(&run));
    assert!(!data.exists());
}

#[test]
fn bad_usage_is_64() {
    for arguments in
        [&["up", "--no-such-flag"][..], &["up"], &["up", "--path", "x", "--to", "nowhere"], &["nothing"]]
    {
        let run = output("auditrail", arguments);
        assert_eq!(run.status.code(), Some(64), "{arguments:?}: {}", said(&run));
    }
}

#[test]
fn policy_apply_writes_what_the_server_would_have_written() {
    for name in ["datadog", "rnd-1"] {
        let mut command = command("auditrail");
        command.args(["policy", "apply", "--policy", &fixture(&format!("{name}.yaml"))]);
        let run = with_input(command, &text(&superset()));
        assert!(run.status.success(), "{}", said(&run));
        assert_eq!(counted(&run.stdout), counted(&text(&twin(name))), "{name}");
    }
}

/// The lines of a text, sorted: the API server writes in the order in which stages end, not in ours.
fn counted(text: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = text.split(|&byte| byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

#[test]
fn policy_apply_names_lines_that_are_no_events_and_goes_on() {
    let mut command = command("auditrail");
    command.args(["policy", "apply", "--policy", &fixture("policy-20.yaml")]);
    let run = with_input(command, &[b"garbage\n".as_slice(), &text(&superset()[..40])].concat());
    assert_eq!(run.status.code(), Some(1));
    assert!(said(&run).contains("stdin:1:"), "{}", said(&run));
    assert!(!run.stdout.is_empty());
}

#[test]
fn policy_explain_prints_exactly_one_object_a_line() {
    let mut command = command("auditrail");
    command.args(["policy", "explain", "--json", "--policy", &fixture("datadog.yaml")]);
    let run = with_input(command, &[b"garbage\n".as_slice(), &text(&superset())].concat());
    assert!(run.status.success(), "{}", said(&run));
    let objects: Vec<serde_json::Value> =
        printed(&run).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), superset().len() + 1);
    assert_eq!(objects[0]["line"], 1);
    let kept = objects.iter().filter(|object| object["kept"] == true).count();
    assert_eq!(kept, twin("datadog").len());
    let keys: Vec<&String> = objects[1].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 7, "{keys:?}");
}

#[test]
fn datadogs_sample_policy_is_accepted_with_a_warning_and_linted_as_an_error_at_its_place() {
    let sample = fixture(DATADOG_SAMPLE);
    let mut command = command("auditrail");
    command.args(["policy", "apply", "--policy", &sample]);
    let applied = with_input(command, b"");
    assert!(applied.status.success(), "{}", said(&applied));
    assert!(said(&applied).contains("warning"), "{}", said(&applied));

    let linted = output("auditrail", &["policy", "lint", "--json", &sample]);
    assert_eq!(linted.status.code(), Some(2), "{}", said(&linted));
    let findings: serde_json::Value = serde_json::from_slice(&linted.stdout).unwrap();
    let error = findings.as_array().unwrap().iter().find(|finding| finding["severity"] == "error").unwrap();
    let yaml = std::fs::read_to_string(&sample).unwrap();
    let line = yaml.lines().position(|line| line.trim_start().starts_with("verbs:")).unwrap();
    let column = yaml.lines().nth(line).unwrap().find("verbs").unwrap();
    assert_eq!(
        (error["line"].as_u64(), error["column"].as_u64()),
        (Some(line as u64 + 1), Some(column as u64 + 1))
    );
    assert!(error["message"].as_str().unwrap().contains("verbs"));
}

#[test]
fn config_check_names_file_line_and_the_allowed_keys() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("auditrail.yaml");
    std::fs::write(&file, "collector:\n  logs: []\n  quue: {}\n").unwrap();
    let run = output("auditrail", &["config", "check", &file.display().to_string()]);
    assert_eq!(run.status.code(), Some(64), "{}", said(&run));
    assert!(said(&run).contains("auditrail.yaml:3:"), "{}", said(&run));
    assert!(said(&run).contains("queue"), "{}", said(&run));
}

#[test]
fn the_demo_shows_the_main_job() {
    let scratch = tempfile::tempdir().unwrap();
    let run = output("auditrail", &["demo", "--data", &scratch.path().display().to_string()]);
    assert!(run.status.success(), "{}", said(&run));
    assert!(printed(&run).contains("each once, byte for byte"), "{}", printed(&run));
}

#[test]
fn status_without_a_service_says_how_to_name_one() {
    let scratch = tempfile::tempdir().unwrap();
    let run = output(
        "auditrail",
        &["status", "--address", "http://127.0.0.1:1", "--data", &scratch.path().display().to_string()],
    );
    assert_eq!(run.status.code(), Some(1));
    assert!(said(&run).contains("--address"), "{}", said(&run));
}
