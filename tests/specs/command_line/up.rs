//! `up --once` with words that a person may well type: one place twice, a directory, a log as a destination.

use super::*;

/// Runs `up --once` with one variable set.
fn once_with(variable: (&str, &str), log: &Path, data: &Path, more: &[&str]) -> Output {
    let mut command = command("auditrail");
    command.args(["up", "--once", "--path"]).arg(log).arg("--data").arg(data).args(more);
    command.env(variable.0, variable.1).output().unwrap()
}

/// An API server's log with some lines, in a directory of its own.
fn some_log(lines: usize) -> (tempfile::TempDir, ApiServer) {
    let scratch = tempfile::tempdir().unwrap();
    let mut server = ApiServer::in_directory(scratch.path());
    server.write_all(slices(&superset()[..lines]));
    (scratch, server)
}

#[test]
fn up_once_gives_up_on_a_destination_that_an_operator_holds_and_keeps_its_lines_for_the_release() {
    let scratch = tempfile::tempdir().unwrap();
    let (out, data) = (scratch.path().join("out.ndjson"), scratch.path().join("data"));
    let mut server = ApiServer::in_directory(scratch.path());
    server.write_all(slices(&superset()[..50]));
    let hold = data.join("shipper/file/held");
    std::fs::create_dir_all(hold.parent().unwrap()).unwrap();
    std::fs::write(&hold, "{}").unwrap();
    let to = format!("file:{}", out.display());

    let held = once(server.path(), &data, &["--to", &to, "--give-up", "100ms"]);

    assert_eq!(held.status.code(), Some(1), "{}", said(&held));
    assert!(said(&held).contains("auditrail hold release file"), "{}", said(&held));
    assert!(!out.exists());
    std::fs::remove_file(hold).unwrap();
    let done = once(server.path(), &data, &["--to", &to]);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(std::fs::read(&out).unwrap().iter().filter(|&&byte| byte == b'\n').count(), 50);
}

#[test]
fn up_to_one_place_by_two_names_writes_there_once() {
    let (scratch, server) = some_log(30);
    let (out, data) = (scratch.path().join("out.ndjson"), scratch.path().join("data"));
    let (to, again) =
        (format!("file:{}", out.display()), format!("file:{}/./out.ndjson", scratch.path().display()));
    let run = once(server.path(), &data, &["--to", &to, "--to", &again, "--to", &to]);
    assert!(run.status.success(), "{}", said(&run));
    assert_eq!(std::fs::read(&out).unwrap(), text(&superset()[..30]));
}

#[test]
fn up_never_writes_to_the_log_that_it_reads() {
    let (scratch, server) = some_log(3);
    let before = std::fs::read(server.path()).unwrap();
    let to = format!("file:{}", server.path().display());
    let run = once(server.path(), &scratch.path().join("data"), &["--to", &to]);
    assert_eq!(run.status.code(), Some(64), "{}", said(&run));
    assert!(said(&run).contains("one of the logs to read"), "{}", said(&run));
    assert_eq!(std::fs::read(server.path()).unwrap(), before);
}

#[test]
fn siblings_that_the_shell_spelled_out_are_read_once_with_their_log() {
    let (scratch, mut server) = some_log(20);
    let rotated = server.rotate();
    server.write_all(slices(&superset()[20..40]));
    let out = scratch.path().join("out.ndjson");
    let mut command = command("auditrail");
    command.args(["up", "--once", "--path"]).arg(&rotated).arg("--path").arg(server.path());
    command
        .arg("--data")
        .arg(scratch.path().join("a b#c%20"))
        .arg("--to")
        .arg(format!("file:{}", out.display()));
    let run = command.arg("--to").arg("lake").output().unwrap();
    assert!(run.status.success(), "{}", said(&run));
    let written = std::fs::read(&out).unwrap();
    assert_eq!(counted(&written), counted(&text(&superset()[..40])));
    assert!(scratch.path().join("a b#c%20").join("lake").is_dir());
}

#[test]
fn up_on_a_directory_says_what_to_name() {
    let scratch = tempfile::tempdir().unwrap();
    let run = once(scratch.path(), &scratch.path().join("data"), &[]);
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
    assert!(said(&run).contains("is a directory: name the log file"), "{}", said(&run));
}

