//! Fields that kube-apiserver does not know in their place, and therefore ignores.

use super::Findings;
use crate::policy::document::{Entry, Node, Value};

/// Where a field can stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Policy,
    Rule,
    Entry,
}

const PLACES: [Place; 3] = [Place::Policy, Place::Rule, Place::Entry];

impl Place {
    fn fields(self) -> &'static [&'static str] {
        match self {
            Place::Policy => &["apiVersion", "kind", "metadata", "rules", "omitStages", "omitManagedFields"],
            Place::Rule => &[
                "level",
                "users",
                "userGroups",
                "verbs",
                "resources",
                "namespaces",
                "nonResourceURLs",
                "omitStages",
                "omitManagedFields",
            ],
            Place::Entry => &["group", "resources", "resourceNames"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Place::Policy => "the policy",
            Place::Rule => "a rule",
            Place::Entry => "an entry of `resources`",
        }
    }
}

/// Looks at every field of the policy, its rules and their `resources`.
pub(super) fn check(root: &Node, findings: &mut Findings) {
    for policy_field in map(root) {
        known_in(Place::Policy, policy_field, None, findings);
        if policy_field.key.text != "rules" {
            continue;
        }
        for (index, rule) in list(&policy_field.value).iter().enumerate() {
            for rule_field in map(rule) {
                known_in(Place::Rule, rule_field, Some(index), findings);
                if rule_field.key.text != "resources" {
                    continue;
                }
                let entries = list(&rule_field.value).iter().flat_map(map);
                entries.for_each(|field| known_in(Place::Entry, field, Some(index), findings));
            }
        }
    }
}

/// Whether a field belongs to a rule.
pub(super) fn is_of_rule(name: &str) -> bool {
    Place::Rule.fields().contains(&name)
}

/// Whether a field belongs to an entry of `resources`.
pub(super) fn is_of_entry(name: &str) -> bool {
    Place::Entry.fields().contains(&name)
}

/// Whether a field holds a list of names.
pub(super) fn is_list(name: &str) -> bool {
    ["users", "userGroups", "verbs", "namespaces", "nonResourceURLs", "omitStages", "resourceNames"]
        .contains(&name)
}

fn known_in(place: Place, entry: &Entry, rule: Option<usize>, findings: &mut Findings) {
    let name = entry.key.text.as_str();
    if place.fields().contains(&name) {
        return;
    }
    let ignored = format!("`{name}` is not a field of {}; kube-apiserver ignores it", place.name());
    let at = entry.key_place;
    if let Some(home) = PLACES.into_iter().find(|other| other.fields().contains(&name)) {
        let (message, fix) = (wider(&ignored, place, name, rule), move_to(place, home, name, rule));
        return findings.error("misplaced-field", at, rule, message, fix);
    }
    let word = meant(place, name);
    let fix = match word {
        Some(field) => format!("write `{field}`"),
        None => match PLACES.into_iter().find_map(|other| Some((other, meant(other, name)?))) {
            Some((home, field)) => format!("write `{field}`, which belongs to {}", home.name()),
            None => format!("remove `{name}`; {} has {}", place.name(), listed(place)),
        },
    };
    findings.error("unknown-field", at, rule, wider(&ignored, place, name, rule), fix);
    word.iter().for_each(|word| findings.mended_by(word));
}

/// A condition that is ignored makes its rule match more than was meant.
fn wider(ignored: &str, place: Place, name: &str, rule: Option<usize>) -> String {
    match rule {
        Some(rule) if place == Place::Entry && name == "verbs" => {
            format!("{ignored}, so rules[{rule}] matches every verb")
        }
        Some(rule) => format!("{ignored}, so rules[{rule}] may match more than is meant"),
        None => ignored.to_owned(),
    }
}

fn move_to(place: Place, home: Place, name: &str, rule: Option<usize>) -> String {
    match (place, home, rule) {
        (Place::Entry, Place::Rule, Some(rule)) => {
            format!(
                "move `{name}` out of the `resources` entry, to the same indentation as `resources` and `level` of rules[{rule}]"
            )
        }
        (Place::Rule, Place::Entry, Some(rule)) => {
            format!("move `{name}` into the entry of `resources` of rules[{rule}] that it belongs to")
        }
        (_, Place::Policy, _) => format!("move `{name}` to the top of the policy, beside `rules`"),
        _ => format!("move `{name}` into {}", home.name()),
    }
}

/// The field that was probably meant: other case, a letter or two amiss, or another API's word for it.
fn meant(place: Place, name: &str) -> Option<&'static str> {
    const OTHER_WORDS: [(&str, &str); 11] = [
        ("apigroup", "group"),
        ("apigroups", "group"),
        ("groups", "group"),
        ("names", "resourceNames"),
        ("name", "resourceNames"),
        ("usergroup", "userGroups"),
        ("urls", "nonResourceURLs"),
        ("paths", "nonResourceURLs"),
        ("subjects", "users"),
        ("stages", "omitStages"),
        ("version", "apiVersion"),
    ];
    let lower = name.to_ascii_lowercase();
    let fields = place.fields();
    let same = fields.iter().find(|field| field.eq_ignore_ascii_case(name));
    let other = OTHER_WORDS
        .iter()
        .filter(|(word, _)| *word == lower)
        .find_map(|(_, field)| fields.iter().find(|f| *f == field));
    let near = || {
        let distance = |field: &str| distance(&field.to_ascii_lowercase(), &lower);
        fields
            .iter()
            .min_by_key(|field| distance(field))
            .filter(|field| distance(field) <= 2 && name.len() > 3)
    };
    same.or(other).or_else(near).copied()
}

fn listed(place: Place) -> String {
    let fields: Vec<String> = place.fields().iter().map(|field| format!("`{field}`")).collect();
    fields.join(", ")
}

/// How many letters must be added, removed or changed.
fn distance(left: &str, right: &str) -> usize {
    // A field's name is short; of a longer key the rest cannot come near.
    let right: Vec<char> = right.chars().take(40).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (count, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = count + 1;
        for (column, b) in right.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

fn map(node: &Node) -> &[Entry] {
    if let Value::Map(entries) = &node.value { entries } else { &[] }
}

fn list(node: &Node) -> &[Node] {
    if let Value::List(items) = &node.value { items } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::{Place, distance, meant};

    #[test]
    fn the_field_that_was_meant_is_found() {
        assert_eq!(meant(Place::Rule, "Level"), Some("level"));
        assert_eq!(meant(Place::Rule, "namespace"), Some("namespaces"));
        assert_eq!(meant(Place::Rule, "nonresourceurls"), Some("nonResourceURLs"));
        assert_eq!(meant(Place::Entry, "apiGroups"), Some("group"));
        assert_eq!(meant(Place::Entry, "zebra"), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
