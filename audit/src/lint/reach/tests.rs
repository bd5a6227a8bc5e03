//! The answers, held against every request there is, and what they cost.
#![allow(clippy::unwrap_used)] // a test that cannot read its truth has failed

use super::{Answer, MOST_COMPARED, MOST_STEPS, MOST_WORK, Reach};
use crate::TargetVersion;
use crate::lint::{Findings, conditions, detections, sensitive};
use crate::policy::spec::PolicySpec;
use crate::policy::{document, load};
use crate::{Attributes, Groups, Policy};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

fn spec(rules: &[Value]) -> PolicySpec {
    let text = json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}).to_string();
    load::decode(&document::read(&text).unwrap(), TargetVersion::default()).ok().unwrap().spec
}

fn some(names: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![Just(vec![]), subsequence(names.to_vec(), 1..=names.len().min(2))]
}

fn rule() -> impl Strategy<Value = Value> {
    let entry = (
        select(vec!["", "apps", "*"]),
        some(&["pods", "pods/log", "pods/*", "*/log", "*"]),
        some(&["", "a", "b"]),
    )
        .prop_map(|(group, resources, names)| {
            let names = if resources.is_empty() { vec![] } else { names };
            json!({"group": group, "resources": resources, "resourceNames": names})
        });
    let people = (some(&["jane", "joe"]), some(&["dev", "ops"]), some(&["get", "list"]));
    let resources = (proptest::collection::vec(entry, 0..3), some(&["", "web", "db"]));
    (people, resources, some(&["/*", "/healthz", "/healthz*"]), any::<bool>()).prop_map(
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

/// What requests are about: group, resource, subresource, name, namespace, path.
fn abouts() -> Vec<[&'static str; 6]> {
    let mut abouts: Vec<_> =
        ["/healthz", "/healthz/x", "/", "else"].map(|path| ["", "", "", "", "", path]).into();
    for group in ["", "apps", "else"] {
        for resource in ["pods", "else"] {
            for subresource in ["", "log", "else"] {
                for name in ["", "a", "b", "else"] {
                    for namespace in ["", "web", "db", "else"] {
                        abouts.push([group, resource, subresource, name, namespace, ""]);
                    }
                }
            }
        }
    }
    abouts
}

/// For each rule whether any request reaches it.
fn reached(policy: &Policy) -> Vec<bool> {
    let mut reached = vec![false; policy.rules()];
    let abouts = abouts();
    for user in ["jane", "joe", "else"] {
        for group in ["dev", "ops", "else"] {
            let groups = [group.to_owned()];
            for (verb, about) in
                ["get", "list", "else"].iter().flat_map(|verb| abouts.iter().map(move |about| (*verb, about)))
            {
                let [api_group, resource, subresource, name, namespace, path] = about.map(Into::into);
                let resource_request = about[5].is_empty();
                let (user, verb, groups) = (Some(user.into()), verb.into(), Groups::Names(&groups));
                let request = Attributes {
                    user,
                    groups,
                    verb,
                    namespace,
                    api_group,
                    resource,
                    subresource,
                    name,
                    path,
                    resource_request,
                };
                policy.decide(&request).rule.into_iter().for_each(|rule| reached[rule] = true);
            }
        }
    }
    reached
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_rule_is_reached_exactly_when_some_request_reaches_it(rules in proptest::collection::vec(rule(), 1..7)) {
        let spec = spec(&rules);
        let conditions = conditions(&spec);
        let reach = Reach::new(&spec, &conditions);
        for (rule, truth) in reached(&load::compile(&spec)).into_iter().enumerate() {
            let answer = reach.rule(rule);
            prop_assert_eq!(answer == Answer::Reached, truth, "{} {:?} {}", rule, answer, json!(rules));
            prop_assert!(!matches!(answer, Answer::Taken(by) if by.iter().any(|by| *by >= rule)));
        }
    }
}

/// Rules of the kinds that long policies have: generated ones about teams, and lists that grew.
fn many(count: usize) -> Vec<Value> {
    let names = |word: &str, from: usize| (from..from + 8).map(|n| format!("{word}{n}")).collect::<Vec<_>>();
    let rule = |n: usize| match n % 4 {
        0 => {
            json!({"level": "Request", "namespaces": [format!("team-{n}")], "verbs": ["create", "update", "patch"],
                    "resources": [{"resources": ["pods", "services"]}, {"group": "apps", "resources": ["deployments"]}]})
        }
        1 => {
            json!({"level": "None", "users": names("system:serviceaccount:a:b", n), "verbs": ["get", "list", "watch"],
                    "resources": [{"resources": ["endpoints", "configmaps"], "resourceNames": names("lock", n)}]})
        }
        2 => json!({"level": "Metadata", "userGroups": names("group", n), "namespaces": names("team-", n),
                    "resources": [{"group": "batch"}, {"group": "*", "resources": ["*/status", "*/scale"]}]}),
        // Never reached: one before it is wider.
        _ => {
            json!({"level": "Metadata", "users": names("system:serviceaccount:a:b", n - 2), "verbs": ["get", "list"],
                    "resources": [{"resources": ["endpoints"], "resourceNames": names("lock", n - 2)}]})
        }
    };
    (0..count).map(rule).collect()
}

/// How many steps all questions about such rules take, and how many of them stay without an answer.
fn work(rules: &[Value]) -> (usize, usize) {
    let spec = spec(rules);
    let conditions = conditions(&spec);
    let reach = Reach::new(&spec, &conditions);
    let unknown = (0..rules.len()).filter(|rule| reach.rule(*rule) == Answer::Unknown).count();
    detections::check(&spec, &reach, &mut Findings::default());
    sensitive::check(&spec, &reach, &mut Findings::default());
    (reach.work(), unknown)
}

#[test]
fn the_work_grows_with_the_square_of_the_rules_and_no_faster() {
    let (few, many) = (work(&many(50)), work(&many(400)));
    assert_eq!((few.1, many.1), (0, 0), "every question has an answer");
    assert!(few.0 < 100_000 && many.0 < 64 * few.0, "{few:?} {many:?}");
}

#[test]
fn what_cannot_be_answered_costs_no_more_than_its_bound() {
    // Each rule takes a part of the last one's combinations that no other rule takes.
    let names = |word: &str| (0..30).map(|n| format!("{word}{n}")).collect::<Vec<_>>();
    let part = |n: usize, field: &str| {
        let mut rule = json!({"level": "None"});
        rule[field] =
            json!((0..30).filter(|name| *name != n).map(|name| format!("{field}{name}")).collect::<Vec<_>>());
        rule
    };
    let fields = ["users", "userGroups", "verbs", "namespaces"];
    let mut rules: Vec<Value> = (0..30).flat_map(|n| fields.map(|field| part(n, field))).collect();
    let mut last = json!({"level": "Metadata"});
    fields.iter().for_each(|field| last[*field] = json!(names(field)));
    rules.extend(vec![last; 40]);
    let (steps, _) = work(&rules);
    assert!(steps < MOST_WORK + MOST_COMPARED + 2 * MOST_STEPS, "{steps} steps");
}
