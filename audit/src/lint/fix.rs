//! The corrected text of a policy.
//!
//! Promises: a correction is made only where there is one way to make it; it is spliced into the text, so that
//! comments and layout stay; the corrected text is read again, and the correction is given up unless exactly what was
//! meant has changed, the finding is gone, and no other warning has come.

mod change;
mod splice;

use super::fields;
use super::{Finding, Severity, lint};
use crate::policy::document::{self, Document, Format, Node, Value};
use change::{Change, Path, Step};
use std::collections::HashMap;

/// How many corrections are made at most.
const MOST: usize = 1000;

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
    let mut fixed = Fixed { text: text.to_owned(), mended: Vec::new() };
    let mut findings = lint(text);
    while fixed.mended.len() < MOST {
        let Ok(document) = document::read(&fixed.text) else {
            break;
        };
        let tries = findings.iter().map(|finding| (finding, mend(&fixed.text, &document, finding)));
        let made = tries.filter_map(|(finding, text)| accepted(&findings, finding, text?));
        let Some((finding, text, left)) = made.into_iter().next() else {
            break;
        };
        fixed.mended.push(finding);
        fixed.text = text;
        findings = left;
    }
    fixed
}

/// The text without the finding, if there is one way to write it.
fn mend(text: &str, document: &Document, finding: &Finding) -> Option<String> {
    let changes = remedy(text, document, finding)?;
    let wanted = changes.iter().try_fold(document.root.clone(), |root, change| change.in_tree(root))?;
    let written = splice::write(text, document, &changes)?;
    let read = document::read(&written).ok()?;
    change::same(&read.root, &wanted).then_some(written)
}

/// A correction that does what it should and nothing else, with what is found in its text.
fn accepted(before: &[Finding], finding: &Finding, text: String) -> Option<(Finding, String, Vec<Finding>)> {
    let after = lint(&text);
    let refused = |findings: &[Finding]| findings.iter().any(|finding| REFUSED.contains(&finding.code));
    if refused(before) {
        // A text that is refused shows the first fault only.
        return Some((finding.clone(), text, after));
    }
    let (was, is) = (counts(before), counts(&after));
    let of = |counts: &HashMap<&str, usize>, code: &str| counts.get(code).copied().unwrap_or_default();
    let gone = of(&is, finding.code) < of(&was, finding.code);
    let none_new = is.iter().all(|(code, count)| {
        *count <= of(&was, code) || (finding.code == "unknown-group" && HELD.contains(code))
    });
    (gone && none_new).then(|| (finding.clone(), text, after))
}

/// What is only looked for in a group that exists.
const HELD: [&str; 4] = ["unknown-resource", "wrong-group", "unknown-subresource", "cluster-scoped-resource"];
/// What keeps a policy from loading.
const REFUSED: [&str; 5] = ["syntax", "wrong-kind", "wrong-type", "no-rules", "invalid-value"];

fn counts(findings: &[Finding]) -> HashMap<&'static str, usize> {
    let mut counts = HashMap::new();
    for finding in findings.iter().filter(|finding| finding.severity > Severity::Note) {
        *counts.entry(finding.code).or_default() += 1;
    }
    counts
}

/// What to change, if there is one way.
fn remedy(text: &str, document: &Document, finding: &Finding) -> Option<Vec<Change>> {
    let root = &document.root;
    match finding.code {
        "misplaced-field" => misplaced(root, &change::key_at(root, finding)?),
        "unknown-field" => rename(text, root, change::key_at(root, finding)?, finding.replacement.as_ref()?),
        "wrong-type" => retype(text, root, change::scalar_at(root, finding)?, &finding.message),
        "literal-wildcard" => unstar(root, change::scalar_at(root, finding)?),
        "no-catch-all" => Some(vec![Change::Append { rule: rule_text(document.format) }]),
        "yaml-boolean" => {
            let word = finding.replacement.as_ref()?;
            let value = Value::Bool(word == "true");
            Some(vec![Change::Replace { at: change::scalar_at(root, finding)?, raw: word.clone(), value }])
        }
        _ => {
            let word = finding.replacement.as_ref()?;
            let (raw, value) = (splice::scalar(word, document.format), Value::Text(word.clone()));
            Some(vec![Change::Replace { at: change::scalar_at(root, finding)?, raw, value }])
        }
    }
}

fn rule_text(format: Format) -> &'static str {
    match format {
        Format::Json => "{\"level\": \"Metadata\"}",
        Format::Yaml => "level: Metadata",
    }
}

