//! Datadog's own forms, as people have them on their machines.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::path::{Path, PathBuf};

use chassis::datadog::{
    Endpoint, Environment, LogsEntry, RuleType, StartPosition, TextEncoding, read_conf_dir, read_conf_file,
};
use chassis::{Configuration, Secret, Section};
use serde::Deserialize;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn written(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn environment(variables: &[(&str, &str)]) -> Result<Environment, String> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment::read(variables).map_err(|error| error.to_string())
}

#[test]
fn the_documented_audit_log_entry_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let text = "logs:\n  - type: file\n    path: /var/log/kubernetes/apiserver/audit.log\n    source: kubernetes.audit\n    \
                service: audit\n";
    let path = written(directory.path(), "kubernetes_audit.d/conf.yaml", text);
    let read = read_conf_dir(directory.path()).unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!((read[0].name.as_str(), &read[0].path), ("kubernetes_audit", &path));
    assert_eq!(read[0].logs, [LogsEntry::audit_log("/var/log/kubernetes/apiserver/audit.log")]);
    assert_eq!(read[0].warnings, []);
}

#[test]
fn every_key_of_an_entry_is_read_in_both_spellings() {
    let directory = tempfile::tempdir().unwrap();
    let text = r"
logs:
  - type: file
    path: /a/*.log
    exclude_paths: [/a/b.log, /a/c.log]
    service: s
    source: kubernetes.audit
    sourcecategory: category
    tags: env:prod, team:a,
    encoding: utf-16-le
    start_position: forceBeginning
    log_processing_rules:
      - {type: exclude_at_match, name: probes, pattern: '/healthz'}
      - {type: mask_sequences, name: keys, pattern: 'key=(\w+)', replace_placeholder: 'key=***'}
  - {type: file, path: /d.log, exclude_paths: '/e.log, /f.log', tags: [a, 'b']}
";
    let read = read_conf_file(&written(directory.path(), "a.d/conf.yaml", text)).unwrap();
    let [first, second] = &read.logs[..] else { panic!("{read:?}") };
    assert_eq!(first.tags, ["env:prod", "team:a"]);
    assert_eq!(first.exclude_paths, ["/a/b.log", "/a/c.log"]);
    assert_eq!(
        (first.encoding, first.start_position),
        (TextEncoding::Utf16Le, Some(StartPosition::ForceBeginning))
    );
    assert_eq!(first.log_processing_rules[0].kind, RuleType::ExcludeAtMatch);
    assert_eq!(first.log_processing_rules[1].replace_placeholder.as_deref(), Some("key=***"));
    assert_eq!(
        (&second.tags[..], &second.exclude_paths[..]),
        (&["a", "b"].map(String::from)[..], &["/e.log", "/f.log"].map(String::from)[..])
    );
    assert_eq!((second.encoding, second.start_position), (TextEncoding::Utf8, None));
}

#[test]
fn what_only_the_agent_knows_is_passed_over_with_a_warning_and_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let text = "init_config:\ninstances: [{}]\nlogs:\n  - type: file\n    path: /a.log\n    auto_multi_line_detection: true\n  \
                - type: journald\n    path: /var/log/journal\n  - {type: file, path: /b.log, log_processing_rules: [{type: multi_line, name: m, pattern: a, hint: 1}]}\n";
    let path = written(directory.path(), "a.d/conf.yaml", text);
    let read = read_conf_file(&path).unwrap();
    let paths: Vec<&Path> = read.logs.iter().map(|entry| entry.path.as_path()).collect();
    assert_eq!(paths, [Path::new("/a.log"), Path::new("/b.log")]);
    let warnings: Vec<String> = read.warnings.iter().map(ToString::to_string).collect();
    let at = |place: &str, what: &str| format!("{}:{place}: {what}", path.display());
    assert_eq!(
        warnings,
        [
            at("6:5", "`auto_multi_line_detection` has no effect here"),
            at("7:5", "this entry is passed over: only `type: file` is read here, not `journald`"),
            at("9:95", "`hint` has no effect here"),
        ]
    );
}

#[test]
fn a_mistake_in_an_entry_of_ours_is_an_error_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    for (text, place, why) in [
        ("logs:\n  - {type: file, path: /a, start_position: middle}\n", "2:44", "`middle`"),
        ("logs:\n  - {source: a, type: file}\n", "2:", "missing field `path`"),
        ("logs:\n  - path: /a\n    hint: 1\n", "2:", "missing field `type`"),
        (
            "logs:\n  - {type: file, path: /a, log_processing_rules: [{type: drop, name: a, pattern: b}]}\n",
            "2:58",
            "`drop`",
        ),
        ("logs: {type: file}\n", "1:1", "not a list of entries"),
        ("logs:\n  - [a]\n", "2:5", ""),
        ("logs: [\n", "", ""),
    ] {
        let path = written(directory.path(), "a.d/conf.yaml", text);
        let said = read_conf_file(&path).unwrap_err().to_string();
        assert!(said.starts_with(&format!("{}:{place}", path.display())) && said.contains(why), "{said}");
    }
}

#[test]
fn our_own_list_refuses_what_the_agent_s_passes_over() {
    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Collector {
        logs: Vec<LogsEntry>,
    }
    impl Section for Collector {
        const NAME: &'static str = "collector";
    }
    let read = |text: &str| {
        let configuration = Configuration::parse(Path::new("a.yaml"), text.to_owned(), []).unwrap();
        configuration.section::<Collector>().map_err(|error| error.to_string())
    };
    let said = read("collector:\n  logs:\n    - {type: file, path: /a, servise: audit}\n").unwrap_err();
    assert!(
        said.starts_with("a.yaml:3:30: section `collector`: unknown field `servise`, expected one of `type`"),
        "{said}"
    );
    assert_eq!(read("collector:\n  logs: [{type: file, path: /a}]\n").unwrap().logs[0].path, Path::new("/a"));
    let said = read("collector:\n  logs: [{type: tcp, path: /a}]\n").unwrap_err();
    assert!(said.ends_with("unknown value `tcp`, expected `file`"), "{said}");
}

#[test]
fn a_directory_is_read_in_order_and_only_what_the_agent_would_read() {
    let directory = tempfile::tempdir().unwrap();
    let entry = |path: &str| format!("logs: [{{type: file, path: {path}}}]\n");
    for (name, text) in [
        ("b.d/conf.yaml", entry("/b")),
        ("b.d/more.yml", entry("/more")),
        ("a.d/conf.yaml", entry("/a")),
        ("a.d/auto_conf.yaml", entry("/auto")),
        ("a.d/conf.yaml.example", "logs: [".to_owned()),
        ("c.yaml", entry("/c")),
        ("..2026/conf.yaml", entry("/hidden")),
        ("no_logs.d/conf.yaml", "instances: []\n".to_owned()),
        ("empty.d/conf.yaml", String::new()),
    ] {
        written(directory.path(), name, &text);
    }
    let read = read_conf_dir(directory.path()).unwrap();
    let found: Vec<(&str, &Path)> =
        read.iter().map(|one| (one.name.as_str(), one.logs[0].path.as_path())).collect();
    assert_eq!(
        found,
        ["a", "b", "b", "c"].into_iter().zip(["/a", "/b", "/more", "/c"].map(Path::new)).collect::<Vec<_>>()
    );
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let said = read_conf_dir(Path::new("no/such/conf.d")).unwrap_err().to_string();
    assert!(said.starts_with("configuration no/such/conf.d cannot be read: "), "{said}");
}

#[test]
fn nothing_set_gives_the_agent_s_defaults() {
    let read = environment(&[("PATH", "/bin"), ("DD_TAGS", " "), ("DD_OTHER", "x")]).unwrap();
    assert_eq!(read.site, "datadoghq.com");
    assert_eq!((read.api_key, read.logs_enabled, read.hostname, read.logs_dd_url), (None, None, None, None));
    assert!(read.tags.is_empty() && read.additional_endpoints.is_empty() && read.processing_rules.is_empty());
}

#[test]
fn the_agent_s_proxies_are_read_and_not_shown() {
    let read = environment(&[
        ("DD_PROXY_HTTPS", "http://me:hunter2@proxy:3128"),
        ("DD_PROXY_NO_PROXY", "a.example b.example,c.example"),
    ])
    .unwrap();
    let https = read.proxy_https.as_ref().unwrap().reveal().unwrap();
    assert_eq!(https.as_str(), "http://me:hunter2@proxy:3128");
    assert_eq!((read.proxy_http.is_none(), read.no_proxy.len()), (true, 3));
    assert!(!format!("{read:?}").contains("hunter2"));
}

#[test]
fn the_agent_s_variables_are_read() {
    let read = environment(&[
        ("DD_API_KEY", KEY),
        ("DD_SITE", "datadoghq.eu"),
        ("DD_LOGS_ENABLED", "False"),
        ("DD_TAGS", "env:prod team:a,zone:1"),
        ("DD_HOSTNAME", "node-1"),
        ("DD_LOGS_CONFIG_LOGS_DD_URL", "http://127.0.0.1:8080"),
        (
            "DD_LOGS_CONFIG_ADDITIONAL_ENDPOINTS",
            r#"[{"api_key": "abc", "Host": "agent-http-intake.logs.datadoghq.eu", "Port": 443, "is_reliable": false},
                {"host": "b", "version": "v2"}]"#,
        ),
        ("DD_LOGS_CONFIG_PROCESSING_RULES", r#"[{"type":"include_at_match","name":"a","pattern":"b"}]"#),
    ])
    .unwrap();
    assert_eq!(read.api_key.as_ref().unwrap().reveal().unwrap().as_str(), KEY);
    assert_eq!((read.site.as_str(), read.logs_enabled), ("datadoghq.eu", Some(false)));
    assert_eq!(read.tags, ["env:prod", "team:a", "zone:1"]);
    assert_eq!(read.processing_rules[0].kind, RuleType::IncludeAtMatch);
    let second = Endpoint {
        api_key: None,
        host: "b".to_owned(),
        port: None,
        is_reliable: true,
        use_ssl: true,
        path_prefix: String::new(),
    };
    let first = Endpoint {
        api_key: Some(Secret::from_value("DD_LOGS_CONFIG_ADDITIONAL_ENDPOINTS", "abc")),
        host: "agent-http-intake.logs.datadoghq.eu".to_owned(),
        port: Some(443),
        is_reliable: false,
        ..second.clone()
    };
    assert_eq!(read.additional_endpoints, [first, second]);
}

#[test]
fn a_variable_of_the_agent_that_has_no_effect_here_is_said() {
    assert!(environment(&[("DD_SITE", "datadoghq.eu")]).unwrap().not_applied().is_empty());
    let both = environment(&[
        ("DD_LOGS_CONFIG_ADDITIONAL_ENDPOINTS", r#"[{"api_key": "hunter2", "Host": "b"}]"#),
        ("DD_LOGS_CONFIG_PROCESSING_RULES", r#"[{"type":"include_at_match","name":"a","pattern":"b"}]"#),
    ]);
    let said = both.unwrap().not_applied();
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("DD_LOGS_CONFIG_ADDITIONAL_ENDPOINTS is not applied"), "{said:?}");
}

#[test]
fn a_variable_that_cannot_be_read_is_named_and_its_secrets_are_not() {
    for (name, value) in [
        ("DD_LOGS_ENABLED", "maybe"),
        ("DD_LOGS_CONFIG_PROCESSING_RULES", "not json"),
        ("DD_LOGS_CONFIG_PROCESSING_RULES", r#"[{"type":"drop","name":"a","pattern":"b"}]"#),
        ("DD_LOGS_CONFIG_ADDITIONAL_ENDPOINTS", r#"[{"api_key":"hunter2"}]"#),
        ("DD_LOGS_CONFIG_ADDITIONAL_ENDPOINTS", r#"[{"host":"a","port":"b","api_key":"hunter2"}]"#),
        ("DD_LOGS_CONFIG_ADDITIONAL_ENDPOINTS", r#"[{"host":"a","api_key":["hunter2"]}]"#),
        ("DD_LOGS_CONFIG_ADDITIONAL_ENDPOINTS", r#"["hunter2"]"#),
        ("DD_LOGS_CONFIG_ADDITIONAL_ENDPOINTS", r#"{"api_key":"hunter2"}"#),
    ] {
        let said = environment(&[(name, value)]).unwrap_err();
        assert!(said.starts_with(&format!("environment variable {name}: ")), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let shown = format!("{:?}", environment(&[("DD_API_KEY", KEY)]).unwrap());
    assert!(shown.contains("*****bcdef") && !shown.contains("0123456789"), "{shown}");
}
