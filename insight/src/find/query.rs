//! What to find.
//!
//! Promise: what is None is not asked for; reads are left out unless asked for, but ways into containers are no reads,
//! whatever their verb. Requests that are meant to last are found by their beginning and by their end.

use crate::filter::Filter;
use crate::groups::Groups;
use crate::requests::{Requests, is_long};
use crate::rows::Rows;

/// What to find.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Which requests. A user is whoever was authenticated or acted as; a resource without a subresource takes in all
    /// that is below.
    pub filter: Filter,
    /// Also `get`, `list` and `watch`.
    pub reads: bool,
    /// Most events that are kept.
    pub newest: usize,
}

/// How a row is what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// It is a request.
    Whole,
    /// It is the beginning of a request that is meant to last.
    Start,
    /// It is the end of such a request.
    End,
    /// It created something that got a name, which the line tells.
    Unnamed,
}

/// Ways into containers, whose sessions are told with their length.
pub(super) const SESSIONS: [&str; 3] = ["exec", "attach", "portforward"];

impl Query {
    pub(super) const COLUMNS: &'static [&'static str] = &[
        "time",
        "stage",
        "user",
        "impersonated_user",
        "verb",
        "api_group",
        "resource",
        "subresource",
        "namespace",
        "name",
        "level",
    ];

    /// Which of the rows are asked for, and as what.
    pub(super) fn matches(&self, rows: &Rows<'_>) -> impl Fn(usize) -> Option<Match> + use<> {
        let (requests, filter) = (Requests::of(rows), &self.filter);
        let texts = ["namespace", "name", "verb", "api_group", "resource", "subresource", "level"];
        let texts = texts.map(|column| rows.text(column));
        let [namespace, name, verb, group, resource, subresource, level] = &texts;
        let what = [&requests.user, &requests.impersonated, namespace, verb, group, resource, subresource];
        let groups = Groups::by(&what);
        let fits = |row: usize| {
            let (verb, below) = (verb.or_empty(row), subresource.or_empty(row));
            let is_read = matches!(verb, "get" | "list" | "watch") && !SESSIONS.contains(&below);
            let names = [&requests.user, &requests.impersonated].map(|user| user.at(row));
            (self.reads || !is_read)
                && (filter.user.is_none() || names.into_iter().flatten().any(|user| filter.user(user)))
                && filter.namespace(namespace.or_empty(row))
                && filter.verb(verb)
                && self.is_of(group.or_empty(row), resource.or_empty(row), below)
        };
        let lasts = |row: usize| is_long(verb.or_empty(row), subresource.or_empty(row));
        let examples = (0..groups.len()).map(|group| groups.example(group));
        let fits: Vec<Option<bool>> = examples.map(|row| fits(row).then(|| lasts(row))).collect();
        let named = name.which(|name| filter.name(name));
        let any_name = filter.name.is_none();
        let has_answer = level.which(|level| level == "RequestResponse");
        let is_unnamed = |row: usize| {
            let is_create = verb.or_empty(row) == "create" && subresource.or_empty(row).is_empty();
            is_create && name.at(row).is_none() && has_answer(row) && !resource.or_empty(row).is_empty()
        };
        let chosen = |row: usize| {
            let lasts = fits[groups.of(row)]?;
            if !any_name && name.at(row).is_none() {
                return (requests.is_one(row) && is_unnamed(row)).then_some(Match::Unnamed);
            }
            if !any_name && !named(row) {
                return None;
            }
            match (requests.is_one(row), lasts) {
                (true, false) => Some(Match::Whole),
                (true, true) => Some(Match::End),
                (false, true) if requests.is_start(row) => Some(Match::Start),
                _ => None,
            }
        };
        let chosen: Vec<Option<Match>> = (0..rows.len()).map(chosen).collect();
        move |row| chosen[row]
    }

    /// Whether no write of an object that is found is left out.
    pub(super) fn has_every_write(&self) -> bool {
        let Filter { user, verb, resource, .. } = &self.filter;
        user.is_none() && verb.is_none() && resource.as_ref().is_none_or(|resource| !resource.contains('/'))
    }

    /// Whether what is asked for is this resource, or above it.
    fn is_of(&self, group: &str, resource: &str, subresource: &str) -> bool {
        let below = self.filter.resource.as_ref().is_some_and(|pattern| !pattern.contains('/'));
        self.filter.resource(group, resource, subresource)
            || (below && self.filter.resource(group, resource, ""))
    }
}
