//! Every command and flag.
//!
//! Promise: results go to stdout, everything else to stderr; exit codes are 0 done, 1 failed, 2 findings are
//! errors (lint), 64 bad usage or configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::Failure;

/// Kubernetes audit logs, whole, at the detail that you chose, to where you can use them.
#[derive(Debug, Parser)]
#[command(name = "auditrail", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run all services in one process: follow audit logs, apply the policy, deliver.
    Up(Up),
    /// Play a bundled real audit log through everything, to a stand-in intake, and show the account.
    Demo(Demo),
    /// Show what the services do: logs, account, spools, holds, and what to do about them.
    Status(Status),
    /// Show rates, lag and spools of the services, live, until `q`.
    Top(crate::top::Top),
    /// Make one request to the API server and follow it to every destination; exit 0 when all have it.
    Canary(crate::canary::Call),
    /// Show events as they pass a router, with what becomes of them.
    Tap(crate::tap::Tap),
    /// Check logs, rights, queue, spools and the way to the next stage, and say what to do; exit 0 when all is well.
    Doctor(crate::doctor::Doctor),
    /// Look at events that no intake took, send them again, or drop them.
    #[command(subcommand)]
    DeadLetters(crate::dead_letters::DeadLetters),
    /// Keep a destination from sending; its spool goes on filling.
    Hold(crate::hold::Hold),
    /// Show what was sent of the events of a request, where, when, and with which answer.
    Prove(crate::prove::Prove),
    /// Show who still calls APIs that are about to go, and in which release that breaks.
    Deprecated(crate::deprecated::Deprecated),
    /// Work with the lake's files.
    #[command(subcommand)]
    Lake(crate::lake::Lake),
    /// Read every file of the lake and say what is wrong; exit 1 when something is.
    Verify(crate::lake::Verify),
    /// Show who is refused what, since when, and after which change of roles.
    Denied(crate::denied::Denied),
    /// Show what looks like an attack, or like what one prepares, with why it matters and what to do.
    Detections(crate::detections::Detections),
    /// Show who does what for the first time.
    FirstSeen(crate::first_seen::FirstSeen),
    /// Show who did what to an object, or what a user did, in the order of time.
    Who(crate::who::Who),
    /// Propose roles from use, find what is given and not used, answer who may do what.
    #[command(subcommand)]
    Rbac(crate::rbac::Command),
    /// Show how long requests took, for whom, where the time went, and whether service level objectives were kept.
    Slow(crate::slow::SlowRequests),
    /// Show whether events are missing, by every proof that the recording allows.
    Gaps(crate::gaps::GapsArguments),
    /// Ask recorded events or the lake in SQL: the table is `events`, the language is SQLite's.
    Sql(crate::sql::Sql),
    /// Work with audit policies (audit.k8s.io/v1).
    #[command(subcommand)]
    Policy(Policy),
    /// Work with the configuration.
    #[command(subcommand)]
    Config(crate::configuration::Command),
    /// Take over from another collector.
    #[command(subcommand)]
    Import(Import),
    /// Work with the webhook that API servers post their events to.
    #[command(subcommand)]
    Webhook(Webhook),
    /// Send recorded events again, to destinations of your choice, marked as a replay.
    Replay(crate::resend::Resend),
    /// Print the completions of a shell.
    Completions(crate::manual::Completions),
    /// Write a manual page for every command.
    Man(crate::manual::Man),
}

/// `auditrail up`.
#[derive(Debug, Clone, Default, Args)]
pub struct Up {
    /// An audit log to follow, with its rotated siblings (also .gz, .zst); may be given several times, may be a
    /// glob in quotes.
    #[arg(long, value_name = "FILE")]
    pub path: Vec<PathBuf>,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The audit policy to apply; without one everything is kept.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Where to deliver to: `lake`, `stdout`, `file:PATH`, `datadog` (key from DD_API_KEY), `datadog:URL`, or
    /// the name of a destination in the configuration; may be given several times. Default: lake.
    #[arg(long, value_name = "DEST")]
    pub to: Vec<String>,
    /// The directory for queue, spool and lake, where the configuration names none.
    #[arg(long, value_name = "DIR", default_value = crate::data::DEFAULT)]
    pub data: PathBuf,
    /// Read every log to the end that it has now, deliver, print the account, exit.
    #[arg(long)]
    pub once: bool,
    /// With --once: give up when a destination is held or unavailable for this long (`30s`, `1h30m`).
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub give_up: chassis::Span,
}

