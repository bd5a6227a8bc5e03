//! What was never seen before: subjects, and what they do where.
//!
//! Promises: every combination of subject, verb, resource and namespace that was let through is told with the moment
//! when it was first seen and a sample; only what was first seen after the time of learning is told, which begins with
//! the log's first event; a subject that is new altogether is told apart from a new habit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clip::clip;
use crate::filter::Filter;
use crate::fold::{Closer, Fold};
use crate::groups::Groups;
use crate::moment;
use crate::requests::Requests;
use crate::rows::Rows;
use crate::shares::{Owned, Shares, Sum};
use crate::tally::Tally;

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstSeen {
    /// All requests.
    requests: Tally,
    habits: Shares<Habit, Tally>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Habit {
    subject: String,
    verb: String,
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
}

impl Owned for Habit {
    type Owner = String;

    fn owner(&self) -> &String {
        &self.subject
    }
}

impl Fold for FirstSeen {
    const NAME: &'static str = "first-seen-1";
    const COLUMNS: &'static [&'static str] = &[
        "time",
        "stage",
        "audit_id",
        "user",
        "impersonated_user",
        "verb",
        "api_group",
        "resource",
        "subresource",
        "namespace",
        "code",
    ];

    fn take(&mut self, rows: &Rows<'_>, _: &mut Closer) {
        let (requests, time, code) = (Requests::of(rows), rows.times("time"), rows.codes());
        let texts =
            ["verb", "api_group", "resource", "subresource", "namespace"].map(|column| rows.text(column));
        let [verb, group, resource, subresource, namespace] = &texts;
        let groups = Groups::by(&[
            &requests.user,
            &requests.impersonated,
            verb,
            group,
            resource,
            subresource,
            namespace,
        ]);
        let ids = rows.words("audit_id");
        let mut seen: Vec<Option<Tally>> = vec![None; groups.len()];
        for row in (0..rows.len()).filter(|row| requests.is_one(*row)) {
            let time = time(row);
            self.requests.add(Tally { count: 1, first: time, last: time, sample: String::new() });
            let refused = matches!(code(row), Some(401 | 403 | 429));
            if refused || time.is_none() || resource.at(row).is_none() {
                continue;
            }
            match &mut seen[groups.of(row)] {
                // The sample is of the first moment: the text of a later one is not needed.
                Some(tally) if time > tally.first => {
                    tally.count += 1;
                    tally.last = tally.last.max(time);
                }
                Some(tally) => tally.add(Tally::of(time, ids.at(row))),
                unseen => *unseen = Some(Tally::of(time, ids.at(row))),
            }
        }
        for (index, tally) in seen.into_iter().enumerate() {
            let row = groups.example(index);
            let Some(tally) = tally else { continue };
            let text = |text: &crate::rows::Text<'_>| clip(text.or_empty(row));
            let habit = Habit {
                subject: clip(requests.subject(row)),
                verb: text(verb),
                api_group: text(group),
                resource: text(resource),
                subresource: text(subresource),
                namespace: text(namespace),
            };
            self.habits.add(habit, tally);
        }
    }

    fn merge(&mut self, other: Self) {
        self.requests.add(other.requests);
        self.habits.merge(other.habits);
    }
}

/// What is told of [`FirstSeen`]; the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Until when was learnt; None when the log has no event, or none after that time.
    pub learnt_until: Option<String>,
    /// How many combinations were learnt.
    pub learnt: u64,
    /// What was first seen later.
    pub new: Vec<Row>,
    /// Requests beyond those that could be told apart, so that something new may be among them.
    pub more: u64,
}

/// Something new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Who.
    pub subject: String,
    /// Whether nothing of the subject was seen while learning.
    pub new_subject: bool,
    /// The verb.
    pub verb: String,
    /// The API group; empty for the core group.
    pub api_group: String,
    /// The resource.
    pub resource: String,
    /// The subresource.
    pub subresource: String,
    /// The namespace; empty for the whole cluster.
    pub namespace: String,
    /// How often, when first and last, and the first request.
    #[serde(flatten)]
    pub tally: Tally,
}

impl FirstSeen {
    /// The report on the requests asked for, after so many microseconds of learning. What is learnt are combinations with
    /// all names, so that of the filter only the name is not asked for.
    #[must_use]
    pub fn report(&self, learn_us: i64, filter: &Filter) -> Report {
        let until = self.requests.first.map(|first| first.saturating_add(learn_us));
        let until = until.filter(|until| self.requests.last.is_some_and(|last| *until <= last));
        let is_new =
            |tally: &Tally| until.is_some_and(|until| tally.first.is_some_and(|first| first >= until));
        let first = self.first_of_subjects();
        let chosen: Vec<(&Habit, &Tally)> =
            self.habits.iter().filter(|(habit, _)| habit.is_chosen(filter)).collect();
        let mut new: Vec<Row> = chosen
            .iter()
            .filter(|(_, tally)| is_new(tally))
            .map(|(habit, tally)| {
                let new_subject = until.is_some_and(|until| first[habit.subject.as_str()] >= until);
                row(habit, tally, new_subject)
            })
            .collect();
        new.sort_by(|one, other| {
            other.tally.first.cmp(&one.tally.first).then_with(|| one.what().cmp(&other.what()))
        });
        let rest = self.habits.rest().filter(|(subject, _)| filter.user(subject));
        let rest: u64 = rest.map(|(_, tally)| tally.count).sum();
        Report {
            learnt_until: until.map(moment::written),
            learnt: (chosen.len() - new.len()) as u64,
            new,
            more: rest + self.habits.others().map_or(0, |tally| tally.count),
        }
    }

