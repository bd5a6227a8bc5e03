//! Rows that were picked for a closer look.
//!
//! Promise: whichever columns were read of them, a row is of the same kind and meant by the same detections.

use super::catalogue::Detection;
use super::looks::{Look, Request};
use super::select::{Kind, Kinds};
use crate::rows::{Rows, Words};
use crate::tally::Tally;

/// The rows.
pub(super) struct Looked<'r> {
    rows: &'r Rows<'r>,
    kinds: Kinds<'r>,
    name: Words<'r>,
    uri: Words<'r>,
    decision: Words<'r>,
    ids: Words<'r>,
    stage: Words<'r>,
}

impl<'r> Looked<'r> {
    pub(super) fn of(rows: &'r Rows<'r>) -> Looked<'r> {
        let words = |column| rows.words(column);
        let columns = ["name", "request_uri", "decision", "audit_id", "stage"];
        let [name, uri, decision, ids, stage] = columns.map(words);
        Looked { rows, kinds: Kinds::of(rows), name, uri, decision, ids, stage }
    }

    pub(super) fn kind(&self, row: usize) -> Kind<'r> {
        self.kinds.at(row)
    }

    pub(super) fn name(&self, row: usize) -> &'r str {
        self.name.at(row).unwrap_or_default()
    }

    pub(super) fn decision(&self, row: usize) -> &'r str {
        self.decision.at(row).unwrap_or_default()
    }

    /// Whether it is the beginning of a request that is meant to last; who did not log in leaves nothing else.
    pub(super) fn is_start(&self, row: usize) -> bool {
        self.stage.at(row) == Some("ResponseStarted") && !self.kind(row).user.is_empty()
    }

    /// The path, without the query.
    pub(super) fn path(&self, row: usize) -> &'r str {
        self.uri.at(row).unwrap_or_default().split(['?', '#']).next().unwrap_or_default()
    }

    pub(super) fn code(&self, row: usize) -> i32 {
        self.rows.codes()(row).unwrap_or_default()
    }

    pub(super) fn tally(&self, row: usize) -> Tally {
        Tally::of(self.rows.times("time")(row), self.ids.at(row))
    }

    /// The request, with its line or without.
    pub(super) fn request(&self, row: usize, line: Option<&'r [u8]>) -> Request<'r> {
        let (kind, uri) = (self.kind(row), self.uri.at(row).unwrap_or_default());
        let texts = [kind.verb, kind.resource, kind.namespace, self.name(row), uri];
        match line {
            Some(line) => Request::new(texts, line),
            None => Request::without_line(texts),
        }
    }

    /// The detections that it may be and that want a look.
    pub(super) fn meant(&self, row: usize) -> impl Iterator<Item = (&'static Detection, Look)> {
        let (code, decision) = (self.code(row), self.decision(row));
        let detections: Vec<&Detection> = self.kind(row).detections().collect();
        let answered = detections.into_iter().filter(move |found| found.rule.is_answered(code, decision));
        let is_start = self.is_start(row);
        let wanting = answered.filter_map(|detection| Some((detection, detection.look()?)));
        wanting.filter(move |(_, look)| !(is_start && look.is_of_body()))
    }
}
