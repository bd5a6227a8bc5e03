//! The proof by the lake's numbers of lines.
//!
//! Promise: a number that is missing is told as what it is, a line that is not in the lake, for whatever reason.

use insight::reports::gaps::Proof;
use insight::reports::origins::Origin;

use crate::print::grouped;
use crate::table::Table;

/// Ranges that are told in a table, of each origin or run; all that are known are in the other formats.
const MOST_RANGES: usize = 3;

/// The proof by the numbers of the lake; None of files, and where only a part of the time is asked for: lines are
/// numbered in the order in which they were written, which is not quite that of their times, so that every cut makes
/// holes.
pub(super) fn proof(of_lake: bool, numbers: Option<&[Origin]>) -> Proof {
    let says = match numbers {
        None if of_lake => {
            "lines are numbered in the order of writing: a part of the time tells nothing".into()
        }
        None => "only the lake numbers lines".into(),
        Some(numbers) => {
            let (rows, missing, repeated) = sums(numbers);
            format!(
                "of {} origins {} lines are there, {} numbers between them are missing, {} are there again",
                numbers.len(),
                grouped(rows),
                grouped(missing),
                grouped(repeated)
            )
        }
    };
    Proof { name: "numbers of lines", available: numbers.is_some_and(|numbers| !numbers.is_empty()), says }
}

/// What is added to the verdict: nothing when no number is missing.
pub(super) fn verdict(numbers: Option<&[Origin]>) -> String {
    match numbers.map(sums) {
        Some((_, missing @ 1.., _)) => format!(
            "; {} numbered lines are not in the lake: left out by a policy, on their way, dead letters, or lost",
            grouped(missing)
        ),
        _ => String::new(),
    }
}

fn sums(numbers: &[Origin]) -> (u64, u64, u64) {
    let sum = |of: fn(&Origin) -> u64| numbers.iter().map(of).sum();
    (sum(|origin| origin.rows), sum(|origin| origin.missing), sum(|origin| origin.repeated))
}

/// The first ranges of missing numbers.
pub(super) fn ranges(holes: &[(u64, u64)]) -> String {
    let range = |(from, to): &(u64, u64)| if from == to { from.to_string() } else { format!("{from}-{to}") };
    let holes: Vec<String> = holes.iter().take(MOST_RANGES).map(range).collect();
    holes.join(" ")
}

pub(super) fn table(origins: &[Origin], limit: usize) -> Table {
    let rows = origins.iter().take(limit).map(|origin| {
        let numbers = [origin.rows, origin.first, origin.last, origin.missing, origin.repeated].map(grouped);
        [origin.origin.clone()].into_iter().chain(numbers).chain([ranges(&origin.holes)]).collect()
    });
    let more = origins.len().saturating_sub(limit);
    Table {
        title: "Numbers of lines in the lake".into(),
        columns: vec!["origin", "#lines", "#first", "#last", "#missing", "#again", "first missing"],
        rows: rows.collect(),
        notes: (more > 0).then(|| format!("{} more: --limit", grouped(more as u64))).into_iter().collect(),
    }
}
