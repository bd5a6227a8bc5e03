//! The rule that decides is the first one that matches.
//!
//! Promises: the sets of the index, the rules asked one after the other, and the API server's rules told once more
//! here, name the same rule; the decision has that rule's level, the stages of both, and the nearer of the two words
//! on managed fields.

use super::choices::Choices;
use audit::{Attributes, Decision, Groups, Level, Policy, Stage};
use serde_json::{Value, json};

const USERS: [&str; 4] = ["", "*", "jane", "system:serviceaccount:default:builder"];
const GROUPS: [&str; 4] = ["", "dev", "system:masters", "system:authenticated"];
const VERBS: [&str; 6] = ["", "*", "get", "list", "create", "deletecollection"];
const NAMES: [&str; 5] = ["", "*", "web", "kube-system", "a/b"];
const API_GROUPS: [&str; 4] = ["", "*", "apps", "coordination.k8s.io"];
const PATTERNS: [&str; 12] =
    ["", "*", "*/*", "*/", "/*", "pods", "pods/log", "pods/*", "*/log", "pods/log/x", "*/log/x", "po*"];
const RESOURCES: [&str; 7] = ["", "*", "pods", "secrets", "pods/log", "po", "/"];
const SUBRESOURCES: [&str; 6] = ["", "*", "log", "log/x", "exec", "/"];
const URLS: [&str; 8] = ["*", "/*", "/", "/a", "/a*", "/ab/*", "/é*", "/healthz*"];
const PATHS: [&str; 9] = ["", "/", "/a", "/ab", "/ab/", "/é", "/\u{fffd}", "/healthz/ping", "*"];

/// Makes a policy and requests of the bytes, and asks everyone.
pub fn holds(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let written = written(&mut choices);
    let Ok(loaded) = Policy::load(&written.to_string()) else { return };
    let policy = loaded.policy;
    for _ in 0..16 {
        let groups = choices.words(&GROUPS);
        let request = Attributes { groups: Groups::Names(&groups), ..request(&mut choices) };
        let wanted = decided(&written, &request, &groups);
        assert_eq!(policy.decide(&request), wanted, "{written}\n{request:?}");
        assert_eq!(
            policy.why(&request).len(),
            wanted.rule.unwrap_or(policy.rules()),
            "{written}\n{request:?}"
        );
        let list = json!(groups).to_string();
        let request = Attributes { groups: Groups::Json(list.as_bytes()), ..request };
        assert_eq!(policy.decide(&request), wanted, "{written}\n{request:?}");
        if !choices.are_left() {
            break;
        }
    }
}

fn written(choices: &mut Choices<'_>) -> Value {
    // Rules that match nothing come first, so that every word of the sets has its turn.
    let never = json!({"level": "None", "users": ["nobody"], "verbs": ["never"]});
    let before = [60, 63, 64, 128].get(choices.below(64)).copied().unwrap_or_default();
    let mut rules = vec![never; before];
    rules.extend((0..=choices.below(6)).map(|_| rule(choices)));
    let mut policy = json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules});
    policy["omitStages"] = stages(choices);
    policy["omitManagedFields"] = json!(choices.yes());
    policy
}

fn stages(choices: &mut Choices<'_>) -> Value {
    let chosen = choices.below(64);
    json!(
        Stage::ALL
            .iter()
            .filter(|stage| chosen == **stage as usize)
            .map(|stage| stage.name())
            .collect::<Vec<_>>()
    )
}

fn rule(choices: &mut Choices<'_>) -> Value {
    let managed_fields = [Value::Null, json!(true), json!(false)][choices.below(3)].clone();
    let mut rule = json!({
        "level": Level::ALL[choices.below(4)].name(),
        "users": choices.words(&USERS),
        "userGroups": choices.words(&GROUPS),
        "verbs": choices.words(&VERBS),
        "omitStages": stages(choices),
        "omitManagedFields": managed_fields,
    });
    if choices.below(3) == 0 {
        rule["nonResourceURLs"] = json!(choices.words(&URLS));
        return rule;
    }
    let entries = 0..choices.below(4);
    let entry = |choices: &mut Choices<'_>| {
        let (group, resources) = (API_GROUPS[choices.below(4)], choices.words(&PATTERNS));
        let names = if resources.is_empty() { Vec::new() } else { choices.words(&NAMES) };
        json!({"group": group, "resources": resources, "resourceNames": names})
    };
    rule["resources"] = entries.map(|_| entry(choices)).collect();
    rule["namespaces"] = json!(choices.words(&NAMES));
    rule
}

