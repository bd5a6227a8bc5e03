//! The proof by canaries, as a table.
//!
//! Promise: starts of collectors of which canaries are missing come first.

use insight::reports::gaps::{Canaries, CanaryRun};

use crate::print::grouped;
use crate::table::Table;

use super::numbers::ranges;

pub(super) fn table(canaries: &Canaries, limit: usize) -> Table {
    let mut runs: Vec<&CanaryRun> = canaries.runs.iter().collect();
    runs.sort_by_key(|run| run.missing == 0);
    let cells = |run: &&CanaryRun| {
        let name = run.run.clone().unwrap_or_else(|| "(none named)".into());
        let times = [&run.first, &run.last].map(|time| time.clone().unwrap_or_default());
        let numbers = [run.from, run.to, run.seen, run.missing].map(grouped);
        [name].into_iter().chain(times).chain(numbers).chain([ranges(&run.holes)]).collect()
    };
    let more = runs.len().saturating_sub(limit) as u64;
    let notes =
        [(more, "more: --limit"), (canaries.beyond, "canaries are of more starts than are told apart")];
    let notes = notes.into_iter().filter(|(count, _)| *count > 0);
    Table {
        title: "Canaries, by the starts of collectors".into(),
        columns: vec!["run", "first", "last", "#from", "#to", "#there", "#missing", "first missing"],
        rows: runs.iter().take(limit).map(cells).collect(),
        notes: notes.map(|(count, what)| format!("{} {what}", grouped(count))).collect(),
    }
}
