//! What `lint` finds, through the public surface.
#![allow(clippy::unwrap_used)] // a test that cannot read its truth has failed

#[path = "recorded/lines.rs"]
mod fixtures;

use audit::Policy;
use audit::lint::{CODES, Finding, Severity, lint};
use serde_json::Value;

/// The example policy of Datadog's documentation for `kubernetes.audit`.
const DATADOG: &str = include_str!("recorded/datadog-sample.yaml");
const HEAD: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n";

/// Findings about rules, given without the head of the policy.
fn of_rules(rules: &str) -> Vec<Finding> {
    lint(&format!("{HEAD}{rules}"))
}

/// `line:column code severity`, for comparison.
fn shown(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{}:{} {} {:?}", f.line, f.column, f.code, f.severity)).collect()
}

#[test]
fn the_misplaced_verbs_of_the_sample_policy_are_an_error_at_their_place() {
    let findings = lint(DATADOG);
    assert_eq!(shown(&findings), ["41:13 misplaced-field Error", "44:7 blind-detection Note"]);
    assert_eq!(findings[0].rule, Some(3));
    assert!(findings[0].message.contains("matches every verb"), "{}", findings[0].message);
    assert!(findings[0].fix.contains("to the same indentation as `resources`"), "{}", findings[0].fix);
}

#[test]
fn the_sample_policy_loads_as_the_api_server_loads_it() {
    let loaded = Policy::load(DATADOG).unwrap();
    assert_eq!(loaded.warnings, ["strict decoding error: unknown field \"rules[3].resources[0].verbs\""]);
    assert_eq!((loaded.policy.rules(), loaded.policy.rule_line(3)), (5, Some(34)));
}

#[test]
fn a_sound_policy_has_no_findings() {
    let rules = "- level: None\n  users: [a]\n  nonResourceURLs: ['/healthz*']\n- level: Request\n  verbs: [create]\n  \
                 resources: [{group: apps, resources: ['deployments/*']}]\n- level: Metadata\n  omitStages: [RequestReceived]\n";
    assert_eq!(
        shown(&of_rules(rules)),
        ["10:3 blind-detection Note"],
        "what it does not tell of is no fault"
    );
}

#[test]
fn each_kind_of_finding_has_its_place() {
    for (rules, expected) in [
        ("- level: Metadata\n  user: [a]\n", "5:3 unknown-field Error"),
        ("- level: Metadata\n  group: apps\n", "5:3 misplaced-field Error"),
        ("- level: Metadata\n  rules: []\n", "5:3 misplaced-field Error"),
        ("- level: Metadata\n  level: None\n", "5:3 duplicate-field Error"),
        ("- &a\n  level: Metadata\n- <<: *a\n  level: None\n", "7:3 overridden-merge-key Warning"),
        ("- &a\n  level: Metadata\n- level: None\n  <<: *a\n", "6:3 duplicate-field Error"),
        ("- level: Metadata\n---\nrules: []\n", "5:1 ignored-document Warning"),
        ("- level: metadata\n", "4:10 invalid-value Error"),
        ("- users: [a]\n", "4:3 invalid-value Error"),
        ("- level: Metadata\n  users: a\n", "5:10 wrong-type Error"),
        ("- level: 'Metadata\n", "4:10 syntax Error"),
        ("- level: Metadata\n- level: None\n", "5:3 shadowed-rule Warning"),
        ("- level: Metadata\n  users: [a]\n", "4:3 no-catch-all Warning"),
        ("- level: None\n  verbs: ['*']\n- level: Metadata\n", "5:11 literal-wildcard Warning"),
        ("- level: None\n  users: [a, '*']\n- level: Metadata\n", "5:14 literal-wildcard Warning"),
        ("- level: None\n  verbs: [GET]\n- level: Metadata\n", "5:11 uppercase-verb Warning"),
        (
            "- level: None\n  resources: [{resources: ['*/*']}]\n- level: Metadata\n",
            "5:28 dead-pattern Warning",
        ),
        ("- level: Metadata\n  omitStages: [ResponseStarted]\n", "5:16 hidden-401 Warning"),
        ("- level: Metadata\n  omitManagedFields: on\n", "5:22 yaml-boolean Warning"),
        ("- level: Metadata\n  users: [~]\n", "5:11 null-item Warning"),
        ("- level: Metadata\n  verbs: [exec]\n", "5:11 unknown-verb Warning"),
        ("- level: Metadata\n  namespaces: [a]\n  verbs: [put]\n", "6:11 unknown-verb Warning"),
        ("- level: Metadata\n  nonResourceURLs: [/a]\n  verbs: [list]\n", "6:11 unknown-verb Warning"),
        ("- level: Metadata\n  verbs: [impersonate]\n", "5:11 unknown-verb Warning"),
        ("- level: Metadata\n  resources: [{group: core}]\n", "5:23 unknown-group Warning"),
        ("- level: Metadata\n  resources: [{group: rbac}]\n", "5:23 unknown-group Warning"),
        ("- level: Metadata\n  resources: [{group: extensions}]\n", "5:23 gone Note"),
        ("- level: Metadata\n  resources: [{group: apps/v1}]\n", "5:23 invalid-value Error"),
        ("- level: Metadata\n  resources: [{resources: [pod]}]\n", "5:28 unknown-resource Warning"),
        ("- level: Metadata\n  resources: [{resources: [zebras]}]\n", "5:28 unknown-resource Warning"),
        ("- level: Metadata\n  resources: [{resources: [deployments]}]\n", "5:28 wrong-group Warning"),
        ("- level: Metadata\n  resources: [{resources: [pods/logs]}]\n", "5:28 unknown-subresource Warning"),
        (
            "- level: Metadata\n  namespaces: [a]\n  resources: [{resources: [nodes]}]\n",
            "6:28 cluster-scoped-resource Warning",
        ),
        (
            "- level: Metadata\n  verbs: [create]\n  resources: [{resources: [pods], resourceNames: [a]}]\n",
            "6:50 nameless-verb Warning",
        ),
        ("- level: Request\n  resources: [{group: ''}]\n", "4:10 secrets-in-log Warning"),
        (
            "- level: None\n  verbs: [get]\n- level: None\n  verbs: [list]\n- level: Metadata\n  verbs: [list, get]\n",
            "8:3 shadowed-rule Warning",
        ),
        ("- level: None\n", "4:3 blind-detection Note"),
        ("- level: Metadata\n  resources: [{resources: [pods]}]\n", "5:28 uncovered-subresource Warning"),
        ("- level: None\n  resources: [{group: '*'}]\n- level: Metadata\n", "5:23 needs-1-36 Note"),
        ("[]\n", "4:1 syntax Error"),
        ("- level: Metadata\nmetadata: {nam: x}\n", "1:1 ignored-field Warning"),
        (
            "- level: None\n  resources: [{resources: [a], resourceNames: ['*']}, {resources: [b]}]\n- level: Metadata\n",
            "5:48 literal-wildcard Warning",
        ),
    ] {
        let findings = of_rules(rules);
        assert!(shown(&findings).contains(&expected.to_owned()), "{rules}\n{findings:#?}");
        assert!(findings.iter().all(|finding| !finding.message.is_empty() && !finding.fix.is_empty()));
    }
}

