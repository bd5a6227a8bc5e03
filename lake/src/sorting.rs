//! Which rows go to which file, and in what order.
//!
//! Invariant: rows are in the hour of their event time, in the order of time and, within one microsecond,
//! of their numbers. An event that does not tell its time goes to the hour it was received in, behind the
//! others, so that the order by `time` with nulls last holds.

use crate::rows::is_a_time;
use crate::{Partition, Rows};
use audit::Event;
use std::collections::BTreeMap;

/// A row's place in its file: known times first, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    untimed: bool,
    time: i64,
    /// Index into the lines.
    pub(crate) line: usize,
}

/// The rows of one file, sorted.
pub(crate) struct Hour {
    pub(crate) partition: Partition,
    pub(crate) rows: Vec<Place>,
}

/// All rows by hour, oldest first.
pub(crate) fn by_hour(rows: &Rows<'_>) -> Vec<Hour> {
    let mut hours: BTreeMap<Partition, Vec<Place>> = BTreeMap::new();
    for (line, (_, bytes)) in rows.lines.iter().enumerate() {
        let told = Event::scan(bytes).ok().and_then(|event| time(&event));
        let time = told.unwrap_or(rows.received_us);
        hours.entry(Partition::of(time)).or_default().push(Place { untimed: told.is_none(), time, line });
    }
    let sorted = hours.into_iter().map(|(partition, mut rows)| {
        rows.sort_unstable();
        Hour { partition, rows }
    });
    sorted.collect()
}

/// When the stage ended, when the event tells a time that a partition can name.
pub(crate) fn time(event: &Event<'_>) -> Option<i64> {
    event.stage_micros().filter(|us| is_a_time(*us))
}
