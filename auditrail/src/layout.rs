//! How `status` looks: laid out like the Logs section of the Datadog Agent's status, with what that lacks: lag,
//! committed offsets, the oldest line without a receipt, the account, and what to do about what is wrong.

use std::fmt::Write;

use proto::v1::{CanaryStatus, DestinationStatus, PolicyStatus, ServiceStatus, SourceStatus, StoreStatus};

use crate::account::{Amount, rows};
use crate::print::{account, bytes, grouped, length};

/// The page for what services said, and for those that said nothing.
pub(crate) fn page(services: &[ServiceStatus], silent: &[String]) -> String {
    let mut page = Page::default();
    page.title("Auditrail");
    for service in services {
        let up = since(service.started_us).map(|up| format!(", up for {up}")).unwrap_or_default();
        page.line(1, &format!("{} {}{up}", service.service, service.version));
        service.problems.iter().for_each(|problem| page.line(2, &format!("! {problem}")));
    }
    silent.iter().for_each(|silent| page.line(1, &format!("not reachable: {silent}")));
    services
        .iter()
        .flat_map(|service| &service.destinations)
        .for_each(|destination| page.endpoint(destination));
    services.iter().filter_map(|service| service.policy.as_ref()).for_each(|policy| page.policy(policy));
    let mut hashes = services.iter().filter_map(|service| service.policy.as_ref()).map(|policy| &policy.hash);
    if hashes.next().is_some_and(|first| hashes.any(|hash| hash != first)) {
        page.line(1, "! the replicas do not have the same policy");
    }
    services.iter().flat_map(|service| &service.sources).for_each(|source| page.source(source));
    services.iter().filter_map(|service| service.canary.as_ref()).for_each(|canary| page.canary(canary));
    services.iter().filter_map(|service| service.queue.as_ref()).for_each(|queue| page.store("Queue", queue));
    services.iter().filter_map(|service| service.lake.as_ref()).for_each(|lake| {
        page.title("Lake");
        page.line(1, &lake.url);
        page.line(
            1,
            &format!("{} events in {} files, {}", grouped(lake.rows), grouped(lake.files), bytes(lake.bytes)),
        );
    });
    let rows = rows(services);
    if !rows.is_empty() {
        page.title("Account");
        page.text.push_str(&account(&rows));
        page.text.push('\n');
    }
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn title(&mut self, title: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.text, "{gap}{title}\n{}", "=".repeat(title.len()));
    }

    fn line(&mut self, depth: usize, line: &str) {
        let _ = writeln!(self.text, "{}{line}", "  ".repeat(depth));
    }

    fn field(&mut self, depth: usize, name: &str, value: &str) {
        if !value.is_empty() {
            self.line(depth, &format!("{name}: {value}"));
        }
    }

    fn endpoint(&mut self, destination: &DestinationStatus) {
        self.title(&format!("Destination {}", destination.name));
        self.line(1, &format!("Sending to {} ({})", destination.target, destination.r#type));
        self.field(1, "State", &destination.state);
        self.field(1, "! Problem", &destination.problem);
        self.field(
            1,
            "Requests",
            &format!("{} done, {} retried", grouped(destination.requests), grouped(destination.retries)),
        );
        self.field(1, "Bytes Sent", &bytes(destination.sent_bytes));
        if let Some(ago) = since(destination.last_success_us) {
            self.field(1, "Last Success", &format!("{ago} ago"));
        }
        if destination.backfilled_events > 0 {
            let events = grouped(destination.backfilled_events);
            self.field(1, "Too Old, Told as of Now", &format!("{events} events"));
        }
        destination.spool.iter().for_each(|spool| self.filled("Spool", spool));
        destination
            .dead_letters
            .iter()
            .filter(|store| store.records > 0)
            .for_each(|store| self.filled("Dead Letters", store));
        if let Some(canary) = destination.canaries.last() {
            let took_ms = canary.delivered_us.saturating_sub(canary.received_us).max(0) / 1000;
            let took = chassis::Span::millis(took_ms.unsigned_abs());
            let ago = since(canary.delivered_us).map(|ago| format!(", {ago} ago")).unwrap_or_default();
            self.field(1, "Canary", &format!("delivered {took} after the call{ago}"));
        }
        let receipts = destination.receipts.as_ref().map(|receipts| receipts.problem.as_str());
        self.field(1, "! Receipts", receipts.unwrap_or_default());
    }

    fn policy(&mut self, policy: &PolicyStatus) {
        self.title("Policy");
        match policy.path.as_str() {
            "" => self.line(1, "none: everything is kept"),
            path => self.line(1, &format!("{path}: {} rules, hash {}", policy.rules, policy.hash)),
        }
        if policy.set_by_hand {
            self.line(1, "set by a call; it holds until a file changes");
        }
        for elevation in &policy.elevations {
            let who = [&elevation.namespace, &elevation.user].map(String::as_str).concat();
            let left = chassis::Span::secs(elevation.seconds_left.into());
            self.field(1, "Elevated", &format!("{who} at {} for another {left}", elevation.level));
        }
        self.field(1, "! Problem", &policy.problem);
    }

    fn source(&mut self, source: &SourceStatus) {
        let origin = source.origin.clone().unwrap_or_default();
        self.title(&format!("Log {}", origin.path));
        let is_posted = origin.path.starts_with("webhook:");
        self.line(1, if is_posted { "- Type: webhook" } else { "- Type: file" });
        self.field(2, "Path", &origin.path);
        self.field(2, "Service", &origin.service);
        self.field(2, "Source", &origin.source);
        self.field(2, "Tags", &origin.tags.join(", "));
        self.field(2, "Status", &source.state);
        self.field(2, "! Problem", &source.problem);
        self.line(2, "Inputs:");
        for file in &source.files {
            let size = if file.size > 0 { format!(" of {}", grouped(file.size)) } else { String::new() };
            let (offset, committed) = (grouped(file.offset), grouped(file.committed));
            let removed = if file.removed { ", removed, read from its open handle" } else { "" };
            self.line(3, &format!("{} (offset {offset}{size}, committed {committed}{removed})", file.path));
        }
        let read = Amount::from(source.read);
        self.field(2, "Lines Read", &format!("{} ({})", grouped(read.events), bytes(read.bytes)));
        self.field(2, "Lag", &lag(source));
        if source.unread_files > 0 {
            let left = source.retention_left.map_or(String::new(), |left| {
                format!(", {left} rotations until the API server removes the oldest")
            });
            self.field(2, "Unread Rotated Files", &format!("{}{left}", grouped(source.unread_files)));
        }
        for gap in &source.gaps {
            let end = if gap.to > 0 { format!(" to {}", grouped(gap.to)) } else { " on".to_owned() };
            self.field(2, "! Lost Unread", &format!("{}, bytes {}{end}", gap.path, grouped(gap.from)));
        }
        let queued = Amount::from(source.queued);
        if queued.events > 0 {
            let oldest = chassis::Span::millis(source.oldest_unacked_ms);
            self.field(
                2,
                "Without Receipt",
                &format!("{} lines, the oldest for {oldest}", grouped(queued.events)),
            );
        }
    }

    fn canary(&mut self, canary: &CanaryStatus) {
        self.title("Canary");
        let ago = since(canary.called_us).map(|ago| format!("{ago} ago")).unwrap_or_default();
        self.field(1, &format!("Last Call of {}", canary.server), &ago);
        self.field(1, "Answer", &canary.answer);
        let read = canary.last_read_after_ms.map(|ms| chassis::Span::millis(ms).to_string());
        self.field(1, "In the Log After", &read.unwrap_or_default());
        let [calls, read, missing] = [canary.calls, canary.read, canary.missing].map(grouped);
        self.field(1, "Calls", &format!("{calls}, {read} read, {missing} missing"));
    }

    fn store(&mut self, title: &str, store: &StoreStatus) {
        self.title(title);
        self.filled("Records", store);
    }

    fn filled(&mut self, name: &str, store: &StoreStatus) {
        let (records, used, limit) = (grouped(store.records), bytes(store.bytes), bytes(store.limit_bytes));
        self.field(1, name, &format!("{records} ({used} of {limit})"));
        if store.damaged > 0 {
            self.line(1, &format!("! {} damaged records were set aside", grouped(store.damaged)));
        }
        self.field(1, "! Disk", &store.problem);
    }
}

/// How long ago a moment was, where there was one: microseconds since 1970.
fn since(moment_us: i64) -> Option<String> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    let ago = i64::try_from(now.as_micros()).ok()?.saturating_sub(moment_us);
    (moment_us > 0).then(|| length(ago.max(0) / 1_000_000))
}

