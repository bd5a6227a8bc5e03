//! What would mend a finding, as changes of its text.
//!
//! Promise: each finding's changes, made alone, are accepted as corrections are.

use super::remedy::Patient;
use super::{Attempt, Finding, Reader};
use crate::TargetVersion;
use crate::policy::document;

/// A part of a text, from one place to another, and what to put there; lines and columns as in a [`Finding`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Line and column of the first character that goes.
    pub from: (usize, usize),
    /// Line and column behind the last one; the same as `from` where nothing goes.
    pub to: (usize, usize),
    /// What comes.
    pub text: String,
}

/// For each of the findings, which are all those of the text, how to mend it; nothing where there is no one way. Of a
/// long text with many findings, the last ones have nothing either.
#[must_use]
pub fn edits(text: &str, findings: &[Finding], target: TargetVersion) -> Vec<Vec<Edit>> {
    let none = || vec![Vec::new(); findings.len()];
    let Ok(document) = document::read(text) else { return none() };
    let patient = Patient::new(text, &document, findings);
    let attempt = Attempt { text, patient: &patient, findings };
    let mut reader = Reader { target, read: 0 };
    let place = |offset| {
        let place = patient.lines.place(offset);
        (place.line, place.column)
    };
    let of = |finding| {
        let remedy = (finding, patient.remedy(finding).filter(|_| !reader.is_tired())?);
        let splices = attempt.all(&[&remedy], &mut reader)?.splices.into_iter();
        let edit = splices.map(|(range, text)| Edit { from: place(range.start), to: place(range.end), text });
        Some(edit.collect())
    };
    findings.iter().map(of).map(Option::unwrap_or_default).collect()
}
