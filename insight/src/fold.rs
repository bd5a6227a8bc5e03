//! Reports as mergeable folds.
//!
//! A fold takes events in any order, keeps a bounded state, and its states merge: so the same one runs over recorded
//! lines and over the lake, on one core or many, and an hour that was folded once need not be read again.
//!
//! Laws, held for every fold over real events by a test: the order of events and of merging changes nothing; folding
//! parts and merging them is folding the whole; what was kept and read again is what was kept.

use std::ops::Range;

use arrow_array::RecordBatch;
use lake::LakeError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rows::Rows;

/// A report's state.
pub trait Fold: Default + Send + Serialize + DeserializeOwned + 'static {
    /// Names the kept states: letters, digits and dashes. Another number at its end whenever the state means something
    /// else than before.
    const NAME: &'static str;

    /// The columns that [`Fold::take`] reads.
    const COLUMNS: &'static [&'static str];

    /// The columns that [`Fold::look_closer`] reads; none when there is no such look.
    const CLOSER: &'static [&'static str] = &[];

    /// Takes rows in, and picks those that are worth a closer look: few, since what is read for that is large.
    fn take(&mut self, rows: &Rows<'_>, closer: &mut Closer);

    /// Takes in what only a closer look tells: of rows that were picked, not necessarily in one go.
    fn look_closer(&mut self, rows: &Rows<'_>) {
        let _ = rows;
    }

    /// The columns that [`Fold::look_closest`] reads; none when there is no such look.
    const CLOSEST: &'static [&'static str] = &[];

    /// The same as [`Fold::look_closer`], for folds that pick some of these rows for the closest look.
    fn look_closer_and_pick(&mut self, rows: &Rows<'_>, closest: &mut Closer) {
        let _ = closest;
        self.look_closer(rows);
    }

    /// Takes in what is large, as whole lines are, of the fewest rows.
    fn look_closest(&mut self, rows: &Rows<'_>) {
        let _ = rows;
    }

    /// Takes in what another state of this fold knows.
    fn merge(&mut self, other: Self);
}

/// Rows that are worth a closer look.
#[derive(Debug, Default)]
pub struct Closer {
    rows: Vec<u64>,
    /// Where the rows that are taken now begin.
    base: u64,
}

impl Closer {
    /// Picks a row of those that are taken now; rows must be picked in their order.
    pub fn pick(&mut self, row: usize) {
        self.rows.push(self.base + row as u64);
    }

    /// The rows of the next batch begin here.
    pub(crate) fn begin(&mut self, base: u64) {
        self.base = base;
    }

    pub(crate) fn rows(&self) -> &[u64] {
        &self.rows
    }
}

/// Folds recorded lines, which stand in `place`; gives the indices of those that are no events. Events outside of
/// `times` (microseconds since 1970, UTC), or without a time, are left out when there are such.
///
/// # Errors
/// [`LakeError::Encode`] when the lines are too large for one batch: give fewer.
pub fn take_lines<F: Fold>(
    fold: &mut F,
    place: &str,
    lines: &[&[u8]],
    times: Option<&Range<i64>>,
) -> Result<Vec<usize>, LakeError> {
    let batch = table(place, lines, &with_needed(F::COLUMNS))?;
    let no_events = no_events(&batch);
    let within = within(&batch, times);
    let (batch, places) = match &within {
        None => (batch, None),
        Some(within) => (cut(&batch, within), Some(within)),
    };
    let mut closer = Closer::default();
    fold.take(&Rows::new(&batch), &mut closer);
    if !closer.rows.is_empty() {
        let line = |row: &u64| lines[places.map_or(*row as usize, |places| places[*row as usize] as usize)];
        let picked: Vec<&[u8]> = closer.rows.iter().map(line).collect();
        let mut closest = Closer::default();
        fold.look_closer_and_pick(&Rows::new(&table(place, &picked, F::CLOSER)?), &mut closest);
        if !closest.rows.is_empty() {
            let picked: Vec<&[u8]> = closest.rows.iter().map(|row| picked[*row as usize]).collect();
            fold.look_closest(&Rows::new(&table(place, &picked, F::CLOSEST)?));
        }
    }
    Ok(no_events)
}

/// These columns of lines.
pub(crate) fn table(place: &str, lines: &[&[u8]], columns: &[&str]) -> Result<RecordBatch, LakeError> {
    let lines: Vec<(u64, &[u8])> = (0..).zip(lines.iter().copied()).collect();
    let (first, last) = (0, lines.len() as u64);
    let rows = lake::Rows {
        origin: place,
        cluster: "",
        node: "",
        queue: [0; 16],
        first,
        last,
        received_us: 0,
        lines: &lines,
    };
    lake::table(&rows, columns)
}

/// The columns with those that tell whether and when.
pub(crate) fn with_needed(columns: &[&'static str]) -> Vec<&'static str> {
    let missing = ["time", "stage"].into_iter().filter(|needed| !columns.contains(needed));
    columns.iter().copied().chain(missing).collect()
}

/// Rows that are no events: every event has a stage.
pub(crate) fn no_events(batch: &RecordBatch) -> Vec<usize> {
    let stages = Rows::new(batch).words("stage");
    (0..batch.num_rows()).filter(|row| stages.at(*row).is_none()).collect()
}

/// Which rows are of these times; None when all are.
pub(crate) fn within(batch: &RecordBatch, times: Option<&Range<i64>>) -> Option<Vec<u32>> {
    let times = times?;
    let at = Rows::new(batch).times("time");
    let rows = 0..u32::try_from(batch.num_rows()).expect("a batch has fewer than 2^32 rows");
    let kept: Vec<u32> =
        rows.filter(|row| at(*row as usize).is_some_and(|time| times.contains(&time))).collect();
    (kept.len() < batch.num_rows()).then_some(kept)
}

/// These rows of the batch.
pub(crate) fn cut(batch: &RecordBatch, rows: &[u32]) -> RecordBatch {
    let rows = arrow_array::UInt32Array::from(rows.to_vec());
    arrow_select::take::take_record_batch(batch, &rows).expect("the rows are those of the batch")
}
