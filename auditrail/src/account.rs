//! What became of every line: per source and destination,
//! `read = delivered + filtered + dead + shed + in flight`, in events and in bytes.
//!
//! Promise: nothing is assumed. What the collector read and what the shipper did are counted apart, in
//! different stores; this file only joins them, and [`Row::problem`] says where they do not meet.

use std::collections::BTreeMap;

use proto::v1::{Account, DestinationStatus, ServiceStatus, SourceStatus};
use proto::{Count, NamedCount};
use serde::Serialize;

/// The name, among the filtered, of lines that went out when the destination was not configured: they were read before
/// it was added, or while it was taken out. Nobody sent them there, and nobody will.
pub const NO_DESTINATION: &str = "no destination then";

/// Events and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Lines.
    pub events: u64,
    /// Their bytes as read, each with one newline.
    pub bytes: u64,
}

/// What became of the lines of one source at one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The source, as text.
    pub source: String,
    /// The destination's name.
    pub destination: String,
    /// All lines read.
    pub read: Amount,
    /// Lines that the destination has.
    pub delivered: Amount,
    /// Lines left out on purpose.
    pub filtered: Amount,
    /// Lines that could not be delivered and are kept apart.
    pub dead: Amount,
    /// Lines that a best-effort destination had no room for.
    pub shed: Amount,
    /// Lines on their way: in the collector's queue or in the destination's spool.
    pub in_flight: Amount,
    /// `filtered` by name.
    pub filtered_by: BTreeMap<String, Amount>,
    /// `dead` by cause.
    pub dead_by: BTreeMap<String, Amount>,
    /// Delivered events that were shrunk to fit.
    pub shrunk: Amount,
    /// Delivered events whose invalid UTF-8 became U+FFFD.
    pub replaced_utf8: Amount,
    /// Batches that came again and were recognised.
    pub repeated_batches: u64,
    /// Where the counts do not meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Amount {
    /// Adds up.
    pub fn sum(amounts: impl IntoIterator<Item = Amount>) -> Amount {
        amounts
            .into_iter()
            .fold(Amount::default(), |a, b| Amount { events: a.events + b.events, bytes: a.bytes + b.bytes })
    }

    /// What is left when so much is taken away; nothing when that is more.
    fn without(self, other: Amount) -> Amount {
        let (events, bytes) =
            (self.events.saturating_sub(other.events), self.bytes.saturating_sub(other.bytes));
        Amount { events, bytes }
    }

    fn at_most(self, other: Amount) -> Amount {
        Amount { events: self.events.min(other.events), bytes: self.bytes.min(other.bytes) }
    }

    fn less(self, other: Amount) -> Option<Amount> {
        Some(Amount {
            events: self.events.checked_sub(other.events)?,
            bytes: self.bytes.checked_sub(other.bytes)?,
        })
    }

    /// No event and no byte.
    pub fn is_zero(self) -> bool {
        self == Amount::default()
    }
}

impl From<Option<Count>> for Amount {
    fn from(count: Option<Count>) -> Self {
        count.map_or(Amount::default(), |count| Amount { events: count.events, bytes: count.bytes })
    }
}

