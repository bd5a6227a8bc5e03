//! Which resources there are, and which one is meant by another word.
//!
//! Promise: a resource that a rule names by its own name, or that Kubernetes has without anybody adding any, is one;
//! of another word it is said what it may stand for, and nothing is taken for something else in silence.

use super::request::combined;
use super::{Rbac, Rule};
use crate::lint::builtin;

/// What is asked about acting as somebody: resources that no server serves, in no namespace.
const ACTED_AS: [&str; 4] = ["users", "groups", "uids", "userextras"];
/// The group of some of them.
const AUTHENTICATION: &str = "authentication.k8s.io";

/// Whether a resource of Kubernetes' own lives in namespaces; None of those of others.
#[must_use]
pub fn is_namespaced(group: &str, resource: &str) -> Option<bool> {
    let resource = resource.split('/').next().unwrap_or_default();
    if ACTED_AS.contains(&resource) && ["", AUTHENTICATION].contains(&group) {
        return Some(false);
    }
    builtin::find(group, resource).map(|known| known.namespaced)
}

/// Whether there is such a resource, which may be given with its subresource, as far as the roles and Kubernetes itself
/// tell.
#[must_use]
pub fn is_resource(rbac: &Rbac, group: &str, resource: &str) -> bool {
    let (whole, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let acted_as = group.is_empty() && ACTED_AS.contains(&whole) || group == AUTHENTICATION;
    acted_as || is_builtin(group, whole, subresource) || rbac.names(group, resource)
}

/// The group and the name of the resource that may be meant by a word that is none.
#[must_use]
pub fn meant(rbac: &Rbac, group: &str, word: &str) -> Option<(String, String)> {
    let (whole, subresource) = word.split_once('/').unwrap_or((word, ""));
    let home = builtin::group_meant(group).filter(|_| !builtin::is_group(group));
    let own = builtin::meant(home.unwrap_or(group), whole)
        .or_else(|| builtin::is_group(group).then(|| builtin::anywhere(whole)).flatten());
    if let Some(known) = own {
        let lower = subresource.to_ascii_lowercase();
        let near = |known: &&str| *known == lower || lower.strip_suffix('s') == Some(known);
        let subresource = match subresource {
            "" => "",
            _ => known.subresources.iter().copied().find(near)?,
        };
        return Some((known.group.to_owned(), combined(known.resource, subresource)));
    }
    rbac.group_of(word).filter(|_| group.is_empty()).map(|group| (group.to_owned(), word.to_owned()))
}

fn is_builtin(group: &str, resource: &str, subresource: &str) -> bool {
    builtin::find(group, resource)
        .is_some_and(|known| subresource.is_empty() || known.subresources.contains(&subresource))
}

impl Rbac {
    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.objects().roles.iter().flat_map(|role| &role.rules)
    }

    /// Whether a rule names this resource by its own name.
    fn names(&self, group: &str, resource: &str) -> bool {
        let is_group = |own: &String| own == group || own == "*";
        self.rules().any(|rule| {
            rule.resources.iter().any(|own| own == resource) && rule.api_groups.iter().any(is_group)
        })
    }

    /// The first group in which a rule names this resource.
    fn group_of(&self, resource: &str) -> Option<&str> {
        let named = self.rules().filter(|rule| rule.resources.iter().any(|own| own == resource));
        named.flat_map(|rule| &rule.api_groups).map(String::as_str).filter(|group| *group != "*").min()
    }
}
