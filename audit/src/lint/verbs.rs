//! Verbs that no request has.
//!
//! Promise: of a rule that may be about paths, which take any HTTP method, only words are named that are meant for
//! something else.

use super::{Findings, rules};
use crate::policy::spec::{PolicySpec, RuleSpec};

/// The verbs of requests about resources; `proxy` and `watch` are in the path of old URLs.
const OF_RESOURCES: [&str; 9] =
    ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "proxy"];
/// Methods that have another word for resources.
const METHODS: [(&str, &str); 3] = [("post", "create"), ("put", "update"), ("head", "get")];
/// Verbs of RBAC that are never those of a request.
const OF_RBAC: [&str; 7] = ["use", "bind", "escalate", "impersonate", "approve", "sign", "attest"];
/// Subresources, and the verbs that requests for them have.
const OF_SUBRESOURCES: [(&str, &str); 9] = [
    ("exec", "create and get"),
    ("attach", "create and get"),
    ("portforward", "create and get"),
    ("log", "get"),
    ("logs", "get"),
    ("evict", "create"),
    ("eviction", "create"),
    ("scale", "get, update and patch"),
    ("connect", "create and get"),
];

/// Verbs are compared with their case, and are always lower case.
pub(super) fn check(spec: &PolicySpec, findings: &mut Findings) {
    for (index, rule) in rules(spec) {
        for verb in &rule.value.verbs.value {
            let text = verb.value.as_str();
            if text.contains(|c: char| c.is_ascii_uppercase()) {
                let message = format!(
                    "verb `{text}` matches nothing: verbs are lower case and compared with their case"
                );
                findings.warning("uppercase-verb", verb.place, Some(index), message, fix(text));
                word(&text.to_ascii_lowercase(), &rule.value)
                    .into_iter()
                    .for_each(|word| findings.mended_by(word));
            } else if let Some(fix) = unknown(text, &rule.value) {
                let message = format!("no request that this rule is about has the verb `{text}`");
                findings.warning("unknown-verb", verb.place, Some(index), message, fix);
            }
        }
    }
}

/// The verb that a method stands for in such a rule, or a verb in lower case.
fn word<'v>(lower: &'v str, rule: &RuleSpec) -> Option<&'v str> {
    let about_resources = !rule.resources.value.is_empty() || !rule.namespaces.is_empty();
    match METHODS.iter().find(|(method, _)| *method == lower) {
        Some((_, verb)) if about_resources => Some(verb),
        Some(_) if rule.non_resource_urls.is_empty() => None,
        Some(_) => Some(lower),
        None => (about_resources && OF_RESOURCES.contains(&lower)
            || ["get", "patch", "delete"].contains(&lower))
        .then_some(lower),
    }
}

/// What to do about a verb that matches nothing.
fn unknown(verb: &str, rule: &RuleSpec) -> Option<String> {
    let about_paths = !rule.non_resource_urls.is_empty();
    let about_resources = !rule.resources.value.is_empty() || !rule.namespaces.is_empty();
    if let Some((_, verbs)) = OF_SUBRESOURCES.iter().find(|(word, _)| *word == verb) {
        let subresource = verb.trim_end_matches('s');
        return Some(match verb {
            "connect" => "write `create` and `get`: that is what requests for pods/exec, pods/attach and pods/portforward have".to_owned(),
            "evict" | "eviction" => "write `create`, and `pods/eviction` in `resources`".to_owned(),
            "scale" => format!("write {verbs}, and the subresource in `resources`, such as `deployments/scale`"),
            _ => format!("write {verbs}, and `pods/{subresource}` in `resources`: it is a subresource, not a verb"),
        });
    }
    if OF_RBAC.contains(&verb) {
        return Some(format!("remove `{verb}`: RBAC asks for it, but no request has it"));
    }
    if about_paths {
        let method = ["list", "watch", "create", "update", "deletecollection"].contains(&verb);
        return method.then(|| {
            "write the lower-cased HTTP method: get, post, put, patch, delete, head or options".to_owned()
        });
    }
    if !about_resources || verb.is_empty() || verb.contains('*') || OF_RESOURCES.contains(&verb) {
        return None;
    }
    let method = METHODS.iter().find(|(method, _)| *method == verb);
    Some(match method {
        Some((_, verb)) => format!("write `{verb}`: only requests about paths have HTTP methods as verbs"),
        None => format!("write one of {}", OF_RESOURCES[..8].join(", ")),
    })
}

fn fix(verb: &str) -> String {
    match verb.to_ascii_lowercase().as_str() {
        "post" => "write `create` for resources, `post` for nonResourceURLs".to_owned(),
        "put" => "write `update` for resources, `put` for nonResourceURLs".to_owned(),
        lower => format!("write `{lower}`"),
    }
}
