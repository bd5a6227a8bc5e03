//! What `lint::fix` corrects, through the public surface.
#![allow(clippy::unwrap_used)] // a test that cannot read its truth has failed

#[path = "recorded/lines.rs"]
mod fixtures;

use audit::lint::{Severity, fix, lint};
use audit::{Attributes, Groups, Policy};
use serde_json::Value;

const DATADOG: &str = include_str!("recorded/datadog-sample.yaml");
const HEAD: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n";
const LAST: &str = "- level: Metadata\n";

/// The corrected rules, given and answered without the head of the policy and its last rule.
fn rules(rules: &str) -> String {
    let fixed = fix(&format!("{HEAD}{rules}{LAST}")).text;
    fixed.strip_prefix(HEAD).unwrap().strip_suffix(LAST).unwrap().to_owned()
}

#[test]
fn the_sample_policy_gets_its_verbs_back_and_keeps_its_comments() {
    let fixed = fix(DATADOG);
    assert_eq!(fixed.mended.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["misplaced-field"]);
    let verbs = "verbs: ['create', 'patch', 'update', 'delete']";
    let moved = DATADOG.replace(&format!("            {verbs}\n"), "").replace(
        "      resources:\n          # core",
        &format!("      {verbs}\n      resources:\n          # core"),
    );
    assert_eq!(fixed.text, moved);
    assert!(lint(&fixed.text).iter().all(|finding| finding.severity == Severity::Note));
    let loaded = Policy::load(&fixed.text).unwrap();
    assert!(loaded.warnings.is_empty());
    let rule = |verb: &'static str| {
        let request = Attributes {
            verb: verb.into(),
            resource: "pods".into(),
            resource_request: true,
            ..Attributes::default()
        };
        loaded.policy.decide(&request).rule
    };
    assert_eq!([rule("create"), rule("delete"), rule("get")], [Some(3), Some(3), Some(4)]);
}

#[test]
fn what_has_one_remedy_is_mended_in_place() {
    for (before, after) in [
        (
            "- level: None\n  verbs: [GET, 'List'] # reads\n  namespaces: [a]\n",
            "- level: None\n  verbs: [get, list] # reads\n  namespaces: [a]\n",
        ),
        (
            "- level: None\n  namespaces: [a]\n  verbs: [PUT, POST]\n",
            "- level: None\n  namespaces: [a]\n  verbs: [update, create]\n",
        ),
        ("- level: none\n  users: [a]\n", "- level: None\n  users: [a]\n"),
        ("- level: None\n  users: a # she\n", "- level: None\n  users: [a] # she\n"),
        ("- level: None\n  users: [yes, 12]\n", "- level: None\n  users: [\"yes\", \"12\"]\n"),
        ("- level: None\n  user: [a]\n", "- level: None\n  users: [a]\n"),
        ("- level: None\n  namespace: kube-system\n", "- level: None\n  namespaces: [kube-system]\n"),
        (
            "- level: None\n  users: [a]\n  omitManagedFields: on\n",
            "- level: None\n  users: [a]\n  omitManagedFields: true\n",
        ),
        (
            "- level: None\n  resources: [{group: apps/v1, resources: [Deployment, 'replicaset']}]\n",
            "- level: None\n  resources: [{group: apps, resources: [deployments, replicasets]}]\n",
        ),
        (
            "- level: None\n  resources: [{group: core, resources: [po/log, pods/logs]}]\n",
            "- level: None\n  resources: [{group: \"\", resources: [pods/log, pods/log]}]\n",
        ),
        (
            "- level: None\n  resources:\n  - resources: [deployments, statefulset/scale]\n",
            "- level: None\n  resources:\n  - group: apps\n    resources: [deployments, statefulsets/scale]\n",
        ),
        (
            "- level: None\n  resources: [{group: apps, resources: [pods]}, {resources: [roles]}]\n",
            "- level: None\n  resources: [{group: \"\", resources: [pods]}, {group: rbac.authorization.k8s.io, resources: [roles]}]\n",
        ),
        ("- level: None\n  users: [a]\n  verbs: ['*'] # all\n", "- level: None\n  users: [a]\n"),
        ("- verbs:\n  - \"*\"\n  level: None\n  users: [a]\n", "- level: None\n  users: [a]\n"),
        ("- {level: None, verbs: ['*'], users: [a]}\n", "- {level: None, users: [a]}\n"),
        (
            "- level: None\n  users: [a]\n  resources:\n  - group: ''\n    resources: ['*/*']\n",
            "- level: None\n  users: [a]\n  resources:\n  - group: ''\n    resources: [\"*\"]\n",
        ),
        (
            "- level: None\n  resources:\n  - verbs:\n      # only\n      - get\n    resources: [pods]\n",
            "- level: None\n  verbs:\n    # only\n    - get\n  resources:\n  - resources: [pods]\n",
        ),
        (
            "- level: None\n  resources: [{resources: [pods], verbs: [get]}]\n",
            "- level: None\n  verbs: [get]\n  resources: [{resources: [pods]}]\n",
        ),
        (
            "- {level: None, resources: [{verbs: [get], resources: [pods]}]}\n",
            "- {level: None, verbs: [get], resources: [{resources: [pods]}]}\n",
        ),
        (
            "- resources:\n  - resources: [pods]\n    verbs: [get]\n  - resources: [nodes]\n    verbs: [get]\n  level: None\n",
            "- verbs: [get]\n  resources:\n  - resources: [pods]\n  - resources: [nodes]\n  level: None\n",
        ),
        (
            "- level: None\n  group: apps\n  resources:\n  - resources: [deployments]\n",
            "- level: None\n  resources:\n  - group: apps\n    resources: [deployments]\n",
        ),
    ] {
        assert_eq!(rules(before), after, "from\n{before}");
        let left = lint(&format!("{HEAD}{after}{LAST}"));
        assert!(left.iter().all(|finding| finding.severity == Severity::Note), "{after}{left:#?}");
    }
}

