//! The body of `main`, as a process of its own: this test program starts itself again as the service.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use chassis::{Configuration, Invalid, Section, Service, Stop};
use serde::Deserialize;

/// Section `collector:` of the service under test: what it is to do.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Behaviour {
    until_stopped: bool,
    ignore_stop: bool,
    block_thread: bool,
    fail: bool,
    bad_policy: bool,
}

impl Section for Behaviour {
    const NAME: &'static str = "collector";

    fn validate(&self) -> Result<(), Invalid> {
        match self.fail && self.until_stopped {
            true => Err(Invalid::new("fail", "cannot go with `until_stopped`; choose one")),
            false => Ok(()),
        }
    }
}

async fn service(behaviour: Behaviour, _: Configuration, stop: Stop) -> anyhow::Result<()> {
    std::fs::write(std::env::var("STARTED")?, "")?;
    stop.say_what_remains(|| Some("2 batches wait for a receipt".to_owned()));
    if behaviour.fail {
        anyhow::bail!("the disk is full");
    }
    if behaviour.bad_policy {
        let error = chassis::ConfigError::Other("policy.yaml:3:1: unknown level `Meta`".to_owned());
        return Err(anyhow::Error::new(error).context("the router does not start"));
    }
    if behaviour.block_thread {
        std::thread::sleep(Duration::from_secs(600));
    }
    if behaviour.until_stopped {
        stop.wait().await;
    }
    if behaviour.ignore_stop {
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// The service itself; the tests below start it in a process of its own.
#[test]
#[ignore = "is started by the others"]
fn the_service() {
    let arguments = std::env::var("ARGUMENTS").unwrap();
    let arguments = arguments.split(' ').filter(|argument| !argument.is_empty()).map(Into::into);
    let under_test = Service { grace: Duration::from_millis(200), ..Service::new("collector", "1.2.3") };
    let code = chassis::run::run_with(&under_test, arguments, service);
    std::process::exit(i32::from(code));
}

struct Process {
    directory: tempfile::TempDir,
}

impl Process {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn command(&self, arguments: &str, variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "the_service", "--ignored", "--nocapture", "--quiet"]);
        command.env("ARGUMENTS", arguments).env("STARTED", self.started()).current_dir(self.directory.path());
        command.env_remove("AUDITRAIL_LOG").envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn started(&self) -> std::path::PathBuf {
        self.directory.path().join("started")
    }

    fn has_started(&self) -> bool {
        self.started().exists()
    }

    fn write(&self, text: &str) {
        std::fs::write(self.directory.path().join("a.yaml"), text).unwrap();
    }

    fn end(&self, arguments: &str, variables: &[(&str, &str)]) -> (i32, String) {
        told(self.command(arguments, variables).output().unwrap())
    }
}

fn told(output: Output) -> (i32, String) {
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

#[test]
fn a_service_that_ends_by_itself_ends_with_0() {
    let process = Process::new();
    let (code, said) = process.end("", &[]);
    assert_eq!(code, 0, "{said}");
    assert!(process.has_started());
}

#[test]
fn a_failure_ends_with_1_and_says_why() {
    let (code, said) = Process::new().end("", &[("AUDITRAIL_COLLECTOR__FAIL", "true")]);
    assert_eq!(code, 1);
    assert!(said.contains("the disk is full"), "{said}");
}

#[test]
fn bad_usage_ends_with_64_and_the_usage() {
    let process = Process::new();
    let (code, said) = process.end("--confg a.yaml", &[]);
    assert_eq!(code, 64);
    assert!(said.contains("collector: unknown argument `--confg`\nUsage: collector"), "{said}");
    assert!(!process.has_started());
}

#[test]
fn a_bad_configuration_ends_with_64_before_anything_starts() {
    for (text, why) in [
        ("collector: {fial: true}", "collector: a.yaml:1:13: section `collector`: unknown field `fial`"),
        (
            "collector: {fail: true, until_stopped: true}",
            "a.yaml:1:13: section `collector`: `fail`: cannot go with",
        ),
        (
            "colector: {}",
            "collector: a.yaml:1:1: unknown section `colector`, expected one of `collector`, `router`",
        ),
        ("telemetry: {log: loud, sample: 7}", "collector: a.yaml:1:24: section `telemetry`: `sample`"),
    ] {
        for arguments in ["--config a.yaml", "--config=a.yaml --check"] {
            let process = Process::new();
            process.write(text);
            let (code, said) = process.end(arguments, &[]);
            assert_eq!(code, 64, "{said}");
            assert!(said.contains(why), "{said}");
            assert!(!process.has_started());
        }
    }
    let (code, said) = Process::new().end("--config missing.yaml", &[]);
    assert_eq!(code, 64, "{said}");
}

#[test]
fn a_configuration_error_of_the_service_ends_with_64_too() {
    let (code, said) = Process::new().end("", &[("AUDITRAIL_COLLECTOR__BAD_POLICY", "true")]);
    assert_eq!(code, 64);
    assert!(said.contains("the router does not start: policy.yaml:3:1: unknown level `Meta`"), "{said}");
}

#[test]
fn a_good_configuration_is_checked_without_starting() {
    let process = Process::new();
    process.write("collector: {fail: true}\nrouter: {next: x}\n");
    let (code, said) = process.end("--config a.yaml --check", &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("collector: a.yaml is good"), "{said}");
    assert!(!process.has_started());
}

#[test]
fn the_version_is_printed() {
    let (code, said) = Process::new().end("--version", &[]);
    assert_eq!(code, 0);
    assert!(said.contains("collector 1.2.3\n"), "{said}");
}

#[test]
fn logs_are_json_when_asked_for() {
    let process = Process::new();
    process.write("telemetry: {log_format: json}");
    let (code, said) = process.end("--config a.yaml", &[]);
    assert_eq!(code, 0);
    assert!(!said.contains('\u{1b}'), "no colours where nobody sees them");
    let line = said.lines().find(|line| line.starts_with('{')).unwrap();
    let read: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&read["message"], &read["service"]), (&"starting".into(), &"collector".into()));
}

