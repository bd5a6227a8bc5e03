//! `config show` tells every setting with where it comes from, and no secret.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use serde_json::Value;

const CONFIG: &str = "\
collector:
  logs:
    - {type: file, path: /var/log/audit.log, source: kubernetes.audit, service: audit}
  tags: [team:a]
  queue: {max_size: 1GiB}
router:
  routes:
    - name: refusals
      match: {codes: [401, 4xx]}
      redact: [secrets]
      to: [datadog, other.one]
shipper:
  destinations:
    datadog: {type: datadog, proxy: 'http://proxy:3128'}
    other.one: {type: http, url: 'https://in.example/x', headers: {x-auth: hunter3}}
";

fn show(config: &str, variables: &[(&str, &str)], more: &[&str]) -> Output {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("auditrail.yaml");
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
    let own = std::env::vars_os().map(|(name, _)| name);
    for name in own.filter(|name| name.to_str().is_some_and(|name| name.starts_with("DD_"))) {
        command.env_remove(name);
    }
    command.args(["config", "show"]).arg(&path).args(more).envs(variables.iter().copied());
    command.output().unwrap()
}

/// Value and origin of a setting; its origin without the directory of the file.
fn setting(run: &Output, key: &str) -> (Value, String) {
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let all: Vec<Value> = serde_json::from_slice(&run.stdout).unwrap();
    let found = all.iter().find(|one| one["key"] == key);
    let found = found.unwrap_or_else(|| panic!("no {key} in {all:#?}"));
    let from = found["from"].as_str().unwrap();
    (found["value"].clone(), from.rsplit('/').next().unwrap().to_owned())
}

#[test]
fn every_value_is_told_with_the_line_the_variable_or_the_default_that_it_comes_from() {
    let variables = [
        ("AUDITRAIL_COLLECTOR__POLL_INTERVAL", "1s"),
        ("DD_HOSTNAME", "node-1"),
        ("DD_TAGS", "env:prod"),
        ("DD_SITE", "datadoghq.eu"),
    ];
    let run = show(CONFIG, &variables, &["--json"]);
    let is = |key: &str, value: Value, from: &str| {
        assert_eq!(setting(&run, key), (value, from.to_owned()), "{key}")
    };
    is("collector.queue.max_size", "1GiB".into(), "auditrail.yaml:5:11");
    is("collector.queue.dir", "/var/lib/auditrail/collector".into(), "default");
    is("collector.poll_interval", "1s".into(), "environment variable AUDITRAIL_COLLECTOR__POLL_INTERVAL");
    is("collector.node", "node-1".into(), "environment variable DD_HOSTNAME");
    is("collector.tags", serde_json::json!(["team:a", "env:prod"]), "auditrail.yaml:4:3, and DD_TAGS");
    is("collector.logs.0.path", "/var/log/audit.log".into(), "auditrail.yaml:3:20");
    is("router.routes.0.match.codes", serde_json::json!([401, "4xx"]), "auditrail.yaml:9:15");
    is("router.routes.0.redact", serde_json::json!(["secrets"]), "auditrail.yaml:10:7");
    is("shipper.destinations.datadog.site", "datadoghq.eu".into(), "environment variable DD_SITE");
    is("shipper.destinations.other.one.url", "https://in.example/x".into(), "auditrail.yaml:15:29");
    is("shipper.destinations.other.one.compression", "gzip".into(), "default");
    is("insight.http_listen", "127.0.0.1:8080".into(), "default");
    is("telemetry.log", "info".into(), "default");
}

#[test]
fn no_secret_is_shown_wherever_it_was_written() {
    for more in [[].as_slice(), &["--json"], &["--set"]] {
        let variables = [("DD_API_KEY", "hunter4hunter4hunter4"), ("DD_PROXY_HTTPS", "http://u:hunter5@p:1")];
        let run = show(CONFIG, &variables, more);
        let text = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && !text.contains("hunter"), "{text}");
        assert!(text.contains("x-auth") && text.contains("environment variable DD_API_KEY"), "{text}");
    }
}

#[test]
fn only_what_somebody_set_is_shown_where_that_is_wanted() {
    let run = show("collector: {cluster: a}\n", &[("AUDITRAIL_ROUTER__NEXT", "http://s:1")], &["--set"]);
    let text = String::from_utf8_lossy(&run.stdout);
    let keys: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(keys, ["collector.cluster", "router.next"], "{text}");
}

#[test]
fn a_configuration_that_no_service_would_take_is_refused_with_its_place() {
    let run = show("collector: {clutser: a}\n", &[], &[]);
    assert_eq!(run.status.code(), Some(64));
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(said.contains("auditrail.yaml:1:13") && said.contains("clutser"), "{said}");
}
