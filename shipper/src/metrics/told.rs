//! What the status of a destination says, as metrics:
//!
//! `auditrail_shipper_spool_bytes`, `auditrail_shipper_spool_limit_bytes`, `auditrail_shipper_held{by}`,
//! `auditrail_shipper_failing`, `auditrail_shipper_last_success_timestamp_seconds`,
//! `auditrail_shipper_account_events{fate}`, `auditrail_shipper_dead_letters`, its bytes and their limit.
//!
//! Promise: the same numbers as in `auditrail status`, a few seconds old at most; those of the account outlive a restart.

use chassis::metrics::{Gauges, gauges};
use proto::v1::{Account, Count, DestinationStatus, NamedCount, StoreStatus};

/// Gauges of all destinations; clones share them.
#[derive(Clone)]
pub(super) struct Told {
    spool: Gauges,
    spool_limit: Gauges,
    held: Gauges,
    failing: Gauges,
    last_success: Gauges,
    account: Gauges,
    letters: Gauges,
    letters_bytes: Gauges,
    letters_limit: Gauges,
}

impl Told {
    pub(super) fn declare() -> Told {
        const TO: &[&str] = &["destination"];
        Told {
            spool: gauges("auditrail_shipper_spool_bytes", "Disk that the spool takes", TO),
            spool_limit: gauges("auditrail_shipper_spool_limit_bytes", "Disk that the spool may take", TO),
            held: gauges(
                "auditrail_shipper_held",
                "1 while nothing is sent before somebody changes something, by who holds it",
                &["destination", "by"],
            ),
            failing: gauges(
                "auditrail_shipper_failing",
                "1 while attempts fail or wait after a failure, 0 otherwise",
                TO,
            ),
            last_success: gauges(
                "auditrail_shipper_last_success_timestamp_seconds",
                "When something was last delivered, in seconds since 1970; 0 before the first time",
                TO,
            ),
            account: gauges(
                "auditrail_shipper_account_events",
                "Events by what became of them so far, over restarts",
                &["destination", "fate"],
            ),
            letters: gauges("auditrail_shipper_dead_letters", "Dead letters that wait for a decision", TO),
            letters_bytes: gauges("auditrail_shipper_dead_letters_bytes", "Disk that dead letters take", TO),
            letters_limit: gauges(
                "auditrail_shipper_dead_letters_limit_bytes",
                "Disk that dead letters may take",
                TO,
            ),
        }
    }

    pub(super) fn spool(&self, destination: &str, bytes: u64) {
        self.spool.of(&[destination]).set(value(bytes));
    }

    pub(super) fn tell(&self, status: &DestinationStatus) {
        let to = status.name.as_str();
        let StoreStatus { bytes, limit_bytes, .. } = status.spool.clone().unwrap_or_default();
        self.spool(to, bytes);
        self.spool_limit.of(&[to]).set(value(limit_bytes));
        let held_itself = status.state == "held" && !status.held_by_operator;
        self.held.of(&[to, "operator"]).set(i64::from(status.held_by_operator));
        self.held.of(&[to, "destination"]).set(i64::from(held_itself));
        self.failing.of(&[to]).set(i64::from(held_itself || status.state == "retrying"));
        self.last_success.of(&[to]).set(status.last_success_us / 1_000_000);
        for (fate, events) in fates(&status.accounts) {
            self.account.of(&[to, fate]).set(value(events));
        }
        if let Some(letters) = &status.dead_letters {
            self.letters.of(&[to]).set(value(letters.records));
            self.letters_bytes.of(&[to]).set(value(letters.bytes));
            self.letters_limit.of(&[to]).set(value(letters.limit_bytes));
        }
    }
}

/// What became of the events of all origins.
fn fates(accounts: &[Account]) -> [(&'static str, u64); 6] {
    let one =
        |of: fn(&Account) -> Option<Count>| accounts.iter().filter_map(of).map(|count| count.events).sum();
    let named = |of: fn(&Account) -> &[NamedCount]| {
        let counts = accounts.iter().flat_map(of).filter_map(|named| named.count);
        counts.map(|count| count.events).sum()
    };
    [
        ("received", one(|account| account.received)),
        ("delivered", one(|account| account.delivered)),
        ("filtered", named(|account| &account.filtered)),
        ("dead", named(|account| &account.dead)),
        ("shed", one(|account| account.shed)),
        ("spooled", one(|account| account.spooled)),
    ]
}

fn value(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_told_in_full_and_a_hold_by_who_holds() {
        let count = |events| Some(Count { events, bytes: 0 });
        let account = Account {
            received: count(10),
            delivered: count(4),
            filtered: vec![NamedCount { count: count(3), ..NamedCount::default() }],
            spooled: count(3),
            ..Account::default()
        };
        let status = DestinationStatus {
            name: "told".into(),
            state: "held".into(),
            held_by_operator: true,
            spool: Some(StoreStatus { bytes: 5, limit_bytes: 9, ..StoreStatus::default() }),
            accounts: vec![account.clone(), account],
            ..DestinationStatus::default()
        };
        Told::declare().tell(&status);
        let page = chassis::metrics::render();
        for line in [
            "auditrail_shipper_account_events{destination=\"told\",fate=\"received\"} 20",
            "auditrail_shipper_account_events{destination=\"told\",fate=\"filtered\"} 6",
            "auditrail_shipper_account_events{destination=\"told\",fate=\"dead\"} 0",
            "auditrail_shipper_held{destination=\"told\",by=\"operator\"} 1",
            "auditrail_shipper_held{destination=\"told\",by=\"destination\"} 0",
            "auditrail_shipper_spool_limit_bytes{destination=\"told\"} 9",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is missing in\n{page}");
        }
    }
}