#[test]
fn up_on_a_pattern_that_nothing_matches_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    let run = once(&scratch.path().join("none*.log"), &scratch.path().join("data"), &[]);
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
    assert!(said(&run).contains("none*.log matches no file"), "{}", said(&run));
}

#[test]
fn a_data_directory_that_is_none_is_said_once() {
    let (scratch, server) = some_log(3);
    let data = scratch.path().join("data");
    std::fs::write(&data, "no directory").unwrap();
    let run = once(server.path(), &data, &[]);
    assert_eq!(run.status.code(), Some(1));
    let cause = "check rights and free space";
    assert_eq!(said(&run).matches(cause).count(), 1, "{}", said(&run));
}

#[test]
fn up_to_a_stdout_that_nobody_reads_ends_and_keeps_the_rest() {
    let (scratch, server) = some_log(50);
    let data = scratch.path().join("data");
    let mut command = command("auditrail");
    command.args(["up", "--once", "--to", "stdout", "--path"]).arg(server.path()).arg("--data").arg(&data);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let run = child.wait_with_output().unwrap();
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
    assert!(said(&run).contains("stays for the next start"), "{}", said(&run));
    let again = once(server.path(), &data, &["--to", "stdout"]);
    assert_eq!(again.stdout, text(&superset()[..50]));
}

#[test]
fn a_variable_of_the_agent_without_an_effect_is_said() {
    let (scratch, server) = some_log(3);
    for (name, value) in [
        ("DD_LOGS_CONFIG_ADDITIONAL_ENDPOINTS", r#"[{"api_key": "k", "Host": "h"}]"#),
        ("DD_LOGS_ENABLED", "false"),
    ] {
        let run = once_with((name, value), server.path(), &scratch.path().join("data"), &[]);
        assert!(run.status.success(), "{}", said(&run));
        assert!(said(&run).contains("WARN") && said(&run).contains(name), "{}", said(&run));
    }
}

#[test]
fn processing_rules_of_the_agent_s_variable_apply_and_a_bad_one_is_refused() {
    let (scratch, server) = some_log(20);
    let data = scratch.path().join("data");
    let rule = |pattern: &str| {
        format!(r#"[{{"type":"exclude_at_match","name":"all of it","pattern":"{pattern}"}}]"#)
    };
    let with = |rule: &str| {
        once_with(("DD_LOGS_CONFIG_PROCESSING_RULES", rule), server.path(), &data, &["--to", "stdout"])
    };
    let run = with(&rule("("));
    assert_eq!(run.status.code(), Some(64), "{}", said(&run));
    assert!(
        said(&run).contains("DD_LOGS_CONFIG_PROCESSING_RULES") && said(&run).contains("`all of it`"),
        "{}",
        said(&run)
    );
    assert!(!data.exists());
    let run = with(&rule("auditID"));
    assert!(run.status.success() && run.stdout.is_empty(), "{}", said(&run));
    assert!(said(&run).contains("all of it"), "{}", said(&run));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_s_address_of_the_intake_is_used() {
    let intake = Intake::start(Mood::Accept).await;
    let url = intake.url();
    let run = tokio::task::spawn_blocking(move || {
        let (scratch, server) = some_log(10);
        let variable = ("DD_LOGS_CONFIG_LOGS_DD_URL", url.as_str());
        once_with(variable, server.path(), &scratch.path().join("data"), &["--to", "datadog"])
    });
    let run = run.await.unwrap();
    assert!(run.status.success(), "{}", said(&run));
    assert_same(&intake.messages(), &lossy(&superset()[..10]));
}

#[test]
fn a_destination_without_a_key_is_bad_configuration() {
    let (scratch, server) = some_log(1);
    let run = once(server.path(), &scratch.path().join("data"), &["--to", "datadog"]);
    assert_eq!(run.status.code(), Some(64), "{}", said(&run));
    assert!(said(&run).contains("DD_API_KEY"), "{}", said(&run));
}

#[test]
fn progress_is_for_terminals_only() {
    let (scratch, server) = some_log(10);
    let run = once(server.path(), &scratch.path().join("data"), &[]);
    assert!(!said(&run).contains("on their way") && !said(&run).contains('\u{1b}'), "{}", said(&run));
}
