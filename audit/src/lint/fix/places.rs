//! The way to what stands where a finding is.

use super::super::Finding;
use super::change::{Path, Step};
use crate::policy::document::{Node, Place, Value};
use std::collections::{HashMap, HashSet};

/// The keys and scalars that stand where findings are; of those at one place the first in the document.
#[derive(Default)]
pub(super) struct Places {
    wanted: HashSet<(usize, usize)>,
    keys: HashMap<(usize, usize), Path>,
    scalars: HashMap<(usize, usize), Path>,
}

impl Places {
    pub(super) fn of(root: &Node, findings: &[Finding]) -> Places {
        let wanted = findings.iter().map(|finding| (finding.line, finding.column)).collect();
        let mut places = Places { wanted, ..Places::default() };
        places.walk(root, &mut Vec::new());
        places
    }

    pub(super) fn key(&self, finding: &Finding) -> Option<Path> {
        self.keys.get(&(finding.line, finding.column)).cloned()
    }

    pub(super) fn scalar(&self, finding: &Finding) -> Option<Path> {
        self.scalars.get(&(finding.line, finding.column)).cloned()
    }

    /// A document is never deeper than its reader allows.
    fn walk(&mut self, node: &Node, way: &mut Path) {
        match &node.value {
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.step(Step::Item(index), None, item, way);
                }
            }
            Value::Map(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    self.step(Step::Entry(index), Some(entry.key_place), &entry.value, way);
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, step: Step, key: Option<Place>, node: &Node, way: &mut Path) {
        way.push(step);
        let wanted = |at: Place| Some((at.line, at.column)).filter(|at| self.wanted.contains(at));
        if let Some(at) = key.and_then(wanted) {
            self.keys.entry(at).or_insert_with(|| way.clone());
        }
        let is_scalar = !matches!(node.value, Value::List(_) | Value::Map(_));
        if let (true, Some(at)) = (is_scalar, wanted(node.place)) {
            self.scalars.entry(at).or_insert_with(|| way.clone());
        }
        self.walk(node, way);
        way.pop();
    }
}
