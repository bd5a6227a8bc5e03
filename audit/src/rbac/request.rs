//! A request as the authorizer sees it, and who makes it.
//!
//! Promises: the name and the namespace are those of the request itself, never those of a created object's body; a
//! resource is written as kubectl writes it, and read back as it was written.

use serde::{Deserialize, Serialize};

use std::fmt;

use super::Subject;

/// A user with the groups that the request came with.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Who {
    /// The user's name.
    pub user: String,
    /// The groups, in order and each once.
    pub groups: Vec<String>,
}

impl Who {
    /// A user with these groups.
    pub fn new(user: impl Into<String>, groups: impl IntoIterator<Item = impl Into<String>>) -> Who {
        let mut groups: Vec<String> = groups.into_iter().map(Into::into).collect();
        groups.sort_unstable();
        groups.dedup();
        Who { user: user.into(), groups }
    }

    /// A user with the groups that everybody of that name has: those of a service account for one, else those of
    /// whoever is authenticated.
    #[must_use]
    pub fn named(user: &str) -> Who {
        if user == "system:anonymous" {
            return Who::new(user, ["system:unauthenticated"]);
        }
        let mut groups = vec!["system:authenticated".to_owned()];
        if let Subject::ServiceAccount { namespace, .. } = Subject::of_user(user) {
            groups.push("system:serviceaccounts".to_owned());
            groups.push(format!("system:serviceaccounts:{namespace}"));
        }
        Who::new(user, groups)
    }

    /// Whether the user is in the group.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }
}

/// What a request wants to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Request {
    /// The verb; for a path the method in lower case.
    pub verb: String,
    /// With what.
    pub target: Target,
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Target {
    /// A resource; what does not apply is empty.
    Resource {
        /// The API group; empty for the core group.
        group: String,
        /// The resource in the plural.
        resource: String,
        /// The subresource.
        subresource: String,
        /// The namespace; empty for cluster-scoped requests and those over all namespaces.
        namespace: String,
        /// The object's name; empty for requests without one.
        name: String,
    },
    /// A path, without its query.
    Path(String),
}

impl Request {
    /// A request about a resource, which may be given with its subresource (`pods/log`).
    #[must_use]
    pub fn resource(verb: &str, group: &str, resource: &str, namespace: &str, name: &str) -> Request {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let target = Target::Resource {
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        Request { verb: verb.to_owned(), target }
    }

    /// A request for a path.
    #[must_use]
    pub fn path(verb: &str, path: &str) -> Request {
        Request { verb: verb.to_owned(), target: Target::Path(path.to_owned()) }
    }

    /// A request for the path of this URI, which is decoded and loses its query.
    #[must_use]
    pub fn uri(verb: &str, uri: &str) -> Request {
        Request::path(verb, &crate::attributes::decoded_path(uri))
    }

    /// The namespace, empty when there is none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match &self.target {
            Target::Resource { namespace, .. } => namespace,
            Target::Path(_) => "",
        }
    }
}

/// A resource with its subresource, as rules name it.
pub(super) fn combined(resource: &str, subresource: &str) -> String {
    if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") }
}

/// A resource, which may have its subresource, with its group, as kubectl writes it: `deployments.apps/scale`.
#[must_use]
pub fn in_full(group: &str, resource: &str) -> String {
    let (whole, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    match group {
        "" => resource.to_owned(),
        group => combined(&format!("{whole}.{group}"), subresource),
    }
}

/// The group, and the resource with its subresource, of what [`in_full`] wrote. The group may also stand at the end
/// (`deployments/scale.apps`).
#[must_use]
pub fn of_full(text: &str) -> (String, String) {
    let (whole, subresource) = text.split_once('/').unwrap_or((text, ""));
    if let Some((resource, group)) = whole.split_once('.') {
        return (group.to_owned(), combined(resource, subresource));
    }
    match subresource.split_once('.') {
        // No group has a slash; keys of `userextras` have.
        Some((subresource, group)) if !group.contains('/') => {
            (group.to_owned(), combined(whole, subresource))
        }
        _ => (String::new(), text.to_owned()),
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (resource, namespace, name) = match &self.target {
            Target::Path(path) => return write!(f, "{} {path}", self.verb),
            Target::Resource { group, resource, subresource, namespace, name } => {
                (in_full(group, &combined(resource, subresource)), namespace, name)
            }
        };
        write!(f, "{} {resource}", self.verb)?;
        if !name.is_empty() {
            write!(f, " {name}")?;
        }
        if namespace.is_empty() { write!(f, " in the cluster") } else { write!(f, " in {namespace}") }
    }
}
