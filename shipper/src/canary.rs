//! Canaries among the events of a destination: how long it took from the API server to here.
//!
//! Promises: a canary is told of when its destination has confirmed it, not before, and once, whatever stages of it are
//! logged and however often it comes; lines without one cost a search for a few bytes; whoever writes such IDs makes
//! nothing grow.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use audit::Event;
use proto::Line;
use proto::v1::CanaryDelivered;
use serde::{Deserialize, Serialize};

use crate::metrics::Metrics;
use crate::record::{self, Record};
use crate::standing::now_us;

/// The most that are noted of a body: its header has to fit the index. The oldest, and the newest ones.
const MOST: usize = 4;
/// The most that are remembered of a destination.
const MOST_REMEMBERED: usize = 16;

/// A canary that is on its way: the number of its line, its ID, and when the API server received the request, in
/// microseconds since 1970 by its clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Canary(pub(crate) u64, pub(crate) String, pub(crate) i64);

/// The canaries among lines.
fn among<'a>(lines: impl Iterator<Item = &'a Line>) -> Vec<Canary> {
    let mut found: Vec<Canary> = Vec::new();
    for line in lines {
        let Some(canary) = of(line) else { continue };
        if found.iter().any(|known| known.1 == canary.1) {
            continue; // another stage of the same request
        }
        if found.len() == MOST {
            found.remove(1);
        }
        found.push(canary);
    }
    found
}

fn of(line: &Line) -> Option<Canary> {
    proto::canary::ids_in(&line.bytes).next()?;
    let event = Event::scan(&line.bytes).ok()?;
    let id = event.audit_id();
    let is_its_own = proto::canary::ids_in(&line.bytes).any(|found| found == id);
    is_its_own.then(|| Some(Canary(line.number, id.into_owned(), event.request_received_micros()?)))?
}

/// Notes in each record the canaries that it has of these lines.
pub(crate) fn note(records: &mut [Record], lines: &[Line]) {
    if !lines.iter().any(|line| of(line).is_some()) {
        return;
    }
    for record in records {
        let Some((listed, _)) = record::open(&record.payload) else { continue };
        let has = |line: &&Line| listed.binary_search_by_key(&line.number, |one| one.number).is_ok();
        record.header.canaries = among(lines.iter().filter(has));
    }
}

/// Those of a body that the record has which takes its place.
pub(crate) fn passed_on(canaries: &[Canary], record: &Record) -> Vec<Canary> {
    match record::open(&record.payload) {
        Some((listed, _)) if !canaries.is_empty() => those_of(canaries, &listed),
        _ => Vec::new(),
    }
}

/// Those of these lines.
pub(crate) fn those_of(canaries: &[Canary], lines: &[crate::manifest::Listed]) -> Vec<Canary> {
    let has = |canary: &&Canary| lines.iter().any(|line| line.number == canary.0);
    canaries.iter().filter(has).cloned().collect()
}

/// The canaries that a destination has, the last ones.
#[derive(Default)]
pub(crate) struct Arrived(Mutex<VecDeque<CanaryDelivered>>);

impl Arrived {
    /// They have arrived now.
    pub(crate) fn note(&self, canaries: &[Canary], metrics: &Metrics) {
        if canaries.is_empty() {
            return;
        }
        let (mut arrived, delivered_us) = (self.0.lock().unwrap_or_else(PoisonError::into_inner), now_us());
        for Canary(_, id, received_us) in canaries {
            if arrived.iter().any(|known| known.id == *id) {
                continue;
            }
            if arrived.len() == MOST_REMEMBERED {
                arrived.pop_front();
            }
            // A clock that is ahead of this one must not make it look faster than at once.
            let took_us = delivered_us.saturating_sub(*received_us).max(0);
            metrics.canary(took_us as f64 / 1e6);
            let (id, received_us) = (id.clone(), *received_us);
            arrived.push_back(CanaryDelivered { id, received_us, delivered_us });
        }
    }

    /// As status tells them.
    pub(crate) fn status(&self) -> Vec<CanaryDelivered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use proto::Origin;

    use super::*;
    use crate::block::Blocks;
    use crate::parcel::{Packer, Parcel};

    fn line(number: u64, id: &str, stage: &str) -> Line {
        let text = format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{id}","stage":"{stage}","requestReceivedTimestamp":"1970-01-01T00:00:0{number}.000000Z"}}"#
        );
        Line { number, read_bytes: text.len() as u64 + 1, bytes: text.into() }
    }

    fn noted(lines: &[Line]) -> Vec<Canary> {
        let (origin, lines) = (Origin::default(), lines.to_vec());
        let parcel = Parcel { origin, queue: [0; 16], read_at_us: 0, lines: lines.clone(), block: None };
        let mut records = Blocks.pack(&parcel).unwrap();
        note(&mut records, &lines);
        assert!(records[0].stored_header(u32::MAX).len() <= queue::MAX_HEADER);
        records.remove(0).header.canaries
    }

    #[test]
    fn a_body_knows_its_canaries_whatever_stages_are_logged() {
        let id = proto::canary::id(7, 1);
        let lines = [
            line(1, "other", "ResponseComplete"),
            line(2, &id, "RequestReceived"),
            line(3, &id, "ResponseComplete"),
            line(4, "auditrail-canary-", "ResponseComplete"),
        ];
        assert_eq!(noted(&lines), [Canary(2, id, 2_000_000)]);
    }

    #[test]
    fn of_many_the_oldest_and_the_newest_are_noted_and_fit_the_index() {
        let id = |number: u64| proto::canary::id(u32::MAX, u64::MAX - number);
        let lines: Vec<Line> = (0..10).map(|number| line(number, &id(number), "ResponseComplete")).collect();
        let numbers: Vec<u64> = noted(&lines).iter().map(|canary| canary.0).collect();
        assert_eq!(numbers, [0, 7, 8, 9]);
    }

    #[test]
    fn an_arrival_is_told_once_and_a_clock_that_is_ahead_counts_as_at_once() {
        let (arrived, metrics) = (Arrived::default(), Metrics::of("canary"));
        let ahead = Canary(1, "auditrail-canary-1".into(), i64::MAX);
        arrived.note(&[ahead.clone(), ahead], &metrics);
        assert_eq!(arrived.status().len(), 1);
        for number in 0..100 {
            arrived.note(&[Canary(number, format!("auditrail-canary-{number}"), 0)], &metrics);
        }
        assert_eq!(arrived.status().len(), MOST_REMEMBERED);
        assert!(arrived.status().last().unwrap().id.ends_with("-99"));
        let page = chassis::metrics::render();
        let count = r#"auditrail_shipper_canary_seconds_count{destination="canary"} 100"#;
        assert!(page.contains(count), "{page}");
        assert!(
            page.contains(r#"auditrail_shipper_canary_seconds_bucket{le="0.1",destination="canary"} 1"#),
            "{page}"
        );
    }
}
