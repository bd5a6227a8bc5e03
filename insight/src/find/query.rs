//! What to find.
//!
//! Promise: what is None is not asked for; a request counts once, as in every report; reads are left out unless asked
//! for, but ways into containers are no reads, whatever their verb.

use crate::requests::Requests;
use crate::rows::Rows;

/// What to find.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Who asked, or as whom they acted.
    pub user: Option<String>,
    /// In this namespace.
    pub namespace: Option<String>,
    /// With this verb.
    pub verb: Option<String>,
    /// About this resource: as `pods` with all that is below, or as `pods/exec`.
    pub resource: Option<String>,
    /// About an object of this name.
    pub name: Option<String>,
    /// Also `get`, `list` and `watch`.
    pub reads: bool,
    /// Most events that are kept.
    pub newest: usize,
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
        "resource",
        "subresource",
        "namespace",
        "name",
    ];

    /// Which of the rows are asked for.
    pub(super) fn matches(&self, rows: &Rows<'_>) -> impl Fn(usize) -> bool + use<> {
        let requests = Requests::of(rows);
        let is = |column: &str, wanted: &Option<String>| {
            let wanted = wanted.clone();
            let (text, any) = (rows.text(column), wanted.is_none());
            let is = text.which(|text| wanted.as_deref() == Some(text));
            (0..rows.len()).map(|row| any || is(row)).collect::<Vec<bool>>()
        };
        let (resource, subresource) = match self.resource.as_deref().and_then(|named| named.split_once('/')) {
            Some((resource, subresource)) => (Some(resource.to_owned()), Some(subresource.to_owned())),
            None => (self.resource.clone(), None),
        };
        let wanted = [
            is("namespace", &self.namespace),
            is("verb", &self.verb),
            is("resource", &resource),
            is("subresource", &subresource),
            is("name", &self.name),
        ];
        let (user, as_whom) = (is("user", &self.user), is("impersonated_user", &self.user));
        let (verb, below) = (rows.text("verb"), rows.text("subresource"));
        let read = verb.which(|verb| matches!(verb, "get" | "list" | "watch"));
        let session = below.which(|subresource| SESSIONS.contains(&subresource));
        let every = self.reads;
        let chosen: Vec<bool> = (0..rows.len())
            .map(|row| {
                requests.is_one(row)
                    && wanted.iter().all(|column| column[row])
                    && (user[row] || as_whom[row])
                    && (every || !read(row) || session(row))
            })
            .collect();
        move |row| chosen[row]
    }
}
