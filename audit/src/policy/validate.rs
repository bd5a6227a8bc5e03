//! Whether a decoded policy makes sense to the API server.
//!
//! Promises: the same errors, in the same order and words, as the server's own validation; each with its place.

use super::TargetVersion;
use super::document::{Fault, Place};
use super::spec::{PolicySpec, ResourcesSpec, RuleSpec, Spot};
use crate::go_text::{json_list, json_string, quoted};
use crate::{Level, Stage};

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const STAGES: &str = "allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic";
const BOTH: &str = "rules cannot apply to both regular resources and non-resource URLs";

/// All errors, in the server's order.
pub(super) fn faults(policy: &PolicySpec, target: TargetVersion) -> Vec<Fault> {
    let mut faults = Faults { found: Vec::new(), target };
    faults.stages("omitStages", &policy.omit_stages.value);
    for (index, rule) in policy.rules.value.iter().enumerate() {
        faults.rule(&format!("rules[{index}]"), rule.place, &rule.value);
    }
    faults.found
}

/// Several errors as the server prints them.
pub(super) fn joined(faults: &[Fault]) -> String {
    let mut messages: Vec<&str> = Vec::new();
    for fault in faults {
        if !messages.contains(&fault.message.as_str()) {
            messages.push(&fault.message);
        }
    }
    match messages.as_slice() {
        [single] => (*single).to_owned(),
        several => format!("[{}]", several.join(", ")),
    }
}

struct Faults {
    found: Vec<Fault>,
    target: TargetVersion,
}

impl Faults {
    fn push(&mut self, place: Place, message: String) {
        self.found.push(Fault { message, place });
    }

    fn rule(&mut self, path: &str, place: Place, rule: &RuleSpec) {
        self.level(path, place, &rule.level);
        for (index, url) in rule.non_resource_urls.value.iter().enumerate() {
            for why in url_faults(&url.value) {
                let shown = quoted(&url.value);
                self.push(
                    url.place,
                    format!("{path}.nonResourceURLs[{index}]: Invalid value: {shown}: {why}"),
                );
            }
        }
        for entry in &rule.resources.value {
            self.resources(path, &entry.value);
        }
        self.stages(&format!("{path}.omitStages"), &rule.omit_stages.value);
        let about_resources = !rule.resources.value.is_empty() || !rule.namespaces.is_empty();
        if about_resources && !rule.non_resource_urls.is_empty() {
            let shown = json_list(&rule.non_resource_urls.texts());
            let message = format!("{path}.nonResourceURLs: Invalid value: {shown}: {BOTH}");
            self.push(rule.non_resource_urls.place, message);
        }
    }

    fn level(&mut self, path: &str, rule_place: Place, level: &Spot<String>) {
        if level.value.is_empty() {
            let place = if level.place == Place::START { rule_place } else { level.place };
            self.push(place, format!("{path}.level: Required value"));
        } else if Level::from_name(level.value.as_bytes()).is_none() {
            let supported = Level::ALL.map(|level| quoted(level.name())).join(", ");
            let shown = json_string(&level.value);
            let message = format!("{path}.level: Unsupported value: {shown}: supported values: {supported}");
            self.push(level.place, message);
        }
    }

    fn resources(&mut self, path: &str, entry: &ResourcesSpec) {
        let group = &entry.group.value;
        let wildcard = group == "*" && self.target.has_group_wildcard();
        if !(group.is_empty() || wildcard || is_dns_subdomain(group)) {
            let too_long = group.len() > 253;
            let why = match (too_long, has_subdomain_form(group)) {
                (true, true) => "must be no more than 253 characters".to_owned(),
                (true, false) => format!("must be no more than 253 characters,{SUBDOMAIN}"),
                _ => SUBDOMAIN.to_owned(),
            };
            let shown = quoted(group);
            self.push(entry.group.place, format!("{path}.resources.group: Invalid value: {shown}: {why}"));
        }
        if entry.resources.is_empty() && !entry.resource_names.is_empty() {
            let shown = json_list(&entry.resource_names.texts());
            let message = format!(
                "{path}.resources.resourceNames: Invalid value: {shown}: using resourceNames requires at least one resource"
            );
            self.push(entry.resource_names.place, message);
        }
    }

    fn stages(&mut self, path: &str, stages: &[Spot<String>]) {
        for (index, stage) in stages.iter().enumerate() {
            if Stage::from_name(stage.value.as_bytes()).is_none() {
                let shown = json_string(&stage.value);
                self.push(stage.place, format!("{path}[{index}]: Invalid value: {shown}: {STAGES}"));
            }
        }
    }
}

/// Whether a text is a DNS-1123 subdomain of at most 253 characters, as API groups are.
pub(crate) fn is_dns_subdomain(group: &str) -> bool {
    group.len() <= 253 && has_subdomain_form(group)
}

fn has_subdomain_form(group: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    group.split('.').all(|label| {
        let bytes = label.as_bytes();
        bytes.first().is_some_and(plain)
            && bytes.last().is_some_and(plain)
            && bytes.iter().all(|byte| plain(byte) || *byte == b'-')
    })
}

/// What is wrong with a non-resource URL; both can be.
pub(crate) fn url_faults(url: &str) -> impl Iterator<Item = &'static str> {
    let checked = url != "*";
    let bare = checked && !url.starts_with('/');
    let starred = checked && url.bytes().rev().skip(1).any(|byte| byte == b'*');
    let bare = bare.then_some("non-resource URL rules must begin with a '/' character");
    let starred = starred.then_some("non-resource URL wildcards '*' must be the final character of the rule");
    bare.into_iter().chain(starred)
}

#[cfg(test)]
mod tests {
    use super::{is_dns_subdomain, url_faults};

    #[test]
    fn a_url_begins_with_a_slash_and_has_a_star_only_at_its_end() {
        for url in ["*", "/", "/*", "/a*", "/x?y=1", "/ ", "/é*"] {
            assert_eq!(url_faults(url).count(), 0, "{url}");
        }
        for (url, faults) in [("", 1), (" /x", 1), ("/a**", 1), ("/*/x", 1), ("*/", 2), ("**", 2), ("/*é", 1)]
        {
            assert_eq!(url_faults(url).count(), faults, "{url}");
        }
    }

    #[test]
    fn an_api_group_is_a_subdomain() {
        for group in ["apps", "1", "rbac.authorization.k8s.io", "a-b.c"] {
            assert!(is_dns_subdomain(group), "{group}");
        }
        for group in ["Apps", "apps/v1", "a..b", "-a", "a-", ".a", "a b", "**", &"a".repeat(254)] {
            assert!(!is_dns_subdomain(group), "{group}");
        }
    }
}
