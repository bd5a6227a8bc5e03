//! `policy explain` beyond its lines of JSON: an audit ID looked up, in files and in the lake, and the way to the
//! destinations.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const SMALL: &str = "small.log.zst";

fn run(arguments: &[&str]) -> Output {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    Command::new(env!("CARGO_BIN_EXE_auditrail")).current_dir(fixtures).args(arguments).output().unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn lines() -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(SMALL);
    let text = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The audit ID of the first event that is like this.
fn audit_id(like: impl Fn(&Value) -> bool) -> String {
    let mut events = lines().into_iter().map(|line| serde_json::from_slice::<Value>(&line).unwrap());
    events.find(|event| like(event)).unwrap()["auditID"].as_str().unwrap().to_owned()
}

fn is_pod_write(event: &Value) -> bool {
    let is = |at: &str, value: Value| event.pointer(at) == Some(&value);
    is("/objectRef/resource", "pods".into())
        && is("/verb", "create".into())
        && is("/responseStatus/code", 201.into())
}

#[test]
fn an_audit_id_is_looked_up_in_files_and_in_the_lake() {
    let scratch = tempfile::tempdir().unwrap();
    let url = scratch.path().display().to_string();
    let lines = lines();
    let numbered: Vec<(u64, &[u8])> = (1..).zip(lines.iter().map(Vec::as_slice)).collect();
    let rows = lake::Rows {
        origin: "audit.log",
        cluster: "",
        node: "",
        queue: [1; 16],
        first: 1,
        last: lines.len() as u64,
        received_us: 0,
        lines: &numbered,
    };
    lake::Lake::open(&url).unwrap().write(&rows).unwrap();
    let id = audit_id(is_pod_write);

    let explain = ["policy", "explain", "--json", "--policy", "datadog.yaml", "--audit-id", &id];
    let sorted = |output: Output| {
        let mut lines: Vec<_> = printed(&output).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let in_files = sorted(run(&[&explain[..], &[SMALL]].concat()));
    let in_lake = sorted(run(&[&explain[..], &["--lake", &url]].concat()));
    assert!(!in_files.is_empty() && in_files.iter().all(|line| line.contains(&id)), "{in_files:?}");
    assert_eq!(in_files, in_lake);

    let unknown =
        run(&["policy", "explain", "--policy", "datadog.yaml", "--audit-id", "nobody", "--lake", &url]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("nobody"));
}

#[test]
fn simulation_reads_the_lake_as_it_reads_the_log() {
    let scratch = tempfile::tempdir().unwrap();
    let url = scratch.path().display().to_string();
    let lines = lines();
    let numbered: Vec<(u64, &[u8])> = (1..).zip(lines.iter().map(Vec::as_slice)).collect();
    let last = lines.len() as u64;
    let rows = lake::Rows {
        origin: "audit.log",
        cluster: "",
        node: "",
        queue: [1; 16],
        first: 1,
        last,
        received_us: 0,
        lines: &numbered,
    };
    lake::Lake::open(&url).unwrap().write(&rows).unwrap();
    let kept = |source: &[&str]| {
        let text =
            printed(&run(&[&["policy", "simulate", "--json", "--policy", "datadog.yaml"], source].concat()));
        let report: Value = serde_json::from_str(&text).unwrap();
        (report["recorded"].clone(), report["policies"][0]["bytesOut"].clone())
    };
    assert_eq!(kept(&["--lake", &url]), kept(&[SMALL]));
    assert_eq!(kept(&["--lake", &url, "--until", "2001-01-01"]).0["events"], 0);
}

#[test]
fn with_a_configuration_the_routes_and_destinations_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    let config = scratch.path().join("auditrail.yaml");
    let routes = "router:\n  policy: datadog.yaml\n  routes:\n    - {name: everything, to: [lake]}\n    \
                  - {name: refusals, match: {codes: [401, 403]}, to: [siem]}\n    \
                  - {name: again, to: [lake]}\n    - {name: lean, policy: rnd-1.yaml, to: [datadog]}\n";
    std::fs::write(&config, routes).unwrap();
    let config = config.to_str().unwrap();
    let write = audit_id(is_pod_write);
    let text = printed(&run(&["policy", "explain", "--config", config, "--audit-id", &write, SMALL]));
    for said in [
        "route everything: takes it as it is, to lake",
        "route refusals: does not match",
        "route again: takes it as it is, to destinations that have it already: lake",
        "of rnd-1.yaml",
        "goes to lake",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }

    let health = audit_id(|event| event["requestURI"] == "/healthz");
    let text = printed(&run(&["policy", "explain", "--config", config, "--audit-id", &health, SMALL]));
    assert!(text.contains("goes nowhere: the policy does not write it"), "{text}");
}

#[test]
fn without_a_policy_and_without_a_configuration_nothing_is_explained() {
    assert_eq!(run(&["policy", "explain", SMALL]).status.code(), Some(64));
}

#[test]
fn a_lake_that_is_not_there_is_an_error_with_its_path_and_nothing_is_made() {
    let scratch = tempfile::tempdir().unwrap();
    let policy = scratch.path().join("policy.yaml");
    std::fs::write(&policy, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n")
        .unwrap();
    let (policy, absent) = (policy.display().to_string(), scratch.path().join("laek"));
    for lake in [absent.display().to_string(), format!("file://{}", absent.display())] {
        let commands = [
            &["policy", "explain", "--policy", &policy, "--audit-id", "x", "--lake", &lake][..],
            &["policy", "simulate", "--policy", &policy, "--lake", &lake],
            &["policy", "suggest", "--lake", &lake],
        ];
        for command in commands.into_iter().filter(|_| cfg!(unix) || !lake.starts_with("file:")) {
            let output = run(command);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{command:?}: {said}");
            assert!(
                said.contains(&format!("there is no directory `{}`", absent.display())),
                "{command:?}: {said}"
            );
            assert!(!absent.exists(), "{command:?}");
        }
    }
}
