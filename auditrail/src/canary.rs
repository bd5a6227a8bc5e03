//! `canary`: one request to the API server, seen on its whole way.
//!
//! Promises: what is printed was seen by the services themselves; a request that is not seen in time is a failure that
//! names the last place where it was, and what to look at there; a token is in nothing that is printed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::anyhow;
use chassis::{Configuration, Span};
use collector::{Canary, NoAnswer};
use proto::v1::{DestinationStatus, ServiceStatus};
use serde::Serialize;

use crate::cli::Status;
use crate::exit::Failure;
use crate::shippers::Where;
use crate::{say, status};

/// How often the services are asked.
const LOOK: Duration = Duration::from_millis(250);

/// `auditrail canary`.
#[derive(Debug, clap::Args)]
pub(crate) struct Call {
    /// The API server, as https://127.0.0.1:6443. Default: that of `collector.canary` in the configuration.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// What is asked for; the audit policy has to log it.
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// A file with a bearer token.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The authority of the API server's certificate, in PEM.
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
    /// Wait for these destinations only; may be given several times. Default: all.
    #[arg(long, value_name = "NAME")]
    destination: Vec<String>,
    /// How long to wait for it.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    timeout: Span,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Where,
}

/// What was seen of it. Times are seconds from the call, by the clocks of those who saw it.
#[derive(Debug, Serialize)]
struct Seen {
    /// Its `Audit-ID`.
    id: String,
    server: String,
    path: String,
    /// The status of the API server's answer; none when it did not answer in time.
    answer: Option<u16>,
    answered_seconds: f64,
    /// When a collector had read its line.
    read_seconds: Option<f64>,
    destinations: Vec<Arrival>,
    /// What keeps it, where it was not delivered everywhere.
    why: Vec<String>,
}

/// One destination.
#[derive(Debug, Serialize)]
struct Arrival {
    destination: String,
    delivered_seconds: Option<f64>,
    state: String,
    problem: String,
}

