//! One look at all services: who is asked, and when.
//!
//! Promises: every collector is asked before the shippers, and what had its receipt then is what the account goes by
//! (`settled`): of such a line every shipper says whether it took it, so that none that a destination took, or will take,
//! is shown as never sent there. Every collector is asked after them once more: it has read whatever they have ended.

use std::collections::HashMap;

use proto::Count;
use proto::v1::{ServiceStatus, SourceStatus};

/// What a place says of its services, or why it says nothing.
pub type Answer = Result<Vec<ServiceStatus>, String>;

/// The answers of all places, in their order. `may_ship` says whether there might be a shipper where nobody answers: what
/// that one took is not known, and then nothing is called left out.
pub async fn look<P>(
    places: &[P],
    may_ship: impl Fn(&P) -> bool,
    ask: impl AsyncFn(&P) -> Answer,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    for place in places {
        answers.push(ask(place).await);
    }
    if !answers.iter().flatten().any(|services| ships(services)) {
        return answers;
    }
    let settled = settled(answers.iter().flatten().flatten());
    for again in [ships, reads] {
        for (place, answer) in places.iter().zip(&mut answers) {
            if answer.as_deref().is_ok_and(again) {
                *answer = ask(place).await;
            }
        }
    }
    let all_known = places.iter().zip(&answers).all(|(place, answer)| answer.is_ok() || !may_ship(place));
    let settled = if all_known { settled } else { Settled::new() };
    answers.iter_mut().flatten().filter(|services| reads(services)).for_each(|read| settle(read, &settled));
    answers
}

/// As [`look`], where all are asked in one process: `earlier` is what the collector said before the shipper did.
pub(crate) fn looked(mut services: Vec<ServiceStatus>, earlier: &ServiceStatus) -> Vec<ServiceStatus> {
    settle(&mut services, &settled([earlier]));
    services
}

/// What had its receipt, by queue and path.
type Settled = HashMap<(Vec<u8>, String), Option<Count>>;

fn settled<'a>(services: impl IntoIterator<Item = &'a ServiceStatus>) -> Settled {
    let sources = services.into_iter().flat_map(|service| &service.sources);
    sources.map(|source| (key(source), source.settled)).collect()
}

fn settle(services: &mut [ServiceStatus], settled: &Settled) {
    for source in services.iter_mut().flat_map(|service| &mut service.sources) {
        source.settled = settled.get(&key(source)).copied().flatten();
    }
}

fn key(source: &SourceStatus) -> (Vec<u8>, String) {
    (source.queue.clone(), source.origin.as_ref().map_or_else(String::new, |origin| origin.path.clone()))
}

/// A shipper in a process of its own; one that has a collector with it was looked at by [`looked`].
fn ships(services: &[ServiceStatus]) -> bool {
    has_destinations(services) && !has_sources(services)
}

/// A collector in a process of its own.
fn reads(services: &[ServiceStatus]) -> bool {
    has_sources(services) && !has_destinations(services)
}

fn has_destinations(services: &[ServiceStatus]) -> bool {
    services.iter().any(|service| !service.destinations.is_empty())
}

fn has_sources(services: &[ServiceStatus]) -> bool {
    services.iter().any(|service| !service.sources.is_empty())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proto::Origin;
    use proto::v1::{Account, DestinationStatus};

    use super::*;
    use crate::account::{NO_DESTINATION, Row, rows};

    const COLLECTOR: &str = "collector";
    const SHIPPER: &str = "shipper";

    fn count(events: u64) -> Option<Count> {
        Some(Count { events, bytes: events * 10 })
    }

    fn origin() -> Option<Origin> {
        Some(Origin { path: "audit.log".into(), ..Origin::default() })
    }

    /// A collector that read so many lines, of which so many have no receipt.
    fn collector(read: u64, queued: u64) -> Answer {
        let (read, settled, queued) = (count(read), count(read - queued), count(queued));
        let source = SourceStatus { origin: origin(), read, queued, settled, ..SourceStatus::default() };
        Ok(vec![ServiceStatus { sources: vec![source], ..ServiceStatus::default() }])
    }

    /// A shipper whose only destination took so many lines, and says that so many went by.
    fn shipper(took: u64, missed: u64) -> Answer {
        let (received, delivered, missed) = (count(took), count(took), count(missed));
        let account = Account { origin: origin(), received, delivered, missed, ..Account::default() };
        let name = "new".to_owned();
        let new = DestinationStatus { name, accounts: vec![account], ..DestinationStatus::default() };
        Ok(vec![ServiceStatus { destinations: vec![new], ..ServiceStatus::default() }])
    }

    /// What is seen where the world becomes another one after so many answers.
    async fn seen(places: &[&str], answers: usize, world: [fn(&str) -> Answer; 2]) -> Row {
        let asked = Cell::new(0);
        let answered = look(
            places,
            |_| true,
            async |place| {
                let now = world[usize::from(asked.replace(asked.get() + 1) >= answers)];
                now(place)
            },
        );
        let services: Vec<ServiceStatus> = answered.await.into_iter().flatten().flatten().collect();
        rows(&services).remove(0)
    }

    fn left_out(row: &Row) -> u64 {
        row.filtered_by.get(NO_DESTINATION).map_or(0, |amount| amount.events)
    }

    const ORDERS: [[&str; 2]; 2] = [[COLLECTOR, SHIPPER], [SHIPPER, COLLECTOR]];

    #[tokio::test]
    async fn a_line_that_a_destination_takes_while_we_ask_is_never_shown_as_left_out() {
        // The first batch, of 27 lines, had overtaken those before it: they get their receipts all at once.
        let before = |place: &str| if place == SHIPPER { shipper(27, 1384) } else { collector(1411, 1411) };
        let after = |place: &str| if place == SHIPPER { shipper(1411, 0) } else { collector(1411, 0) };
        for (order, answers) in ORDERS.iter().flat_map(|order| (0..6).map(move |answers| (order, answers))) {
            let row = seen(order, answers, [before, after]).await;
            assert_eq!((left_out(&row), &row.problem), (0, &None), "{order:?}, after {answers}: {row:?}");
        }
    }

    #[tokio::test]
    async fn a_look_says_at_once_what_was_left_out_and_never_that_more_ended_than_was_read() {
        let before = |place: &str| if place == SHIPPER { shipper(10, 100) } else { collector(110, 0) };
        let after = |place: &str| if place == SHIPPER { shipper(15, 100) } else { collector(115, 0) };
        for (order, answers) in ORDERS.iter().flat_map(|order| (0..6).map(move |answers| (order, answers))) {
            let row = seen(order, answers, [before, after]).await;
            assert_eq!(row.problem, None, "{order:?}, after {answers}");
            assert!((95..=100).contains(&left_out(&row)), "{order:?}, after {answers}: {row:?}");
            if [0, 6].contains(&answers) {
                assert_eq!((left_out(&row), row.in_flight.events), (100, 0));
            }
        }
    }

    #[tokio::test]
    async fn what_a_shipper_may_have_taken_that_does_not_answer_is_not_called_left_out() {
        let ask = async |place: &&str| match *place {
            COLLECTOR => collector(110, 0),
            SHIPPER => shipper(10, 100),
            _ => Err("no answer within 5 s".to_owned()),
        };
        for (may_ship, expected) in [(true, 0), (false, 100)] {
            let answers = look(&[SHIPPER, "another", COLLECTOR], |_| may_ship, ask).await;
            assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
            let services: Vec<ServiceStatus> = answers.into_iter().flatten().flatten().collect();
            assert_eq!(left_out(&rows(&services)[0]), expected);
        }
    }
}
