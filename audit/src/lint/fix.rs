//! The corrected text of a policy.
//!
//! Promises: a correction is made only where there is one way to make it; it is spliced into the text, so that
//! comments and layout stay; the corrected text is read again, and the correction is given up unless exactly what was
//! meant has changed, the finding is gone, and no other warning has come. Corrections that are alike are tried together,
//! and halved until those are found that are to blame; how much is read again is bounded.

mod change;
mod edits;
mod places;
mod remedy;
mod splice;

pub use edits::{Edit, edits};

use super::{CODES, Finding, Severity, look};
use crate::TargetVersion;
use crate::policy::document;
use change::Change;
use remedy::Patient;
use splice::Splice;
use std::collections::{HashMap, HashSet};

/// How many corrections are made at most.
const MOST: usize = 10_000;

/// How many are tried that turn out to do more than they should.
const MOST_REFUSED: usize = 200;

/// How many bytes of corrected texts are read at most.
const MOST_READ: usize = 32 << 20;

/// A text after correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The text.
    pub text: String,
    /// What was corrected, each with its place in the text as it was just before.
    pub mended: Vec<Finding>,
}

/// Corrects whatever can be corrected in one way only.
#[must_use]
pub fn fix(text: &str) -> Fixed {
    fix_for(text, TargetVersion::default())
}

/// Corrects the text of a policy that is for this version of Kubernetes.
#[must_use]
pub fn fix_for(text: &str, target: TargetVersion) -> Fixed {
    fixed(text, &mut Reader { target, read: 0 })
}

fn fixed(text: &str, reader: &mut Reader) -> Fixed {
    let mut fixed = Fixed { text: text.to_owned(), mended: Vec::new() };
    let mut findings = reader.warnings(text);
    let mut refused = HashSet::new();
    let mut progress = false;
    while fixed.mended.len() < MOST && !reader.is_tired() {
        match step(&fixed.text, &findings, &mut refused, reader) {
            Some(next) => {
                fixed.mended.extend(next.mended);
                fixed.text = next.text;
                findings = next.left;
                progress = true;
            }
            // What was refused may be possible now.
            None if progress && refused.len() <= MOST_REFUSED => {
                refused.clear();
                progress = false;
            }
            None => break,
        }
    }
    fixed
}

/// Reads corrected texts, up to a bound.
struct Reader {
    target: TargetVersion,
    read: usize,
}

impl Reader {
    fn warnings(&mut self, text: &str) -> Vec<Finding> {
        self.read += text.len();
        look(text, Severity::Warning, self.target)
    }

    fn is_tired(&self) -> bool {
        self.read > MOST_READ
    }
}

/// A text with one correction, or several.
struct Corrected {
    text: String,
    splices: Vec<Splice>,
    mended: Vec<Finding>,
    left: Vec<Finding>,
}

/// What identifies a finding while places change.
type Name = (&'static str, Option<usize>, String);

fn name(finding: &Finding) -> Name {
    (finding.code, finding.rule, finding.message.clone())
}

/// A finding and what to do about it.
type Remedy<'f> = (&'f Finding, Vec<Change>);

/// The corrections of one kind, as many as can be made at once. What was refused once is not tried again.
fn step(
    text: &str,
    findings: &[Finding],
    refused: &mut HashSet<Name>,
    reader: &mut Reader,
) -> Option<Corrected> {
    let document = document::read(text).ok()?;
    let patient = Patient::new(text, &document, findings);
    let mut remedies: HashMap<&str, Vec<Remedy<'_>>> = HashMap::new();
    for finding in findings.iter().filter(|finding| !refused.contains(&name(finding))) {
        let remedy = patient.remedy(finding).map(|changes| (finding, changes));
        remedies.entry(finding.code).or_default().extend(remedy);
    }
    // What only replaces words is the least that can be done, so it is done first.
    for still in [true, false] {
        for remedies in CODES.iter().filter_map(|(code, _)| remedies.get(code)) {
            let remedies =
                remedies.iter().filter(|(_, changes)| still == changes.iter().all(Change::is_still));
            let attempt = Attempt { text, patient: &patient, findings };
            if let Some(corrected) = attempt.any(&apart(remedies), refused, reader) {
                return Some(corrected);
            }
        }
    }
    None
}

/// Those that do not get into each other's way: one of each rule, where a change moves what others change.
fn apart<'r, 'f>(remedies: impl Iterator<Item = &'r Remedy<'f>>) -> Vec<&'r Remedy<'f>> {
    let mut moved = HashSet::new();
    let is_free = |remedy: &&Remedy<'_>| {
        let still = remedy.1.iter().all(Change::is_still);
        still || moved.insert(remedy.1.first().and_then(Change::rule))
    };
    remedies.filter(is_free).collect()
}

/// Corrections of a text.
struct Attempt<'a> {
    text: &'a str,
    patient: &'a Patient<'a>,
    findings: &'a [Finding],
}

