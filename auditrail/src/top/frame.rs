//! What `top` draws: a table of logs and one of destinations, with rates between two looks.
//!
//! Promise: the page has at most as many lines and columns as the terminal; no byte of what services say reaches the
//! terminal but as text.

use std::time::Instant;

use proto::v1::{DestinationStatus, ServiceStatus, SourceStatus};

use crate::account::{Amount, Row, rows};
use crate::print::{bytes, grouped};
use crate::spelt::shown;

/// What the services said at a moment.
pub(super) struct Look {
    pub(super) at: Instant,
    pub(super) services: Vec<ServiceStatus>,
    pub(super) silent: Vec<String>,
}

/// The newest look and the one before it.
pub(super) struct Frame {
    now: Look,
    before: Option<Look>,
    /// Nobody is asked.
    pub(super) paused: bool,
}

impl Look {
    fn sources(&self) -> impl Iterator<Item = &SourceStatus> {
        self.services.iter().flat_map(|service| &service.sources)
    }

    fn destinations(&self) -> impl Iterator<Item = &DestinationStatus> {
        self.services.iter().flat_map(|service| &service.destinations)
    }

    /// Lines delivered to a destination, from all sources.
    fn delivered(&self, rows: &[Row], name: &str) -> Amount {
        Amount::sum(rows.iter().filter(|row| row.destination == name).map(|row| row.delivered))
    }
}

impl Frame {
    pub(super) fn new(first: Look) -> Frame {
        Frame { now: first, before: None, paused: false }
    }

    /// The next look.
    pub(super) fn take(&mut self, look: Look) {
        self.before = Some(std::mem::replace(&mut self.now, look));
    }

    /// The page.
    pub(super) fn lines(&self, width: usize, height: usize) -> Vec<String> {
        let services: Vec<String> = self
            .now
            .services
            .iter()
            .map(|service| format!("{} {}", service.service, service.version))
            .collect();
        let services =
            if services.is_empty() { "no service answers".to_owned() } else { services.join(", ") };
        let pause = if self.paused { "  PAUSED" } else { "" };
        let mut page = vec![format!("auditrail top{pause}  {services}  (q: quit, p: pause)"), String::new()];
        page.extend(self.logs());
        page.push(String::new());
        page.extend(self.deliveries());
        let problems = self.problems();
        if !problems.is_empty() {
            page.push(String::new());
        }
        page.extend(problems);
        page.truncate(height);
        page.iter().map(|line| shown(line).chars().take(width).collect()).collect()
    }

    fn logs(&self) -> Vec<String> {
        let head = ["LOG", "STATE", "LINES/S", "BYTES/S", "LAG", "BEHIND", "QUEUED", "OLDEST"];
        let mut table = vec![head.map(str::to_owned)];
        for source in self.now.sources() {
            let same = |other: &&SourceStatus| other.origin == source.origin && other.queue == source.queue;
            let before = self.before.as_ref().and_then(|look| look.sources().find(same));
            let (lines, size) = self.rate(source.read.into(), before.map(|before| before.read.into()));
            let path = source.origin.as_ref().map(|origin| origin.path.clone()).unwrap_or_default();
            let queued = Amount::from(source.queued).events;
            let behind = span(source.lag_ms);
            let row = [path, source.state.clone(), lines, size, bytes(source.lag_bytes), behind];
            let row: Vec<String> =
                row.into_iter().chain([grouped(queued), span(source.oldest_unacked_ms)]).collect();
            table.extend(<[String; 8]>::try_from(row));
        }
        columns(&table)
    }

    fn deliveries(&self) -> Vec<String> {
        let head = ["DESTINATION", "STATE", "EVENTS/S", "BYTES/S", "SPOOL", "OF", "DEAD", "RETRIES"];
        let mut table = vec![head.map(str::to_owned)];
        let now = rows(&self.now.services);
        let before = self.before.as_ref().map(|look| (look, rows(&look.services)));
        for destination in self.now.destinations() {
            let name = &destination.name;
            let then = before.as_ref().map(|(look, rows)| look.delivered(rows, name));
            let (events, size) = self.rate(self.now.delivered(&now, name), then);
            let spool = destination.spool.clone().unwrap_or_default();
            let dead = destination.dead_letters.as_ref().map_or(0, |dead| dead.records);
            table.push([
                name.clone(),
                destination.state.clone(),
                events,
                size,
                bytes(spool.bytes),
                bytes(spool.limit_bytes),
                grouped(dead),
                grouped(destination.retries),
            ]);
        }
        columns(&table)
    }

    /// Events and bytes per second since the look before; a dash where there is none.
    fn rate(&self, now: Amount, before: Option<Amount>) -> (String, String) {
        let since = self.before.as_ref().map(|look| self.now.at.saturating_duration_since(look.at));
        let seconds = since.map(|since| since.as_secs_f64()).filter(|seconds| *seconds > 0.0);
        let (Some(before), Some(seconds)) = (before, seconds) else {
            return ("-".to_owned(), "-".to_owned());
        };
        let per_second = |now: u64, before: u64| (now.saturating_sub(before) as f64 / seconds).round() as u64;
        let events = grouped(per_second(now.events, before.events));
        (events, format!("{}/s", bytes(per_second(now.bytes, before.bytes))))
    }

