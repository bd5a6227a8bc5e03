//! What the lake tells of each API server: its share of the requests, and its clock.
//!
//! Promise: a clock that may be right is not called wrong; API servers are compared within their cluster only.

use insight::reports::gaps::Proof;
use insight::reports::origins::{Balance, Clock, Server, Told};

use crate::print::grouped;
use crate::table::Table;

/// Whether one API server gets far more requests than others.
pub(super) fn balance(origins: Option<&Told>) -> Proof {
    let balances = origins.map(|told| told.balances.as_slice()).unwrap_or_default();
    let says = match (origins, balances) {
        (None, _) => "files do not say which API server wrote them".into(),
        (_, []) => {
            "no cluster has two API servers whose logs are of the same time, and a thousand requests".into()
        }
        (_, balances) => balances.iter().map(shares).collect::<Vec<_>>().join("; "),
    };
    Proof { name: "balance", available: !balances.is_empty(), says }
}

fn shares(balance: &Balance) -> String {
    let Balance { cluster, servers, busiest, most_per_mille, least_per_mille, is_uneven } = balance;
    let of = if cluster.is_empty() { String::new() } else { format!(" of {cluster}") };
    let (most, least) = (percent(*most_per_mille), percent(*least_per_mille));
    match is_uneven {
        true => format!(
            "one of {servers} API servers{of} gets {most} of the requests: {busiest}; the least busy one {least}"
        ),
        false => format!("{servers} API servers{of} get from {least} to {most} of the requests"),
    }
}

/// Whether clocks of API servers agree with those of the readers of their logs.
pub(super) fn clocks(origins: Option<&Told>) -> Proof {
    let read: Vec<(&Server, Clock, i64)> = origins
        .iter()
        .flat_map(|told| &told.servers)
        .filter_map(|server| server.read_after.map(|after| (server, after.clock(), after.least_us)))
        .collect();
    let set_back: u64 =
        origins.iter().flat_map(|told| &told.servers).map(|server| server.clock_set_back).sum();
    let ahead = read.iter().filter(|(_, clock, _)| *clock == Clock::Ahead).min_by_key(|(_, _, least)| *least);
    let late = read.iter().filter(|(_, clock, _)| *clock == Clock::BehindOrLate).count();
    let mut says = match (origins, ahead) {
        (None, _) => "files do not say when they were read".to_owned(),
        (_, Some((server, _, least))) => {
            format!(
                "{}: lines were read {} before they were written, so its clock is ahead",
                server.origin,
                time(-least)
            )
        }
        _ => format!("no line of {} logs was read before it was written", read.len()),
    };
    if late > 0 {
        says.push_str(&format!("; {late} logs were read late, or their API servers' clocks are behind"));
    }
    if set_back > 0 {
        says.push_str(&format!(
            "; {} requests ended before they began: a clock was set back",
            grouped(set_back)
        ));
    }
    Proof { name: "clocks", available: !read.is_empty(), says }
}

pub(super) fn table(servers: &[Server], limit: usize) -> Table {
    let cells = |server: &Server| {
        let after = |us: Option<i64>| us.map(time).unwrap_or_default();
        let times = [&server.first, &server.last].map(|time| time.clone().unwrap_or_default());
        let read = [server.read_after.map(|read| read.least_us), server.read_after.map(|read| read.usual_us)];
        [server.origin.clone(), grouped(server.events), grouped(server.requests), percent(server.per_mille)]
            .into_iter()
            .chain(times)
            .chain(read.map(after))
            .collect()
    };
    let more = servers.len().saturating_sub(limit) as u64;
    Table {
        title: "API servers, by their logs".into(),
        columns: vec![
            "origin",
            "#events",
            "#requests",
            "#share",
            "first",
            "last",
            "#read after, least",
            "#usual",
        ],
        rows: servers.iter().take(limit).map(cells).collect(),
        notes: (more > 0).then(|| format!("{} more: --limit", grouped(more))).into_iter().collect(),
    }
}

fn percent(per_mille: u64) -> String {
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

/// Seconds, or longer units where there are many.
fn time(us: i64) -> String {
    match us / 1_000_000 {
        -599..=599 => format!("{:.1} s", us as f64 / 1e6),
        seconds => crate::print::length(seconds),
    }
}