#[test]
fn the_remedy_names_the_right_word() {
    let fix = |rules: &str| {
        let of_words =
            |finding: &&Finding| finding.severity > Severity::Note && finding.code != "no-catch-all";
        of_rules(rules).iter().find(of_words).unwrap().fix.clone()
    };
    assert_eq!(fix("- level: Metadata\n  user: [a]\n"), "write `users`");
    assert_eq!(fix("- level: Metadata\n  resources: [{apiGroups: [apps]}]\n"), "write `group`");
    assert_eq!(fix("- level: metadata\n"), "write `Metadata`, with exactly these capitals");
    assert_eq!(
        fix("- level: Metadata\n  verbs: [POST]\n"),
        "write `create` for resources, `post` for nonResourceURLs"
    );
}

#[test]
fn a_json_policy_has_places_too() {
    let findings = lint(
        "{\"apiVersion\": \"audit.k8s.io/v1\", \"kind\": \"Policy\",\n \"rules\": [{\"level\": \"Metadata\", \"verb\": []}]}",
    );
    assert_eq!(shown(&findings), ["2:12 blind-detection Note", "2:34 unknown-field Error"]);
}

#[test]
fn whatever_the_api_server_refuses_or_warns_of_is_found_and_nothing_else_is_an_error() {
    for line in fixtures::lines("policy-validity.jsonl.zst") {
        let case: Value = serde_json::from_slice(&line).unwrap();
        let findings = lint(case["policy"].as_str().unwrap());
        let worst = findings.iter().map(|finding| finding.severity).max();
        if case["valid"] == false {
            assert_eq!(worst, Some(Severity::Error), "{case}");
        } else if case["warning"] != "" {
            assert!(worst >= Some(Severity::Warning), "{case}");
        } else {
            assert!(worst < Some(Severity::Error), "{case}\n{findings:#?}");
        }
    }
}

#[test]
fn of_policies_as_people_write_them_only_what_is_wrong_is_found() {
    let policies = include_str!("recorded/policies.txt");
    for policy in policies.split("\n=== ").skip(1) {
        let (head, text) = policy.split_once('\n').unwrap();
        let (name, expected) = head.split_once(" |").unwrap();
        let found = lint(text).into_iter().filter(|finding| finding.code != "blind-detection");
        let found: Vec<String> = found.map(|f| format!("{}:{} {}", f.line, f.column, f.code)).collect();
        assert_eq!(found.join(", "), expected.trim(), "{name}");
        assert!(Policy::load(&audit::lint::fix(text).text).is_ok(), "{name}");
    }
}

