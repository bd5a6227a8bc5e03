//! Order in the lake that this shipper fills: small files merged, what is too old or too much removed.
//!
//! Promises: it has a thread of its own and delays no delivery; one hour at a time is worked at, and a stop is heeded
//! between two merges; what went wrong is logged and tried again in the next round; several shippers may do it to one
//! lake.

use std::sync::Arc;
use std::time::Duration;

use ::lake::{Keeping, Lake, LakeError, Location, Merging};
use chassis::Stop;
use chassis::metrics::{self, Counter};

use crate::config;
use crate::workbench::Workbench;

/// From one look at the lake to the next.
const ROUND: Duration = Duration::from_secs(10 * 60);
/// Before the first one: most starts are followed by a lot of other work.
const FIRST: Duration = Duration::from_secs(60);
/// No file may have come to an hour for this long.
const QUIET_US: i64 = 10 * 60 * 1_000_000;

/// The housekeeper of one lake.
pub(crate) struct Housekeeper {
    location: Location,
    merging: Option<Merging>,
    keeping: Keeping,
    merged: Counter,
    expired: Counter,
    lake: Option<Arc<Lake>>,
}

impl Housekeeper {
    pub(crate) fn of(destination: &str, lake: &config::Lake) -> Housekeeper {
        let micros = |span: chassis::Span| i64::try_from(span.duration().as_micros()).unwrap_or(i64::MAX);
        let counter = |name, help| metrics::counters(name, help, &["destination"]).of(&[destination]);
        let merging = Merging {
            after_us: micros(lake.merge_after),
            quiet_us: QUIET_US,
            target: lake.file_size.as_u64(),
        };
        Housekeeper {
            location: lake.location(),
            merging: lake.merge.then_some(merging),
            keeping: Keeping {
                age_us: lake.keep.map(micros),
                bytes: lake.max_size.map(|size| size.as_u64()),
            },
            merged: counter(
                "auditrail_shipper_lake_merged_files_total",
                "Files of the lake that were merged",
            ),
            expired: counter(
                "auditrail_shipper_lake_expired_files_total",
                "Files of the lake that were removed because it was too old or too large",
            ),
            lake: None,
        }
    }

    /// Looks at the lake again and again until `stop` is requested.
    pub(crate) async fn run(mut self, stop: Stop) {
        if self.merging.is_none() && self.keeping == Keeping::default() {
            return stop.wait().await;
        }
        let mut bench = Workbench::new("lake-order");
        let mut pause = FIRST;
        loop {
            tokio::select! {
                () = stop.wait() => return,
                () = tokio::time::sleep(pause) => {}
            }
            let asked = stop.clone();
            let work = move || {
                let done = self.round(now_us(), &|| !asked.requested());
                (self, done)
            };
            let (back, done) = bench.run(work).await;
            self = back;
            if let Err(error) = done {
                tracing::warn!("the lake is not in order: {error}");
                self.lake = None; // opened again, with the credentials of then
            }
            pause = ROUND;
        }
    }

    /// One look: merges what there is to merge, removes what has to go.
    fn round(&mut self, now_us: i64, goes_on: &dyn Fn() -> bool) -> Result<(), LakeError> {
        let lake = match &self.lake {
            Some(lake) => lake.clone(),
            None => self.lake.insert(Arc::new(Lake::at(&self.location)?)).clone(),
        };
        if let Some(merging) = &self.merging {
            for hour in lake.to_merge(merging, now_us)? {
                if !goes_on() {
                    return Ok(());
                }
                let done = lake.merge(hour, merging, now_us, goes_on)?;
                if done.files > 0 {
                    self.merged.inc_by(done.files);
                    tracing::info!(%hour, files = done.files, into = done.into, bytes = done.bytes_after, "merged files of the lake");
                }
            }
        }
        let expired = lake.expire(&self.keeping, now_us)?;
        if expired.files > 0 {
            self.expired.inc_by(expired.files);
            tracing::info!(
                hours = expired.hours,
                files = expired.files,
                bytes = expired.bytes,
                "removed the oldest hours of the lake"
            );
        }
        Ok(())
    }
}

fn now_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use ::lake::Rows;

    use super::*;

    const HOUR_US: i64 = 3_600_000_000;

    /// Three files in each of two hours.
    fn fill(lake: &Lake) {
        for (number, hour) in (0..6).zip([3, 3, 3, 4, 4, 4]) {
            let line = format!(
                r#"{{"level":"Metadata","auditID":"a","stage":"Panic","stageTimestamp":"2026-11-23T0{hour}:30:00.000000Z"}}"#
            );
            let lines = [(number, line.as_bytes())];
            let rows = Rows {
                origin: "o",
                cluster: "",
                node: "",
                queue: [0; 16],
                first: number,
                last: number,
                received_us: 0,
                lines: &lines,
            };
            lake.write(&rows).unwrap();
        }
    }

    fn keeper(settings: &str) -> (tempfile::TempDir, Housekeeper, Lake) {
        let directory = tempfile::tempdir().unwrap();
        let url = directory.path().join("lake").to_str().unwrap().to_owned();
        let lake = Lake::open(&url).unwrap();
        fill(&lake);
        let text = format!("shipper: {{destinations: {{lake: {{type: lake, url: '{url}'{settings}}}}}}}");
        let read = chassis::Configuration::parse("a.yaml".as_ref(), text, []).unwrap();
        let config: config::Config = read.section().unwrap();
        let config::Destination::Lake(settings) = &config.destinations["lake"] else {
            panic!("it is a lake")
        };
        (directory, Housekeeper::of("lake", settings), lake)
    }

    fn files(lake: &Lake) -> Vec<i64> {
        lake.files().unwrap().iter().map(|file| file.partition.hour()).collect()
    }

    fn much_later(lake: &Lake) -> i64 {
        lake.files().unwrap().iter().map(|file| file.modified_us).max().unwrap() + 1000 * HOUR_US
    }

    #[test]
    fn a_round_merges_each_hour_and_keeps_everything_by_default() {
        let (_directory, mut keeper, lake) = keeper("");
        keeper.round(much_later(&lake), &|| true).unwrap();
        assert_eq!(files(&lake), [3, 4]);
        assert_eq!(lake.summary().unwrap().rows, 6);
    }

    #[test]
    fn a_stop_ends_the_round_between_two_hours() {
        let (_directory, mut keeper, lake) = keeper("");
        keeper.round(much_later(&lake), &|| false).unwrap();
        assert_eq!(files(&lake).len(), 6);
    }

    #[test]
    fn what_is_too_old_or_too_much_goes_where_that_was_asked_for() {
        for settings in [", keep: 1h, merge: false", ", max_size: 1MiB, keep: 30m", ", keep: 1h"] {
            let (_directory, mut keeper, lake) = keeper(settings);
            keeper.round(much_later(&lake), &|| true).unwrap();
            assert!(files(&lake).iter().all(|hour| *hour == 4), "{settings}: {:?}", files(&lake));
        }
    }
}
