//! Files of the lake into folds, on all processors.
//!
//! Promises: a file is read once for what every row is asked, and again only for the rows picked for a closer look;
//! a file that cannot be read is named and its events are missing, the rest goes on; what is in memory is bounded by
//! the number of threads, not by the lake.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use lake::{File, Lake, LakeError, Partition, Reading};

use crate::fold::{Closer, Fold, cut, with_needed, within};
use crate::kept::Kept;
use crate::rows::{REPEATING, REPEATING_LISTS, Rows};
use crate::scan::days::Days;

mod days;

pub(crate) use days::day;

/// Rows in a batch of what every row is asked.
const ROWS: usize = 16 << 10;
/// Rows in a batch with whole lines, which may have bodies of requests in them.
const RAW_ROWS: usize = 256;

/// An hour to fold.
#[derive(Debug)]
pub(crate) struct Hour {
    pub(crate) partition: Partition,
    pub(crate) files: Vec<File>,
    /// Only events of these times; None when the whole hour is asked for.
    pub(crate) times: Option<Range<i64>>,
    /// Whether it is part of the state of its day.
    pub(crate) in_day: bool,
}

/// What was folded.
pub(crate) struct Folded<F> {
    pub(crate) fold: F,
    /// Files that could not be read.
    pub(crate) failed: Vec<(File, LakeError)>,
    /// Files that were opened.
    pub(crate) opened: u64,
    /// Files for which there was no time.
    pub(crate) missing: u64,
}

/// Whether there is time to read one more file.
pub(crate) type GoesOn<'g> = &'g (dyn Fn() -> bool + Sync);