/// Exit 0 when every destination has it, 1 when one has it not in time.
///
/// # Errors
/// When nothing can be called, or no service answers.
pub(crate) fn canary(arguments: &Call) -> Result<ExitCode, Failure> {
    let settings = settings(arguments)?;
    let Where { address, config, data, credentials } = arguments.place.clone();
    let asking = Status { json: false, watch: false, address, config, data, credentials };
    let caller = status::caller(&asking)?;
    let addresses = status::addresses(&asking, caller.scheme())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let seen = runtime.block_on(async {
        let known = status::ask_all(&caller, &addresses).await;
        if !known.services.iter().any(|service| !service.destinations.is_empty()) {
            let silent = known.silent.join("; ");
            return Err(anyhow!("no shipper answers ({silent}); name its gRPC address with --address"));
        }
        let mut seen = called(&settings).await?;
        let start = Instant::now();
        loop {
            let found = status::ask_all(&caller, &addresses).await;
            seen.0.look(seen.1, &found.services, &arguments.destination);
            if seen.0.is_everywhere() || start.elapsed() >= arguments.timeout.duration() {
                return Ok(seen.0);
            }
            tokio::time::sleep(LOOK).await;
        }
    })?;
    let seen = seen.explained(arguments.timeout);
    say::result(&if arguments.json { serde_json::to_string_pretty(&seen)? + "\n" } else { seen.text() })?;
    Ok(if seen.is_everywhere() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What to call: the configuration's, with what the arguments say instead.
fn settings(arguments: &Call) -> Result<Canary, Failure> {
    let environment = chassis::config::environment().map_err(Failure::usage)?;
    let configuration =
        Configuration::read(arguments.place.config.as_deref(), environment).map_err(Failure::usage)?;
    let configured = configuration.section::<collector::Config>().map_err(Failure::usage)?.canary;
    let mut canary = match (&arguments.server, configured) {
        (Some(server), configured) => {
            Canary { server: server.clone(), ..configured.unwrap_or_else(|| Canary::to(server)) }
        }
        (None, Some(configured)) => configured,
        (None, None) => {
            return Err(Failure::usage(anyhow!(
                "name the API server with --server, or a --config with collector.canary"
            )));
        }
    };
    canary.path = arguments.path.clone().unwrap_or(canary.path);
    canary.token_file = arguments.token_file.clone().or(canary.token_file);
    canary.authority = arguments.authority.clone().or(canary.authority);
    canary.check().map_err(|wrong| Failure::usage(anyhow!("{} {}", wrong.key, wrong.why)))?;
    Ok(canary)
}

/// Calls; gives what is known then, and when the call began.
async fn called(settings: &Canary) -> anyhow::Result<(Seen, i64)> {
    let id = proto::canary::id(collector::canary_run(), 1);
    let (called_us, start) = (now_us(), Instant::now());
    let answer = match collector::call_canary(settings, &id).await {
        Ok(answer) => Some(answer),
        Err(NoAnswer::Lost(_)) => None,
        Err(error) => return Err(anyhow!("{}: {error}", settings.server)),
    };
    let (server, path) = (settings.server.clone(), settings.path.clone());
    let answered_seconds = start.elapsed().as_secs_f64();
    let (read_seconds, destinations, why) = (None, Vec::new(), Vec::new());
    Ok((Seen { id, server, path, answer, answered_seconds, read_seconds, destinations, why }, called_us))
}

impl Seen {
    /// Takes in what services say.
    fn look(&mut self, called_us: i64, services: &[ServiceStatus], only: &[String]) {
        let after = |us: i64| us.saturating_sub(called_us).max(0) as f64 / 1e6;
        let read = services.iter().flat_map(|service| &service.canaries_read);
        self.read_seconds =
            read.filter(|read| read.id == self.id).map(|read| after(read.read_us)).reduce(f64::min);
        let mut arrivals: Vec<Arrival> = Vec::new();
        let wanted = |destination: &&DestinationStatus| only.is_empty() || only.contains(&destination.name);
        for destination in services.iter().flat_map(|service| &service.destinations).filter(wanted) {
            let delivered = destination.canaries.iter().find(|canary| canary.id == self.id);
            let delivered_seconds = delivered.map(|canary| after(canary.delivered_us));
            let DestinationStatus { name, state, problem, .. } = destination.clone();
            // Of several shippers one has it.
            match arrivals.iter_mut().find(|arrival| arrival.destination == name) {
                Some(known) => known.delivered_seconds = known.delivered_seconds.or(delivered_seconds),
                None => arrivals.push(Arrival { destination: name, delivered_seconds, state, problem }),
            }
        }
        let missing = only.iter().filter(|name| arrivals.iter().all(|arrival| arrival.destination != **name));
        let unknown = |name: &String| {
            let (state, problem) =
                ("unknown".to_owned(), "no shipper has a destination of this name".to_owned());
            Arrival { destination: name.clone(), delivered_seconds: None, state, problem }
        };
        let missing: Vec<Arrival> = missing.map(unknown).collect();
        arrivals.extend(missing);
        self.destinations = arrivals;
    }

    fn is_everywhere(&self) -> bool {
        self.destinations.iter().all(|arrival| arrival.delivered_seconds.is_some())
    }

    /// With what to look at, where it is not everywhere.
    fn explained(mut self, waited: Span) -> Seen {
        let Seen { server, path, .. } = &self;
        let late = self.destinations.iter().filter(|arrival| arrival.delivered_seconds.is_none());
        self.why = match self.read_seconds {
            _ if self.is_everywhere() => Vec::new(),
            None => vec![format!(
                "no collector read its line within {waited}: does the audit policy log GET {path}, and does one of them \
                 read the log of {server}?"
            )],
            Some(_) => late
                .map(|Arrival { destination, state, problem, .. }| {
                    let problem = if problem.is_empty() { String::new() } else { format!(": {problem}") };
                    format!(
                        "{destination} does not have it after {waited}; it is {state}{problem}; does the router's policy \
                         or a route leave it out?"
                    )
                })
                .collect(),
        };
        self
    }

    fn text(&self) -> String {
        let answer = self.answer.map_or("no answer".to_owned(), |status| status.to_string());
        let mut lines = vec![
            format!("{}  GET {} at {}", self.id, self.path, self.server),
            step("answered", Some(self.answered_seconds), &answer),
            step("read", self.read_seconds, "by the collector"),
        ];
        let arrivals = self.destinations.iter();
        lines.extend(arrivals.map(|to| step("delivered", to.delivered_seconds, &to.destination)));
        lines.extend(self.why.iter().map(|why| format!("! {why}")));
        lines.join("\n") + "\n"
    }
}

fn step(what: &str, seconds: Option<f64>, detail: &str) -> String {
    let seconds = seconds.map_or("-".to_owned(), |seconds| format!("{seconds:.3} s"));
    format!("  {what:<10}{seconds:>10}  {detail}")
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