fn request(choices: &mut Choices<'_>) -> Attributes<'static> {
    Attributes {
        user: choices.yes().then(|| choices.word(&USERS).into()),
        groups: Groups::default(),
        verb: choices.word(&VERBS).into(),
        namespace: choices.word(&NAMES).into(),
        api_group: choices.word(&API_GROUPS).into(),
        resource: choices.word(&RESOURCES).into(),
        subresource: choices.word(&SUBRESOURCES).into(),
        name: choices.word(&NAMES).into(),
        path: choices.word(&PATHS).into(),
        resource_request: choices.below(3) > 0,
    }
}

fn decided(policy: &Value, request: &Attributes<'_>, groups: &[String]) -> Decision {
    let rules = policy["rules"].as_array().expect("there are rules");
    let rule = rules.iter().position(|rule| matches(rule, request, groups));
    let none = Value::Null;
    let found = rule.map_or(&none, |rule| &rules[rule]);
    let stages = texts(&policy["omitStages"]).chain(texts(&found["omitStages"]));
    let of_policy = policy["omitManagedFields"].as_bool().unwrap_or_default();
    Decision {
        rule,
        level: found["level"]
            .as_str()
            .and_then(|name| Level::from_name(name.as_bytes()))
            .unwrap_or(Level::None),
        omit_stages: stages.filter_map(|name| Stage::from_name(name.as_bytes())).collect(),
        omit_managed_fields: found["omitManagedFields"].as_bool().unwrap_or(of_policy),
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Whether a list asks for nothing, or has one that fits.
fn asks(list: &Value, fits: impl Fn(&str) -> bool) -> bool {
    texts(list).next().is_none() || texts(list).any(fits)
}

fn matches(rule: &Value, request: &Attributes<'_>, groups: &[String]) -> bool {
    let user = request.user.as_deref();
    let people = asks(&rule["users"], |name| user == Some(name))
        && asks(&rule["userGroups"], |name| user.is_some() && groups.iter().any(|group| group == name))
        && asks(&rule["verbs"], |verb| verb == request.verb);
    let is_empty = |field: &str| rule[field].as_array().is_none_or(Vec::is_empty);
    let target = if !is_empty("resources") || !is_empty("namespaces") {
        let entries = rule["resources"].as_array().into_iter().flatten();
        request.resource_request
            && asks(&rule["namespaces"], |name| name == request.namespace)
            && (is_empty("resources") || entries.into_iter().any(|entry| covers(entry, request)))
    } else {
        is_empty("nonResourceURLs")
            || (!request.resource_request
                && texts(&rule["nonResourceURLs"]).any(|url| leads(url, &request.path)))
    };
    people && target
}

fn covers(entry: &Value, request: &Attributes<'_>) -> bool {
    let group = entry["group"].as_str().unwrap_or_default();
    let (resource, subresource) = (&*request.resource, &*request.subresource);
    let combined =
        if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") };
    let pattern_fits = |pattern: &str| {
        pattern == "*"
            || pattern == combined
            || (!subresource.is_empty() && pattern == format!("*/{subresource}"))
            || pattern == format!("{resource}/*")
    };
    (group == "*" || group == request.api_group)
        && asks(&entry["resources"], pattern_fits)
        && asks(&entry["resourceNames"], |name| name == request.name)
}

fn leads(url: &str, path: &str) -> bool {
    url == "*" || url == path || (url.ends_with('*') && path.starts_with(url.trim_end_matches('*')))
}
