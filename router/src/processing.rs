//! Processing rules of all routes, in the Datadog Agent's form: lines are left out, or parts of them masked.
//!
//! Promises: rules see a line as the policy of all routes left it, and routes see it as the rules left it; what a rule
//! leaves out is named by it; a mask never makes something else of a line: an event stays one, a JSON object stays
//! one, or the line goes nowhere and status says so.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use audit::{Event, is_json_object};
use chassis::datadog::{Fate, ProcessingRule, Rules, rules_without_effect};
use proto::MAX_LINE_BYTES;

use crate::cause::Cause;
use crate::error::StartError;

/// The key of the rules in the section.
pub(crate) const KEY: &str = "processing_rules";

/// The rules, compiled.
#[derive(Debug, Default)]
pub(crate) struct Processing {
    rules: Rules,
    named: Vec<Named>,
    /// What is to be said of rules that do nothing here.
    idle: Vec<String>,
}

#[derive(Debug)]
struct Named {
    name: String,
    /// It left lines of which nothing could be made.
    spoils: AtomicBool,
}

/// What the rules make of a line.
pub(crate) enum Made {
    /// It stays as it is.
    Same,
    /// It stands here in what was written.
    Masked(Range<usize>),
    /// It goes nowhere.
    Nothing(Cause),
}

impl Processing {
    /// # Errors
    /// Which rule cannot be applied, and why.
    pub(crate) fn new(rules: &[ProcessingRule]) -> Result<Self, StartError> {
        let compiled = Rules::new(rules, &[]);
        let invalid = |why| StartError::Invalid { key: KEY.to_owned(), why };
        let named = |rule: &ProcessingRule| Named { name: rule.name.clone(), spoils: AtomicBool::new(false) };
        Ok(Processing {
            rules: compiled.map_err(invalid)?,
            named: rules.iter().map(named).collect(),
            idle: rules_without_effect(rules),
        })
    }

    /// Whether no line is ever looked at.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What becomes of a line, which is an event or at least should be a JSON object; a masked line is appended to
    /// `out`.
    pub(crate) fn judge(&self, line: &[u8], is_event: bool, out: &mut Vec<u8>) -> Made {
        match self.rules.judge(line, MAX_LINE_BYTES) {
            Fate::Passes => Made::Same,
            Fate::LeftOut(name) => Made::Nothing(Cause::Processing(self.index(name))),
            Fate::Masked { line, .. }
                if is_json_object(&line) && (!is_event || Event::scan(&line).is_ok()) =>
            {
                let start = out.len();
                out.extend_from_slice(&line);
                Made::Masked(start..out.len())
            }
            Fate::Masked { by, .. } | Fate::Grown(by) => {
                let index = self.index(by);
                self.named[index as usize].spoils.store(true, Ordering::Relaxed);
                Made::Nothing(Cause::Spoiled(index))
            }
        }
    }

    /// The names of the rules that mask something of a line, in their order.
    pub(crate) fn masks(&self, line: &[u8]) -> Vec<String> {
        let mut names = Vec::new();
        self.rules.judge_telling(line, MAX_LINE_BYTES, |name| names.push(name.to_owned()));
        names
    }

    /// The name of a rule.
    pub(crate) fn name(&self, index: u32) -> &str {
        &self.named[index as usize].name
    }

    /// What an operator should know of the rules.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        let idle = self.idle.iter().map(|why| format!("router.{KEY}: {why}"));
        let spoiling = self.named.iter().filter(|rule| rule.spoils.load(Ordering::Relaxed));
        idle.chain(spoiling.map(|rule| {
            format!(
                "router.{KEY}: what the rule `{}` masks is no event any more, or too long, and is left out: correct \
                 its pattern or placeholder",
                rule.name
            )
        }))
    }

    fn index(&self, name: &str) -> u32 {
        let at = self.named.iter().position(|rule| rule.name == name);
        at.expect("a rule is one of those it was made from") as u32
    }
}
