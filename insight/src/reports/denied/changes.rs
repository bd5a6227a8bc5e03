//! Changes of roles and bindings, and which of them came before refusals.
//!
//! Promises: at most [`MOST`] changes are kept, the newest of those that can take something away; only one that reaches
//! the namespace, and that lies between what was allowed and what was refused, is told: never one that came later. The
//! binding by which it was allowed comes first. Dry runs change nothing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::allowed::Same;
use super::refused::GROUPS;
use crate::clip::clip;
use crate::moment;
use crate::rows::Rows;

/// Most changes that are kept.
const MOST: usize = 4096;
/// Most changes that are told with one kind of refusal.
const TOLD: usize = 3;
/// A change longer before the first refusal is not told.
const WINDOW_US: i64 = 24 * 3_600_000_000;
/// API servers learn of a change a little later, and allow for so long what it takes away.
const SLACK_US: i64 = 10_000_000;

/// Changes of roles and bindings that can take something away, by time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Changes {
    newest: BTreeSet<Change>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Change {
    time: i64,
    audit_id: String,
    verb: String,
    resource: String,
    namespace: String,
    name: String,
    user: String,
}

/// A change that came before refusals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Before {
    /// How long before the first refusal, in seconds.
    pub seconds: i64,
    /// When.
    pub time: String,
    /// What was done.
    pub verb: String,
    /// `roles`, `rolebindings`, `clusterroles` or `clusterrolebindings`.
    pub resource: String,
    /// Where; empty for those of the whole cluster.
    pub namespace: String,
    /// Its name; empty where several were deleted at once.
    pub name: String,
    /// By whom.
    pub user: String,
    /// The request.
    pub audit_id: String,
    /// Whether it is the binding by which it was last allowed, or the role of that.
    pub gave_it: bool,
}

impl Changes {
    pub(super) fn add(&mut self, rows: &Rows<'_>, row: usize) {
        if is_dry_run(rows.words("request_uri").at(row).unwrap_or_default()) {
            return;
        }
        let text = |column| clip(rows.words(column).at(row).unwrap_or_default());
        let Some(time) = rows.times("time")(row) else { return };
        let user = rows.words("impersonated_user").at(row).map_or_else(|| text("user"), clip);
        let [audit_id, verb, resource, namespace, name] =
            ["audit_id", "verb", "resource", "namespace", "name"].map(text);
        self.newest.insert(Change { time, audit_id, verb, resource, namespace, name, user });
        self.make_room();
    }

    pub(super) fn merge(&mut self, other: Changes) {
        self.newest.extend(other.newest);
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.newest.len() > MOST {
            self.newest.pop_first();
        }
    }

    /// The changes after which the action may have been refused: what gave it first, then what was deleted, then the
    /// latest. None when it was never seen to be allowed before to a subject in these groups.
    pub(super) fn before(&self, action: &Action, same: &Same, groups: &[String], first: i64) -> Vec<Before> {
        let allowed = same.of_first;
        let Some(began) = allowed.first.filter(|began| *began < first) else { return Vec::new() };
        let is_same = same.by.is_none_or(|by| groups.len() >= GROUPS || by.counts_in(groups));
        if !is_same {
            return Vec::new();
        }
        // Where it was allowed again later, nothing is known of the last time before the refusals.
        let since = allowed.last.filter(|last| *last < first).unwrap_or(began);
        let since = (since - SLACK_US).max(first - WINDOW_US);
        let reaches = |change: &&Change| {
            (since..=first).contains(&change.time)
                && (change.namespace.is_empty() || change.namespace == action.namespace)
        };
        let gave_it = |change: &Change| {
            same.by.is_some_and(|by| by.is(&change.resource, &change.namespace, &change.name))
        };
        let changes = self.newest.iter().filter(reaches).map(|change| (gave_it(change), change));
        let mut changes: Vec<(bool, &Change)> = changes.collect();
        changes.sort_by_key(|(gave_it, change)| {
            (!gave_it, !change.verb.starts_with("delete"), std::cmp::Reverse(change.time))
        });
        changes.into_iter().take(TOLD).map(|(gave_it, change)| change.told(first, gave_it)).collect()
    }
}

/// Whether the query says so.
fn is_dry_run(uri: &str) -> bool {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(|pair| pair.strip_prefix("dryRun=").is_some_and(|value| !value.is_empty()))
}

impl Change {
    fn told(&self, first: i64, gave_it: bool) -> Before {
        Before {
            seconds: (first - self.time) / 1_000_000,
            time: moment::written(self.time),
            verb: self.verb.clone(),
            resource: self.resource.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            user: self.user.clone(),
            audit_id: self.audit_id.clone(),
            gave_it,
        }
    }
}
