//! What a proposal gives that should not be given lightly.
//!
//! Promises: each danger once for each user, with the permissions that it comes from; where the log may have asked for
//! less than is proposed, that is said.

use std::collections::BTreeMap;

use audit::rbac::{self, Permission, Proposal, Subject, in_full};
use serde::Serialize;

/// A danger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    pub(crate) user: String,
    pub(crate) code: &'static str,
    pub(crate) why: &'static str,
    /// The permissions, as `verb resource.group`.
    pub(crate) permissions: Vec<String>,
}

/// The dangers of a proposal.
pub(crate) fn of(proposal: &Proposal) -> Vec<Row> {
    let mut found = BTreeMap::new();
    let users = proposal.permissions.iter().map(|(user, set)| (user.clone(), Subject::of_user(user), set));
    let groups = proposal
        .shared
        .iter()
        .map(|(group, set)| (format!("group {group}"), Subject::Group(group.clone()), set));
    for (user, subject, set) in users.chain(groups) {
        for (scope, permission, names) in set.iter() {
            for danger in rbac::dangers(Some(&subject), permission, names) {
                let permissions: &mut Vec<String> = found.entry((user.clone(), danger)).or_default();
                permissions.push(words(permission, scope));
            }
        }
    }
    let row = |((user, danger), permissions): ((String, rbac::Danger), Vec<String>)| Row {
        user: user.clone(),
        code: danger.code,
        why: danger.why,
        permissions,
    };
    found.into_iter().map(row).collect()
}

/// What is said of proposals to act as somebody else.
const UNCONSTRAINED: &str = "acting as somebody else is proposed as `impersonate`, which is for every request; where the \
    API server held it to less (authenticationMetadata.impersonationConstraint in the line of the event), \
    `impersonate:MODE` and `impersonate-on:MODE:VERB` are enough: docs/rbac.md says which events that are";

/// What a proposal gives more of than may have been used, because the columns of events do not tell: whether acting as
/// somebody else was constrained.
pub(crate) fn unconstrained(proposal: &Proposal) -> Option<String> {
    let sets = proposal.permissions.values().chain(proposal.shared.values());
    let mut verbs = sets.flat_map(|set| set.iter()).map(|(_, permission, _)| match permission {
        Permission::Path { verb, .. } | Permission::Resource { verb, .. } => verb,
    });
    verbs.any(|verb| verb == "impersonate").then(|| UNCONSTRAINED.to_owned())
}

fn words(permission: &Permission, scope: &str) -> String {
    let (what, verb) = match permission {
        Permission::Path { path, verb } => (path.clone(), verb),
        Permission::Resource { group, resource, verb } => (in_full(group, resource), verb),
    };
    if scope.is_empty() { format!("{verb} {what}") } else { format!("{verb} {what} in {scope}") }
}

impl Row {
    /// In one line.
    pub(crate) fn line(&self) -> String {
        format!("{}: {} ({}: {})", self.user, self.permissions.join(", "), self.code, self.why)
    }
}
