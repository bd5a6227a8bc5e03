//! `who`: who did what to an object, or what a user did, in the order of time.
//!
//! Promises: the newest events that were asked for, and how many older ones there are; who acted as somebody else is
//! told with both names.

use std::process::ExitCode;

use anyhow::anyhow;
use insight::{Event, Found, Query};
use serde::Serialize;

use crate::exit::Failure;
use crate::print::{grouped, length};
use crate::report::Reporting;
use crate::table::Table;

/// `auditrail who`.
#[derive(Debug, clap::Args)]
pub(crate) struct Who {
    /// What this user did, or what was done as this user.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// What was done in this namespace.
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Only this verb.
    #[arg(long, value_name = "VERB")]
    verb: Option<String>,
    /// What was done to this resource, as `deployments` with all that is below, or as `pods/exec`.
    #[arg(long, value_name = "RESOURCE")]
    resource: Option<String>,
    /// What was done to the object of this name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Also what was read only.
    #[arg(long)]
    reads: bool,
    /// Most events that are shown, the newest.
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: usize,
    #[command(flatten)]
    reporting: Reporting,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Report {
    /// How many events there were.
    matched: u64,
    /// The newest of them, oldest first.
    events: Vec<Event>,
}

/// Exit 0, or 1 when some of the events could not be read.
///
/// # Errors
/// When nothing is asked for, or the recording or the lake cannot be found or read.
pub(crate) fn who(who: &Who) -> Result<ExitCode, Failure> {
    let asked = [&who.user, &who.namespace, &who.verb, &who.resource, &who.name];
    if asked.iter().all(|filter| filter.is_none()) {
        return Err(Failure::usage(anyhow!(
            "who did what? name --user, --resource, --name, --namespace or --verb"
        )));
    }
    let query = Query {
        user: who.user.clone(),
        namespace: who.namespace.clone(),
        verb: who.verb.clone(),
        resource: who.resource.clone(),
        name: who.name.clone(),
        reads: who.reads || who.verb.is_some(),
        newest: who.limit,
    };
    let (found, incomplete) = who.reporting.find(&query)?;
    let Found { events, matched, .. } = found;
    who.reporting.tell(&Report { matched, events }, incomplete, tables)
}

fn tables(report: &Report) -> Vec<Table> {
    let older = report.matched - report.events.len() as u64;
    let notes = (older > 0).then(|| format!("{} older events: see --limit", grouped(older)));
    let columns = vec![
        "time",
        "who",
        "verb",
        "what",
        "namespace",
        "name",
        "#code",
        "session",
        "client",
        "source IP",
        "audit ID",
    ];
    vec![Table {
        title: String::new(),
        columns,
        rows: report.events.iter().map(cells).collect(),
        notes: notes.into_iter().collect(),
    }]
}

fn cells(event: &Event) -> Vec<String> {
    let who = match event.impersonated_user.as_str() {
        "" => event.user.clone(),
        subject => format!("{} as {subject}", event.user),
    };
    let what = match (event.path.as_str(), event.subresource.as_str()) {
        ("", "") => event.resource.clone(),
        ("", below) => format!("{}/{below}", event.resource),
        (path, _) => path.to_owned(),
    };
    vec![
        event.time.map(crate::moment::written).unwrap_or_default(),
        who,
        event.verb.clone(),
        what,
        event.namespace.clone(),
        event.name.clone(),
        event.code.map(|code| code.to_string()).unwrap_or_default(),
        event.session_seconds.map(length).unwrap_or_default(),
        event.client.clone(),
        event.source_ip.clone(),
        event.audit_id.clone(),
    ]
}
