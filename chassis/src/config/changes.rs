//! What changed between two readings of a file.
//!
//! Promise: a key is named when its value is another one, however the file is laid out, and not otherwise.

use super::document::{Node, Value};

/// The keys whose values differ, in the order of the file; a list counts as one value.
pub(super) fn between(before: &Node, now: &Node) -> Vec<String> {
    let mut found = Vec::new();
    compare("", Some(before), Some(now), &mut found);
    found
}

fn compare(key: &str, before: Option<&Node>, now: Option<&Node>, found: &mut Vec<String>) {
    let entries = |node: Option<&Node>| node.map(Node::entries).unwrap_or_default().to_vec();
    let (old, new) = (entries(before), entries(now));
    if old.is_empty() && new.is_empty() {
        let same = match (before, now) {
            (Some(before), Some(now)) => is_same(before, now),
            (before, now) => before.is_none() && now.is_none(),
        };
        if !same {
            found.push(key.to_owned());
        }
        return;
    }
    let gone = old.iter().filter(|entry| new.iter().all(|other| other.key != entry.key));
    for name in new.iter().chain(gone).map(|entry| &entry.key) {
        let below = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
        compare(&below, before.and_then(|node| node.get(name)), now.and_then(|node| node.get(name)), found);
    }
}

fn is_same(before: &Node, now: &Node) -> bool {
    match (&before.value, &now.value) {
        (Value::Null, Value::Null) => true,
        (Value::Plain(before) | Value::Text(before), Value::Plain(now) | Value::Text(now)) => before == now,
        (Value::List(before), Value::List(now)) => {
            before.len() == now.len() && before.iter().zip(now).all(|(before, now)| is_same(before, now))
        }
        (Value::Map(_), Value::Map(_)) => between(before, now).is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(before: &str, now: &str) -> Vec<String> {
        between(&Node::parse(before).unwrap(), &Node::parse(now).unwrap())
    }

    #[test]
    fn a_key_is_named_when_its_value_is_another_one_however_the_file_is_laid_out() {
        let before = "collector:\n  id: a\n  queue: {dir: /q, max_size: 1GiB}\n  logs: [{path: /l}]\n";
        let same =
            "# moved\ncollector: {logs: [{path: '/l'}], queue: {max_size: 1GiB, dir: /q}, id: \"a\"}\n";
        assert_eq!(changes(before, same), [""; 0]);
        let other = "collector: {id: a, queue: {dir: /q, max_size: 2GiB}, logs: [{path: /m}], node: n}\n";
        assert_eq!(changes(before, other), ["collector.queue.max_size", "collector.logs", "collector.node"]);
        assert_eq!(
            changes(before, "collector: {id: a}"),
            ["collector.queue.dir", "collector.queue.max_size", "collector.logs"]
        );
    }
}
