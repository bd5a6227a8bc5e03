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

const STEPS: &str = r#"
router:
  policy: datadog.yaml
  dedupe_window: 1000
  processing_rules:
  - {type: mask_sequences, name: agents, pattern: '("userAgent":)"(?:[^"\\]|\\.)*"', replace_placeholder: '$1"-"'}
  - {type: exclude_at_match, name: no leases, pattern: '"resource":"leases"'}
  routes:
  - {name: secrets, match: {resources: [{group: "", resources: [secrets]}]}, redact: [secrets], to: [siem]}
  - {name: some, sample: 0.5, to: [lake], best_effort: [spare]}
"#;

fn explained(scratch: &Path, config: &str, more: &[&str]) -> String {
    let file = scratch.join("auditrail.yaml");
    std::fs::write(&file, config).unwrap();
    printed(&run(&[&["policy", "explain", "--config", file.to_str().unwrap()], more, &[SMALL]].concat()))
}

#[test]
fn every_step_of_the_router_is_told_in_words() {
    let scratch = tempfile::tempdir().unwrap();
    let write = audit_id(is_pod_write);
    let text = explained(scratch.path(), STEPS, &["--audit-id", &write]);
    for said in [
        "processing rule agents masks it",
        "route secrets: does not match",
        "route some: takes it as it is, sample 0.5 (always kept: a refusal, a write or a command), to lake, spare",
        "goes to lake (required), spare (best effort)",
        "not to siem: no route",
        "is among the last 1000 (dedupe_window)",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let all = scratch.path().join("all.yaml");
    std::fs::write(&all, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n").unwrap();
    let text = explained(scratch.path(), STEPS, &["--policy", all.to_str().unwrap()]);
    assert!(text.contains("goes nowhere: processing rule no leases"), "no leases: {text}");
}

#[test]
fn every_step_of_the_router_is_told_as_json_and_only_with_a_configuration() {
    let scratch = tempfile::tempdir().unwrap();
    let write = audit_id(is_pod_write);
    let text = explained(scratch.path(), STEPS, &["--json", "--audit-id", &write]);
    let mut answers = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let answer = answers.find(|answer| answer["kept"] == true).unwrap();
    assert_eq!(answer["auditID"], write);
    assert_eq!((&answer["maskedBy"][0], &answer["dedupeWindow"]), (&"agents".into(), &1000.into()));
    assert_eq!(answer["routes"][1]["sample"], serde_json::json!({"share": 0.5, "keeps": "always"}));
    let destinations = answer["destinations"].as_array().unwrap();
    let of = |name: &str| destinations.iter().find(|to| to["destination"] == name).unwrap();
    assert!(of("lake")["kept"] == true && of("spare")["bestEffort"] == true);
    assert_eq!(of("siem")["cause"], "no route");

    let bare = ["policy", "explain", "--json", "--policy", "datadog.yaml", "--audit-id", &write, SMALL];
    let bare: Value = serde_json::from_str(printed(&run(&bare)).lines().next().unwrap()).unwrap();
    assert_eq!(bare.as_object().unwrap().len(), 7, "{bare}");
}

#[test]
fn a_sample_whose_key_is_the_router_s_own_is_said_to_be_unknown_and_a_configured_one_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let read = audit_id(|event| event["verb"] == "get" && event["responseStatus"]["code"] == 200);
    let config = "router:\n  routes: [{name: some, sample: 0.5, to: [lake]}]\n";
    let all = scratch.path().join("all.yaml");
    std::fs::write(&all, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n").unwrap();
    let asked = ["--policy", all.to_str().unwrap(), "--audit-id", &read];
    let text = explained(scratch.path(), config, &asked);
    assert!(text.contains("goes to lake (required, if its sample keeps it)"), "{text}");
    assert!(text.contains("router.redact_key_file"), "{text}");

    let key = scratch.path().join("key");
    std::fs::write(&key, "a key of many characters").unwrap();
    let config = format!("{config}  redact_key_file: '{}'\n", key.display());
    let text = explained(scratch.path(), &config, &asked);
    assert!(!text.contains("if its sample keeps it"), "{text}");
    assert!(text.contains("sample 0.5 (kept)") || text.contains("sample 0.5 (not kept)"), "{text}");
    assert_eq!(text, explained(scratch.path(), &config, &asked));
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

#[test]
fn explain_names_the_policys_level_and_apply_keeps_an_event_below_it_byte_for_byte() {
    let scratch = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let policy =
        write("policy.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Request\n");
    let event = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"ResponseComplete","requestURI":"/api/v1/pods","verb":"list","user":{"username":"jane"} , "objectRef":{"resource":"pods"}}"#;
    let log = write("audit.log", &format!("{event}\n"));
    let explained = printed(&run(&["policy", "explain", "--json", "--policy", &policy, &log]));
    assert_eq!(serde_json::from_str::<Value>(&explained).unwrap()["level"], "Request");
    assert_eq!(printed(&run(&["policy", "apply", "--policy", &policy, &log])), format!("{event}\n"));
}
