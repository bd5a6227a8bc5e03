//! The indexed decision, held against the rules asked one after the other.
//!
//! Promise: [`Policy::why`] asks the rules themselves, so the number of rules that it finds to fail is the rule that
//! decides. Names are few and strange, so that they meet: stars, slashes, empty ones.
#![allow(clippy::unwrap_used)] // a test that cannot read its truth has failed

use audit::{Attributes, Groups, Policy};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

const USERS: [&str; 5] = ["", "*", "jane", "system:anonymous", "system:serviceaccount:default:builder"];
const GROUPS: [&str; 4] = ["", "dev", "system:masters", "system:serviceaccounts:default"];
const VERBS: [&str; 6] = ["", "*", "get", "list", "create", "deletecollection"];
const NAMES: [&str; 5] = ["", "*", "web", "kube-system", "a/b"];
const API_GROUPS: [&str; 4] = ["", "*", "apps", "coordination.k8s.io"];
const PATTERNS: [&str; 16] = [
    "",
    "*",
    "*/*",
    "*/",
    "/*",
    "/",
    "pods",
    "pods/log",
    "pods/*",
    "*/log",
    "pods/log/x",
    "pods/log/*",
    "*/log/x",
    "Pods",
    "po*",
    "services",
];
const RESOURCES: [&str; 8] = ["", "*", "pods", "services", "pods/log", "po", "/", "secrets"];
const SUBRESOURCES: [&str; 6] = ["", "*", "log", "log/x", "exec", "/"];
const URLS: [&str; 9] = ["*", "/*", "/", "/a", "/a*", "/ab", "/ab/*", "/é*", "/healthz*"];
const PATHS: [&str; 10] = ["", "/", "/a", "/ab", "/ab/", "/abc", "/é", "/\u{fffd}", "/healthz/ping", "*"];

/// Most often nothing, else some of them.
fn some(names: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![3 => Just(vec![]), 2 => subsequence(names.to_vec(), 1..=3.min(names.len()))]
}

fn entry() -> impl Strategy<Value = Value> {
    (select(API_GROUPS.to_vec()), some(&PATTERNS), some(&NAMES)).prop_map(|(group, resources, names)| {
        let names = if resources.is_empty() { vec![] } else { names };
        json!({"group": group, "resources": resources, "resourceNames": names})
    })
}

fn rule() -> impl Strategy<Value = Value> {
    let who = (some(&USERS), some(&GROUPS), some(&VERBS));
    (who, vec(entry(), 0..4), some(&NAMES), some(&URLS), any::<bool>()).prop_map(
        |((users, groups, verbs), resources, namespaces, urls, about_urls)| {
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

/// A request, and its groups by name.
fn request() -> impl Strategy<Value = (Attributes<'static>, Vec<String>)> {
    let who = (prop::option::of(select(USERS.to_vec())), subsequence(GROUPS.to_vec(), 0..=3));
    let what = (select(API_GROUPS.to_vec()), select(RESOURCES.to_vec()), select(SUBRESOURCES.to_vec()));
    let where_to = (select(NAMES.to_vec()), select(NAMES.to_vec()), select(PATHS.to_vec()));
    (who, select(VERBS.to_vec()), what, where_to, any::<bool>()).prop_map(
        |(
            (user, groups),
            verb,
            (api_group, resource, subresource),
            (name, namespace, path),
            resource_request,
        )| {
            let attributes = Attributes {
                user: user.map(Into::into),
                groups: Groups::default(),
                verb: verb.into(),
                namespace: namespace.into(),
                api_group: api_group.into(),
                resource: resource.into(),
                subresource: subresource.into(),
                name: name.into(),
                path: path.into(),
                resource_request,
            };
            (attributes, groups.into_iter().map(str::to_owned).collect())
        },
    )
}

/// The rule that decides, by both ways; groups as names and as JSON.
fn both_ways(policy: &Policy, attributes: &Attributes<'_>, groups: &[String]) -> Result<(), TestCaseError> {
    let list = json!(groups).to_string();
    for groups in [Groups::Names(groups), Groups::Json(list.as_bytes())] {
        let attributes = Attributes { groups, ..attributes.clone() };
        let failing = policy.why(&attributes).len();
        prop_assert_eq!(policy.decide(&attributes).rule, (failing < policy.rules()).then_some(failing));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_rule_that_decides_is_the_first_that_matches(
        rules in vec(rule(), 1..9), requests in vec(request(), 40)
    ) {
        let text = json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}).to_string();
        let policy = Policy::load(&text).unwrap().policy;
        for (attributes, groups) in &requests {
            both_ways(&policy, attributes, groups)?;
        }
    }

    #[test]
    fn it_is_so_for_hundreds_of_rules_too(
        rules in vec(rule(), 1..5), copies in 20..60usize, requests in vec(request(), 20)
    ) {
        // Rules that match nothing stand before those that may, so that every word of the sets is reached.
        let never = json!({"level": "None", "users": ["nobody"], "verbs": ["never"]});
        let padded: Vec<&Value> = rules.iter().flat_map(|rule| vec![&never; copies].into_iter().chain([rule])).collect();
        let text = json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": padded}).to_string();
        let policy = Policy::load(&text).unwrap().policy;
        for (attributes, groups) in &requests {
            both_ways(&policy, attributes, groups)?;
        }
    }
}