/// `auditrail demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// The directory to work in; a folder `demo` in it is made anew.
    #[arg(long, value_name = "DIR", default_value = crate::data::DEFAULT)]
    pub data: PathBuf,
}

/// `auditrail status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Show it again and again, every two seconds, until stopped.
    #[arg(long)]
    pub watch: bool,
    /// The gRPC address of a service; may be given several times.
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Vec<String>,
    /// The configuration file, for the services' addresses.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data directory of a running `up`, for its address.
    #[arg(long, value_name = "DIR", default_value = crate::data::DEFAULT)]
    pub data: PathBuf,
    /// The certificates to show.
    #[command(flatten)]
    pub credentials: crate::credentials::Credentials,
}

#[derive(Debug, Subcommand)]
enum Policy {
    /// Find what is wrong in policy files; exit 0 clean, 1 warnings, 2 errors.
    Lint(Lint),
    /// Say for each event which rule decides, and why not an earlier one.
    Explain(Explain),
    /// Write the lines that an API server with this policy would have written.
    Apply(Apply),
    /// Replay recorded events through one policy or two: events, bytes and price of every rule, and what changes.
    Simulate(Simulate),
    /// Write a policy from recorded events that leaves out what is big and boring, with what each rule saves.
    Suggest(Suggest),
}

/// `auditrail policy lint`.
#[derive(Debug, Args)]
pub struct Lint {
    /// Policy files; `-` is stdin.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// How to print the findings.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: LintFormat,
    /// Correct the files in place, keeping comments and layout, wherever there is one way to do it; then print what
    /// is left. Stdin is corrected to stdout.
    #[arg(long)]
    pub fix: bool,
    /// With --fix: change no file, print the corrected text of the one file.
    #[arg(long, requires = "fix")]
    pub dry_run: bool,
    /// The Kubernetes version that the policy is for: before 1.36 the API group `*` is refused.
    #[arg(long, value_name = "VERSION", default_value_t)]
    pub target_version: audit::TargetVersion,
}

/// How `auditrail policy lint` prints its findings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LintFormat {
    /// A line for each, and one for what to do.
    #[default]
    Text,
    /// A list of objects.
    Json,
    /// SARIF 2.1.0, as code scanning takes it.
    Sarif,
}

/// `auditrail policy explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The policy; `-` is stdin. Default: that of the configuration.
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    pub policy: Option<PathBuf>,
    /// One JSON object per input line.
    #[arg(long)]
    pub json: bool,
    /// Only the events of this request.
    #[arg(long, value_name = "ID")]
    pub audit_id: Option<String>,
    /// Look the request up in the lake there.
    #[arg(long, value_name = "URL", conflicts_with = "events", requires = "audit_id")]
    pub lake: Option<String>,
    #[command(flatten)]
    pub(crate) reach: crate::lake_reach::Reach,
    /// A configuration, whose routes and destinations are told too.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Recorded events: files (also packed with gzip or zstd), directories; stdin when absent or `-`.
    #[arg(value_name = "EVENTS")]
    pub events: Vec<PathBuf>,
    /// The Kubernetes version that the policy is for: before 1.36 the API group `*` is refused.
    #[arg(long, value_name = "VERSION", default_value_t)]
    pub target_version: audit::TargetVersion,
}

/// `auditrail policy apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// The policy; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// Recorded events: files (also packed with gzip or zstd), directories (in rotation order); stdin when absent or
    /// `-`.
    #[arg(value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// The Kubernetes version that the policy is for: before 1.36 the API group `*` is refused.
    #[arg(long, value_name = "VERSION", default_value_t)]
    pub target_version: audit::TargetVersion,
}

/// `auditrail policy simulate`.
#[derive(Debug, Args)]
pub struct Simulate {
    /// A policy; given twice, the second is compared with the first.
    #[arg(long, required = true, value_name = "FILE")]
    pub policy: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// The Kubernetes version that the policies are for: before 1.36 the API group `*` is refused.
    #[arg(long, value_name = "VERSION", default_value_t)]
    pub target_version: audit::TargetVersion,
    #[command(flatten)]
    pub(crate) prices: crate::price::Prices,
    #[command(flatten)]
    pub(crate) live: crate::simulate::live::Live,
    #[command(flatten)]
    pub(crate) recording: crate::recording::Recording,
}

