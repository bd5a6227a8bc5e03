//! How far `up --once` is, for a person who waits for it.
//!
//! Promise: one line on stderr, and only when that is a terminal; log lines stand above it, never in it, and it is
//! gone when the work is done.

use std::io::{IsTerminal, stderr, stdout};
use std::time::Duration;

use chassis::telemetry::write_lines_through;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use proto::v1::ServiceStatus;

use crate::account::{Amount, rows};
use crate::embedded::Services;
use crate::print::{bytes, grouped};

/// How often the line is drawn.
const PERIOD: Duration = Duration::from_millis(200);

/// Shows the services' progress for as long as it is polled; never ends.
pub(crate) async fn show(services: &Services) {
    let lines_come_there_too = services.has_stdout() && stdout().is_terminal();
    if !stderr().is_terminal() || lines_come_there_too {
        std::future::pending::<()>().await;
    }
    let line = Line::new();
    loop {
        let asked = services.clone();
        if let Ok(words) = tokio::task::spawn_blocking(move || words(&asked.status())).await {
            line.0.set_message(words);
            line.0.tick();
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// The line; gone when it is dropped.
struct Line(ProgressBar);

impl Line {
    fn new() -> Line {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(
            ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}")
                .unwrap_or(ProgressStyle::default_spinner()),
        );
        let around = bar.clone();
        write_lines_through(move |write| around.suspend(write));
        Line(bar)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// What has been read, what is left to read, and what each destination has.
fn words(services: &[ServiceStatus]) -> String {
    let sources = || services.iter().flat_map(|service| &service.sources);
    let read = Amount::sum(sources().map(|source| source.read.into()));
    let mut words = format!("{} lines read ({})", grouped(read.events), bytes(read.bytes));
    match sources().map(|source| source.lag_bytes).sum() {
        0 => {}
        left => words.push_str(&format!(", {} to read", bytes(left))),
    }
    let rows = rows(services);
    let mut names: Vec<&str> = rows.iter().map(|row| row.destination.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let here = || rows.iter().filter(|row| row.destination == name);
        let delivered = Amount::sum(here().map(|row| row.delivered)).events;
        let in_flight = Amount::sum(here().map(|row| row.in_flight)).events;
        words.push_str(&format!(
            "; {name}: {} delivered, {} on their way",
            grouped(delivered),
            grouped(in_flight)
        ));
    }
    words
}

#[cfg(test)]
mod tests {
    use proto::v1::{DestinationStatus, SourceStatus};
    use proto::{Count, Origin};

    use super::*;

    #[test]
    fn the_line_says_what_was_read_what_is_left_and_what_each_destination_has() {
        let source = SourceStatus {
            origin: Some(Origin::default()),
            read: Some(Count { events: 1200, bytes: 5_000_000 }),
            lag_bytes: 7000,
            queued: Some(Count { events: 1200, bytes: 5_000_000 }),
            ..SourceStatus::default()
        };
        let lake = DestinationStatus { name: "lake".into(), ..DestinationStatus::default() };
        let services = [
            ServiceStatus { sources: vec![source], ..ServiceStatus::default() },
            ServiceStatus { destinations: vec![lake], ..ServiceStatus::default() },
        ];
        assert_eq!(
            words(&services),
            "1,200 lines read (5.0 MB), 7.0 kB to read; lake: 0 delivered, 1,200 on their way"
        );
    }
}
