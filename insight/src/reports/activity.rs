//! Activity: how much was asked when, by whom, of what, and how it was answered.
//!
//! Promises: every event of the log counts, once for each stage that was logged; events by class of status code add up
//! to the events; bounded, however many names clients invent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fold::{Closer, Fold};
use crate::groups::Groups;
use crate::moment;
use crate::rows::Rows;
use crate::shares::{Owned, Shares, Sum};
use crate::windows::{Windows, window};

/// Most bytes of a text that is kept.
const MOST_TEXT: usize = 128;
/// Rows of a ranking.
const MOST_ROWS: usize = 10;

/// Events by how they were answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classes {
    /// Codes up to 399.
    pub fine: u64,
    /// 401 and 403: not allowed.
    pub refused: u64,
    /// Other 4xx.
    pub faulty: u64,
    /// 5xx.
    pub broken: u64,
    /// No code yet.
    pub open: u64,
}

impl Classes {
    /// All of them.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.fine + self.refused + self.faulty + self.broken + self.open
    }

    fn count(&mut self, code: Option<i32>) {
        let class = match code {
            None => &mut self.open,
            Some(401 | 403) => &mut self.refused,
            Some(400..=499) => &mut self.faulty,
            Some(500..) => &mut self.broken,
            Some(_) => &mut self.fine,
        };
        *class += 1;
    }
}

impl Sum for Classes {
    fn add(&mut self, other: Classes) {
        self.fine += other.fine;
        self.refused += other.refused;
        self.faulty += other.faulty;
        self.broken += other.broken;
        self.open += other.open;
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Kind {
    user: String,
    client: String,
    verb: String,
    resource: String,
}

impl Owned for Kind {
    type Owner = String;

    fn owner(&self) -> &String {
        &self.user
    }
}

/// What is known of the activity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    kinds: Shares<Kind, Classes>,
    over_time: Windows<Classes>,
    all: Classes,
    bytes: u64,
}

impl Fold for Activity {
    const NAME: &'static str = "activity-1";
    const COLUMNS: &'static [&'static str] = &["time", "user", "client", "verb", "resource", "code", "bytes"];

    fn take(&mut self, rows: &Rows<'_>, _: &mut Closer) {
        let (user, client) = (rows.text("user"), rows.text("client"));
        let (verb, resource) = (rows.text("verb"), rows.text("resource"));
        let groups = Groups::by(&[&user, &client, &verb, &resource]);
        let (time, code, bytes) = (rows.times("time"), rows.codes(), rows.numbers("bytes"));
        let mut counted = vec![Classes::default(); groups.len()];
        let mut windows: BTreeMap<u32, Classes> = BTreeMap::new();
        for row in 0..rows.len() {
            let code = code(row);
            counted[groups.of(row)].count(code);
            self.all.count(code);
            self.bytes += bytes(row).and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
            if let Some(time) = time(row) {
                windows.entry(window(time)).or_default().count(code);
            }
        }
        windows.into_iter().for_each(|(window, classes)| self.over_time.put(window, classes));
        for (group, classes) in counted.into_iter().enumerate() {
            let row = groups.example(group);
            let [user, client, verb, resource] =
                [&user, &client, &verb, &resource].map(|text| start(text.or_empty(row)));
            self.kinds.add(Kind { user, client, verb, resource }, classes);
        }
    }

    fn merge(&mut self, other: Self) {
        self.kinds.merge(other.kinds);
        self.over_time.add(other.over_time);
        self.all.add(other.all);
        self.bytes += other.bytes;
    }
}

fn start(text: &str) -> String {
    text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= MOST_TEXT).map(|(_, c)| c).collect()
}

/// What is told of [`Activity`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many events.
    pub events: u64,
    /// Their size as lines of the log, in bytes.
    pub bytes: u64,
    /// How they were answered.
    pub answered: Classes,
    /// The same over time, oldest first; windows without an event are left out.
    pub over_time: Vec<Point>,
    /// Who asked most.
    pub users: Vec<Ranked>,
    /// With what.
    pub clients: Vec<Ranked>,
    /// Which verbs.
    pub verbs: Vec<Ranked>,
    /// Of which resources; empty for requests that are of none.
    pub resources: Vec<Ranked>,
}

/// Five minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// When they begin.
    pub time: String,
    /// The same in microseconds since 1970.
    #[serde(skip)]
    pub start_us: i64,
    /// What was in them.
    #[serde(flatten)]
    pub answered: Classes,
}

/// A row of a ranking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ranked {
    /// The name; bounded in length.
    pub name: String,
    /// How many events.
    pub events: u64,
    /// How they were answered.
    #[serde(flatten)]
    pub answered: Classes,
}

impl Activity {
    /// The report.
    #[must_use]
    pub fn report(&self) -> Report {
        let point = |(window, classes): (u32, &Classes)| {
            let start_us = i64::from(window) * crate::windows::WINDOW_US;
            Point { time: moment::written(start_us), start_us, answered: *classes }
        };
        Report {
            events: self.all.events(),
            bytes: self.bytes,
            answered: self.all,
            over_time: self.over_time.iter().map(point).collect(),
            users: self.ranked(|kind| &kind.user),
            clients: self.ranked(|kind| &kind.client),
            verbs: self.ranked(|kind| &kind.verb),
            resources: self.ranked(|kind| &kind.resource),
        }
    }

    fn ranked(&self, by: impl Fn(&Kind) -> &str) -> Vec<Ranked> {
        let mut sums: BTreeMap<&str, Classes> = BTreeMap::new();
        self.kinds.iter().for_each(|(kind, classes)| sums.entry(by(kind)).or_default().add(*classes));
        let row = |(name, answered): (&str, Classes)| Ranked {
            name: name.to_owned(),
            events: answered.events(),
            answered,
        };
        let mut rows: Vec<Ranked> = sums.into_iter().map(row).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.events));
        rows.truncate(MOST_ROWS);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws;

    #[test]
    fn the_laws_of_folds_hold() {
        laws::hold::<Activity>(&laws::recording());
    }

    #[test]
    fn what_happened_over_time_and_by_whom_adds_up_to_all_events() {
        let activity = laws::folded::<Activity>(&laws::recording());
        let report = activity.report();
        assert!(report.events > 100, "{report:#?}");
        assert_eq!(report.over_time.iter().map(|point| point.answered.events()).sum::<u64>(), report.events);
        let by_kind = activity.kinds.iter().map(|(_, classes)| classes.events());
        assert_eq!(by_kind.sum::<u64>(), report.events);
        assert!(report.users.is_sorted_by(|one, other| one.events >= other.events));
        assert!(report.verbs.iter().any(|row| row.name == "list" && row.events > 0));
    }
}