/// How far reading is behind, in bytes and in time.
fn lag(source: &SourceStatus) -> String {
    let behind = bytes(source.lag_bytes);
    match source.lag_ms {
        0 => behind,
        ms => format!("{behind}, {}", chassis::Span::millis(ms)),
    }
}

#[cfg(test)]
mod tests {
    use proto::v1::GapStatus;
    use proto::{Count, Origin};

    use super::*;

    #[test]
    fn the_page_shows_lag_problems_and_what_is_not_reachable() {
        let source = SourceStatus {
            origin: Some(Origin { path: "/var/log/audit.log".into(), ..Origin::default() }),
            read: Some(Count { events: 1234, bytes: 5_000_000 }),
            queued: Some(Count { events: 12, bytes: 100 }),
            oldest_unacked_ms: 1500,
            lag_bytes: 2_000_000,
            lag_ms: 3000,
            unread_files: 2,
            retention_left: Some(5),
            gaps: vec![GapStatus { path: "/var/log/old.log".into(), from: 10, to: 2000, noticed_us: 1 }],
            ..SourceStatus::default()
        };
        let service = ServiceStatus {
            service: "collector".into(),
            problems: vec!["/var/log/audit.log does not exist".into()],
            sources: vec![source],
            started_us: 1_000_000,
            destinations: vec![DestinationStatus {
                backfilled_events: 1200,
                last_success_us: 1_000_000,
                ..DestinationStatus::default()
            }],
            ..ServiceStatus::default()
        };
        let text = page(&[service], &["http://127.0.0.1:7103: refused".into()]);
        for expected in [
            "! /var/log/audit.log does not exist",
            "not reachable: http://127.0.0.1:7103: refused",
            "Lines Read: 1,234 (5.0 MB)",
            "Lag: 2.0 MB, 3s",
            ", up for ",
            "Last Success: ",
            "Too Old, Told as of Now: 1,200 events",
            "Unread Rotated Files: 2, 5 rotations until the API server removes the oldest",
            "! Lost Unread: /var/log/old.log, bytes 10 to 2,000",
            "Without Receipt: 12 lines, the oldest for 1500ms",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
    }
}
