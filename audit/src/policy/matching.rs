//! Whether the conditions of a rule hold for a request.
//!
//! Promises: the answer is that of kube-apiserver's own checker. All given conditions must hold; an empty list is
//! no condition; names are compared byte by byte, and the only wildcards are those of resource patterns, of the
//! resource group, and the end of a non-resource URL.

use crate::Attributes;

/// What must hold for a rule to apply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Conditions {
    pub(crate) users: Vec<String>,
    pub(crate) user_groups: Vec<String>,
    pub(crate) verbs: Vec<String>,
    pub(crate) resources: Vec<GroupResources>,
    pub(crate) namespaces: Vec<String>,
    pub(crate) non_resource_urls: Vec<String>,
}

/// One entry of `resources`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct GroupResources {
    pub(crate) group: String,
    pub(crate) resources: Vec<String>,
    pub(crate) resource_names: Vec<String>,
}

/// The first condition of a rule that did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Unmet {
    Users,
    UserGroups,
    Verbs,
    ResourceRequest,
    Namespaces,
    Resources,
    NonResourceRequest,
    NonResourceUrls,
}

impl Conditions {
    /// Whether all conditions hold; the cheapest are looked at first.
    #[inline]
    pub(crate) fn hold(&self, attributes: &Attributes<'_>) -> bool {
        (self.verbs.is_empty() || contains(&self.verbs, &attributes.verb))
            && self.users_hold(attributes)
            && self.unmet_target(attributes).is_none()
            && self.groups_hold(attributes)
    }

    /// The first condition that does not hold.
    pub(crate) fn unmet(&self, attributes: &Attributes<'_>) -> Option<Unmet> {
        if !self.users_hold(attributes) {
            return Some(Unmet::Users);
        }
        if !self.groups_hold(attributes) {
            return Some(Unmet::UserGroups);
        }
        if !self.verbs.is_empty() && !contains(&self.verbs, &attributes.verb) {
            return Some(Unmet::Verbs);
        }
        self.unmet_target(attributes)
    }

    fn users_hold(&self, attributes: &Attributes<'_>) -> bool {
        self.users.is_empty() || attributes.user.as_deref().is_some_and(|user| contains(&self.users, user))
    }

    fn groups_hold(&self, attributes: &Attributes<'_>) -> bool {
        self.user_groups.is_empty()
            || (attributes.user.is_some() && attributes.groups.any_of(&self.user_groups))
    }

    /// What the request is about: a resource, a path, or either when nothing is asked for.
    fn unmet_target(&self, attributes: &Attributes<'_>) -> Option<Unmet> {
        if !self.resources.is_empty() || !self.namespaces.is_empty() {
            return self.unmet_resource(attributes);
        }
        if self.non_resource_urls.is_empty() {
            return None;
        }
        if attributes.resource_request {
            return Some(Unmet::NonResourceRequest);
        }
        let held = self.non_resource_urls.iter().any(|url| url_matches(url, &attributes.path));
        (!held).then_some(Unmet::NonResourceUrls)
    }

    fn unmet_resource(&self, attributes: &Attributes<'_>) -> Option<Unmet> {
        if !attributes.resource_request {
            return Some(Unmet::ResourceRequest);
        }
        if !self.namespaces.is_empty() && !contains(&self.namespaces, &attributes.namespace) {
            return Some(Unmet::Namespaces);
        }
        (!self.covers_resource(attributes)).then_some(Unmet::Resources)
    }

    /// Whether `resources` hold for a request about a resource.
    pub(crate) fn covers_resource(&self, attributes: &Attributes<'_>) -> bool {
        self.resources.is_empty() || self.resources.iter().any(|entry| entry.holds(attributes))
    }
}

impl GroupResources {
    fn holds(&self, attributes: &Attributes<'_>) -> bool {
        (self.group == attributes.api_group || self.group == "*")
            && (self.resources.is_empty()
                || (self.resource_names.is_empty() || contains(&self.resource_names, &attributes.name))
                    && self.resources.iter().any(|pattern| {
                        resource_matches(pattern, &attributes.resource, &attributes.subresource)
                    }))
    }
}

fn contains(names: &[String], name: &str) -> bool {
    names.iter().any(|given| given == name)
}

/// Whether a pattern of `resources[].resources` covers a resource and its subresource.
///
/// `x/*` covers plain `x` too, as the server's code does and its documentation does not say.
pub(crate) fn resource_matches(pattern: &str, resource: &str, subresource: &str) -> bool {
    pattern == "*"
        || is_combined(pattern, resource, subresource)
        || (!subresource.is_empty() && pattern.strip_prefix("*/") == Some(subresource))
        || pattern.strip_suffix("/*") == Some(resource)
}

fn is_combined(pattern: &str, resource: &str, subresource: &str) -> bool {
    if subresource.is_empty() {
        return pattern == resource;
    }
    pattern.strip_prefix(resource).and_then(|rest| rest.strip_prefix('/')) == Some(subresource)
}

/// Whether an entry of `nonResourceURLs` covers a path.
pub(crate) fn url_matches(url: &str, path: &str) -> bool {
    url == "*" || url == path || (url.ends_with('*') && path.starts_with(url.trim_end_matches('*')))
}

#[cfg(test)]
mod tests {
    use super::{resource_matches, url_matches};

    #[test]
    fn resource_patterns_cover_what_the_server_says_they_cover() {
        for (pattern, resource, subresource, covered) in [
            ("pods", "pods", "", true),
            ("pods", "pods", "log", false),
            ("pods/log", "pods", "log", true),
            ("pods/log", "pods", "", false),
            ("pods/log", "pods", "logs", false),
            ("*", "pods", "log", true),
            ("*/log", "pods", "log", true),
            ("*/log", "pods", "", false),
            ("*/", "pods", "", false),
            ("pods/*", "pods", "", true),
            ("pods/*", "pods", "log", true),
            ("pods/*", "podsx", "log", false),
            ("*/*", "pods", "log", false),
            ("*/*", "pods", "*", true),
            ("*/*", "*", "", true),
            ("po*", "pods", "", false),
            ("Pods", "pods", "", false),
            ("", "", "", true),
        ] {
            assert_eq!(
                resource_matches(pattern, resource, subresource),
                covered,
                "{pattern} {resource} {subresource}"
            );
        }
    }

    #[test]
    fn a_url_ends_in_a_star_or_is_the_path() {
        for (url, path, covered) in [
            ("*", "", true),
            ("/healthz*", "/healthzz", true),
            ("/healthz/*", "/healthz", false),
            ("/healthz/*", "/healthz/", true),
            ("/healthz", "/healthz/", false),
            ("/*", "/x", true),
            ("/a**", "/ab", true),
        ] {
            assert_eq!(url_matches(url, path), covered, "{url} {path}");
        }
    }
}
