//! Files of an hour into one fold.
//!
//! Promises: a file is read once for what every row is asked, and again only for the rows picked for a closer look, of
//! which there are fewer the more is known from the files before; a file that cannot be read leaves nothing of itself
//! in the fold.

use std::ops::Range;

use arrow_array::RecordBatch;
use lake::{File, Lake, LakeError, Opened, Reading};

use crate::fold::{Closer, Fold, cut, with_needed, within};
use crate::rows::{REPEATING, REPEATING_LISTS, Rows};
use crate::scan::GoesOn;

/// Rows in a batch of what every row is asked.
const ROWS: usize = 16 << 10;
/// Rows in a batch with whole lines, which may have bodies of requests in them.
const RAW_ROWS: usize = 256;

/// What became of some files.
pub(super) struct Taken<F> {
    pub(super) fold: F,
    /// How many are in the fold.
    pub(super) folded: u64,
    /// Files that could not be read.
    pub(super) failed: Vec<(File, LakeError)>,
    /// Files for which there was no time.
    pub(super) missing: Vec<File>,
}

/// Folds files one after the other, for as long as it goes on.
pub(super) fn take_files<F: Fold>(
    lake: &Lake,
    files: &[File],
    times: Option<&Range<i64>>,
    goes_on: GoesOn<'_>,
) -> Taken<F> {
    match (together(lake, files, times, goes_on), files) {
        (Ok(taken), _) => taken,
        (Err(error), [file]) => Taken { failed: vec![(file.clone(), error)], ..Taken::none() },
        // What was taken of the file is in the fold: all is thrown away, and the halves are read again.
        (Err(_), files) => {
            let (one, other) = files.split_at(files.len() / 2);
            take_files(lake, one, times, goes_on).and(take_files(lake, other, times, goes_on))
        }
    }
}

fn together<F: Fold>(
    lake: &Lake,
    files: &[File],
    times: Option<&Range<i64>>,
    goes_on: GoesOn<'_>,
) -> Result<Taken<F>, LakeError> {
    let mut taken = Taken::none();
    for (at, file) in files.iter().enumerate() {
        if !goes_on() {
            taken.missing = files[at..].to_vec();
            break;
        }
        take_file(&mut taken.fold, lake, file, times)?;
        taken.folded += 1;
    }
    Ok(taken)
}

impl<F: Fold> Taken<F> {
    fn none() -> Taken<F> {
        Taken { fold: F::default(), folded: 0, failed: Vec::new(), missing: Vec::new() }
    }

    fn and(mut self, other: Taken<F>) -> Taken<F> {
        self.fold.merge(other.fold);
        self.folded += other.folded;
        self.failed.extend(other.failed);
        self.missing.extend(other.missing);
        self
    }
}

/// Folds one file. What was taken of a file that cannot be read to its end must be thrown away.
///
/// # Errors
/// When it cannot be read.
fn take_file<F: Fold>(
    fold: &mut F,
    lake: &Lake,
    file: &File,
    times: Option<&Range<i64>>,
) -> Result<(), LakeError> {
    let columns = with_needed(F::COLUMNS);
    let mut closer = Closer::default();
    let mut next = 0;
    let (file, dictionaries) = (lake.opened(file)?, dictionaries(&columns));
    let all = Reading { times: times.cloned(), most_rows: ROWS, ..reading(&columns, &dictionaries) };
    for batch in file.scan(&all)? {
        let batch = batch?;
        let rows = batch.num_rows() as u64;
        take_batch(fold, batch, times, next, &mut closer);
        next += rows;
    }
    let look = Look { file: &file, times };
    let closest =
        look.at(F::CLOSER, closer.rows(), |rows, closest| fold.look_closer_and_pick(rows, closest))?;
    look.at(F::CLOSEST, &closest, |rows, _| fold.look_closest(rows))?;
    Ok(())
}

/// One more look at a file.
struct Look<'l> {
    file: &'l Opened,
    times: Option<&'l Range<i64>>,
}

impl Look<'_> {
    /// At these columns of these rows; gives the rows that were picked of them.
    fn at(
        &self,
        columns: &[&str],
        rows: &[u64],
        mut take: impl FnMut(&Rows<'_>, &mut Closer),
    ) -> Result<Vec<u64>, LakeError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let dictionaries = dictionaries(columns);
        let most_rows = if columns.contains(&"raw") { RAW_ROWS } else { ROWS };
        let times = self.times.cloned();
        let reading = Reading { times, rows: Some(rows), most_rows, ..reading(columns, &dictionaries) };
        let (mut picked, mut next) = (Closer::default(), 0);
        for batch in self.file.scan(&reading)? {
            let batch = batch?;
            picked.begin(next);
            take(&Rows::new(&batch), &mut picked);
            next += batch.num_rows() as u64;
        }
        Ok(picked.rows().iter().map(|at| rows[*at as usize]).collect())
    }
}

fn take_batch<F: Fold>(
    fold: &mut F,
    batch: RecordBatch,
    times: Option<&Range<i64>>,
    first: u64,
    closer: &mut Closer,
) {
    let Some(within) = within(&batch, times) else {
        closer.begin(first);
        return fold.take(&Rows::new(&batch), closer);
    };
    let mut picked = Closer::default();
    fold.take(&Rows::new(&cut(&batch, &within)), &mut picked);
    closer.begin(first);
    picked.rows().iter().for_each(|row| closer.pick(within[*row as usize] as usize));
}

fn reading<'r>(columns: &'r [&'r str], dictionaries: &'r [&'r str]) -> Reading<'r> {
    Reading { dictionaries, ..Reading::of(columns) }
}

fn dictionaries<'c>(columns: &[&'c str]) -> Vec<&'c str> {
    let repeats = |column: &&str| REPEATING.contains(column) || REPEATING_LISTS.contains(column);
    columns.iter().copied().filter(repeats).collect()
}
