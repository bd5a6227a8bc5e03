//! Groups and resources that no request has, held against the built-in ones.
//!
//! Promise: nothing is said of groups that others may add.

use super::builtin::{self, Builtin};
use super::{Findings, rules};
use crate::policy::document::Place;
use crate::policy::spec::{PolicySpec, ResourcesSpec, RuleSpec, Spot};

/// Verbs of requests that have no name when the policy sees them.
const NAMELESS: [&str; 2] = ["create", "deletecollection"];

/// What RBAC calls subresources of nodes when the kubelet asks whether somebody may call it.
const OF_THE_KUBELET: [&str; 8] =
    ["log", "metrics", "stats", "spec", "pods", "checkpoint", "configz", "healthz"];

/// Looks at every entry of every rule.
pub(super) fn check(spec: &PolicySpec, findings: &mut Findings) {
    for (index, rule) in rules(spec) {
        for Spot { value: entry, .. } in &rule.value.resources.value {
            if group(entry, index, findings) {
                let patterns = entry.resources.value.iter();
                patterns.for_each(|pattern| resource(&entry.group.value, pattern, index, findings));
                clusterwide(&rule.value, entry, index, findings);
            }
            nameless(&rule.value, entry, index, findings);
        }
    }
}

/// Whether the group is a built-in one. Those of others have a dot in their name.
fn group(entry: &ResourcesSpec, rule: usize, findings: &mut Findings) -> bool {
    let Spot { value: name, place } = &entry.group;
    if name == "*" {
        let message = "`group: \"*\"` is taken by kube-apiserver since 1.36; earlier ones refuse the policy";
        let fix = "for earlier versions, give every group an entry of its own";
        findings.note("needs-1-36", *place, Some(rule), message.to_owned(), fix.to_owned());
        return false;
    }
    if builtin::is_group(name) {
        return true;
    }
    if let Some(version) = builtin::gone_since(name, None) {
        gone(&format!("API group `{name}`"), version, *place, rule, findings);
        return false;
    }
    let meant = builtin::group_meant(name);
    if meant.is_some() || !name.contains('.') {
        let message = format!("no API group is called `{name}`, so this entry matches nothing");
        let fix = match meant {
            Some("") => "write `\"\"`, which is the core group".to_owned(),
            Some(group) => format!("write `{group}`"),
            None => "write the group's full name, as `kubectl api-resources` shows it".to_owned(),
        };
        findings.warning("unknown-group", *place, Some(rule), message, fix);
        meant.iter().for_each(|word| findings.mended_by(word));
    }
    false
}

/// What many policies still have from a time when it existed, and harms nothing.
fn gone(what: &str, version: &str, place: Place, rule: usize, findings: &mut Findings) {
    let message = format!(
        "{what} is gone since Kubernetes {version}: this matches only the requests of old clients, which are answered 404"
    );
    let fix = "nothing, if old clients are of interest; else remove it".to_owned();
    findings.note("gone", place, Some(rule), message, fix);
}

fn resource(group: &str, pattern: &Spot<String>, rule: usize, findings: &mut Findings) {
    let text = pattern.value.as_str();
    let (resource, subresource) = text.split_once('/').unwrap_or((text, ""));
    if text.is_empty() || resource.contains('*') || subresource.contains('/') {
        return;
    }
    if let Some(known) = builtin::find(group, resource) {
        return self::subresource(known, subresource, pattern, rule, findings);
    }
    if let Some(version) = builtin::gone_since(group, Some(resource)) {
        return gone(&format!("resource `{resource}`"), version, pattern.place, rule, findings);
    }
    let tail = text.strip_prefix(resource).unwrap_or_default();
    let shown = shown(group);
    let nothing =
        |what: String| format!("resource `{resource}` is not one of {what}, so the pattern matches nothing");
    let (code, fix) = if let Some(known) = builtin::meant(group, resource) {
        (
            "unknown-resource",
            format!("write `{}{tail}`: policies know resources by their plural", known.resource),
        )
    } else if let Some(home) = builtin::anywhere(resource) {
        (
            "wrong-group",
            format!("put `{}{tail}` into an entry with `group: {}`", home.resource, written(home.group)),
        )
    } else if builtin::is_settled(group) {
        (
            "unknown-resource",
            "write the resource as the first column of `kubectl api-resources` does".to_owned(),
        )
    } else {
        return;
    };
    findings.warning(code, pattern.place, Some(rule), nothing(shown), fix);
    if let Some(known) = builtin::meant(group, resource) {
        findings.mended_by(&format!("{}{tail}", known.resource));
    }
}