#[test]
fn logs_go_to_stderr_and_results_to_stdout() {
    let process = Process::new();
    let output = process.command("", &[]).output().unwrap();
    assert!(!String::from_utf8(output.stdout).unwrap().contains("starting"));
    assert!(String::from_utf8(output.stderr).unwrap().contains("starting"));
    let output = process.command("--version", &[]).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("collector 1.2.3"));
}

#[test]
fn the_variable_for_logs_goes_before_the_file() {
    let process = Process::new();
    process.write("telemetry: {log: info}");
    let (_, said) = process.end("--config a.yaml", &[("AUDITRAIL_LOG", "error")]);
    assert!(!said.contains("starting"), "{said}");
    let (code, said) = process.end("--config a.yaml", &[("AUDITRAIL_LOG", "collector=loud")]);
    assert_eq!(code, 64);
    assert!(said.contains("`collector=loud` is no log level"), "{said}");
}

#[cfg(unix)]
mod signals {
    use std::process::Child;

    use super::*;

    /// Starts the service and waits until it runs.
    fn started(process: &Process, variables: &[(&str, &str)]) -> Child {
        let mut child = process.command("", variables).spawn().unwrap();
        while !process.has_started() {
            assert!(child.try_wait().unwrap().is_none(), "the service ended before it started");
            std::thread::yield_now();
        }
        child
    }

    fn send(child: &Child, signal: &str) {
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    #[test]
    fn a_signal_ends_the_service_in_order() {
        for signal in ["-TERM", "-INT"] {
            let process = Process::new();
            let child = started(&process, &[("AUDITRAIL_COLLECTOR__UNTIL_STOPPED", "true")]);
            send(&child, signal);
            let (code, said) = told(child.wait_with_output().unwrap());
            assert_eq!(code, 0, "{said}");
            assert!(said.contains("stopping"), "{said}");
        }
    }

    #[test]
    fn a_service_that_does_not_stop_is_cut_and_what_remains_is_named() {
        let process = Process::new();
        let child = started(&process, &[("AUDITRAIL_COLLECTOR__IGNORE_STOP", "true")]);
        send(&child, "-TERM");
        let (code, said) = told(child.wait_with_output().unwrap());
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("the grace of 200ms is over"), "{said}");
        assert!(said.contains("2 batches wait for a receipt"), "{said}");
    }

    #[test]
    fn even_a_service_that_blocks_its_thread_is_cut() {
        let process = Process::new();
        let child = started(&process, &[("AUDITRAIL_COLLECTOR__BLOCK_THREAD", "true")]);
        send(&child, "-TERM");
        let (code, said) = told(child.wait_with_output().unwrap());
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("does not let go"), "{said}");
    }
}

#[test]
fn the_file_is_named_as_it_was_given() {
    let configuration = Configuration::parse(Path::new("a.yaml"), String::new(), []).unwrap();
    assert_eq!(configuration.path(), Path::new("a.yaml"));
}
