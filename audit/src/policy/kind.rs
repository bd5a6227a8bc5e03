//! Which kind of object a document claims to be, as the API server finds out before it decodes.
//!
//! Promises: here, and only here, names are compared without their case; an absent version counts as the server's
//! own internal one, which is no version of a file.

use super::document::{Document, Entry, Fault, Format, Node, Place, Value};
use std::collections::BTreeMap;

const GROUP: &str = "audit.k8s.io";
const VERSION: &str = "v1";
const INTERNAL: &str = "__internal";
const SCHEME: &str = "\"k8s.io/apiserver/pkg/audit/scheme.go:30\"";
/// The kinds that the server knows in this group, and the package of their type.
const KINDS: [(&str, &str); 11] = [
    ("Event", "v1.Event"),
    ("EventList", "v1.EventList"),
    ("PolicyList", "v1.PolicyList"),
    ("WatchEvent", "v1.WatchEvent"),
    ("ListOptions", "v1.ListOptions"),
    ("GetOptions", "v1.GetOptions"),
    ("DeleteOptions", "v1.DeleteOptions"),
    ("CreateOptions", "v1.CreateOptions"),
    ("UpdateOptions", "v1.UpdateOptions"),
    ("PatchOptions", "v1.PatchOptions"),
    ("Policy", "v1.Policy"),
];

/// What a document says about itself.
#[derive(Debug, Default)]
struct Claim {
    api_version: String,
    api_version_place: Option<Place>,
    kind: String,
    kind_place: Option<Place>,
}

/// What a document turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A policy of `audit.k8s.io/v1`.
    Policy,
    /// Something else; the fault is reported once the types have been looked at.
    Other(Fault),
}

/// Finds out the kind; an error is final at once.
pub(super) fn of(document: &Document) -> Result<Kind, Fault> {
    let claim = claim(document)?;
    let version_place = claim.api_version_place.unwrap_or(Place::START);
    let (mut group, mut version) = group_version(&claim.api_version, version_place)?;
    let kind = if claim.kind.is_empty() { "Policy" } else { claim.kind.as_str() };
    if group.is_empty() && version.is_empty() {
        group = GROUP;
    }
    if version.is_empty() && group == GROUP {
        version = INTERNAL;
    }
    if version.is_empty() {
        let message = "Object 'apiVersion' is missing in the document".to_owned();
        return Err(Fault { message, place: version_place });
    }
    let full = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let known = KINDS.iter().find(|(name, _)| *name == kind);
    let unregistered = |message: String, place| Err(Fault { message, place });
    match (group, version, known) {
        (GROUP, VERSION, Some((_, _))) if kind == "Policy" => Ok(Kind::Policy),
        (GROUP, VERSION, Some((_, go_type))) => Ok(Kind::Other(Fault {
            message: format!("failed decoding: converting ({go_type}) to (audit.Policy): unknown conversion"),
            place: claim.kind_place.unwrap_or(Place::START),
        })),
        (GROUP, INTERNAL, _) if kind == "Policy" => Ok(Kind::Other(Fault {
            message: format!("unknown group version field {GROUP}/{INTERNAL}, Kind={kind} in policy"),
            place: version_place,
        })),
        (_, INTERNAL, _) => unregistered(
            format!(
                "no kind \"{kind}\" is registered for the internal version of group \"{group}\" in scheme {SCHEME}"
            ),
            version_place,
        ),
        (GROUP, VERSION, None) => unregistered(
            format!(
                "no kind {} is registered for version \"{full}\" in scheme {SCHEME}",
                crate::go_text::quoted(kind)
            ),
            claim.kind_place.unwrap_or(Place::START),
        ),
        _ => unregistered(
            format!(
                "no kind {} is registered for version {} in scheme {SCHEME}",
                crate::go_text::quoted(kind),
                crate::go_text::quoted(&full)
            ),
            version_place,
        ),
    }
}

fn group_version(text: &str, place: Place) -> Result<(&str, &str), Fault> {
    match text.matches('/').count() {
        _ if text == "/" => Ok(("", "")),
        0 => Ok(("", text)),
        1 => Ok(text.split_once('/').unwrap_or_default()),
        _ => Err(Fault { message: format!("unexpected GroupVersion string: {text}"), place }),
    }
}

fn claim(document: &Document) -> Result<Claim, Fault> {
    let entries = match &document.root.value {
        Value::Map(entries) => entries,
        Value::Null => return Ok(Claim::default()),
        other => return Err(not_an_object(other, document.root.place)),
    };
    let mut claim = Claim::default();
    let mut error = None;
    for entry in in_order(entries, document.format) {
        let (text, place, name) = if folds_to(&entry.key.text, "apiversion") {
            (&mut claim.api_version, &mut claim.api_version_place, "apiVersion")
        } else if folds_to(&entry.key.text, "kind") {
            (&mut claim.kind, &mut claim.kind_place, "kind")
        } else {
            continue;
        };
        match &entry.value.value {
            Value::Text(value) => text.clone_from(value),
            Value::Null => continue,
            other => {
                error.get_or_insert_with(|| not_text(other, &entry.value, name));
            }
        }
        *place = Some(entry.value.place);
    }
    error.map_or(Ok(claim), Err)
}

fn in_order(entries: &[Entry], format: Format) -> Vec<&Entry> {
    if format == Format::Json {
        return entries.iter().collect();
    }
    let last: BTreeMap<&str, &Entry> = entries.iter().map(|entry| (entry.key.text.as_str(), entry)).collect();
    last.into_values().collect()
}

/// Equal without case, as the decoder folds: ASCII, the long s and the sign of Kelvin.
fn folds_to(name: &str, lower: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        _ => c.to_ascii_lowercase(),
    };
    name.chars().map(fold).eq(lower.chars())
}

fn not_text(found: &Value, node: &Node, name: &str) -> Fault {
    let found = found.type_name();
    let message = format!(
        "couldn't get version/kind; json parse error: json: cannot unmarshal {found} into Go struct field .{name} of type string"
    );
    Fault { message, place: node.place }
}

fn not_an_object(found: &Value, place: Place) -> Fault {
    let go_type = r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;
    let found = found.type_name();
    let message = format!(
        "couldn't get version/kind; json parse error: json: cannot unmarshal {found} into Go value of type {go_type}"
    );
    Fault { message, place }
}
