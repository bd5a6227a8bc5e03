//! Files of the lake into folds, on all processors.
//!
//! Promises: a file that cannot be read is named and its events are missing, the rest goes on; what is in memory is bounded by
//! the number of threads, not by the lake.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lake::{File, Lake, LakeError, Partition};

use crate::fold::Fold;
use crate::kept::Kept;
use crate::scan::days::Days;
use crate::scan::files::{Taken, take_files};

mod days;
mod files;

pub(crate) use days::day;

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
    let threads = threads.max(1);
    let desk = Desk {
        queue: Mutex::new(tasks(kept, hours)),
        pending: Mutex::new(BTreeMap::new()),
        days: Days::default(),
        threads,
    };
    let parts: Vec<Folded<F>> = std::thread::scope(|scope| {
        let work = || work(lake, kept, &desk, goes_on);
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
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
    /// Folds some files of an hour that was begun.
    Read(Partition, Vec<File>, Option<Range<i64>>),
}

/// What the workers share.
struct Desk<F> {
    queue: Mutex<Vec<Task>>,
    pending: Mutex<Hours<F>>,
    days: Days<F>,
    threads: usize,
}

/// Hours whose files are being folded.
type Hours<F> = BTreeMap<Partition, Pending<F>>;

/// An hour whose files are being folded.
struct Pending<F> {
    /// What is merged so far; None while somebody merges it with more, or nothing is there yet.
    fold: Option<F>,
    /// How many parts of its files are not folded yet.
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
    /// Adds what more files tell, and notes what became of them; gives the hour when those were its last ones. Nobody
    /// waits for another's merging.
    fn add(&self, hour: Partition, mut fold: F, note: impl FnOnce(&mut Pending<F>)) -> Option<Pending<F>> {
        loop {
            let mut hours = self.pending();
            let pending = pending_of(&mut hours, hour);
            let Some(mut more) = pending.fold.take() else {
                pending.fold = Some(fold);
                note(pending);
                return one_less(hours, hour);
            };
            drop(hours);
            more.merge(fold);
            fold = more;
        }
    }

    fn queue(&self) -> MutexGuard<'_, Vec<Task>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
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
    hours.get_mut(&hour).expect("an hour is pending until its last part is folded")
}

/// The hour, when no more parts of its files are to be folded.
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
        let task = desk.queue().pop();
        match task {
            None => return mine,
            Some(Task::Day(hours)) => {
                let (known, tasks) = desk.days.begin(kept, hours);
                known.into_iter().for_each(|fold| mine.fold.merge(fold));
                let tasks = tasks.into_iter().map(Task::Begin);
                desk.queue().extend(tasks);
            }
            Some(Task::Begin(hour)) => begin(kept, desk, hour, &mut mine),
            Some(Task::Read(hour, files, times)) => {
                let always: GoesOn<'_> = &|| true;
                let goes_on = if times.is_none() { goes_on } else { always };
                let taken = take_files(lake, &files, times.as_ref(), goes_on);
                finish(kept, desk, hour, taken, &mut mine);
            }
        }
    }
}

fn begin<F: Fold>(kept: &Kept, desk: &Desk<F>, hour: Hour, mine: &mut Folded<F>) {
    let Hour { partition, files, times, in_day } = hour;
    let (known, mut unread) = match &times {
        None => kept.of::<F>(partition, &files),
        Some(_) => (None, files.clone()),
    };
    if unread.is_empty() {
        desk.finish(kept, partition, in_day, known.unwrap_or_default(), true, mine);
        return;
    }
    // What came first is read first: what comes later then tells less that is worth a closer look.
    unread.sort_by(|one, other| (one.modified_us, &one.path).cmp(&(other.modified_us, &other.path)));
    // One thread folds a whole hour while the others have other work: the less is merged, and the less of later files is
    // new.
    let others_are_busy = desk.queue().len() >= desk.threads;
    let parts = if others_are_busy { 1 } else { desk.threads };
    let parts: Vec<&[File]> = unread.chunks(unread.len().div_ceil(parts)).collect();
    let pending = Pending {
        fold: known,
        left: parts.len(),
        files: times.is_none().then_some(files),
        in_day,
        grew: false,
        is_whole: true,
    };
    desk.pending().insert(partition, pending);
    let tasks = parts.into_iter().map(|files| Task::Read(partition, files.to_vec(), times.clone()));
    desk.queue().extend(tasks);
}

fn finish<F: Fold>(kept: &Kept, desk: &Desk<F>, hour: Partition, taken: Taken<F>, mine: &mut Folded<F>) {
    let Taken { fold, folded, failed, missing } = taken;
    let finished = desk.add(hour, fold, |pending| {
        pending.grew |= folded > 0;
        pending.is_whole &= failed.is_empty() && missing.is_empty();
        pending.files.take_if(|_| !failed.is_empty());
        pending.files.iter_mut().for_each(|files| files.retain(|file| !missing.contains(file)));
    });
    mine.opened += folded + failed.len() as u64;
    mine.missing += missing.len() as u64;
    mine.failed.extend(failed);
    if let Some(Pending { fold, files, in_day, grew, is_whole, .. }) = finished {
        let fold = fold.unwrap_or_default();
        let is_whole = is_whole && files.is_some();
        if let Some(files) = files.filter(|_| grew) {
            kept.keep(hour, &files, &fold);
        }
        desk.finish(kept, hour, in_day, fold, is_whole, mine);
    }
}
