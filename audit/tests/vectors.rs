//! Case by case what kube-apiserver v0.36's own policy code and codec said (recorded in `fixtures/`).
#![allow(clippy::unwrap_used)] // a test that cannot read its truth has failed

#[path = "recorded/lines.rs"]
mod fixtures;

use audit::{Attributes, Decision, Event, Groups, Lowered, Policy, StageSet, lower};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;

#[test]
fn every_decision_is_that_of_the_api_server() {
    let mut policies = HashMap::new();
    let mut cases = 0;
    for line in fixtures::lines("policy.jsonl.zst") {
        let case: Value = serde_json::from_slice(&line).unwrap();
        let id = case["id"].as_str().unwrap().to_owned();
        if case["type"] == "policy" {
            policies.insert(id, Policy::load(case["policy"].as_str().unwrap()).unwrap().policy);
            continue;
        }
        cases += 1;
        let given = Given::read(&case["attributes"]);
        let decision = policies[&id].decide(&given.attributes());
        assert_eq!(shown(&decision), expected(&case), "{case}");
        let reasons = policies[&id].why(&given.attributes());
        assert_eq!(reasons.len(), decision.rule.unwrap_or(policies[&id].rules()), "{case}");
    }
    assert!(cases > 3000, "{cases} cases");
}

#[test]
fn every_event_is_lowered_to_the_bytes_that_the_api_server_wrote() {
    assert_eq!(held_to_the_server("events.jsonl.zst"), 561);
}

#[test]
fn real_lines_are_lowered_to_what_the_same_server_wrote_under_another_policy() {
    assert_eq!(held_to_the_server("twins.jsonl.zst"), 2028);
}

/// Holds every case of a recorded file to what the server wrote, and counts them.
fn held_to_the_server(file: &str) -> usize {
    let mut policies = HashMap::new();
    let mut cases = 0;
    let mut out = Vec::new();
    for line in fixtures::lines(file) {
        if line.starts_with(br#"{"type": "policy""#) {
            let case: Value = serde_json::from_slice(&line).unwrap();
            let policy = Policy::load(case["policy"].as_str().unwrap()).unwrap().policy;
            policies.insert(case["id"].as_str().unwrap().to_owned(), policy);
            continue;
        }
        cases += 1;
        let (id, given, wanted) = fixtures::event_case(&line);
        let event = Event::scan(given).unwrap();
        let decision = policies[id].decide(&Attributes::of(&event));
        out.clear();
        let written = match lower(&event, &decision, &mut out) {
            Lowered::Dropped(_) => b"null".as_slice(),
            Lowered::Whole => given,
            Lowered::Spliced => &out,
        };
        assert!(written == wanted, "{}\nbecame\n{}\nnot\n{}", text(given), text(written), text(wanted));
    }
    cases
}

#[test]
fn every_policy_is_accepted_or_refused_as_by_the_api_server_and_in_its_words() {
    let mut wrong = Vec::new();
    for line in fixtures::lines("policy-validity.jsonl.zst") {
        let case: Value = serde_json::from_slice(&line).unwrap();
        let policy = case["policy"].as_str().unwrap();
        let (error, warning, hash) = match Policy::load(policy) {
            Ok(loaded) => (String::new(), loaded.warnings.join(""), Some(loaded.policy.hash())),
            Err(error) => (error.message, String::new(), None),
        };
        let parsed =
            (case["valid"] == true).then(|| Policy::load(&case["parsed"].to_string()).unwrap().policy.hash());
        if error != case["error"] || warning != case["warning"] || hash != parsed {
            wrong.push(format!(
                "{policy:?}\n  error {error:?} not {}\n  warning {warning:?} not {}\n  {hash:?} {parsed:?}",
                case["error"], case["warning"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} wrong", wrong.join("\n"), wrong.len());
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn shown(decision: &Decision) -> (String, Vec<&'static str>, bool, Option<u64>) {
    let stages: &StageSet = &decision.omit_stages;
    let mut stages: Vec<_> = stages.iter().map(|stage| stage.name()).collect();
    stages.sort_unstable();
    (decision.level.to_string(), stages, decision.omit_managed_fields, decision.rule.map(|rule| rule as u64))
}

fn expected(case: &Value) -> (String, Vec<&str>, bool, Option<u64>) {
    let stages = case["omitStages"].as_array().unwrap().iter().map(|stage| stage.as_str().unwrap()).collect();
    let level = case["level"].as_str().unwrap().to_owned();
    (level, stages, case["omitManagedFields"].as_bool().unwrap(), case["rule"].as_u64())
}

/// Attributes as the cases write them.
struct Given {
    texts: HashMap<&'static str, String>,
    user: Option<String>,
    groups: Vec<String>,
    resource_request: bool,
}

impl Given {
    fn read(written: &Value) -> Given {
        let keys = ["verb", "namespace", "apiGroup", "resource", "subresource", "name", "path"];
        Given {
            texts: keys.into_iter().map(|key| (key, written[key].as_str().unwrap().to_owned())).collect(),
            user: written["user"].as_str().map(str::to_owned),
            groups: written["groups"]
                .as_array()
                .unwrap()
                .iter()
                .map(|group| group.as_str().unwrap().to_owned())
                .collect(),
            resource_request: written["resourceRequest"].as_bool().unwrap(),
        }
    }

    fn attributes(&self) -> Attributes<'_> {
        let text = |key: &str| Cow::Borrowed(self.texts[key].as_str());
        Attributes {
            user: self.user.as_deref().map(Cow::Borrowed),
            groups: Groups::Names(&self.groups),
            verb: text("verb"),
            namespace: text("namespace"),
            api_group: text("apiGroup"),
            resource: text("resource"),
            subresource: text("subresource"),
            name: text("name"),
            path: text("path"),
            resource_request: self.resource_request,
        }
    }
}