/// One row per source and destination of all services, as a [`look`](crate::look::look) found them.
///
/// A destination that has not heard of a source yet has a row too: everything of it is in flight.
pub fn rows(services: &[ServiceStatus]) -> Vec<Row> {
    let sources = services.iter().flat_map(|service| &service.sources);
    let destinations: Vec<&DestinationStatus> =
        services.iter().flat_map(|service| &service.destinations).collect();
    let mut names: Vec<&str> = destinations.iter().map(|destination| destination.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    sources
        .flat_map(|source| names.iter().map(|name| row(source, name, &destinations)).collect::<Vec<_>>())
        .collect()
}

/// Everything read has its end: nothing is in flight and every row adds up.
pub fn is_settled(rows: &[Row]) -> bool {
    rows.iter().all(|row| row.in_flight.is_zero() && row.problem.is_none())
}

fn row(source: &SourceStatus, name: &str, destinations: &[&DestinationStatus]) -> Row {
    let mut row = Row {
        source: source.origin.as_ref().map_or_else(String::new, ToString::to_string),
        destination: name.to_owned(),
        read: source.read.into(),
        ..Row::default()
    };
    add(&mut row.filtered_by, &source.filtered);
    add(&mut row.dead_by, &source.dead);
    let accounts =
        destinations.iter().filter(|destination| destination.name == name).flat_map(|d| &d.accounts);
    let accounts: Vec<&Account> = accounts.filter(|account| same(account, source)).collect();
    let missed = missed(source, &accounts);
    if !missed.is_zero() {
        row.filtered_by.insert(NO_DESTINATION.to_owned(), missed);
    }
    accounts.into_iter().for_each(|account| row.take(account));
    row.settle();
    row
}

/// A log of a queue has one path for good; cluster, node and collector may get other names meanwhile, and then one log
/// has several accounts.
fn same(account: &Account, source: &SourceStatus) -> bool {
    let path = |origin: &Option<proto::Origin>| origin.as_ref().map(|origin| origin.path.clone());
    account.queue == source.queue && path(&account.origin) == path(&source.origin)
}

/// Lines that had their receipt when this was no destination. The shippers were asked after a line was settled, so that
/// each of those was taken by then or was never sent there; what got its receipt later may still be told otherwise.
fn missed(source: &SourceStatus, accounts: &[&Account]) -> Amount {
    let settled = Amount::from(source.settled);
    let said = Amount::sum(accounts.iter().map(|account| account.missed.into()));
    let received = Amount::sum(accounts.iter().map(|account| account.received.into()));
    let told = accounts.iter().map(|account| account.rejoins.map(|count| Amount::from(Some(count))));
    let told: Option<Vec<Amount>> = told.collect();
    let since = told.map_or(Amount::default(), |told| {
        let most = told.into_iter().max_by_key(|told| told.events).unwrap_or_default();
        settled.without(most)
    });
    Amount::sum([said, since]).at_most(settled.without(received))
}

impl Row {
    fn take(&mut self, account: &Account) {
        self.delivered = Amount::sum([self.delivered, account.delivered.into()]);
        self.shed = Amount::sum([self.shed, account.shed.into()]);
        self.shrunk = Amount::sum([self.shrunk, account.shrunk.into()]);
        self.replaced_utf8 = Amount::sum([self.replaced_utf8, account.replaced_utf8.into()]);
        self.repeated_batches += account.repeated_batches;
        add(&mut self.filtered_by, &account.filtered);
        add(&mut self.dead_by, &account.dead);
        let parts = [account.delivered, account.shed, account.spooled].map(Amount::from);
        let named = account.filtered.iter().chain(&account.dead).map(|named| Amount::from(named.count));
        if Amount::sum(parts.into_iter().chain(named)) != account.received.into() {
            self.problem = Some(format!("destination `{}` lost count of what it received", self.destination));
        }
    }

    fn settle(&mut self) {
        self.filtered = Amount::sum(self.filtered_by.values().copied());
        self.dead = Amount::sum(self.dead_by.values().copied());
        let ended = Amount::sum([self.delivered, self.filtered, self.dead, self.shed]);
        match self.read.less(ended) {
            Some(in_flight) => self.in_flight = in_flight,
            None => self.problem = Some(format!("{} of {} lines have ended", ended.events, self.read.events)),
        }
    }
}

fn add(sums: &mut BTreeMap<String, Amount>, counts: &[NamedCount]) {
    for named in counts {
        let sum = sums.entry(named.name.clone()).or_default();
        *sum = Amount::sum([*sum, named.count.into()]);
    }
}

#[cfg(test)]
mod tests {
    use proto::Origin;

    use super::*;

    fn count(events: u64) -> Option<Count> {
        Some(Count { events, bytes: events * 10 })
    }

    fn named(name: &str, events: u64) -> NamedCount {
        NamedCount { name: name.into(), count: count(events) }
    }

    fn services(account: Account) -> Vec<ServiceStatus> {
        let origin = Some(Origin { path: "audit.log".into(), ..Origin::default() });
        let source = SourceStatus {
            origin: origin.clone(),
            queue: vec![1; 16],
            read: count(100),
            settled: count(95),
            filtered: vec![named("blank", 2)],
            dead: vec![named("quarantine", 3)],
            ..SourceStatus::default()
        };
        let account = Account { origin, queue: vec![1; 16], ..account };
        let destination = DestinationStatus {
            name: "lake".into(),
            accounts: vec![account],
            ..DestinationStatus::default()
        };
        vec![
            ServiceStatus { sources: vec![source], ..ServiceStatus::default() },
            ServiceStatus { destinations: vec![destination], ..ServiceStatus::default() },
        ]
    }

    #[test]
    fn what_is_not_ended_is_in_flight() {
        let account = Account {
            received: count(60),
            delivered: count(40),
            filtered: vec![named("policy rule 0", 5)],
            shed: count(1),
            spooled: count(14),
            ..Account::default()
        };
        let rows = rows(&services(account));
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].filtered.events, rows[0].dead.events, rows[0].in_flight.events), (7, 3, 49));
        assert_eq!(rows[0].problem, None);
        assert!(!is_settled(&rows));
    }

    #[test]
    fn all_ended_is_settled() {
        let account = Account { received: count(95), delivered: count(95), ..Account::default() };
        assert!(is_settled(&rows(&services(account))));
    }

    #[test]
    fn more_ended_than_read_is_a_problem() {
        let account = Account { received: count(200), delivered: count(200), ..Account::default() };
        assert!(rows(&services(account))[0].problem.is_some());
    }

    #[test]
    fn a_destination_that_lost_count_is_a_problem() {
        let account = Account { received: count(50), delivered: count(40), ..Account::default() };
        assert!(rows(&services(account))[0].problem.is_some());
    }

    /// The rows' lines that the destination was never sent, and those in flight.
    fn apart(services: &[ServiceStatus]) -> (u64, u64) {
        let row = &rows(services)[0];
        let missed = row.filtered_by.get(NO_DESTINATION).map_or(0, |amount| amount.events);
        assert_eq!(row.problem, None);
        (missed, row.in_flight.events)
    }

    #[test]
    fn lines_from_before_a_destination_was_added_are_not_in_flight() {
        let mut services = services(Account::default());
        services[1].destinations[0].accounts.clear();
        assert_eq!(apart(&services), (95, 0));
        services[0].sources[0].queued = count(10);
        services[0].sources[0].settled = count(85);
        assert_eq!(apart(&services), (85, 10));
        services[0].sources[0].settled = None;
        assert_eq!(apart(&services), (0, 95), "receipts may have come while we asked");
    }

    #[test]
    fn a_destination_that_was_added_says_itself_what_it_missed() {
        let account = || Account { received: count(15), delivered: count(15), ..Account::default() };
        assert_eq!(apart(&services(account())), (0, 80), "a gap that nobody explains is not explained away");
        assert_eq!(apart(&services(Account { missed: count(80), ..account() })), (80, 0));
    }

    #[test]
    fn a_line_whose_receipt_came_while_we_asked_is_on_its_way_and_not_left_out() {
        // The first batch that a new destination took had overtaken the lines before it, which had no receipt when the
        // shipper was asked, and had it when the collector was.
        let overtaking =
            Account { received: count(5), delivered: count(5), missed: count(90), ..Account::default() };
        for (settled, left_out) in [(0, 0), (3, 0), (75, 70), (95, 90)] {
            let mut services = services(overtaking.clone());
            services[0].sources[0].settled = count(settled);
            assert_eq!(apart(&services), (left_out, 90 - left_out), "{settled} had their receipt before");
        }
    }

    #[test]
    fn a_destination_that_came_back_missed_what_was_acknowledged_meanwhile() {
        let account =
            Account { received: count(40), delivered: count(40), rejoins: count(40), ..Account::default() };
        assert_eq!(apart(&services(account)), (55, 0));
    }

    #[test]
    fn a_cluster_that_got_another_name_goes_on_with_its_account() {
        let account = || Account { received: count(60), delivered: count(60), ..Account::default() };
        let mut services = services(account());
        let origin = services[0].sources[0].origin.clone().unwrap_or_default();
        let renamed = Some(Origin { cluster: "new".into(), ..origin });
        services[0].sources[0].origin = renamed.clone();
        assert_eq!(apart(&services), (0, 35));
        let newer =
            Account { received: count(35), delivered: count(35), missed: count(60), ..Account::default() };
        services[1].destinations[0].accounts.push(Account { origin: renamed, queue: vec![1; 16], ..newer });
        assert_eq!(apart(&services), (0, 0));
    }

    #[test]
    fn an_account_of_an_earlier_queue_is_not_mixed_in() {
        let mut services =
            services(Account { received: count(95), delivered: count(95), ..Account::default() });
        services[1].destinations[0].accounts[0].queue = vec![2; 16];
        services[0].sources[0].settled = None;
        assert_eq!(apart(&services), (0, 95));
    }
}
