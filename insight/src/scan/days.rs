//! Days of which every hour is asked for, and their states.
//!
//! Promises: a day's state is what merging its hours gives; it is used for exactly the files that it was made of, to
//! which whole hours may have come; one with an hour that could not be read is not kept. Nobody waits for another's
//! merging.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lake::{File, Partition};

use super::Hour;
use crate::fold::Fold;
use crate::kept::Kept;

const DAY_US: i64 = 24 * 3_600_000_000;

/// The day of an hour, counted from 1970.
pub(crate) fn day(hour: Partition) -> i64 {
    hour.start_us().div_euclid(DAY_US)
}

/// Days whose hours are being folded.
#[derive(Default)]
pub(super) struct Days<F>(Mutex<BTreeMap<i64, Pending<F>>>);

struct Pending<F> {
    /// What is merged so far; None while somebody merges it with more.
    fold: Option<F>,
    /// Hours that are not in it yet.
    left: usize,
    /// What it will be kept as; None when it must not be.
    files: Option<Vec<File>>,
}

impl<F: Fold> Days<F> {
    /// The state of these hours of one day, if it is known; else the hours that are to be folded and then given to
    /// [`Days::add`].
    pub(super) fn begin(&self, kept: &Kept, hours: Vec<Hour>) -> (Option<F>, Vec<Hour>) {
        let Some(first) = hours.first().map(|hour| hour.partition) else { return (None, hours) };
        let files: Vec<File> = hours.iter().flat_map(|hour| hour.files.iter().cloned()).collect();
        let (known, unread) = kept.of_day::<F>(first, &files);
        if known.is_some() && unread.is_empty() {
            return (known, Vec::new());
        }
        let new: HashSet<Partition> = unread.iter().map(|file| file.partition).collect();
        let unread_of_new = hours.iter().filter(|hour| new.contains(&hour.partition));
        let only_whole_hours = unread_of_new.map(|hour| hour.files.len()).sum::<usize>() == unread.len();
        let (fold, hours) = match known {
            Some(known) if only_whole_hours => {
                (Some(known), hours.into_iter().filter(|hour| new.contains(&hour.partition)).collect())
            }
            _ => (None, hours),
        };
        self.pending().insert(day(first), Pending { fold, left: hours.len(), files: Some(files) });
        (None, hours)
    }

    /// Adds an hour; gives the day when that was its last one.
    pub(super) fn add(&self, kept: &Kept, hour: Partition, mut fold: F, is_whole: bool) -> Option<F> {
        loop {
            let mut days = self.pending();
            let pending = days.get_mut(&day(hour)).expect("a day is pending until its last hour is added");
            let Some(mut more) = pending.fold.take() else {
                if !is_whole {
                    pending.files = None;
                }
                pending.left -= 1;
                if pending.left > 0 {
                    pending.fold = Some(fold);
                    return None;
                }
                let files = days.remove(&day(hour)).and_then(|pending| pending.files);
                drop(days);
                files.into_iter().for_each(|files| kept.keep_day(hour, &files, &fold));
                return Some(fold);
            };
            drop(days);
            more.merge(fold);
            fold = more;
        }
    }

    fn pending(&self) -> MutexGuard<'_, BTreeMap<i64, Pending<F>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
