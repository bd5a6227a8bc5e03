//! How much of a day's budget is left, by choice.
//!
//! Promises: a day is one of UTC, and begins with a whole budget; what was used is known again after a restart, but
//! for what was sent in the last second before a crash.

use std::path::PathBuf;
use std::time::Duration;

use chassis::ByteSize;
use tokio::time::Instant;

const DAY_US: i64 = 86_400_000_000;

/// How often what was used is written down, at most.
const NOTED_EVERY: Duration = Duration::from_secs(1);

/// A budget of bytes of bodies, before compression.
pub(crate) struct Budget {
    per_day: Option<u64>,
    /// The day, counted from 1970, and what of it was used.
    day: i64,
    used: u64,
    file: PathBuf,
    noted: Option<Instant>,
}

impl Budget {
    /// What is left of today's, as the file tells. Reads a small file.
    pub(crate) fn open(per_day: Option<ByteSize>, file: PathBuf) -> Budget {
        let read = |text: String| {
            let (day, used) = text.trim().split_once(' ')?;
            Some((day.parse().ok()?, used.parse().ok()?))
        };
        let (day, used) = std::fs::read_to_string(&file).ok().and_then(read).unwrap_or((0, 0));
        Budget { per_day: per_day.map(ByteSize::as_u64), day, used, file, noted: None }
    }

    /// Whether nothing is left at this time (microseconds since 1970).
    pub(crate) fn is_used_up(&self, now_us: i64) -> bool {
        self.per_day.is_some_and(|per_day| self.day == now_us.div_euclid(DAY_US) && self.used >= per_day)
    }

    /// So many bytes are sent; `now` is the same moment on the clock that never goes back.
    pub(crate) fn spend(&mut self, bytes: u64, now_us: i64, now: Instant) {
        if self.per_day.is_none() {
            return;
        }
        let today = now_us.div_euclid(DAY_US);
        if self.day != today {
            (self.day, self.used) = (today, 0);
        }
        self.used = self.used.saturating_add(bytes);
        if self.noted.is_none_or(|noted| now - noted >= NOTED_EVERY) {
            self.noted = Some(now);
            self.note();
        }
    }

    /// Writes down what was used. Blocks shortly.
    pub(crate) fn note(&self) {
        if self.per_day.is_some()
            && let Err(error) = std::fs::write(&self.file, format!("{} {}\n", self.day, self.used))
        {
            tracing::warn!(%error, file = %self.file.display(), "what was used of the budget cannot be written down");
        }
    }

    /// How long it is until the next day.
    pub(crate) fn until_tomorrow(now_us: i64) -> Duration {
        Duration::from_micros(u64::try_from(DAY_US - now_us.rem_euclid(DAY_US)).unwrap_or_default())
    }

    /// What to say while it is used up.
    pub(crate) fn words(&self) -> String {
        let per_day = ByteSize::bytes(self.per_day.unwrap_or_default());
        format!(
            "the budget of {per_day} per day is used up: refusals and writes still go, the rest waits until 00:00 UTC"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_lasts_over_a_restart_and_is_whole_on_the_next_day() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("budget");
        let now = Instant::now();
        let noon = 20_000 * DAY_US + DAY_US / 2;
        let open = || Budget::open(Some(ByteSize::bytes(1000)), file.clone());
        let mut budget = open();
        budget.spend(600, noon, now);
        assert!(!budget.is_used_up(noon));
        budget.spend(400, noon, now);
        assert!(budget.is_used_up(noon) && budget.words().contains("per day is used up"));
        budget.note();
        let mut budget = open();
        assert!(budget.is_used_up(noon));
        assert_eq!(Budget::until_tomorrow(noon), Duration::from_secs(43_200));
        assert!(!budget.is_used_up(noon + DAY_US / 2));
        budget.spend(1, noon + DAY_US / 2, now);
        assert!(!budget.is_used_up(noon + DAY_US / 2));
    }

    #[test]
    fn without_a_budget_nothing_is_used_up_and_no_file_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("budget");
        let mut budget = Budget::open(None, file.clone());
        budget.spend(u64::MAX, 0, Instant::now());
        budget.note();
        assert!(!budget.is_used_up(0) && !file.exists());
    }
}
