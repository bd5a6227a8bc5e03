//! `slow`: how long requests took, for whom, where the time went, and whether objectives were kept.
//!
//! Promise: what is shown is what the timestamps say; what the API server does not say is not made up; people read
//! times with units, programs microseconds.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use insight::reports::slow::{Asked, By, Culprit, Day, Group, Objectives, Preset, Report, Slow};

use crate::chosen::Requests;
use crate::exit::Failure;
use crate::print::{bytes, grouped};
use crate::report::{Output, Reporting};
use crate::table::Table;

/// `auditrail slow`.
#[derive(Debug, Args)]
pub(crate) struct SlowRequests {
    #[command(flatten)]
    reporting: Reporting,
    /// What requests of one row have in common.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "verb,resource,scope")]
    by: Vec<ByWord>,
    #[command(flatten)]
    chosen: Requests,
    /// Only of this program (a user agent without its version).
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Whose service level objectives.
    #[arg(long, value_enum, value_name = "PRESET", default_value = "k8s-official")]
    slo: SloWord,
    /// Also hold custom, aggregated and virtual resources against the objectives.
    #[arg(long)]
    include_custom: bool,
    /// Most rows of a table.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ByWord {
    Verb,
    Resource,
    Scope,
    Client,
    User,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SloWord {
    /// One object 1 s, a namespace or the cluster 30 s.
    K8sOfficial,
    /// Writes and one object 1 s, a namespace 5 s, the cluster 30 s.
    Mixin,
}

/// Exit 0, or 1 when some of the events could not be read.
///
/// # Errors
/// When the recording or the lake cannot be found or read.
pub(crate) fn slow(arguments: &SlowRequests) -> Result<ExitCode, Failure> {
    let answer = arguments.reporting.answer::<Slow>()?;
    let report = answer.fold.report(&asked(arguments));
    arguments.reporting.tell(&report, answer.incomplete, |report| match arguments.reporting.output {
        Output::Csv => vec![groups(report, usize::MAX, |us| us.to_string())],
        _ => tables(report, arguments.limit),
    })
}

fn asked(arguments: &SlowRequests) -> Asked {
    let by = arguments.by.iter().map(|by| match by {
        ByWord::Verb => By::Verb,
        ByWord::Resource => By::Resource,
        ByWord::Scope => By::Scope,
        ByWord::Client => By::Client,
        ByWord::User => By::User,
    });
    Asked {
        by: by.collect(),
        filter: arguments.chosen.filter(),
        client: arguments.client.clone(),
        preset: match arguments.slo {
            SloWord::K8sOfficial => Preset::KubernetesOfficial,
            SloWord::Mixin => Preset::Mixin,
        },
        include_custom: arguments.include_custom,
        most: arguments.limit,
    }
}

fn tables(report: &Report, limit: usize) -> Vec<Table> {
    let mut tables = vec![groups(report, limit, time), slowest(report)];
    tables.extend((!report.lists.is_empty()).then(|| lists(report)));
    tables.extend((!report.long_running.is_empty()).then(|| long_running(report)));
    tables.push(objectives(&report.objectives, limit));
    tables
}

fn groups(report: &Report, limit: usize, time: fn(u64) -> String) -> Table {
    let rows = report.groups.iter().take(limit).map(|row| group(row, time)).collect();
    let columns = vec![
        "verb",
        "resource",
        "scope",
        "client",
        "user",
        "#requests",
        "#total",
        "#share",
        "#p50",
        "#p90",
        "#p99",
        "#max",
        "#429",
        "#504",
        "#5xx",
        "slow ones by",
    ];
    let mut notes = vec![];
    let more = report.groups.len().saturating_sub(limit);
    notes.extend((more > 0).then(|| format!("{} more rows: --limit", grouped(more as u64))));
    notes.push(match report.annotated {
        0 => "The events hold no latency annotations (requests over 500 ms have them from Kubernetes 1.24 on), so nothing \
              says where the time went."
            .into(),
        annotated => format!(
            "Where the time of {} requests over 500 ms went: {}",
            grouped(annotated),
            culprits(&report.culprits, 6)
        ),
    });
    for (count, what) in [
        (report.beyond, "requests could not be told apart and are in no row"),
        (report.left, "requests ended when their client left, or changed the protocol; not counted"),
        (
            report.clock_set_back,
            "requests ended before they began, as the server's clock was set back; not counted",
        ),
    ] {
        notes.extend((count > 0).then(|| format!("{} {what}", grouped(count))));
    }
    let title = format!(
        "Requests by total time: {} requests took {}",
        grouped(report.requests),
        time(report.total_us)
    );
    Table { title, columns, rows, notes }.without_empty_columns(5)
}

fn group(group: &Group, time: fn(u64) -> String) -> Vec<String> {
    let mut cells: Vec<String> =
        [&group.verb, &group.resource, &group.scope, &group.client, &group.user].map(Clone::clone).into();
    cells.push(grouped(group.requests));
    cells.push(time(group.total_us));
    cells.push(percent(group.per_mille));
    cells.extend([group.p50_us, group.p90_us, group.p99_us, group.max_us].map(time));
    cells.extend([group.throttled, group.timed_out, group.failed].map(grouped));
    cells.push(culprits(&group.culprits, 1));
    cells
}

fn slowest(report: &Report) -> Table {
    let rows = report.slowest.iter().map(|one| {
        let place =
            [&one.namespace, &one.name].map(String::as_str).into_iter().filter(|part| !part.is_empty());
        let mut cells = vec![one.time.clone(), time(one.us), one.verb.clone(), one.resource.clone()];
        cells.push(place.collect::<Vec<_>>().join("/"));
        cells.extend([one.user.clone(), one.client.clone()]);
        cells.push(one.code.map(|code| code.to_string()).unwrap_or_default());
        cells.extend([culprits(&one.culprits, 2), one.audit_id.clone()]);
        cells
    });
    let columns =
        vec!["ended", "#took", "verb", "resource", "object", "user", "client", "#code", "by", "audit ID"];
    Table { title: "The slowest requests over 500 ms".into(), columns, rows: rows.collect(), notes: vec![] }
}

fn lists(report: &Report) -> Table {
    let rows = report.lists.iter().map(|list| {
        let mut cells: Vec<String> =
            [&list.user, &list.client, &list.resource, &list.scope].map(Clone::clone).into();
        cells.extend([grouped(list.requests), time(list.total_us), time(list.max_us)]);
        cells.push(if list.bytes == 0 { String::new() } else { bytes(list.bytes) });
        cells
    });
    let columns = vec!["user", "client", "resource", "scope", "#lists", "#total", "#max", "answers"];
    let note = "Without limit and resourceVersion, everything is read at once (before Kubernetes 1.31 from etcd) and is sent as \
                one answer: use resourceVersion=0 where older data will do, or watch instead of listing again.";
    Table {
        title: "Lists of everything at once".into(),
        columns,
        rows: rows.collect(),
        notes: vec![note.into()],
    }
}

fn long_running(report: &Report) -> Table {
    let rows = report.long_running.iter().map(|row| {
        let mut cells: Vec<String> =
            [&row.verb, &row.resource, &row.user, &row.client].map(Clone::clone).into();
        cells.extend([row.started, row.ended, row.short].map(grouped));
        cells.extend([row.p50_us, row.max_us].map(time));
        cells
    });
    let columns =
        vec!["verb", "resource", "user", "client", "#started", "#ended", "#watches < 10 s", "#p50", "#max"];
    Table {
        title: "Watches and other requests that are meant to last".into(),
        columns,
        rows: rows.collect(),
        notes: vec!["Many short watches of one client are a storm: each costs as much as a list.".into()],
    }
}

fn objectives(objectives: &Objectives, limit: usize) -> Table {
    let rows = objectives.missed.iter().take(limit).map(|pair| {
        let state = if pair.broken { "missed" } else { "kept" };
        let mut cells =
            vec![pair.verb.clone(), pair.resource.clone(), pair.scope.clone(), time(pair.threshold_us)];
        cells.extend([pair.requests, pair.over, pair.windows, pair.missed_windows].map(grouped));
        let Day { day, windows, good_windows, .. } = &pair.worst_day;
        cells.push(format!("{} of {}", grouped(pair.missed_days), grouped(pair.days)));
        cells.push(format!("{day}: {} of {}", grouped(windows - good_windows), grouped(*windows)));
        cells.push(state.into());
        cells
    });
    let columns = vec![
        "verb",
        "resource",
        "scope",
        "#threshold",
        "#requests",
        "#over",
        "#5-min windows",
        "#missed",
        "#days missed",
        "worst day",
        "objective",
    ];
    let good = objectives.good_windows * 1000 / objectives.windows.max(1);
    let title = format!(
        "Objectives: {} of {} windows of five minutes were good ({}), {} requests count",
        grouped(objectives.good_windows),
        grouped(objectives.windows),
        percent(good),
        grouped(objectives.requests)
    );
    let burning = objectives.burn.iter().filter(|burn| burn.fires).map(|burn| {
        let tenths = burn.long_tenths;
        format!(
            "The error budget burns: {}.{} times as fast as it may ({})",
            tenths / 10,
            tenths % 10,
            burn.windows
        )
    });
    let bad_days = objectives.days.iter().filter(|day| day.broken).count() as u64;
    let days = (bad_days > 0).then(|| {
        format!(
            "Missed on {} of {} days (UTC): more than 1 % of the windows of a kind of request were not good.",
            grouped(bad_days),
            grouped(objectives.days.len() as u64)
        )
    });
    Table { title, columns, rows: rows.collect(), notes: days.into_iter().chain(burning).collect() }
}

fn culprits(culprits: &[Culprit], most: usize) -> String {
    let one =
        |culprit: &Culprit| format!("{} {} ({})", culprit.name, time(culprit.us), percent(culprit.per_mille));
    culprits.iter().take(most).map(one).collect::<Vec<_>>().join(", ")
}

fn percent(per_mille: u64) -> String {
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

/// A time as a person would say it: `320 µs`, `12.3 ms`, `2.90 s`, `2.4 h`.
fn time(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{}.{} ms", us / 1000, us / 100 % 10),
        1_000_000..600_000_000 => format!("{}.{:02} s", us / 1_000_000, us / 10_000 % 100),
        600_000_000..7_200_000_000 => format!("{}.{} min", us / 60_000_000, us / 6_000_000 % 10),
        _ => format!("{}.{} h", us / 3_600_000_000, us / 360_000_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_a_person_would_use() {
        assert_eq!(
            [7, 12_345, 2_900_000, 900_000_000, 9_000_000_000].map(time),
            ["7 µs", "12.3 ms", "2.90 s", "15.0 min", "2.5 h"]
        );
    }
}
