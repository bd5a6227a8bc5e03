//! What a proposal gives that should not be given lightly.
//!
//! Promise: each danger once for each user, with the permissions that it comes from.

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