    /// When each subject was first seen, whatever it did.
    fn first_of_subjects(&self) -> BTreeMap<&str, i64> {
        let mut first: BTreeMap<&str, i64> = BTreeMap::new();
        for (habit, tally) in self.habits.iter() {
            let seen = tally.first.unwrap_or(i64::MAX);
            first.entry(&habit.subject).and_modify(|first| *first = seen.min(*first)).or_insert(seen);
        }
        first
    }
}

impl Habit {
    fn is_chosen(&self, filter: &Filter) -> bool {
        filter.user(&self.subject)
            && filter.verb(&self.verb)
            && filter.resource(&self.api_group, &self.resource, &self.subresource)
            && filter.namespace(&self.namespace)
    }
}

impl Row {
    fn what(&self) -> [&str; 6] {
        let (verb, group) = (&self.verb, &self.api_group);
        [&self.subject, verb, group, &self.resource, &self.subresource, &self.namespace]
    }
}

fn row(habit: &Habit, tally: &Tally, new_subject: bool) -> Row {
    let Habit { subject, verb, api_group, resource, subresource, namespace } = habit.clone();
    Row { subject, new_subject, verb, api_group, resource, subresource, namespace, tally: tally.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws;

    fn line(hour: u32, user: &str, verb: &str, code: u32) -> Vec<u8> {
        let time = format!("2026-11-23T{hour:02}:00:00.000000Z");
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"at-{hour}","stage":"ResponseComplete","requestURI":"/api/v1/pods","verb":"{verb}","user":{{"username":"{user}"}},"sourceIPs":["10.0.0.1"],"objectRef":{{"resource":"pods","apiVersion":"v1"}},"responseStatus":{{"metadata":{{}},"code":{code}}},"requestReceivedTimestamp":"{time}","stageTimestamp":"{time}"}}"#
        )
        .into_bytes()
    }

    #[test]
    fn the_laws_of_folds_hold() {
        laws::hold::<FirstSeen>(&laws::recording());
    }

    #[test]
    fn only_what_was_first_seen_after_learning_is_told() {
        let lines = [
            line(0, "jane", "list", 200),
            line(2, "jane", "list", 200),
            line(3, "jane", "delete", 200),
            line(4, "joe", "list", 200),
            line(5, "joe", "list", 200),
            line(6, "eve", "list", 403),
        ];
        let seen: FirstSeen = laws::folded(&lines);
        let report = seen.report(3_600_000_000, &Filter::default());
        let told = |row: &Row| (row.subject.clone(), row.verb.clone(), row.new_subject, row.tally.count);
        let told: Vec<_> = report.new.iter().map(told).collect();
        let row = |subject: &str, verb: &str, new, count| (subject.to_owned(), verb.to_owned(), new, count);
        assert_eq!(told, [row("joe", "list", true, 2), row("jane", "delete", false, 1)]);
        assert_eq!((report.learnt, report.new[0].tally.sample.as_str()), (1, "at-4"));
        let nothing = seen.report(100 * 3_600_000_000, &Filter::default());
        assert_eq!((nothing.learnt_until, nothing.new.len()), (None, 0));
    }

    #[test]
    fn what_is_chosen_is_told_and_a_subject_that_did_other_things_before_is_not_new() {
        let lines = [
            line(0, "jane", "list", 200),
            line(3, "jane", "delete", 200),
            line(4, "joe", "list", 200),
            line(5, "joe", "delete", 200),
        ];
        let seen: FirstSeen = laws::folded(&lines);
        let told = |filter: Filter| {
            let report = seen.report(3_600_000_000, &filter);
            let row = |row: &Row| (row.subject.clone(), row.verb.clone(), row.new_subject);
            (report.learnt, report.new.iter().map(row).collect::<Vec<_>>())
        };
        let some = |text: &str| Some(text.to_owned());
        let row = |subject: &str, verb: &str, new| (subject.to_owned(), verb.to_owned(), new);
        let delete = Filter { verb: some("del*"), ..Filter::default() };
        assert_eq!(told(delete), (0, vec![row("joe", "delete", true), row("jane", "delete", false)]));
        let jane = Filter { user: some("jane"), resource: some("pods"), ..Filter::default() };
        assert_eq!(told(jane), (1, vec![row("jane", "delete", false)]));
        for nothing in [
            Filter { resource: some("secrets"), ..Filter::default() },
            Filter { namespace: some("prod"), ..Filter::default() },
        ] {
            assert_eq!(told(nothing), (0, vec![]));
        }
    }
}