/// `auditrail policy suggest`.
#[derive(Debug, Args)]
pub struct Suggest {
    #[command(flatten)]
    pub(crate) prices: crate::price::Prices,
    #[command(flatten)]
    pub(crate) recording: crate::recording::Recording,
}

#[derive(Debug, Subcommand)]
enum Import {
    /// Take the positions of a Datadog Agent's registry.json, so that no line is skipped or sent again; the Agent's
    /// logs and the collector must be stopped.
    DatadogRegistry(DatadogRegistry),
}

/// `auditrail import datadog-registry`.
#[derive(Debug, Args)]
pub struct DatadogRegistry {
    /// The Agent's registry.json, in its run_path.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The configuration file, for the collector's queue.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data directory of `up`, for the queue where the configuration names none.
    #[arg(long, value_name = "DIR", default_value = crate::data::DEFAULT)]
    pub data: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Webhook {
    /// Print the kubeconfig for an API server's --audit-webhook-config-file.
    Kubeconfig(Kubeconfig),
}

/// `auditrail webhook kubeconfig`.
#[derive(Debug, Args)]
pub struct Kubeconfig {
    /// The configuration file, for the webhook's address and path.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The URL that the API server reaches the webhook by; without a path, the configured one is added.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// The certificate of the authority that signed the webhook's certificate.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The API server's certificate, where the webhook asks for one.
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_certificate: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    pub client_key: Option<PathBuf>,
    /// Name these files by their paths, where the API server reads them again when they change, instead of holding
    /// what is in them.
    #[arg(long)]
    pub by_path: bool,
}

/// The body of `main`.
pub fn main() -> ExitCode {
    let cli = match crate::span::parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match run(cli.command) {
        Ok(code) => code,
        Err(failure) => failure.tell(),
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Up(up) => crate::up::up(&up),
        Command::Demo(demo) => crate::demo::demo(&demo),
        Command::Status(status) => crate::status::status(&status),
        Command::Top(top) => crate::top::top(&top),
        Command::Canary(call) => crate::canary::canary(&call),
        Command::Tap(tap) => crate::tap::tap(&tap),
        Command::Doctor(doctor) => crate::doctor::doctor(&doctor),
        Command::DeadLetters(letters) => crate::dead_letters::dead_letters(&letters),
        Command::Hold(hold) => crate::hold::hold(&hold),
        Command::Prove(prove) => crate::prove::prove(&prove),
        Command::Deprecated(arguments) => crate::deprecated::deprecated(&arguments),
        Command::Lake(lake) => crate::lake::lake(&lake),
        Command::Verify(verify) => crate::lake::verified(&verify),
        Command::Denied(denied) => crate::denied::denied(&denied),
        Command::Who(who) => crate::who::who(&who),
        Command::Detections(asked) => crate::detections::detections(&asked),
        Command::FirstSeen(asked) => crate::first_seen::first_seen(&asked),
        Command::Rbac(command) => crate::rbac::run(&command),
        Command::Slow(arguments) => crate::slow::slow(&arguments),
        Command::Gaps(arguments) => crate::gaps::gaps(&arguments),
        Command::Sql(sql) => crate::sql::sql(&sql),
        Command::Policy(Policy::Lint(lint)) => crate::lint::lint(&lint),
        Command::Policy(Policy::Explain(explain)) => crate::explain::explain(&explain),
        Command::Policy(Policy::Apply(apply)) => crate::apply::apply(&apply),
        Command::Policy(Policy::Simulate(simulate)) => crate::simulate::simulate(&simulate),
        Command::Policy(Policy::Suggest(suggest)) => crate::suggest::suggest(&suggest),
        Command::Config(command) => crate::configuration::run(&command),
        Command::Import(Import::DatadogRegistry(import)) => crate::import::datadog_registry(&import),
        Command::Webhook(Webhook::Kubeconfig(kubeconfig)) => crate::kubeconfig::kubeconfig(&kubeconfig),
        Command::Replay(replay) => crate::resend::resend(&replay),
        Command::Completions(completions) => crate::manual::completions(&completions),
        Command::Man(man) => crate::manual::man(&man),
    }
}

/// `--help` and `--version` are results; everything else is bad usage.
fn usage(error: &clap::Error) -> ExitCode {
    // Nowhere is left to say that the terminal is gone.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(Failure::USAGE) } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
