//! Kinds of requests: those that no rule of a policy is likely to tell apart, by verb, level, resource, user and
//! namespace (or the beginning of the path). Whether begins are logged is a matter of the rule, and so of the kind.
//!
//! Promises: the begin and the end of a request are of one kind, since both have everything that it is made of; the
//! kinds that are kept are a bounded function of the set of what was added (those with the smallest hashes), and of
//! those that are not kept nothing is claimed.

use std::collections::BTreeSet;
use std::hash::Hasher;

use serde::{Deserialize, Serialize};

use crate::groups::Groups;
use crate::rows::{Rows, Words};
use crate::shares::{Fnv, Sum};

/// Most kinds that are kept.
const MOST: usize = 1 << 14;
/// A kind is a number of so many bits.
pub(super) const BITS: u32 = 56;

/// Kinds that were seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kinds(BTreeSet<u64>);

impl Kinds {
    /// Adds a kind.
    pub(super) fn see(&mut self, kind: u64) {
        if self.0.insert(kind) && self.0.len() > MOST {
            self.0.pop_last();
        }
    }

    /// Whether the kind was seen, and is kept.
    pub(super) fn has(&self, kind: u64) -> bool {
        self.0.contains(&kind)
    }
}

impl Sum for Kinds {
    fn add(&mut self, other: Kinds) {
        other.0.into_iter().for_each(|kind| self.see(kind));
    }
}

/// The kinds of rows.
pub(super) struct Columns<'b> {
    groups: Groups,
    /// The hash of what the rows of a group have in common.
    hashes: Vec<u64>,
    uri: Words<'b>,
}

/// The columns that tell a kind, besides the path.
pub(super) const COLUMNS: [&str; 6] = ["verb", "level", "api_group", "resource", "subresource", "user"];

impl<'b> Columns<'b> {
    pub(super) fn of(rows: &Rows<'b>) -> Columns<'b> {
        let texts = COLUMNS.map(|column| rows.text(column));
        let groups = Groups::by(&texts.each_ref());
        let hash = |group| {
            let mut hasher = Fnv::default();
            for text in &texts {
                hasher.write(one_for_all_nodes(text.or_empty(groups.example(group))).as_bytes());
                hasher.write(&[0xff]);
            }
            hasher.finish()
        };
        Columns { hashes: (0..groups.len()).map(hash).collect(), uri: rows.words("request_uri"), groups }
    }

    /// The kind of a row's request.
    pub(super) fn at(&self, row: usize) -> u64 {
        let mut hasher = Fnv::default();
        hasher.write(&self.hashes[self.groups.of(row)].to_le_bytes());
        hasher.write(place(self.uri.at(row).unwrap_or_default()).as_bytes());
        let hash = hasher.finish();
        (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - BITS)
    }
}

fn one_for_all_nodes(user: &str) -> &str {
    const NODE: &str = "system:node:";
    if user.starts_with(NODE) { NODE } else { user }
}

/// The namespace in a path, else where it begins. (In `objectRef` the end of a request may have a namespace that its
/// begin has not.)
fn place(uri: &str) -> &str {
    // Only what is told is cut before the query: most URIs are long.
    let without_query = |part: &'_ str| part.find(['?', '#']).unwrap_or(part.len());
    let mut parts = uri.split('/').skip(1);
    let first = parts.next().unwrap_or_default();
    let mut behind = match first {
        "api" => parts.skip(1),
        "apis" => parts.skip(2),
        _ => return &first[..without_query(first)],
    };
    let namespace = match (behind.next(), behind.next()) {
        (Some("namespaces"), Some(namespace)) => namespace,
        // `watch` in front is an old way to write it.
        (Some("watch"), Some("namespaces")) => behind.next().unwrap_or_default(),
        _ => "",
    };
    &namespace[..without_query(namespace)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_or_the_beginning_of_the_path_tells_kinds_apart() {
        for (uri, expected) in [
            ("/api/v1/namespaces/web/pods?limit=5", "web"),
            ("/apis/apps/v1/namespaces/web/deployments/a/scale", "web"),
            ("/api/v1/watch/namespaces/web/pods", "web"),
            ("/api/v1/pods", ""),
            ("/apis/rbac.authorization.k8s.io/v1/clusterroles/view", ""),
            ("/healthz/etcd?verbose", "healthz"),
            ("/", ""),
            ("", ""),
        ] {
            assert_eq!(place(uri), expected, "{uri}");
        }
    }

    #[test]
    fn which_kinds_are_kept_depends_on_the_set_of_all_alone() {
        let of = |kinds: &mut dyn Iterator<Item = u64>| {
            let mut seen = Kinds::default();
            kinds.for_each(|kind| seen.see(kind.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8));
            seen
        };
        let all = MOST as u64 + 500;
        let whole = of(&mut (0..all));
        let mut parts = of(&mut (0..all / 3).rev());
        parts.add(of(&mut (all / 4..all)));
        assert!(parts == whole && whole.0.len() == MOST);
    }
}
