//! The corrected text of a policy.
//!
//! Promises: a correction is made only where there is one way to make it; it is spliced into the text, so that
//! comments and layout stay; the corrected text is read again, and the correction is given up unless exactly what was
//! meant has changed, the finding is gone, and no other warning has come.

mod change;
mod splice;

use super::{CODES, Finding, Severity, look};
use super::{builtin, fields};
use crate::TargetVersion;
use crate::policy::document::{self, Document, Format, Node, Value};
use change::{Change, Path, Step};
use std::collections::{HashMap, HashSet};

/// How many corrections are made at most.
const MOST: usize = 10_000;

/// How many are tried that turn out to do more than they should.
const MOST_REFUSED: usize = 200;

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
    let mut findings = warnings(text);
    let mut refused = HashSet::new();
    let mut progress = false;
    while fixed.mended.len() < MOST {
        match step(&fixed.text, &findings, &mut refused) {
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

/// A text with one correction, or several.
struct Corrected {
    text: String,
    mended: Vec<Finding>,
    left: Vec<Finding>,
}

/// What identifies a finding while places change.
type Name = (&'static str, Option<usize>, String);

fn name(finding: &Finding) -> Name {
    (finding.code, finding.rule, finding.message.clone())
}

/// All words of a kind that only have to be replaced, at once, since a policy is long to look at; else one correction.
/// What was refused once is not tried again.
fn step(text: &str, findings: &[Finding], refused: &mut HashSet<Name>) -> Option<Corrected> {
    let document = document::read(text).ok()?;
    let remedies: Vec<(&Finding, Vec<Change>)> = findings
        .iter()
        .filter(|finding| !refused.contains(&name(finding)))
        .filter_map(|finding| Some((finding, remedy(text, &document, finding)?)))
        .collect();
    for (code, _) in CODES {
        let is_word = |(finding, changes): &&(&Finding, Vec<Change>)| {
            finding.code == code && matches!(changes.as_slice(), [Change::Replace { .. }])
        };
        let (words, changes): (Vec<&Finding>, Vec<Vec<Change>>) =
            remedies.iter().filter(is_word).cloned().unzip();
        // Together they are tried once; what is not taken then is tried one by one.
        let is_new = words.len() > 1 && refused.insert((code, None, String::new()));
        let together = is_new.then(|| mend(text, &document, &changes.concat())).flatten();
        if let Some(corrected) = together.and_then(|text| accepted(findings, &words, text)) {
            return Some(corrected);
        }
    }
    for (finding, changes) in &remedies {
        if refused.len() > MOST_REFUSED {
            return None;
        }
        let mended = mend(text, &document, changes);
        if let Some(corrected) = mended.and_then(|text| accepted(findings, &[finding], text)) {
            return Some(corrected);
        }
        refused.insert(name(finding));
    }
    None
}

fn warnings(text: &str) -> Vec<Finding> {
    look(text, Severity::Warning, TargetVersion::default())
}

/// The text with the changes, if they can be made and change nothing else.
fn mend(text: &str, document: &Document, changes: &[Change]) -> Option<String> {
    let wanted = changes.iter().try_fold(document.root.clone(), |root, change| change.in_tree(root))?;
    let written = splice::write(text, document, changes)?;
    let read = document::read(&written).ok()?;
    change::same(&read.root, &wanted).then_some(written)
}

/// A correction that does what it should and nothing else, with what is found in its text.
fn accepted(before: &[Finding], mended: &[&Finding], text: String) -> Option<Corrected> {
    let left = warnings(&text);
    let was = counts(before.iter());
    // A text that is refused shows only some of what is wrong with it.
    let refused = REFUSED.iter().any(|code| was.contains_key(code));
    let (is, gone) = (counts(left.iter()), counts(mended.iter().copied()));
    let of = |counts: &HashMap<&str, usize>, code: &str| counts.get(code).copied().unwrap_or_default();
    let group = gone.contains_key("unknown-group");
    let none_new = is
        .iter()
        .all(|(code, count)| *count <= of(&was, code) - of(&gone, code) || (group && HELD.contains(code)));
    let mended = || mended.iter().map(|finding| (*finding).clone()).collect();
    (refused || none_new).then(|| Corrected { text, mended: mended(), left })
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

/// What to change, if there is one way.
fn remedy(text: &str, document: &Document, finding: &Finding) -> Option<Vec<Change>> {
    let root = &document.root;
    match finding.code {
        "misplaced-field" => misplaced(root, &change::key_at(root, finding)?),
        "unknown-field" => rename(text, root, change::key_at(root, finding)?, finding.replacement.as_ref()?),
        "wrong-type" => retype(text, root, change::scalar_at(root, finding)?, &finding.message),
        "wrong-group" => regroup(document, change::scalar_at(root, finding)?),
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

/// Gives an entry the one group that has all its resources, and these their plural.
fn regroup(document: &Document, at: Path) -> Option<Vec<Change>> {
    let (entry, list) = (at.get(..4)?, at.get(..5)?);
    let mut group = None;
    let mut changes = Vec::new();
    for (item, pattern) in change::list(&document.root, list)?.iter().enumerate() {
        let Value::Text(text) = &pattern.value else { return None };
        let word = text.split('/').next().unwrap_or_default();
        let home = builtin::only(word)?;
        if *group.get_or_insert(home.group) != home.group {
            return None;
        }
        if word != home.resource {
            let plural = text.replacen(word, home.resource, 1);
            let raw = splice::scalar(&plural, document.format);
            let at = [list, &[Step::Item(item)]].concat();
            changes.push(Change::Replace { at, raw, value: Value::Text(plural) });
        }
    }
    let word = group?;
    let fields = change::entries(change::node(&document.root, entry)?);
    let Some(own) = fields.iter().position(|field| field.key.text == "group") else {
        changes.push(Change::Insert { to: entry.to_vec(), name: "group", word });
        return Some(changes);
    };
    let raw = splice::scalar(word, document.format);
    let at = [entry, &[Step::Entry(own)]].concat();
    changes.push(Change::Replace { at, raw, value: Value::Text(word.to_owned()) });
    Some(changes)
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
