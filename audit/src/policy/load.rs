//! Loading, step by step as kube-apiserver does it.
//!
//! Promises: what the server accepts with a warning is accepted with the same warning; what it refuses is refused
//! with the same message. Unknown fields are dropped, of duplicate keys the last one counts.

mod duplicates;

use super::document::{self, Document, Fault, Format};
use super::index::Index;
use super::kind::{self, Kind};
use super::matching::{Conditions, GroupResources};
use super::rule::Rule;
use super::spec::{Names, PolicySpec, ResourcesSpec, RuleSpec};
use super::{Policy, TargetVersion, typed, validate};
use crate::{Level, Stage, StageSet};

/// A policy that kube-apiserver would run with.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The policy.
    pub policy: Policy,
    /// What the server would log about it: unknown and duplicate fields, which it ignores.
    pub warnings: Vec<String>,
}

/// Why kube-apiserver would refuse to start with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct PolicyError {
    /// The server's own message.
    pub message: String,
    /// The line that it is about, counted from 1.
    pub line: usize,
    /// The column that it is about, in characters, counted from 1.
    pub column: usize,
}

/// A document as far as the server would get with it.
pub(crate) struct Decoded {
    pub(crate) spec: PolicySpec,
    pub(crate) warnings: Vec<String>,
}

pub(super) fn load(text: &str, target: TargetVersion) -> Result<Loaded, PolicyError> {
    let document = document::read(text).map_err(|fault| refusal(vec![failed(fault)]))?;
    let decoded = decode(&document, target).map_err(refusal)?;
    Ok(Loaded { policy: compile(&decoded.spec), warnings: decoded.warnings })
}

/// Decodes and validates; all faults are in the server's order, and only validation gives more than one.
pub(crate) fn decode(document: &Document, target: TargetVersion) -> Result<Decoded, Vec<Fault>> {
    let kind = kind::of(document).map_err(|fault| vec![failed(fault)])?;
    if let Kind::Other(fault) = kind {
        return Err(vec![fault]);
    }
    let (spec, outcome) = typed::policy(&document.root, document.format);
    if let Some(fault) = outcome.error {
        return Err(vec![failed(fault)]);
    }
    let mut notes = match document.format {
        Format::Yaml => duplicates::message(&document.root).into_iter().collect(),
        Format::Json => Vec::new(),
    };
    notes.extend(outcome.notes);
    let faults = validate::faults(&spec, target);
    if !faults.is_empty() {
        return Err(faults);
    }
    if spec.rules.value.is_empty() {
        let message = "loaded illegal policy with 0 rules".to_owned();
        return Err(vec![Fault { message, place: spec.rules.place }]);
    }
    let warning = (!notes.is_empty()).then(|| format!("strict decoding error: {}", notes.join(", ")));
    Ok(Decoded { spec, warnings: warning.into_iter().collect() })
}

/// A fault of decoding, as the server introduces it.
pub(crate) fn failed(fault: Fault) -> Fault {
    Fault { message: format!("failed decoding: {}", fault.message), ..fault }
}

fn refusal(faults: Vec<Fault>) -> PolicyError {
    let place = faults.first().map_or(document::Place::START, |fault| fault.place);
    PolicyError { message: validate::joined(&faults), line: place.line, column: place.column }
}

/// From a validated policy to one that decides.
pub(crate) fn compile(spec: &PolicySpec) -> Policy {
    let rules: Vec<Rule> = spec.rules.value.iter().map(|rule| compile_rule(&rule.value)).collect();
    Policy {
        index: Index::of(&rules),
        rules,
        lines: spec.rules.value.iter().map(|rule| rule.place.line).collect(),
        omit_stages: stages(&spec.omit_stages),
        omit_managed_fields: spec.omit_managed_fields,
    }
}

fn compile_rule(rule: &RuleSpec) -> Rule {
    Rule {
        level: Level::from_name(rule.level.value.as_bytes()).unwrap_or(Level::None),
        conditions: compile_conditions(rule),
        omit_stages: stages(&rule.omit_stages),
        omit_managed_fields: rule.omit_managed_fields,
    }
}

/// The conditions of a rule.
pub(crate) fn compile_conditions(rule: &RuleSpec) -> Conditions {
    Conditions {
        users: rule.users.texts(),
        user_groups: rule.user_groups.texts(),
        verbs: rule.verbs.texts(),
        resources: rule.resources.value.iter().map(|entry| compile_resources(&entry.value)).collect(),
        namespaces: rule.namespaces.texts(),
        non_resource_urls: rule.non_resource_urls.texts(),
    }
}

fn compile_resources(entry: &ResourcesSpec) -> GroupResources {
    GroupResources {
        group: entry.group.value.clone(),
        resources: entry.resources.texts(),
        resource_names: entry.resource_names.texts(),
    }
}

fn stages(names: &Names) -> StageSet {
    names.value.iter().filter_map(|name| Stage::from_name(name.value.as_bytes())).collect()
}
