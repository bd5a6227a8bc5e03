//! What is wrong with a policy, where, and what to do.
//!
//! Promises: whatever kube-apiserver refuses, and whatever it silently ignores, is an error here, at its line and
//! column; a rule is called unreachable only when that is proven. Every finding says how to mend it. Never refuses
//! to look: a text that is no policy at all gives findings too.

pub(crate) mod builtin;
mod catch_all;
mod codes;
mod detections;
mod documents;
mod duplicates;
mod fields;
mod fix;
mod reach;
mod refused;
mod resources;
mod sensitive;
mod shadowed;
mod stages;
mod surprises;
mod uncovered;
mod verbs;
mod wildcards;

pub use codes::CODES;
pub use fix::{Edit, Fixed, edits, fix, fix_for};

use crate::TargetVersion;
use crate::policy::document::{self, Place};
use crate::policy::load;
use crate::policy::matching::Conditions;
use crate::policy::spec::{PolicySpec, RuleSpec, Spot};
use std::collections::HashSet;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing is wrong; it is worth knowing all the same.
    Note,
    /// kube-apiserver takes the policy without a word, but what it does is hardly what was meant.
    Warning,
    /// kube-apiserver refuses the policy, or ignores a part of it and logs a warning.
    Error,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
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
    /// The word to write at this place instead, where that is all there is to do.
    pub replacement: Option<String>,
}

/// All findings about the text of a policy, in the order of their places.
#[must_use]
pub fn lint(text: &str) -> Vec<Finding> {
    lint_for(text, TargetVersion::default())
}

/// All findings about the text of a policy that is for this version of Kubernetes.
#[must_use]
pub fn lint_for(text: &str, target: TargetVersion) -> Vec<Finding> {
    look(text, Severity::Note, target)
}

/// The findings from a severity on.
fn look(text: &str, from: Severity, target: TargetVersion) -> Vec<Finding> {
    let mut findings = Findings::default();
    match document::read(text) {
        Err(fault) => refused::check(&[load::failed(fault)], &mut findings),
        Ok(document) => {
            fields::check(&document.root, &mut findings);
            duplicates::check(&document.root, &mut findings);
            documents::check(&document, &mut findings);
            surprises::check(text, &document, &mut findings);
            match load::decode(&document, target) {
                Err(faults) => refused::check(&faults, &mut findings),
                Ok(decoded) => {
                    ignored(&decoded.warnings, &mut findings);
                    check_spec(&decoded.spec, from, &mut findings);
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
fn check_spec(spec: &PolicySpec, from: Severity, findings: &mut Findings) {
    wildcards::check(spec, findings);
    verbs::check(spec, findings);
    resources::check(spec, findings);
    stages::check(spec, findings);
    catch_all::check(spec, findings);
    let conditions = conditions(spec);
    let reach = reach::Reach::new(spec, &conditions);
    shadowed::check(spec, &reach, findings);
    sensitive::check(spec, &reach, findings);
    uncovered::check(spec, &reach, findings);
    if from == Severity::Note {
        detections::check(spec, &reach, findings);
    }
}

fn conditions(spec: &PolicySpec) -> Vec<Conditions> {
    rules(spec).map(|(_, rule)| load::compile_conditions(&rule.value)).collect()
}

/// The findings so far; no two of the same kind at the same place.
#[derive(Debug, Default)]
struct Findings {
    found: Vec<Finding>,
    seen: HashSet<(&'static str, Place)>,
    /// Whether the last finding was new.
    just_pushed: bool,
}

impl Findings {
    fn error(&mut self, code: &'static str, place: Place, rule: Option<usize>, message: String, fix: String) {
        self.push(code, Severity::Error, place, rule, message, fix);
    }

    fn note(&mut self, code: &'static str, place: Place, rule: Option<usize>, message: String, fix: String) {
        self.push(code, Severity::Note, place, rule, message, fix);
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
        debug_assert!(CODES.iter().any(|(known, _)| *known == code), "{code} is in no list");
        if self.seen.insert((code, place)) {
            let (line, column) = (place.line, place.column);
            self.found.push(Finding { code, severity, line, column, rule, message, fix, replacement: None });
            self.just_pushed = true;
        } else {
            self.just_pushed = false;
        }
    }

    /// The word that mends the finding just made.
    fn mended_by(&mut self, word: &str) {
        if let (true, Some(finding)) = (self.just_pushed, self.found.last_mut()) {
            finding.replacement = Some(word.to_owned());
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
