//! Merge keys (`<<`).
//!
//! Promise: the members of the merged map come where the merge key stands, so that a member behind it counts more
//! and one before it less, as in the server's reader. Of several merged maps, the first counts most.

use super::{Entry, Fault, Node, Value};

/// Puts the members of `source`, a map or a list of maps, into `entries`.
pub(super) fn into(entries: &mut Vec<Entry>, source: Node) -> Result<(), Fault> {
    let place = source.place;
    let wrong = || Fault {
        message: "yaml: map merge requires map or sequence of maps as the value".to_owned(),
        place,
    };
    let maps = match source.value {
        Value::Map(merged) => vec![merged],
        Value::List(items) => {
            let maps = items.into_iter().rev().map(|item| match item.value {
                Value::Map(merged) => Ok(merged),
                _ => Err(wrong()),
            });
            maps.collect::<Result<_, _>>()?
        }
        _ => return Err(wrong()),
    };
    entries.extend(maps.into_iter().flatten().map(|entry| Entry { merged: true, ..entry }));
    Ok(())
}