impl Attempt<'_> {
    /// All of them, or a half, or a half of that, down to one; what is refused alone is refused.
    fn any(
        &self,
        remedies: &[&Remedy<'_>],
        refused: &mut HashSet<Name>,
        reader: &mut Reader,
    ) -> Option<Corrected> {
        if remedies.is_empty() || refused.len() > MOST_REFUSED || reader.is_tired() {
            return None;
        }
        if let Some(corrected) = self.all(remedies, reader) {
            return Some(corrected);
        }
        if let [(finding, _)] = remedies {
            refused.insert(name(finding));
            return None;
        }
        let (some, others) = remedies.split_at(remedies.len() / 2);
        self.any(some, refused, reader).or_else(|| self.any(others, refused, reader))
    }

    fn all(&self, remedies: &[&Remedy<'_>], reader: &mut Reader) -> Option<Corrected> {
        let changes: Vec<Change> = remedies.iter().flat_map(|(_, changes)| changes.iter().cloned()).collect();
        let mended: Vec<&Finding> = remedies.iter().map(|(finding, _)| *finding).collect();
        let (text, splices) = self.mend(&changes, reader)?;
        let left = reader.warnings(&text);
        let mended_all = || mended.iter().map(|finding| (*finding).clone()).collect();
        is_accepted(self.findings, &mended, &left).then(|| Corrected {
            text,
            splices,
            mended: mended_all(),
            left,
        })
    }

    /// The text with the changes, if they can be made and change nothing else.
    fn mend(&self, changes: &[Change], reader: &mut Reader) -> Option<(String, Vec<Splice>)> {
        let Patient { document, lines, .. } = self.patient;
        let wanted = changes.iter().try_fold(document.root.clone(), |root, change| change.in_tree(root))?;
        let splices = splice::splices(lines, document, changes)?;
        let written = splice::written(self.text, &splices);
        reader.read += written.len();
        let read = document::read(&written).ok()?;
        change::same(&read.root, &wanted).then_some((written, splices))
    }
}

/// Whether a correction does what it should and nothing else.
fn is_accepted(before: &[Finding], mended: &[&Finding], left: &[Finding]) -> bool {
    let was = counts(before.iter());
    // A text that is refused shows only some of what is wrong with it.
    if REFUSED.iter().any(|code| was.contains_key(code)) {
        return true;
    }
    let (is, gone) = (counts(left.iter()), counts(mended.iter().copied()));
    let of = |counts: &HashMap<&str, usize>, code: &str| counts.get(code).copied().unwrap_or_default();
    let group = gone.contains_key("unknown-group");
    is.iter()
        .all(|(code, count)| *count <= of(&was, code) - of(&gone, code) || (group && HELD.contains(code)))
}

/// What is only looked for in a group that exists.
const HELD: [&str; 4] = ["unknown-resource", "wrong-group", "unknown-subresource", "cluster-scoped-resource"];
/// What keeps a policy from loading.
const REFUSED: [&str; 5] = ["syntax", "wrong-kind", "wrong-type", "no-rules", "invalid-value"];

fn counts<'f>(findings: impl Iterator<Item = &'f Finding>) -> HashMap<&'static str, usize> {
    let mut counts = HashMap::new();
    findings.for_each(|finding| *counts.entry(finding.code).or_default() += 1);
    counts
}

#[cfg(test)]
mod tests {
    use super::{Finding, Fixed, MOST_READ, Reader, fixed};
    use crate::TargetVersion;
    use crate::lint::lint;

    fn policy(count: usize, rule: impl Fn(usize) -> String) -> String {
        let rules: String = (0..count).map(rule).collect();
        format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules}- level: Metadata\n")
    }

    /// How often the text was read to be corrected, and what came of it.
    fn readings(text: &str) -> (usize, Vec<Finding>, String) {
        let mut reader = Reader { target: TargetVersion::default(), read: 0 };
        let Fixed { text: new, mended } = fixed(text, &mut reader);
        assert!(reader.read < MOST_READ + 4 * text.len());
        (reader.read / text.len(), mended, new)
    }

    #[test]
    fn however_many_corrections_of_a_kind_there_are_the_text_is_read_a_few_times() {
        let rule = |n: usize| {
            let verbs = "    verbs: [get, list]\n";
            format!(
                "- level: Request\n  namespaces: [ns-{n}]\n  resources:\n  - group: apps\n    resources: [deployment]\n{verbs}"
            )
        };
        for count in [1, 10, 200] {
            let text = policy(count, rule);
            let (read, mended, _) = readings(&text);
            assert_eq!(mended.len(), 2 * count, "misplaced and singular");
            assert!(read <= 12, "{read} times");
        }
    }

    #[test]
    fn a_correction_that_is_given_up_keeps_none_of_the_others_from_being_made() {
        // Without its verbs, the 40th rule would take everything from the last one.
        let rule = |n: usize| match n {
            40 => "- level: None\n  verbs: ['*']\n".to_owned(),
            n => format!("- level: None\n  users: [u{n}]\n  verbs: ['*']\n"),
        };
        let text = policy(64, rule);
        let (read, mended, new) = readings(&text);
        let left: Vec<&str> = lint(&new).iter().map(|finding| finding.code).collect();
        assert_eq!((mended.len(), left), (63, vec!["literal-wildcard", "blind-detection"]));
        assert!(read <= 60, "{read} times");
    }
}