fn subresource(
    known: Builtin,
    subresource: &str,
    pattern: &Spot<String>,
    rule: usize,
    findings: &mut Findings,
) {
    if matches!(subresource, "" | "*")
        || known.subresources.contains(&subresource)
        || !builtin::is_settled(known.group)
    {
        return;
    }
    let (resource, subresources) = (known.resource, known.subresources);
    let message = format!("`{resource}` has no subresource `{subresource}`, so the pattern matches nothing");
    let lower = subresource.to_ascii_lowercase();
    let near = subresources.iter().find(|known| **known == lower || lower.strip_suffix('s') == Some(known));
    let fix = match near {
        Some(near) => format!("write `{resource}/{near}`"),
        None if resource == "nodes" && OF_THE_KUBELET.contains(&subresource) => {
            "write `nodes/proxy`: this is RBAC's word for an API of the kubelet, which is reached through the API server by `nodes/proxy` only".to_owned()
        }
        None if subresources.is_empty() => format!("write `{resource}`, which has no subresources"),
        None => format!(
            "write one of {}",
            subresources.iter().map(|s| format!("`{resource}/{s}`")).collect::<Vec<_>>().join(", ")
        ),
    };
    findings.warning("unknown-subresource", pattern.place, Some(rule), message, fix);
    near.iter().for_each(|near| findings.mended_by(&format!("{resource}/{near}")));
}

/// Resources without a namespace, in a rule that asks for one.
fn clusterwide(rule: &RuleSpec, entry: &ResourcesSpec, index: usize, findings: &mut Findings) {
    if rule.namespaces.is_empty() || rule.namespaces.value.iter().any(|namespace| namespace.value.is_empty())
    {
        return;
    }
    for pattern in &entry.resources.value {
        let resource = pattern.value.split('/').next().unwrap_or_default();
        // A request about one namespace has that namespace.
        let known =
            builtin::find(&entry.group.value, resource).filter(|known| known.resource != "namespaces");
        if known.is_some_and(|known| !known.namespaced) {
            let message = format!(
                "`{resource}` lives in no namespace, so with `namespaces` the pattern matches nothing"
            );
            let fix =
                format!("make a rule without `namespaces` for `{resource}`, or add `\"\"` to `namespaces`");
            findings.warning("cluster-scoped-resource", pattern.place, Some(index), message, fix);
        }
    }
}

/// Names in a rule whose requests have none.
fn nameless(rule: &RuleSpec, entry: &ResourcesSpec, index: usize, findings: &mut Findings) {
    let names = &entry.resource_names;
    let only_nameless =
        !rule.verbs.is_empty() && rule.verbs.value.iter().all(|verb| NAMELESS.contains(&verb.value.as_str()));
    let of_subresources = entry.resources.value.iter().any(|pattern| pattern.value.contains(['/', '*']));
    let empty = names.value.iter().any(|name| name.value.is_empty());
    if names.is_empty() || !only_nameless || of_subresources || empty {
        return;
    }
    let verbs: Vec<&str> = rule.verbs.value.iter().map(|verb| verb.value.as_str()).collect();
    let message = format!(
        "`resourceNames` never match here: the policy is asked before the server reads the object, and {} has no name in its path",
        verbs.join(" or ")
    );
    let fix =
        "remove `resourceNames`, or make a rule of its own for the verbs that name an object".to_owned();
    findings.warning("nameless-verb", names.place, Some(index), message, fix);
}

fn shown(group: &str) -> String {
    if group.is_empty() { "the core group's".to_owned() } else { format!("`{group}`'s") }
}

fn written(group: &str) -> String {
    if group.is_empty() { "\"\"".to_owned() } else { group.to_owned() }
}
