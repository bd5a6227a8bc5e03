//! Who used and wanted which permissions, and the least roles for one of them.
//!
//! Promises: what is proposed is what `auditrail rbac suggest` proposes, and was put to the test: every recorded request
//! is asked of it again; all is bounded by what [`Uses`] keeps.

use std::collections::BTreeMap;

use audit::rbac::{self, Left, Mode, Options, Rbac, Seen, Subject, Uses};
use serde::Serialize;

use crate::filter::fits;
use crate::moment;

/// Most requests that a proposal does not allow, which are named.
const NAMED: usize = 50;

/// Somebody who used permissions, or wanted to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct User {
    /// The name.
    pub(crate) user: String,
    /// Whether requests need no role: a member of `system:masters`, which may do all, or a node.
    pub(crate) beyond_roles: bool,
    /// Kinds of requests that were allowed.
    pub(crate) used: u64,
    /// How many such requests.
    pub(crate) allowed: u64,
    /// Kinds of requests that were refused.
    pub(crate) wanted: u64,
    /// How many such requests.
    pub(crate) refused: u64,
    /// When the last one was.
    pub(crate) last: String,
}

/// What one user did or wanted to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Use {
    /// The verb.
    pub(crate) verb: String,
    /// `deployments.apps/scale`, or a path.
    pub(crate) what: String,
    /// The namespace; empty for the cluster.
    pub(crate) namespace: String,
    /// Some of the names, in the order of the alphabet.
    pub(crate) names: Vec<String>,
    /// How many names there were beyond those; None when they are not known any more.
    pub(crate) more_names: Option<usize>,
    /// Requests that were allowed.
    pub(crate) allowed: u64,
    /// Requests that were refused.
    pub(crate) refused: u64,
    /// By which roles, of which bindings.
    pub(crate) by: Vec<String>,
}

/// The least roles for one user, with the test that they passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Proposed {
    /// For whom.
    pub(crate) user: String,
    /// `used`, `wanted` or `fix`.
    pub(crate) mode: &'static str,
    /// How many recorded requests were asked again.
    pub(crate) requests: u64,
    /// How many of them the roles allow.
    pub(crate) allowed: u64,
    /// Some of those that they do not.
    pub(crate) not_allowed: Vec<String>,
    /// How many permissions they give.
    pub(crate) permissions: u64,
    /// What speaks against giving them.
    pub(crate) careful: Vec<String>,
    /// Roles and bindings for `kubectl apply`; empty when there is nothing to give.
    pub(crate) yaml: String,
}

/// Names that are told of a use.
const NAMES: usize = 3;

/// Those whose names fit, who had most requests first.
pub(crate) fn users(uses: &Uses, pattern: &str) -> Vec<User> {
    let mut users: BTreeMap<&str, (User, i64)> = BTreeMap::new();
    for (who, _, seen) in uses.iter().filter(|(who, ..)| pattern.is_empty() || fits(pattern, &who.user)) {
        let (user, last) = users.entry(&who.user).or_default();
        user.beyond_roles |= who.is_in("system:masters") || who.is_in("system:nodes");
        user.used += u64::from(!seen.allowed.is_empty());
        user.allowed += seen.allowed.count;
        user.wanted += u64::from(!seen.refused.is_empty());
        user.refused += seen.refused.count;
        *last = (*last).max(seen.allowed.last).max(seen.refused.last);
    }
    let written = |(name, (user, last)): (&str, (User, i64))| User {
        user: name.to_owned(),
        last: moment::written(last),
        ..user
    };
    let mut users: Vec<User> = users.into_iter().map(written).collect();
    users.sort_by_key(|user| std::cmp::Reverse(user.allowed + user.refused));
    users
}

/// What was no use of a permission, in words.
pub(crate) fn left(uses: &Uses) -> Vec<String> {
    let told = uses.left().iter().filter_map(|(left, count)| {
        let what = match left {
            Left::Undecided => return None,
            Left::Unauthenticated => "requests of nobody (401), which no role can allow",
            Left::BeforeAuthorization => "requests that ended before the authorizer was asked, such as 429",
            Left::RefusedImpersonation => {
                "requests to act as somebody else that were refused; the log has no answer that says as whom"
            }
            Left::TooMany => "requests beyond the number of uses that can be told apart",
        };
        Some(format!("{count} {what}"))
    });
    told.collect()
}

/// What one user did and wanted to do: the refused first, then the most frequent.
pub(crate) fn uses_of(uses: &Uses) -> Vec<Use> {
    let mut rows: Vec<Use> = uses.iter().map(|(_, what, seen)| use_of(what.request(), seen)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.refused, row.allowed)));
    rows
}

