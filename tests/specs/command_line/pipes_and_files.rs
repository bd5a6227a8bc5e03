//! Commands between others (pipes that close, stdin), and configurations of one service and of all.

use tests::cluster::{Cluster, Layout, Setup};
use tests::in_both_layouts;

use super::*;

in_both_layouts!(status_by_the_configuration_misses_nobody);

async fn status_by_the_configuration_misses_nobody(layout: Layout) {
    let cluster = Cluster::start(layout, &Setup::default().and("out", "{type: stdout}")).await;
    let config = cluster.config().display().to_string();
    let asked = tokio::task::spawn_blocking(move || output("auditrail", &["status", "--config", &config]));
    let page = printed(&asked.await.unwrap());
    assert!(page.contains("router") && !page.contains("not reachable"), "{page}");
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_command_quietly() {
    let sample = fixture(DATADOG_SAMPLE);
    let file = directory().join("datadog.yaml").display().to_string();
    for arguments in [
        &["policy", "lint", sample.as_str()][..],
        &["policy", "explain", "--policy", file.as_str()],
        &["policy", "apply", "--policy", file.as_str()],
    ] {
        let mut command = command("auditrail");
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || stdin.write_all(&text(&superset())));
        let run = child.wait_with_output().unwrap();
        // The command may end before it has read everything.
        let _ = writer.join().unwrap();
        assert!(!said(&run).to_lowercase().contains("pipe"), "{arguments:?}: {}", said(&run));
        let expected = if arguments[1] == "lint" { 2 } else { 0 };
        assert_eq!(run.status.code(), Some(expected), "{arguments:?}: {}", said(&run));
    }
}

#[test]
fn a_policy_may_come_from_stdin_but_not_with_the_events() {
    let policy = std::fs::read(fixture(DATADOG_SAMPLE)).unwrap();
    let mut lint = command("auditrail");
    lint.args(["policy", "lint", "-"]);
    let run = with_input(lint, &policy);
    assert_eq!(run.status.code(), Some(2), "{}", said(&run));
    assert!(printed(&run).starts_with("stdin:"), "{}", printed(&run));
    let both = output("auditrail", &["policy", "apply", "--policy", "-"]);
    assert_eq!(both.status.code(), Some(64), "{}", said(&both));
}

#[test]
fn config_check_judges_a_file_by_the_sections_that_it_has() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("auditrail.yaml");
    let check = |yaml: &str| {
        std::fs::write(&file, yaml).unwrap();
        output("auditrail", &["config", "check", &file.display().to_string()])
    };
    let alone = check("router:\n  routes:\n    - {name: all, to: [lake]}\n");
    assert!(alone.status.success(), "{}", said(&alone));
    let astray = check(
        "router:\n  routes:\n    - {name: all, to: [lake]}\nshipper: {destinations: {a: {type: stdout}}}\n",
    );
    assert_eq!(astray.status.code(), Some(64), "{}", said(&astray));
    assert!(said(&astray).contains("auditrail.yaml:3:24: "), "{}", said(&astray));
    let keyless = check("shipper: {destinations: {a: {type: datadog}}}\n");
    assert!(keyless.status.success() && said(&keyless).contains("warning: "), "{}", said(&keyless));
}

#[test]
fn every_service_refuses_what_it_does_not_know_and_says_how_it_is_called() {
    for service in ["collector", "router", "shipper", "insight"] {
        let help = output(service, &["--help"]);
        assert!(help.status.success() && printed(&help).contains("--config FILE"), "{}", printed(&help));
        for bad in [&["--bogus"][..], &["--config"], &["--config", "/no/such/file", "--check"]] {
            let run = output(service, bad);
            assert_eq!(run.status.code(), Some(64), "{service} {bad:?}: {}", said(&run));
            assert!(run.stdout.is_empty());
        }
    }
}
