//! The audit policy, for people: what is wrong with it, and what each of its rules costs.
//!
//! Promises: the file is read anew for each look; a policy that kube-apiserver would refuse is shown with its reason;
//! what is counted is the newest of the lake, at most so many events and until a deadline, and the answer says how many.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use audit::lint::Finding;
use audit::{Attributes, Event, Policy};
use lake::{Lake, LakeError, Reading};

use crate::rows::Rows;

/// The largest policy that is read, in bytes.
const LARGEST: u64 = 4 << 20;
/// Most events that are counted.
const MOST_EVENTS: u64 = 20_000;

/// A policy file.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) text: String,
    /// The policy, or why the server would refuse it.
    pub(crate) policy: Result<Policy, String>,
    pub(crate) findings: Vec<Finding>,
}

/// Reads the file.
///
/// # Errors
/// In words, when it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Written, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    let length = read.map_err(|error| format!("policy {} cannot be read: {error}", path.display()))?;
    if length as u64 > LARGEST {
        return Err(format!("policy {} is larger than 4 MiB, which no policy is", path.display()));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("policy {} is no UTF-8 text", path.display()))?;
    let policy = Policy::load(&text)
        .map(|loaded| loaded.policy)
        .map_err(|error| format!("line {}, column {}: {}", error.line, error.column, error.message));
    let findings = audit::lint::lint(&text);
    Ok(Written { text, policy, findings })
}

/// What the rules would take of events.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// How many events were looked at.
    pub(crate) events: u64,
    /// Events and bytes by rule; None for those that no rule is for.
    pub(crate) rules: BTreeMap<Option<usize>, (u64, u64)>,
}

/// Counts the newest events of the lake.
///
/// # Errors
/// When the lake cannot be listed. A file that cannot be read is left out.
pub(crate) fn count(lake: &Lake, policy: &Policy, deadline: Instant) -> Result<Counted, LakeError> {
    let mut files = lake.files()?;
    files.sort_by_key(|file| std::cmp::Reverse(file.partition));
    let mut counted = Counted::default();
    for file in files {
        let Ok(batches) = lake.scan(&file, &Reading::of(&["raw"])) else { continue };
        for batch in batches.map_while(Result::ok) {
            let line = Rows::new(&batch).lines();
            (0..batch.num_rows()).for_each(|row| counted.add(policy, line(row)));
            if counted.events >= MOST_EVENTS || Instant::now() >= deadline {
                return Ok(counted);
            }
        }
    }
    Ok(counted)
}

impl Counted {
    fn add(&mut self, policy: &Policy, line: &[u8]) {
        let Ok(event) = Event::scan(line) else { return };
        let rule = self.rules.entry(policy.decide(&Attributes::of(&event)).rule).or_default();
        self.events += 1;
        *rule = (rule.0 + 1, rule.1 + line.len() as u64);
    }
}
