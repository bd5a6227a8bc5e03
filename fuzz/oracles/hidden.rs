//! What redaction may change, and what it must not leave.
//!
//! Promise: told by the trees of the event before and after.

use super::tree::{Tree, is_named};

const FINGERPRINT: &[u8] = b"<redacted:hmac:";

fn has_fingerprint(tree: &Tree) -> bool {
    matches!(tree, Tree::Leaf(text) if text.windows(FINGERPRINT.len()).any(|window| window == FINGERPRINT))
}

/// Both events are the same, but for values in their objects and their URIs that became fingerprints.
pub fn same_but_for_fingerprints(before: &Tree, after: &Tree) {
    assert_eq!(before.members().len(), after.members().len());
    for ((key, before), (key_after, after)) in before.members().iter().zip(after.members()) {
        assert_eq!(key, key_after);
        let may_change = ["requestObject", "responseObject", "requestURI"];
        if may_change.into_iter().any(|name| is_named(key, name)) {
            same(before, after);
        } else {
            assert_eq!(before, after);
        }
    }

    fn same(before: &Tree, after: &Tree) {
        if has_fingerprint(after) {
            return;
        }
        match (before, after) {
            (Tree::Object(before), Tree::Object(after)) => {
                assert!(before.iter().map(|(key, _)| key).eq(after.iter().map(|(key, _)| key)));
                before.iter().zip(after).for_each(|((_, before), (_, after))| same(before, after));
            }
            (Tree::List(before), Tree::List(after)) => {
                assert_eq!(before.len(), after.len());
                before.iter().zip(after).for_each(|(before, after)| same(before, after));
            }
            _ => assert_eq!(before, after),
        }
    }
}

/// No data of a Secret, alone or in a list, and no value of an environment variable, is left in the event's objects.
pub fn no_secret_is_left(event: &Tree) {
    for object in event.all("requestObject").chain(event.all("responseObject")) {
        let kind = object.last("kind").and_then(Tree::text).unwrap_or_default();
        if kind == "Secret" {
            has_no_data(object);
        }
        for item in object.all("items").flat_map(Tree::elements) {
            let of_item = item.last("kind").and_then(Tree::text);
            if kind == "SecretList" || of_item.as_deref() == Some("Secret") {
                has_no_data(item);
            }
        }
        if kind == "Pod" {
            object.all("spec").for_each(has_no_values);
        }
    }
}

fn has_no_data(secret: &Tree) {
    for data in secret.all("data").chain(secret.all("stringData")) {
        let values: Vec<&Tree> = match data {
            Tree::Object(members) => members.iter().map(|(_, value)| value).collect(),
            Tree::List(elements) => elements.iter().collect(),
            leaf => vec![leaf],
        };
        assert!(values.into_iter().all(is_hidden), "{}", secret.print().escape_ascii());
    }
}

fn has_no_values(tree: &Tree) {
    for variable in tree.all("env").flat_map(Tree::elements) {
        assert!(variable.all("value").all(is_hidden), "{}", tree.print().escape_ascii());
    }
    tree.members().iter().map(|(_, value)| value).chain(tree.elements()).for_each(has_no_values);
}

fn is_hidden(value: &Tree) -> bool {
    has_fingerprint(value) || matches!(value, Tree::Leaf(text) if matches!(&text[..], b"null" | b"\"\""))
}
