//! Laws that hold for every event and every policy.
#![allow(clippy::unwrap_used)] // a test that cannot read its truth has failed

#[path = "recorded/lines.rs"]
mod fixtures;

use audit::{
    Attributes, Decision, Event, Groups, Level, Lowered, Policy, Stage, is_json_object, lint, lower, shrink,
};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// Real lines and recorded ones, of all kinds.
static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let cases = fixtures::lines("events.jsonl.zst").into_iter().chain(fixtures::lines("twins.jsonl.zst"));
    let mut lines: Vec<Vec<u8>> = cases
        .filter(|line| line.starts_with(br#"{"type": "case""#))
        .map(|line| fixtures::event_case(&line).1.to_vec())
        .collect();
    lines.sort();
    lines.dedup();
    lines
});

fn line() -> impl Strategy<Value = Vec<u8>> {
    any::<Index>().prop_map(|index| index.get(&LINES).clone())
}

fn decision() -> impl Strategy<Value = Decision> {
    let stages = subsequence(Stage::ALL.to_vec(), 0..=2);
    (select(Level::ALL.to_vec()), stages, any::<bool>()).prop_map(|(level, stages, omit_managed_fields)| {
        Decision { rule: Some(0), level, omit_stages: stages.into_iter().collect(), omit_managed_fields }
    })
}

/// The line that is written, if any.
fn lowered(line: &[u8], decision: &Decision) -> Option<Vec<u8>> {
    let event = Event::scan(line).unwrap();
    let mut out = b"before".to_vec();
    let answer = lower(&event, decision, &mut out);
    assert!(out.starts_with(b"before"), "what was in `out` stays");
    match answer {
        Lowered::Dropped(_) => None,
        Lowered::Whole => {
            assert_eq!(out, b"before");
            Some(line.to_vec())
        }
        Lowered::Spliced => Some(out.split_off(6)),
    }
}

/// Everything that can be asked of an event.
fn ask_everything(event: &Event<'_>) {
    let _ = (
        event.audit_id(),
        event.request_uri(),
        event.user_agent(),
        event.code(),
        event.reason(),
        event.message(),
    );
    let _ = (
        event.source_ips().count(),
        event.object_ref(),
        event.request_received_micros(),
        event.stage_micros(),
    );
    let _ =
        (event.annotations().count(), event.annotation("a"), event.request_object(), event.response_object());
    for user in event.user().into_iter().chain(event.impersonated_user()) {
        let _ = (user.username(), user.uid(), user.groups().count(), user.extra());
    }
}

proptest! {
    #[test]
    fn scanning_survives_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (Event::scan(&bytes).is_ok(), is_json_object(&bytes));
    }

    #[test]
    fn a_damaged_line_is_an_event_or_is_not_but_never_breaks_anything(
        line in line(), decision in decision(), changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..8)
    ) {
        let mut line = line;
        for (place, byte) in changes {
            let at = place.index(line.len());
            line[at] = byte;
        }
        if let Ok(event) = Event::scan(&line) {
            ask_everything(&event);
            let _ = Attributes::of(&event);
            let mut out = Vec::new();
            lower(&event, &decision, &mut out);
            let _ = shrink(&line, |line| line.len() < 300);
        }
    }

    #[test]
    fn a_lowered_event_is_an_event_and_lowering_it_again_changes_nothing(line in line(), decision in decision()) {
        if let Some(once) = lowered(&line, &decision) {
            prop_assert!(is_json_object(&once));
            let event = Event::scan(&once).unwrap();
            prop_assert!(event.level() <= decision.level);
            prop_assert_eq!(lowered(&once, &decision), Some(once));
        }
    }

    #[test]
    fn lowering_in_two_steps_is_lowering_at_once(line in line(), decision in decision()) {
        let full = Decision { level: Level::Request, omit_stages: Default::default(), ..decision };
        let at_once = lowered(&line, &Decision { level: Level::Metadata, ..full });
        let in_steps = lowered(&line, &full).and_then(|line| lowered(&line, &Decision { level: Level::Metadata, ..full }));
        prop_assert_eq!(at_once, in_steps);
    }

    #[test]
    fn a_shrunk_event_is_an_event_that_fits_and_shrinking_it_again_changes_nothing(line in line(), part in 0.1..1.1f64) {
        let bound = (line.len() as f64 * part) as usize;
        let fits = |line: &[u8]| line.len() <= bound;
        if let Ok(shrunk) = shrink(&line, fits) {
            prop_assert!(fits(&shrunk.line) && is_json_object(&shrunk.line));
            let (before, after) = (Event::scan(&line).unwrap(), Event::scan(&shrunk.line).unwrap());
            prop_assert_eq!((before.stage(), before.verb()), (after.stage(), after.verb()));
            prop_assert_eq!(shrunk.removed.is_empty(), shrunk.line == line);
            let again = shrink(&shrunk.line, fits).unwrap();
            prop_assert_eq!(&again.line, &shrunk.line);
        }
    }

    #[test]
    fn reading_a_policy_survives_any_text(text in "(apiVersion: audit.k8s.io/v1\n)?(rules:\n)?[-a-z:\\[\\]{}\n \t&*!|>'\"#%?,~<]{0,60}") {
        let refused = Policy::load(&text).is_err();
        let findings = lint::lint(&text);
        let fixed = lint::fix(&text).text;
        prop_assert_eq!(&lint::fix(&fixed).text, &fixed);
        prop_assert!(refused || Policy::load(&fixed).is_ok(), "{}", fixed);
        prop_assert!(!refused || findings.iter().any(|finding| finding.severity == lint::Severity::Error), "{text}");
    }
}

