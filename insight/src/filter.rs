//! Which requests a report tells, in words of kubectl: one filter for all reports.
//!
//! Promises: what is None is not asked for, all that is asked for must hold; `*` stands for any text; a resource is
//! named with or without its group: `pods`, `pods/log`, `deployments.apps`, `deployments.apps/scale`; a comma between two
//! of them means either: `pods,pods/*`.

/// Which requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only of these users; all nodes are `system:node:*`.
    pub user: Option<String>,
    /// Only in these namespaces.
    pub namespace: Option<String>,
    /// Only with these verbs.
    pub verb: Option<String>,
    /// Only for these resources.
    pub resource: Option<String>,
    /// Only for objects of these names.
    pub name: Option<String>,
}

impl Filter {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    pub(crate) fn user(&self, user: &str) -> bool {
        asked(self.user.as_deref(), user)
    }

    pub(crate) fn namespace(&self, namespace: &str) -> bool {
        asked(self.namespace.as_deref(), namespace)
    }

    pub(crate) fn verb(&self, verb: &str) -> bool {
        asked(self.verb.as_deref(), verb)
    }

    pub(crate) fn name(&self, name: &str) -> bool {
        asked(self.name.as_deref(), name)
    }

    pub(crate) fn resource(&self, group: &str, resource: &str, subresource: &str) -> bool {
        self.resource.as_deref().is_none_or(|pattern| is_resource(pattern, group, resource, subresource))
    }
}

fn asked(pattern: Option<&str>, text: &str) -> bool {
    pattern.is_none_or(|pattern| fits(pattern, text))
}

/// Whether a pattern names this resource, with or without its group.
pub(crate) fn is_resource(pattern: &str, group: &str, resource: &str, subresource: &str) -> bool {
    // The group may stand at the end: `deployments/scale.apps`.
    let has_both = !group.is_empty() && !subresource.is_empty();
    let turned = has_both.then(|| format!("{resource}/{subresource}.{group}"));
    let names = [resource_name("", resource, subresource), resource_name(group, resource, subresource)];
    pattern.split(',').map(str::trim).any(|pattern| {
        let is_turned = |name: &str| pattern.contains('/') && fits(pattern, name);
        names.iter().any(|name| fits(pattern, name)) || turned.as_deref().is_some_and(is_turned)
    })
}

/// `deployments.apps/scale`, as kubectl writes it; empty for no resource.
#[must_use]
pub fn resource_name(group: &str, resource: &str, subresource: &str) -> String {
    let mut name = resource.to_owned();
    for (mark, part) in [(".", group), ("/", subresource)] {
        if !part.is_empty() {
            name.push_str(mark);
            name.push_str(part);
        }
    }
    name
}

/// Whether a text fits a pattern, in which `*` stands for any text.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text) in [
            ("a", "a"),
            ("*", ""),
            ("a*", "abc"),
            ("*c", "abc"),
            ("a*c", "ac"),
            ("a*b*c", "a-b-b-c"),
            ("**", "x"),
            ("pods*", "pods/log"),
            ("*:kube-system:*", "system:serviceaccount:kube-system:x"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("a", "ab"),
            ("a*", "ba"),
            ("*c", "cb"),
            ("a*a", "a"),
            ("a*b*c", "acb"),
            ("ab*b", "ab"),
            ("*a", ""),
            ("pods", "pods/log"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_resource_is_named_with_or_without_its_group() {
        for pattern in [
            "deployments/scale",
            "deployments.apps/scale",
            "*.apps/scale",
            "*/scale",
            "deployments/scale.apps",
            "*/*.apps",
            "pods, */scale",
        ] {
            assert!(is_resource(pattern, "apps", "deployments", "scale"), "{pattern}");
        }
        for pattern in [
            "deployments",
            "deployments.apps",
            "*.apps",
            "deployments.extensions/scale",
            "deployments/scale.extensions",
            "pods,",
        ] {
            assert!(!is_resource(pattern, "apps", "deployments", "scale"), "{pattern}");
        }
    }
}
