//! `who`: who did what to an object, or what a user did, in the order of time.
//!
//! Promises: the newest events that were asked for, and how many older ones there are; who acted as somebody else is
//! told with both names; what is still open is told, and that it is.

use std::process::ExitCode;

use anyhow::anyhow;
use insight::{Event, Found, Query};
use serde::Serialize;

use crate::chosen::Chosen;
use crate::exit::Failure;
use crate::print::{grouped, length};
use crate::report::{Output, Reporting};
use crate::short::{self, Object};
use crate::table::Table;

/// `auditrail who`: before FILES may stand an object, as `deployments/web`, and a subresource, as `pods/web exec`.
#[derive(Clone, Debug, clap::Args)]
#[command(mut_arg("lake", |lake| lake.conflicts_with(clap::builder::Resettable::Reset)))]
#[command(mut_arg("files", |files| files.value_name("OBJECT] [SUBRESOURCE] [FILES").long_help(FILES)))]
pub(crate) struct Who {
    #[command(flatten)]
    chosen: Chosen,
    /// Also what was read only.
    #[arg(long)]
    reads: bool,
    /// Most events that are shown, the newest.
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: usize,
    #[command(flatten)]
    reporting: Reporting,
}

const FILES: &str = "An object, as `deployments/web` or `pod/web-0 exec`, and recorded events: files (also packed \
                     with gzip or zstd), directories (in rotation order); stdin when absent or `-`";

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
    let who = who.clone().with_object()?;
    let filter = who.chosen.filter();
    if filter.is_empty() {
        return Err(Failure::usage(anyhow!(
            "who did what? name an object, as `deployments/web`, or --user, --resource, --name, --namespace or \
             --verb"
        )));
    }
    let query = Query { reads: who.reads || filter.verb.is_some(), filter, newest: who.limit };
    let (mut found, incomplete) = who.reporting.find(&query)?;
    found.tell_changes(&query);
    let matched = found.matched();
    let Found { events, .. } = found;
    who.reporting.tell(&Report { matched, events }, incomplete, |report| tables(report, who.reporting.output))
}

impl Who {
    /// With the object that stands where files do, if there is one.
    fn with_object(mut self) -> Result<Who, Failure> {
        let files = &mut self.reporting.recording.files;
        let Some(Object { mut resource, name }) = files.first().and_then(|file| Object::read(file)) else {
            return Ok(self);
        };
        files.remove(0);
        if let Some(below) = files.first().and_then(|file| short::subresource(file)) {
            resource = format!("{resource}/{below}");
            files.remove(0);
        }
        let asked = self.chosen.object();
        if asked.0.is_some() || asked.1.is_some() {
            return Err(Failure::usage(anyhow!("an object is named twice: leave out --resource and --name")));
        }
        if self.reporting.recording.lake.is_some() && !files.is_empty() {
            return Err(Failure::usage(anyhow!("name either files or --lake, not both")));
        }
        (*asked.0, *asked.1) = (Some(resource), Some(name));
        Ok(self)
    }
}

fn tables(report: &Report, output: Output) -> Vec<Table> {
    let older = report.matched - report.events.len() as u64;
    let older = (older > 0).then(|| format!("{} older events: see --limit", grouped(older)));
    let open = report.events.iter().any(|event| event.open);
    let open = open.then(|| "open: started then, and not ended in this log".to_owned());
    let tried = report.events.iter().any(|event| event.dry_run);
    let tried = tried.then(|| "dry run: nothing came of it".to_owned());
    let columns = vec![
        "time",
        "who",
        "verb",
        "what",
        "namespace",
        "name",
        "changed",
        "#code",
        "session",
        "client",
        "source IP",
        "audit ID",
        "cluster",
    ];
    let table = Table {
        title: String::new(),
        columns,
        rows: report.events.iter().map(cells).collect(),
        notes: older.into_iter().chain(open).chain(tried).collect(),
    };
    // Programs find the same columns every time.
    vec![if output == Output::Table { table.without_empty_columns(13) } else { table }]
}

fn cells(event: &Event) -> Vec<String> {
    let groups = match event.impersonated_groups.as_slice() {
        [] => String::new(),
        groups => format!(" in {}", groups.join(", ")),
    };
    let who = match event.impersonated_user.as_str() {
        "" => event.user.clone(),
        subject => format!("{} as {subject}{groups}", event.user),
    };
    let what = match (event.path.as_str(), event.subresource.as_str()) {
        ("", "") => event.resource.clone(),
        ("", below) => format!("{}/{below}", event.resource),
        (path, _) => path.to_owned(),
    };
    vec![
        event.time.map(crate::moment::written).unwrap_or_default(),
        who,
        if event.dry_run { format!("{} (dry run)", event.verb) } else { event.verb.clone() },
        what,
        event.namespace.clone(),
        event.name.clone(),
        event.changed.join(", "),
        event.code.map(|code| code.to_string()).unwrap_or_default(),
        if event.open { "open".to_owned() } else { event.session_seconds.map(length).unwrap_or_default() },
        event.client.clone(),
        event.source_ip.clone(),
        event.audit_id.clone(),
        event.cluster.clone(),
    ]
}
