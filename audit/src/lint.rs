//! What is wrong with a policy, where, and what to do.
//!
//! Promises: whatever kube-apiserver refuses, and whatever it silently ignores, is an error here, at its line and
//! column; a rule is called unreachable only when that is proven. Every finding says how to mend it. Never refuses
//! to look: a text that is no policy at all gives findings too.

mod catch_all;
mod documents;
mod duplicates;
mod fields;
mod refused;
mod shadowed;
mod stages;
mod verbs;
mod wildcards;

use crate::policy::document::{self, Place};
use crate::policy::load;
use crate::policy::spec::{PolicySpec, RuleSpec, Spot};
use std::collections::HashSet;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The policy does what it says, but that is hardly what was meant.
    Warning,
    /// kube-apiserver refuses the policy, or silently ignores a part of it, or a rule can match nothing.
    Error,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable name of this kind of finding, such as `misplaced-field`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The index of the rule that it is about, counted from 0 as kube-apiserver does.
    pub rule: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// All findings about the text of a policy, in the order of their places.
#[must_use]
pub fn lint(text: &str) -> Vec<Finding> {
    let mut findings = Findings::default();
    match document::read(text) {
        Err(fault) => refused::check(&[load::failed(fault)], &mut findings),
        Ok(document) => {
            fields::check(&document.root, &mut findings);
            duplicates::check(&document.root, &mut findings);
            documents::check(&document, &mut findings);
            match load::decode(&document) {
                Err(faults) => refused::check(&faults, &mut findings),
                Ok(decoded) => {
                    ignored(&decoded.warnings, &mut findings);
                    check_spec(&decoded.spec, &mut findings);
                }
            }
        }
    }
    findings.sorted()
}

/// What the server would warn of and nothing has been found for: fields of `metadata`, which has no effect.
fn ignored(warnings: &[String], findings: &mut Findings) {
    if let (Some(warning), true) = (warnings.first(), findings.found.is_empty()) {
        let message = format!("kube-apiserver logs a warning and ignores a field without effect: {warning}");
        let fix = "remove the field; `metadata` of a policy has no effect at all".to_owned();
        findings.warning("ignored-field", Place::START, None, message, fix);
    }
}

/// What can be said of a policy that loads.
fn check_spec(spec: &PolicySpec, findings: &mut Findings) {
    wildcards::check(spec, findings);
    verbs::check(spec, findings);
    stages::check(spec, findings);
    shadowed::check(spec, findings);
    catch_all::check(spec, findings);
}

/// The findings so far; no two of the same kind at the same place.
#[derive(Debug, Default)]
struct Findings {
    found: Vec<Finding>,
    seen: HashSet<(&'static str, Place)>,
}

impl Findings {
    fn error(&mut self, code: &'static str, place: Place, rule: Option<usize>, message: String, fix: String) {
        self.push(code, Severity::Error, place, rule, message, fix);
    }

    fn warning(
        &mut self,
        code: &'static str,
        place: Place,
        rule: Option<usize>,
        message: String,
        fix: String,
    ) {
        self.push(code, Severity::Warning, place, rule, message, fix);
    }

    fn push(
        &mut self,
        code: &'static str,
        severity: Severity,
        place: Place,
        rule: Option<usize>,
        message: String,
        fix: String,
    ) {
        if self.seen.insert((code, place)) {
            let (line, column) = (place.line, place.column);
            self.found.push(Finding { code, severity, line, column, rule, message, fix });
        }
    }

    fn sorted(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|finding| (finding.line, finding.column));
        self.found
    }
}

/// The rules with their indices.
fn rules(spec: &PolicySpec) -> impl Iterator<Item = (usize, &Spot<RuleSpec>)> {
    spec.rules.value.iter().enumerate()
}