    /// What is wrong, and what to do about it.
    fn problems(&self) -> Vec<String> {
        let own = self.now.services.iter().flat_map(|service| service.problems.clone());
        let of_logs = self.now.sources().map(|source| source.problem.clone());
        let held = self.now.destinations().map(|told| match told.problem.as_str() {
            "" => String::new(),
            problem => format!("{}: {problem}", told.name),
        });
        let silent = self.now.silent.iter().map(|silent| format!("not reachable: {silent}"));
        let all = own.chain(of_logs).chain(held).chain(silent).filter(|problem| !problem.is_empty());
        let mut all: Vec<String> = all.map(|problem| format!("! {problem}")).collect();
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|problem| seen.insert(problem.clone()));
        all
    }
}

/// Nothing for nothing.
fn span(milliseconds: u64) -> String {
    match milliseconds {
        0 => "-".to_owned(),
        short if short < 1000 => format!("{short}ms"),
        long => crate::print::length(i64::try_from(long / 1000).unwrap_or(i64::MAX)),
    }
}

/// The first two columns flush left, the numbers right.
fn columns(table: &[[String; 8]]) -> Vec<String> {
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..8).map(width).collect();
    let cell = |(column, text): (usize, &String)| match column {
        0 | 1 => format!("{text:<wide$}", wide = widths[column]),
        _ => format!("{text:>wide$}", wide = widths[column]),
    };
    table.iter().map(|row| row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ")).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::v1::{Account, StoreStatus};
    use proto::{Count, Origin};

    use super::*;

    fn look(at: Instant, read: u64, delivered: u64) -> Look {
        let count = |events| Some(Count { events, bytes: events * 1000 });
        let origin = Some(Origin { path: "/var/log/audit.log".into(), ..Origin::default() });
        let source = SourceStatus {
            origin: origin.clone(),
            queue: vec![1; 16],
            state: "following".into(),
            read: count(read),
            queued: count(7),
            lag_bytes: 2_000_000,
            lag_ms: 65_000,
            oldest_unacked_ms: 150,
            ..SourceStatus::default()
        };
        let account = Account {
            origin,
            queue: vec![1; 16],
            received: count(delivered),
            delivered: count(delivered),
            ..Account::default()
        };
        let destination = DestinationStatus {
            name: "datadog".into(),
            state: "held".into(),
            problem: "the key is not known; put the right one into\x1b[31m the file".into(),
            accounts: vec![account],
            spool: Some(StoreStatus {
                bytes: 5_000_000,
                limit_bytes: 20_000_000_000,
                ..StoreStatus::default()
            }),
            ..DestinationStatus::default()
        };
        let service = |name: &str| ServiceStatus {
            service: name.into(),
            version: "0.1.0".into(),
            ..ServiceStatus::default()
        };
        let services = vec![
            ServiceStatus { sources: vec![source], ..service("collector") },
            ServiceStatus { destinations: vec![destination], ..service("shipper") },
        ];
        Look { at, services, silent: vec!["http://127.0.0.1:7102: refused".into()] }
    }

    #[test]
    fn rates_are_those_between_two_looks_and_problems_say_what_to_do() {
        let start = Instant::now();
        let mut frame = Frame::new(look(start, 1000, 500));
        assert!(
            frame.lines(120, 40)[3].contains("following        -        -"),
            "{:#?}",
            frame.lines(120, 40)
        );
        frame.take(look(start + Duration::from_secs(2), 5000, 1500));
        let lines = frame.lines(120, 40);
        let text = lines.join("\n");
        assert!(lines[0].starts_with("auditrail top  collector 0.1.0, shipper 0.1.0"), "{text}");
        let log: Vec<&str> = lines[3].split_whitespace().collect();
        assert_eq!(
            log.join(" "),
            "/var/log/audit.log following 2,000 2.0 MB/s 2.0 MB 1m 5s 7 150ms",
            "{text}"
        );
        let to: Vec<&str> = lines[6].split_whitespace().collect();
        assert_eq!(to.join(" "), "datadog held 500 500.0 kB/s 5.0 MB 20.0 GB 0 0", "{text}");
        assert!(text.contains("! datadog: the key is not known; put the right one"), "{text}");
        assert!(text.contains("! not reachable: http://127.0.0.1:7102"), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }

    #[test]
    fn the_page_is_never_larger_than_the_terminal() {
        let mut frame = Frame::new(look(Instant::now(), 1, 1));
        frame.paused = true;
        let lines = frame.lines(30, 4);
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.chars().count() <= 30));
        assert!(lines[0].contains("PAUSED"));
    }
}