#[test]
fn nothing_is_said_of_what_others_may_add() {
    let rules = "- level: Metadata\n  resources:\n  - group: metrics.k8s.io\n    resources: [pods]\n  - group: cert-manager.io\n    \
                 resources: [certificate]\n  - group: gateway.networking.k8s.io\n    resources: [gateways]\n  \
                 - group: networking.k8s.io\n    resources: [zebras]\n- level: Metadata\n";
    let findings = of_rules(rules);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Note), "{findings:#?}");
}

#[test]
fn secrets_are_missed_in_no_rule_that_would_write_them_and_suspected_in_no_other() {
    let metadata = "- level: Metadata\n  resources: [{resources: [secrets, configmaps, serviceaccounts/token]}, {group: authentication.k8s.io}]\n";
    let all = "- level: RequestResponse\n";
    let coded = |rules: &str| {
        let findings = of_rules(rules);
        findings.into_iter().filter(|finding| finding.code == "secrets-in-log").collect::<Vec<_>>()
    };
    assert!(coded(&format!("{metadata}{all}")).is_empty());
    let names = ["secrets", "configmaps", "tokenreviews", "serviceaccounts/token"];
    let found = coded(all);
    assert!(names.iter().all(|name| found[0].message.contains(name)), "{found:#?}");
    let narrowed = coded(&format!("{}  users: [jane]\n{all}", metadata.trim_end().to_owned() + "\n"));
    assert_eq!(narrowed.len(), 1, "others than jane reach the last rule");
    let named =
        "- level: Request\n  resources: [{resources: [configmaps, secrets], resourceNames: [aws-auth]}]\n";
    assert!(coded(named)[0].message.contains("content of secrets into"), "who names a configmap means it");
    assert!(
        coded("- level: RequestResponse\n  verbs: [watch]\n  resources: [{resources: [secrets]}]\n")
            .is_empty()
    );
}

#[test]
fn every_kind_of_finding_is_explained() {
    let page = include_str!("../../docs/policy-lint.md");
    for (code, summary) in CODES {
        assert_eq!(page.matches(&format!("| `{code}` |")).count(), 1, "{code}: {summary}");
    }
    assert_eq!(page.matches("\n| `").count(), CODES.len());
}

#[test]
fn subresources_are_missed_only_where_no_rule_matches_them() {
    let missed = |rules: &str| {
        let findings = of_rules(rules);
        findings
            .into_iter()
            .find(|finding| finding.code == "uncovered-subresource")
            .map(|finding| finding.message)
    };
    let pods =
        |verbs: &str| format!("- level: Metadata\n  verbs: {verbs}\n  resources: [{{resources: [pods]}}]\n");
    let all = missed(&pods("[get, create]")).unwrap();
    assert!(
        ["pods/exec", "pods/attach", "pods/portforward", "pods/log"].iter().all(|name| all.contains(name)),
        "{all}"
    );
    assert!(!missed(&pods("[create]")).unwrap().contains("pods/log"), "a log is read by get");
    assert_eq!(missed(&pods("[list]")), None);
    assert_eq!(missed(&format!("{}- level: Metadata\n", pods("[get]"))), None);
    assert_eq!(missed(&pods("[get]").replace("[pods]", "['pods/*', pods]")), None);
    assert_eq!(missed(&pods("[get]").replace("Metadata", "None")), None);
}

#[test]
fn a_detection_that_cannot_fire_is_named_with_the_reason() {
    let findings = lint(DATADOG);
    let blind = findings.iter().find(|finding| finding.code == "blind-detection").unwrap();
    for name in ["Service of type NodePort", "Cluster administrator bound"] {
        assert!(blind.message.contains(name), "{}", blind.message);
    }
    for name in ["Privileged pod", "Exec into a pod", "Secrets read"] {
        assert!(!blind.message.contains(name), "{}", blind.message);
    }
    let findings = of_rules("- level: Metadata\n  resources: [{resources: [pods]}]\n");
    let blind = findings.iter().find(|finding| finding.code == "blind-detection").unwrap();
    assert!(blind.message.contains("\"Exec into a pod\" (Datadog, Falco, Sigma, Panther, Elastic): no rule matches `create pods/exec`"), "{}", blind.message);
    let omitted = of_rules("- level: RequestResponse\n  omitStages: [ResponseComplete]\n");
    let blind = omitted.iter().find(|finding| finding.code == "blind-detection").unwrap();
    assert!(blind.message.contains("omits the stages of `create pods`"), "{}", blind.message);
    assert!(!blind.message.contains("Exec into a pod"), "{}", blind.message);
}