fn use_of(request: &rbac::Request, seen: &Seen) -> Use {
    let after =
        |mark: &str, text: &str| if text.is_empty() { String::new() } else { format!("{mark}{text}") };
    let what = match &request.target {
        rbac::Target::Path(path) => path.clone(),
        rbac::Target::Resource { group, resource, subresource, .. } => {
            format!("{resource}{}{}", after(".", group), after("/", subresource))
        }
    };
    let mut names: Vec<&String> = seen.allowed.names.keys().chain(seen.refused.names.keys()).collect();
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    let many = seen.allowed.many || seen.refused.many;
    Use {
        verb: request.verb.clone(),
        what,
        namespace: request.namespace().to_owned(),
        names: names.iter().take(NAMES).map(|name| (*name).clone()).collect(),
        more_names: (!many).then(|| names.len().saturating_sub(NAMES)),
        allowed: seen.allowed.count,
        refused: seen.refused.count,
        by: seen.via.keys().map(|via| format!("{} (by {})", via.role, via.binding)).take(NAMES).collect(),
    }
}

/// The least roles for one user, whose uses these are.
pub(crate) fn roles(user: &str, uses: &Uses, mode: Mode) -> Proposed {
    let proposal = rbac::suggest(uses, &Options { mode, ..Options::default() }, None);
    let replay = rbac::replay(uses, &Rbac::new(proposal.objects.clone()), mode);
    let mut careful = Vec::new();
    for (user, set) in &proposal.permissions {
        let subject = Subject::of_user(user);
        for (scope, permission, names) in set.iter() {
            let dangers = rbac::dangers(Some(&subject), permission, names);
            careful
                .extend(dangers.iter().map(|danger| format!("{}: {}", words(permission, scope), danger.why)));
        }
    }
    careful.dedup();
    careful.truncate(NAMED);
    Proposed {
        user: user.to_owned(),
        mode: word(mode),
        requests: replay.requests,
        allowed: replay.allowed,
        not_allowed: replay.refused.iter().take(NAMED).map(|(_, request)| request.to_string()).collect(),
        permissions: proposal.count(),
        careful,
        yaml: rbac::to_yaml(&proposal.objects),
    }
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Used => "used",
        Mode::Wanted => "wanted",
        Mode::Fix => "fix",
    }
}

fn words(permission: &rbac::Permission, scope: &str) -> String {
    let (what, verb) = match permission {
        rbac::Permission::Path { path, verb } => (path.clone(), verb),
        rbac::Permission::Resource { group, resource, verb } => (rbac::in_full(group, resource), verb),
    };
    if scope.is_empty() { format!("{verb} {what}") } else { format!("{verb} {what} in {scope}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws;
    use crate::reports::usage::Usage;

    fn recorded() -> Uses {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../audit/tests/fixtures/rbac/audit.log.zst");
        laws::folded::<Usage>(&laws::lines(&std::fs::read(path).unwrap())).all()
    }

    #[test]
    fn roles_from_use_allow_every_recorded_request_of_their_user() {
        let uses = recorded();
        let users = users(&uses, "");
        assert!(
            users.len() > 5
                && users
                    .is_sorted_by(|one, other| one.allowed + one.refused >= other.allowed + other.refused)
        );
        for user in &users {
            let own = uses.only(|who| who.user == user.user);
            let told = uses_of(&own);
            assert_eq!(told.iter().map(|row| row.allowed).sum::<u64>(), user.allowed, "{}", user.user);
            assert_eq!(
                told.iter().filter(|row| row.refused > 0).count() as u64,
                user.wanted,
                "{}",
                user.user
            );
            let proposed = roles(&user.user, &own, Mode::Wanted);
            assert!(
                proposed.allowed == proposed.requests && proposed.requests >= user.allowed,
                "{proposed:?}"
            );
            let (used, fix) = (roles(&user.user, &own, Mode::Used), roles(&user.user, &own, Mode::Fix));
            assert!(used.permissions <= proposed.permissions, "{used:?}");
            assert_eq!(fix.yaml.is_empty(), user.wanted == 0, "{fix:?}");
        }
    }

    #[test]
    fn users_are_found_by_a_pattern() {
        let uses = recorded();
        let found = users(&uses, "system:serviceaccount:*");
        assert!(
            !found.is_empty() && found.iter().all(|user| user.user.starts_with("system:serviceaccount:"))
        );
        assert!(users(&uses, "nobody-has-this-name").is_empty());
    }
}