#[test]
fn what_has_several_remedies_or_none_is_left_alone() {
    for rules in [
        // Two entries, one of them for some verbs only: these are two rules.
        "- level: None\n  resources:\n  - resources: [pods]\n    verbs: [get]\n  - resources: [nodes]\n",
        "- level: None\n  verbs: [list]\n  resources:\n  - resources: [pods]\n    verbs: [get]\n",
        // The rule would take everything from the one behind it.
        "- level: None\n  verbs: ['*']\n",
        // Without its namespaces it would be about paths too.
        "- level: None\n  namespaces: ['*']\n",
        "- level: None\n  users: [a, '*']\n",
        "- level: None\n  level: Request\n  users: [a]\n",
        // The content of secrets would begin to be written.
        "- level: Request\n  resources: [{resources: [secret]}]\n",
        "- &a\n  level: None\n  users: [a]\n  verbs: &v [GET]\n- <<: *a\n  verbs: *v\n  namespaces: [b]\n",
        "- level: None\n  resources: [{resources: [pods, deployments]}]\n",
        "- level: None\n  resources: [{group: apps, resources: [events]}]\n",
        "- level: None\n  users: [a\n",
        "- level: None\n  users: [a]\n  omitStages: [ResponseStarted]\n",
    ] {
        let text = format!("{HEAD}{rules}{LAST}");
        assert_eq!(fix(&text).text, text);
    }
}

#[test]
fn a_rule_for_the_rest_is_put_behind_the_last_one() {
    for (before, after) in [
        ("- level: None\n  users: [a]\n", "- level: None\n  users: [a]\n- level: Metadata\n"),
        (
            "  -  level: None\n     users: [a] # she\n\n# the end",
            "  -  level: None\n     users: [a] # she\n  -  level: Metadata\n\n# the end",
        ),
        ("- level: None\r\n  users: [a]\r\n", "- level: None\r\n  users: [a]\r\n- level: Metadata\r\n"),
        ("  [{level: None, users: [a]},]\n", "  [{level: None, users: [a]}, {level: Metadata}]\n"),
        (
            "- level: None\n  users: [a]\nomitStages: [RequestReceived]",
            "- level: None\n  users: [a]\n- level: Metadata\nomitStages: [RequestReceived]",
        ),
    ] {
        assert_eq!(fix(&format!("{HEAD}{before}")).text, format!("{HEAD}{after}"));
    }
    let json = |rules: &str| format!("{{\"apiVersion\": \"audit.k8s.io/v1\", \"rules\": [{rules}]}}");
    let before = "{\"level\": \"None\", \"verbs\": [\"GET\"], \"namespaces\": [\"a\"]}";
    let after = format!("{}, {{\"level\": \"Metadata\"}}", before.replace("GET", "get"));
    assert_eq!(fix(&json(before)).text, json(&after));
}

#[test]
fn a_corrected_policy_decides_every_recorded_request_as_before_but_for_the_rules_that_were_mended() {
    let mut policies: Vec<(String, Policy, Vec<usize>)> = Vec::new();
    let (mut asked, mut mended) = (0, 0);
    for line in fixtures::lines("policy.jsonl.zst") {
        let case: Value = serde_json::from_slice(&line).unwrap();
        if case["type"] == "policy" {
            let text = case["policy"].as_str().map_or_else(|| case["policy"].to_string(), str::to_owned);
            let Ok(loaded) = Policy::load(&text) else { continue };
            let fixed = fix(&text);
            let rules = fixed
                .mended
                .iter()
                .filter_map(|finding| finding.rule)
                .chain([loaded.policy.rules()])
                .collect();
            assert_eq!(fix(&fixed.text).text, fixed.text, "mending again changes nothing");
            mended += fixed.mended.len();
            policies.push((
                case["id"].as_str().unwrap().to_owned(),
                Policy::load(&fixed.text).unwrap().policy,
                rules,
            ));
            continue;
        }
        let Some((_, policy, rules)) = policies.iter().find(|(id, ..)| case["id"] == **id) else {
            continue;
        };
        let given = &case["attributes"];
        let groups: Vec<String> = serde_json::from_value(given["groups"].clone()).unwrap_or_default();
        let text = |name: &str| given[name].as_str().unwrap_or_default().to_owned();
        let request = Attributes {
            user: given["user"].as_str().map(|user| user.to_owned().into()),
            groups: Groups::Names(&groups),
            verb: text("verb").into(),
            namespace: text("namespace").into(),
            api_group: text("apiGroup").into(),
            resource: text("resource").into(),
            subresource: text("subresource").into(),
            name: text("name").into(),
            path: text("path").into(),
            resource_request: given["resourceRequest"] == true,
        };
        let (was, is) = (case["rule"].as_u64().map(|rule| rule as usize), policy.decide(&request).rule);
        let mended = |rule: Option<usize>| rule.is_some_and(|rule| rules.contains(&rule));
        assert!(was == is || mended(was) || mended(is), "{case} {is:?}");
        asked += 1;
    }
    assert!(asked > 100 && mended > 0, "{asked} {mended}");
}