fn some(names: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![Just(vec![]), subsequence(names.to_vec(), 1..=names.len().min(3))]
}

/// A rule that the API server takes.
fn rule() -> impl Strategy<Value = Value> {
    let entry = (
        select(vec!["", "apps", "*"]),
        some(&["pods", "pods/log", "pods/*", "*/log", "*", "*/*", "nodes"]),
        some(&["", "a", "b"]),
    )
        .prop_map(|(group, resources, names)| {
            let names = if resources.is_empty() { vec![] } else { names };
            json!({"group": group, "resources": resources, "resourceNames": names})
        });
    let people = (some(&["jane", "joe", "*"]), some(&["dev", "ops"]), some(&["get", "list", "create"]));
    let resources = (proptest::collection::vec(entry, 0..3), some(&["", "web", "db"]));
    let urls = some(&["*", "/*", "/healthz", "/healthz*", "/api/*"]);
    (people, resources, urls, any::<bool>()).prop_map(
        |((users, groups, verbs), (resources, namespaces), urls, about_urls)| {
            let mut rule = json!({"level": "Metadata", "users": users, "userGroups": groups, "verbs": verbs});
            if about_urls {
                rule["nonResourceURLs"] = json!(urls);
            } else {
                rule["resources"] = json!(resources);
                rule["namespaces"] = json!(namespaces);
            }
            rule
        },
    )
}

fn request() -> impl Strategy<Value = Attributes<'static>> {
    static GROUPS: LazyLock<[Vec<String>; 3]> =
        LazyLock::new(|| [vec![], vec!["dev".into()], vec!["ops".into(), "dev".into()]]);
    let who = (
        select(vec![None, Some("jane"), Some("joe")]),
        0..3usize,
        select(vec!["get", "list", "create", "watch"]),
    );
    let what = (
        select(vec!["", "apps"]),
        select(vec!["pods", "nodes", "secrets"]),
        select(vec!["", "log", "exec"]),
        select(vec!["", "a", "c"]),
        select(vec!["", "web", "x"]),
    );
    let path = select(vec!["/healthz", "/healthz/x", "/api", "/api/v1", "/", ""]);
    (who, what, path, any::<bool>()).prop_map(
        |((user, groups, verb), (group, resource, subresource, name, namespace), path, about)| {
            let of_resource = |text: &'static str| if about { text.into() } else { "".into() };
            Attributes {
                user: user.map(Into::into),
                groups: Groups::Names(&GROUPS[groups]),
                verb: verb.into(),
                namespace: of_resource(namespace),
                api_group: of_resource(group),
                resource: of_resource(resource),
                subresource: of_resource(subresource),
                name: of_resource(name),
                path: path.into(),
                resource_request: about,
            }
        },
    )
}

proptest! {
    #[test]
    fn a_rule_that_some_request_reaches_is_never_called_unreachable(
        rules in proptest::collection::vec(rule(), 1..6), requests in proptest::collection::vec(request(), 50)
    ) {
        let text = json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}).to_string();
        let policy = Policy::load(&text).unwrap().policy;
        let unreachable: Vec<_> = lint::lint(&text)
            .into_iter()
            .filter(|f| f.code == "shadowed-rule" || f.message.ends_with("so the rule matches nothing"))
            .filter_map(|finding| finding.rule)
            .collect();
        for request in &requests {
            let decision = policy.decide(request);
            if let Some(rule) = decision.rule {
                prop_assert!(!unreachable.contains(&rule), "{text}\n{request:?}");
            }
            prop_assert_eq!(policy.why(request).len(), decision.rule.unwrap_or(policy.rules()));
        }
    }

    #[test]
    fn mending_changes_only_what_rules_decide_that_were_mended(
        rules in proptest::collection::vec(rule(), 1..6), requests in proptest::collection::vec(request(), 20)
    ) {
        let text = json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}).to_string();
        let policy = Policy::load(&text).unwrap().policy;
        let fixed = lint::fix(&text);
        let after = Policy::load(&fixed.text).unwrap().policy;
        let mended: Vec<usize> = fixed.mended.iter().filter_map(|finding| finding.rule).collect();
        for request in &requests {
            let (was, is) = (policy.decide(request).rule, after.decide(request).rule);
            let changed = |rule: usize| mended.contains(&rule) || rule >= policy.rules();
            prop_assert!(was == is || was.is_some_and(changed) || is.is_some_and(changed), "{text}\n{}\n{request:?}", fixed.text);
        }
    }
}