/// Folds the hours, the newest first; those that are kept are not read. When it does not go on, no further file of whole
/// hours is opened; what was read until then is kept.
pub(crate) fn hours<F: Fold>(
    lake: &Lake,
    kept: &Kept,
    hours: Vec<Hour>,
    threads: usize,
    goes_on: GoesOn<'_>,
) -> Folded<F> {
    let desk = Desk {
        queue: Mutex::new(tasks(kept, hours)),
        pending: Mutex::new(BTreeMap::new()),
        days: Days::default(),
    };
    let parts: Vec<Folded<F>> = std::thread::scope(|scope| {
        let work = || work(lake, kept, &desk, goes_on);
        let workers: Vec<_> = (1..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let first = work();
        let others = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        std::iter::once(first).chain(others).collect()
    });
    parts.into_iter().reduce(Folded::and).unwrap_or_else(Folded::none)
}

impl<F: Fold> Folded<F> {
    fn none() -> Folded<F> {
        Folded { fold: F::default(), failed: Vec::new(), opened: 0, missing: 0 }
    }

    fn and(mut self, other: Folded<F>) -> Folded<F> {
        self.fold.merge(other.fold);
        self.failed.extend(other.failed);
        self.opened += other.opened;
        self.missing += other.missing;
        self
    }
}

/// One step of work.
enum Task {
    /// Takes the state of a day that was kept, or else makes tasks of its hours.
    Day(Vec<Hour>),
    /// Takes the state of an hour that was kept, or else makes tasks of its files.
    Begin(Hour),
    /// Folds a file of an hour that was begun.
    Read(Partition, File, Option<Range<i64>>),
}

/// What the workers share.
struct Desk<F> {
    queue: Mutex<Vec<Task>>,
    pending: Mutex<Hours<F>>,
    days: Days<F>,
}

/// Hours whose files are being folded.
type Hours<F> = BTreeMap<Partition, Pending<F>>;

/// An hour whose files are being folded.
struct Pending<F> {
    /// What is merged so far; None while somebody merges it with more, or nothing is there yet.
    fold: Option<F>,
    left: usize,
    /// What it will be kept as; None when it must not be.
    files: Option<Vec<File>>,
    in_day: bool,
    /// Whether a file was folded that was not known.
    grew: bool,
    /// Whether all its files are in the state.
    is_whole: bool,
}

impl<F: Fold> Desk<F> {
    /// Adds the state of one more file; gives the hour when that was its last one. Nobody waits for another's merging.
    fn add(&self, hour: Partition, mut fold: F) -> Option<Pending<F>> {
        loop {
            let mut hours = self.pending();
            let pending = pending_of(&mut hours, hour);
            let Some(mut more) = pending.fold.take() else {
                (pending.fold, pending.grew) = (Some(fold), true);
                return one_less(hours, hour);
            };
            drop(hours);
            more.merge(fold);
            fold = more;
        }
    }

    /// Does without a file; gives the hour when that was its last one.
    fn go_without(&self, hour: Partition, note: impl FnOnce(&mut Pending<F>)) -> Option<Pending<F>> {
        let mut hours = self.pending();
        let pending = pending_of(&mut hours, hour);
        pending.is_whole = false;
        note(pending);
        one_less(hours, hour)
    }

    fn pending(&self) -> MutexGuard<'_, Hours<F>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes the state of an hour on: to its day, or to what was folded so far.
    fn finish(
        &self,
        kept: &Kept,
        hour: Partition,
        in_day: bool,
        fold: F,
        is_whole: bool,
        mine: &mut Folded<F>,
    ) {
        if !in_day {
            return mine.fold.merge(fold);
        }
        if let Some(fold) = self.days.add(kept, hour, fold, is_whole) {
            mine.fold.merge(fold);
        }
    }
}

fn pending_of<F>(hours: &mut Hours<F>, hour: Partition) -> &mut Pending<F> {
    hours.get_mut(&hour).expect("an hour is pending until its last file is folded")
}

/// The hour, when no more of its files are to be folded.
fn one_less<F>(mut hours: MutexGuard<'_, Hours<F>>, hour: Partition) -> Option<Pending<F>> {
    let pending = pending_of(&mut hours, hour);
    pending.left -= 1;
    if pending.left == 0 { hours.remove(&hour) } else { None }
}

/// The newest hour comes last, since work is taken from the end.
fn tasks(kept: &Kept, mut hours: Vec<Hour>) -> Vec<Task> {
    hours.sort_by_key(|hour| hour.partition);
    let mut tasks = Vec::new();
    for hour in hours {
        if !hour.in_day || !kept.is_anywhere() {
            tasks.push(Task::Begin(Hour { in_day: false, ..hour }));
            continue;
        }
        match tasks.last_mut() {
            Some(Task::Day(hours)) if day(hours[0].partition) == day(hour.partition) => hours.push(hour),
            _ => tasks.push(Task::Day(vec![hour])),
        }
    }
    tasks.into_iter().map(Task::simplest).collect()
}

impl Task {
    /// A day of one hour is that hour.
    fn simplest(self) -> Task {
        match self {
            Task::Day(mut hours) if hours.len() == 1 => {
                let hour = hours.pop().expect("there is one");
                Task::Begin(Hour { in_day: false, ..hour })
            }
            other => other,
        }
    }
}

fn work<F: Fold>(lake: &Lake, kept: &Kept, desk: &Desk<F>, goes_on: GoesOn<'_>) -> Folded<F> {
    let mut mine = Folded::none();
    loop {
        let task = desk.queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match task {
            None => return mine,
            Some(Task::Day(hours)) => {
                let (known, tasks) = desk.days.begin(kept, hours);
                known.into_iter().for_each(|fold| mine.fold.merge(fold));
                let tasks = tasks.into_iter().map(Task::Begin);
                desk.queue.lock().unwrap_or_else(PoisonError::into_inner).extend(tasks);
            }
            Some(Task::Begin(hour)) => begin(kept, desk, hour, &mut mine),
            Some(Task::Read(hour, file, times)) => {
                let done = if times.is_none() && !goes_on() {
                    Done::NoTime
                } else {
                    mine.opened += 1;
                    let mut fold = F::default();
                    match take_file(&mut fold, lake, &file, times.as_ref()) {
                        Ok(()) => Done::Folded(fold),
                        Err(error) => Done::Failed(error),
                    }
                };
                finish(kept, desk, hour, file, done, &mut mine);
            }
        }
    }
}

fn begin<F: Fold>(kept: &Kept, desk: &Desk<F>, hour: Hour, mine: &mut Folded<F>) {
    let Hour { partition, files, times, in_day } = hour;
    let (known, unread) = match &times {
        None => kept.of::<F>(partition, &files),
        Some(_) => (None, files.clone()),
    };
    if unread.is_empty() {
        desk.finish(kept, partition, in_day, known.unwrap_or_default(), true, mine);
        return;
    }
    let pending = Pending {
        fold: known,
        left: unread.len(),
        files: times.is_none().then_some(files),
        in_day,
        grew: false,
        is_whole: true,
    };
    desk.pending().insert(partition, pending);
    let tasks = unread.into_iter().map(|file| Task::Read(partition, file, times.clone()));
    desk.queue.lock().unwrap_or_else(PoisonError::into_inner).extend(tasks);
}

/// What became of a file.
enum Done<F> {
    Folded(F),
    Failed(LakeError),
    NoTime,
}

fn finish<F: Fold>(
    kept: &Kept,
    desk: &Desk<F>,
    hour: Partition,
    file: File,
    done: Done<F>,
    mine: &mut Folded<F>,
) {
    let finished = match done {
        Done::Folded(fold) => desk.add(hour, fold),
        Done::Failed(error) => {
            mine.failed.push((file, error));
            desk.go_without(hour, |pending| pending.files = None)
        }
        Done::NoTime => {
            mine.missing += 1;
            desk.go_without(hour, |pending| {
                pending.files.iter_mut().for_each(|files| files.retain(|other| other.path != file.path));
            })
        }
    };
    if let Some(Pending { fold, files, in_day, grew, is_whole, .. }) = finished {
        let fold = fold.unwrap_or_default();
        let is_whole = is_whole && files.is_some();
        if let Some(files) = files.filter(|_| grew) {
            kept.keep(hour, &files, &fold);
        }
        desk.finish(kept, hour, in_day, fold, is_whole, mine);
    }
}

/// Folds one file. What was taken of a file that cannot be read to its end must be thrown away.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn take_file<F: Fold>(
    fold: &mut F,
    lake: &Lake,
    file: &File,
    times: Option<&Range<i64>>,
) -> Result<(), LakeError> {
    let columns = with_needed(F::COLUMNS);
    let mut closer = Closer::default();
    let mut next = 0;
    for batch in lake.scan(
        file,
        &Reading { times: times.cloned(), most_rows: ROWS, ..reading(&columns, &dictionaries(&columns)) },
    )? {
        let batch = batch?;
        let rows = batch.num_rows() as u64;
        take_batch(fold, batch, times, next, &mut closer);
        next += rows;
    }
    let look = Look { lake, file, times };
    let closest =
        look.at(F::CLOSER, closer.rows(), |rows, closest| fold.look_closer_and_pick(rows, closest))?;
    look.at(F::CLOSEST, &closest, |rows, _| fold.look_closest(rows))?;
    Ok(())
}

/// One more look at a file.
struct Look<'l> {
    lake: &'l Lake,
    file: &'l File,
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
        for batch in self.lake.scan(self.file, &reading)? {
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
