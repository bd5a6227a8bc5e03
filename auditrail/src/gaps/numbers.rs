//! The proof by the lake's numbers of lines.
//!
//! Promise: a number that is missing is told as what it is, a line that is not in the lake, for whatever reason.

use insight::reports::gaps::Proof;
use insight::reports::numbers::{Numbered, Origin, numbers};
use lake::{Lake, Location};

use crate::exit::Failure;
use crate::print::grouped;
use crate::replay::threads;
use crate::report::Reporting;
use crate::say;
use crate::table::Table;

/// Ranges that are told in a table, of each origin or run; all that are known are in the other formats.
const MOST_RANGES: usize = 3;

/// The numbers of the lake; None of files, and where only a part of the time is asked for: lines are numbered in the
/// order in which they were written, which is not quite that of their times, so that every cut makes holes.
pub(super) fn of(location: Option<&Location>, reporting: &Reporting) -> Result<Option<Numbered>, Failure> {
    let Some(location) = location.filter(|_| !reporting.recording.is_cut()) else { return Ok(None) };
    Ok(Some(numbers(&Lake::existing(location)?, &reporting.kept(location), threads())?))
}

/// Says what could not be read, and whether there was such.
pub(super) fn tell_unreadable(numbered: Option<&Numbered>) -> bool {
    let unreadable = numbered.map(|numbered| numbered.unreadable.as_slice()).unwrap_or_default();
    unreadable.iter().for_each(|file| say::aside(&file.why));
    !unreadable.is_empty()
}

pub(super) fn proof(of_lake: bool, numbered: Option<&Numbered>) -> Proof {
    let says = match numbered {
        None if of_lake => {
            "lines are numbered in the order of writing: a part of the time tells nothing".into()
        }
        None => "only the lake numbers lines".into(),
        Some(numbered) => {
            let (rows, missing, repeated) = sums(numbered);
            format!(
                "of {} origins {} lines are there, {} numbers between them are missing, {} are there again",
                numbered.origins.len(),
                grouped(rows),
                grouped(missing),
                grouped(repeated)
            )
        }
    };
    Proof { name: "numbers of lines", available: numbered.is_some_and(|it| !it.origins.is_empty()), says }
}

/// What is added to the verdict: nothing when no number is missing.
pub(super) fn verdict(numbered: Option<&Numbered>) -> String {
    match numbered.map(sums) {
        Some((_, missing @ 1.., _)) => format!(
            "; {} numbered lines are not in the lake: left out by a policy, on their way, dead letters, or lost",
            grouped(missing)
        ),
        _ => String::new(),
    }
}

fn sums(numbered: &Numbered) -> (u64, u64, u64) {
    let sum = |of: fn(&Origin) -> u64| numbered.origins.iter().map(of).sum();
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