/// Moves a field of entries to their rule, if it stands in every entry and says the same in each; or a field of a rule
/// to its only entry.
fn misplaced(root: &Node, at: &Path) -> Option<Vec<Change>> {
    let name = change::key(root, at)?;
    match at.as_slice() {
        [rules, rule, resources, Step::Item(_), Step::Entry(_)] if fields::is_of_rule(name) => {
            let to = vec![*rules, *rule];
            let entries = change::list(root, &[*rules, *rule, *resources])?;
            let field = |entry: &Node| change::entries(entry).iter().position(|entry| entry.key.text == name);
            let places: Vec<Path> = (0..entries.len())
                .map(|item| {
                    Some(
                        [to.as_slice(), &[*resources, Step::Item(item), Step::Entry(field(&entries[item])?)]]
                            .concat(),
                    )
                })
                .collect::<Option<_>>()?;
            let values: Vec<&Node> = places.iter().filter_map(|place| change::node(root, place)).collect();
            let free = change::entries(change::node(root, &to)?).iter().all(|entry| entry.key.text != name);
            let agree = values.windows(2).all(|pair| change::same(pair[0], pair[1]));
            let (first, others) = places.split_first()?;
            let mut changes: Vec<Change> =
                others.iter().rev().map(|at| Change::Remove { at: at.clone() }).collect();
            let Step::Entry(before) = *resources else { return None };
            changes.push(Change::Move { from: first.clone(), to, before });
            (free && agree).then_some(changes)
        }
        [rules, rule, Step::Entry(own)] if fields::is_of_entry(name) => {
            let fields = change::entries(change::node(root, &[*rules, *rule])?);
            let resources = fields.iter().position(|field| field.key.text == "resources")?;
            let to = vec![*rules, *rule, Step::Entry(resources), Step::Item(0)];
            let entries = change::list(root, &to[..3])?;
            let free = change::entries(entries.first()?).iter().all(|entry| entry.key.text != name);
            let alone = entries.len() == 1 && !change::entries(&entries[0]).is_empty();
            let from = vec![*rules, *rule, Step::Entry(*own)];
            (alone && free).then(|| vec![Change::Move { from, to, before: 0 }])
        }
        _ => None,
    }
}

/// Gives a field its name, and where that is a list's a list.
fn rename(text: &str, root: &Node, at: Path, name: &str) -> Option<Vec<Change>> {
    let (_, parent) = at.split_last()?;
    if change::entries(change::node(root, parent)?).iter().any(|entry| entry.key.text == name) {
        return None;
    }
    let value = change::node(root, &at)?;
    let wrap = (fields::is_list(name) && matches!(value.value, Value::Text(_)))
        .then(|| splice::word(text, value))
        .flatten()
        .map(|word| wrapped(at.clone(), &word, value));
    Some([Change::Rename { at, name: name.to_owned() }].into_iter().chain(wrap).collect())
}

fn wrapped(at: Path, word: &str, value: &Node) -> Change {
    Change::Replace { at, raw: format!("[{word}]"), value: Value::List(vec![value.clone()]) }
}

/// Puts a word into quotes, or a list around it.
fn retype(text: &str, root: &Node, at: Path, message: &str) -> Option<Vec<Change>> {
    let node = change::node(root, &at)?;
    let word = splice::word(text, node)?;
    let wants_names = message.contains("of type []string") || message.contains("of type []v1.Stage");
    match &node.value {
        Value::Text(_) if wants_names => Some(vec![wrapped(at, &word, node)]),
        Value::Bool(_) | Value::Number(_) if message.ends_with("of type string") => {
            let plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+._".contains(&byte));
            let raw = format!("\"{word}\"");
            plain.then(|| vec![Change::Replace { at, raw, value: Value::Text(word) }])
        }
        _ => None,
    }
}

/// Removes a list of which a lone star was to say: all of them.
fn unstar(root: &Node, at: Path) -> Option<Vec<Change>> {
    let (last, list) = at.split_last()?;
    let items = change::list(root, list)?;
    let rule = change::node(root, list.get(..2)?)?;
    let about_resources = change::entries(rule).iter().any(|field| field.key.text == "resources");
    // Without its namespaces a rule is about paths too, unless it has resources.
    let narrow = change::key(root, list)? == "namespaces" && !about_resources;
    let lone = items.len() == 1 && items[0].value == Value::Text("*".to_owned());
    (*last == Step::Item(0) && lone && !narrow).then(|| vec![Change::Remove { at: list.to_vec() }])
}
