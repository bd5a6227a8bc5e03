//! A list of events becomes its items, one a line.
//!
//! Promises: as many lines as items; each line is its item without blanks, with `kind` and `apiVersion` before it when
//! it has none; lines follow each other with one newline between; what is no list is refused and leaves nothing; a
//! list made of the lines gives these lines again.

use super::lists::{is_event_list, split};
use super::tree::Tree;
use serde::de::IgnoredAny;

const HEAD: &[u8] = br#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":["#;

/// Holds what a document is divided into against its tree.
pub fn holds(document: &[u8]) {
    let (mut out, told) = (b"before".to_vec(), is_event_list(document));
    let lines = match split(document, &mut out) {
        Err(_) => return assert_eq!(out, b"before", "a refused document left something"),
        Ok(lines) => lines,
    };
    assert!(serde_json::from_slice::<IgnoredAny>(document).is_ok());
    assert!(out.starts_with(b"before") && out.len() <= 6 + document.len() + lines.len() * 48);
    let mut at = 6;
    for line in &lines {
        assert_eq!(line.start, at);
        assert_eq!(out[line.end], b'\n');
        assert!(!out[line.clone()].contains(&b'\n'));
        assert!(serde_json::from_slice::<IgnoredAny>(&out[line.clone()]).is_ok());
        at = line.end + 1;
    }
    assert_eq!(at, out.len());
    let lines: Vec<&[u8]> = lines.into_iter().map(|line| &out[line]).collect();
    if let Some(tree) = Tree::read(document) {
        are_its_items(&lines, &tree);
        let is_plain = document.windows(11).any(|window| window == b"\"EventList\"");
        assert!(told || !is_plain || document.starts_with(b"{\"kind\":\"Event\","));
    }
    are_their_own_lines(&lines);
}

fn are_its_items(lines: &[&[u8]], tree: &Tree) {
    let items = tree.all("items").next().map_or(&[][..], Tree::elements);
    assert_eq!(lines.len(), items.len());
    for (line, item) in lines.iter().zip(items) {
        let spliced = match item {
            Tree::Object(members) => {
                let missing = [("kind", "Event"), ("apiVersion", "audit.k8s.io/v1")];
                let missing = missing.into_iter().filter(|(name, _)| item.all(name).next().is_none());
                let member = |(name, value): (&str, &str)| {
                    (name.as_bytes().to_vec(), Tree::Leaf(format!("\"{value}\"").into_bytes()))
                };
                Tree::Object(missing.map(member).chain(members.iter().cloned()).collect())
            }
            other => other.clone(),
        };
        assert!(
            spliced.print() == *line,
            "{} is not {}",
            line.escape_ascii(),
            spliced.print().escape_ascii()
        );
    }
}

fn are_their_own_lines(lines: &[&[u8]]) {
    let document = [HEAD, &lines.join(&b','), b"]}"].concat();
    let mut out = Vec::new();
    let again = split(&document, &mut out).expect("lines are the items of a list");
    assert!(again.iter().map(|line| &out[line.clone()]).eq(lines.iter().copied()));
}
