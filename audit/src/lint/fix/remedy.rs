//! What to change about a finding.
//!
//! Promise: there is a remedy only where there is one way to mend it.

use super::super::{Finding, builtin, fields};
use super::change::{self, Change, Path, Step};
use super::places::Places;
use super::splice::{self, Lines};
use crate::policy::document::{Document, Format, Node, Value};

/// A document, and where its findings stand.
pub(super) struct Patient<'d> {
    pub(super) document: &'d Document,
    pub(super) lines: Lines<'d>,
    places: Places,
}

impl<'d> Patient<'d> {
    pub(super) fn new(text: &'d str, document: &'d Document, findings: &[Finding]) -> Patient<'d> {
        Patient { document, lines: Lines::of(text), places: Places::of(&document.root, findings) }
    }

    /// What to change, if there is one way.
    pub(super) fn remedy(&self, finding: &Finding) -> Option<Vec<Change>> {
        let (document, root) = (self.document, &self.document.root);
        let (key, scalar) = (|| self.places.key(finding), || self.places.scalar(finding));
        match finding.code {
            "misplaced-field" => misplaced(root, &key()?),
            "unknown-field" => rename(&self.lines, root, key()?, finding.replacement.as_ref()?),
            "wrong-type" => retype(&self.lines, root, scalar()?, &finding.message),
            "wrong-group" => regroup(document, &scalar()?),
            "literal-wildcard" => unstar(root, &scalar()?),
            "no-catch-all" => Some(vec![Change::Append { rule: rule_text(document.format) }]),
            "yaml-boolean" => {
                let word = finding.replacement.as_ref()?;
                let value = Value::Bool(word == "true");
                Some(vec![Change::Replace { at: scalar()?, raw: word.clone(), value }])
            }
            _ => {
                let word = finding.replacement.as_ref()?;
                let (raw, value) = (splice::scalar(word, document.format), Value::Text(word.clone()));
                Some(vec![Change::Replace { at: scalar()?, raw, value }])
            }
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
fn rename(lines: &Lines<'_>, root: &Node, at: Path, name: &str) -> Option<Vec<Change>> {
    let (_, parent) = at.split_last()?;
    if change::entries(change::node(root, parent)?).iter().any(|entry| entry.key.text == name) {
        return None;
    }
    let value = change::node(root, &at)?;
    let wrap = (fields::is_list(name) && matches!(value.value, Value::Text(_)))
        .then(|| splice::word(lines, value))
        .flatten()
        .map(|word| wrapped(at.clone(), &word, value));
    Some([Change::Rename { at, name: name.to_owned() }].into_iter().chain(wrap).collect())
}

fn wrapped(at: Path, word: &str, value: &Node) -> Change {
    Change::Replace { at, raw: format!("[{word}]"), value: Value::List(vec![value.clone()]) }
}

/// Puts a word into quotes, or a list around it.
fn retype(lines: &Lines<'_>, root: &Node, at: Path, message: &str) -> Option<Vec<Change>> {
    let node = change::node(root, &at)?;
    let word = splice::word(lines, node)?;
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
fn regroup(document: &Document, at: &Path) -> Option<Vec<Change>> {
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
fn unstar(root: &Node, at: &Path) -> Option<Vec<Change>> {
    let (last, list) = at.split_last()?;
    let items = change::list(root, list)?;
    let rule = change::node(root, list.get(..2)?)?;
    let about_resources = change::entries(rule).iter().any(|field| field.key.text == "resources");
    // Without its namespaces a rule is about paths too, unless it has resources.
    let narrow = change::key(root, list)? == "namespaces" && !about_resources;
    let lone = items.len() == 1 && items[0].value == Value::Text("*".to_owned());
    (*last == Step::Item(0) && lone && !narrow).then(|| vec![Change::Remove { at: list.to_vec() }])
}
