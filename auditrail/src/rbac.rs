//! `rbac`: roles from use, what roles give that nobody uses, and who may do what.
//!
//! Promises: the same answer over recorded files and over the lake; roles are read as `kubectl get -o yaml` or
//! `-o json` writes them, or from the cluster itself, and a fault in them is told with file, line and column before any log is read.

mod check;
mod cluster;
mod dangers;
mod suggest;
mod unused;
mod whose;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use audit::rbac::{Left, Objects, Rbac, Uses};
use clap::{Args, Subcommand};

use crate::exit::Failure;
use crate::policy_file;
use crate::print::grouped;

/// `auditrail rbac`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Propose roles and bindings from what was done; `-o yaml` is for `kubectl apply`.
    Suggest(suggest::Suggest),
    /// Show bindings, rules and verbs that were not used.
    Unused(unused::Unused),
    /// Say whether somebody could do something, and by which binding; exit 0 when allowed, 1 when not.
    Check(check::Check),
}

/// Runs a command.
///
/// # Errors
/// When roles, recording or lake cannot be found or read.
pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Suggest(suggest) => suggest.run(),
        Command::Unused(unused) => unused.run(),
        Command::Check(check) => check.run(),
    }
}

/// Roles and bindings of the cluster.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Roles {
    /// Roles and bindings: YAML or JSON as `kubectl get roles,rolebindings,clusterroles,clusterrolebindings -A`
    /// writes it; may be given several times, `-` is stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) roles: Vec<PathBuf>,
    #[command(flatten)]
    cluster: cluster::Cluster,
}

/// The most roles and bindings that are read at once, in bytes.
const LARGEST: u64 = 256 << 20;

impl Roles {
    /// Reads them; `None` when neither a file nor a cluster is named.
    ///
    /// # Errors
    /// When a file or the cluster cannot be read, or what is wrong in it and where.
    pub(crate) fn read(&self) -> Result<Option<Rbac>, Failure> {
        let of_cluster = self.cluster.read().map_err(Failure::usage)?;
        let named = of_cluster.is_some() || !self.roles.is_empty();
        let mut all = of_cluster.unwrap_or_default();
        for path in &self.roles {
            let text = policy_file::read(path, "file", LARGEST).map_err(Failure::usage)?;
            let objects = Objects::read(&text)
                .map_err(|why| Failure::usage(anyhow!("{}: {why}", policy_file::name(path))))?;
            all.add(objects);
        }
        Ok(named.then(|| Rbac::new(all)))
    }

    /// Reads them where nothing can be said without.
    ///
    /// # Errors
    /// Those of [`Roles::read`], and when neither a file nor a cluster is named.
    fn required(&self) -> Result<Rbac, Failure> {
        let missing =
            "name the cluster's roles and bindings with --roles FILE, --kubeconfig FILE or --context NAME";
        self.read()?.ok_or_else(|| Failure::usage(anyhow!(missing)))
    }
}

/// What was no use, in words; it is of everybody, also where only some are `named`.
fn left(uses: &Uses, named: bool) -> Vec<String> {
    let told = uses.left().iter().filter_map(|(left, count)| {
        let what = match left {
            Left::Undecided => return None,
            Left::Unauthenticated => "requests of nobody (401), which no role can allow",
            Left::BeforeAuthorization => "requests that ended before the authorizer was asked, such as 429",
            Left::RefusedImpersonation => {
                "requests to act as somebody else were refused; the log does not say as whom, since it has no answers"
            }
            Left::TooMany => return None,
        };
        let whose = if named { " (of all users)" } else { "" };
        Some(format!("{} {what}{whose}", grouped(*count)))
    });
    told.chain(beyond(uses)).collect()
}

/// Whose uses could not all be told apart, in words.
fn beyond(uses: &Uses) -> Option<String> {
    let count = uses.left().get(&Left::TooMany)?;
    let of: Vec<&str> = uses.all_beyond().take(NAMED).collect();
    let of = match (of.len(), uses.has_others()) {
        (1..NAMED, false) => format!("of {}", of.join(", ")),
        _ => "of many users".to_owned(),
    };
    let count = grouped(*count);
    Some(format!(
        "{count} requests {of} are left out: they were for more different things than can be told apart"
    ))
}

/// How many uses are named that RBAC allowed and something else refused.
const NAMED: usize = 10;

/// What RBAC allowed and was answered 403 all the same, in words.
fn forbidden_after(uses: &Uses) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (who, what, seen) in uses.iter().filter(|(_, _, seen)| seen.forbidden_after > 0) {
        let request = what.request();
        let why = match request.verb.as_str() {
            "patch" | "update" => {
                "an apply that would have created needs `create` too, or admission refused it"
            }
            _ => "admission refused it, or what was written gives more than its writer has",
        };
        let count = grouped(seen.forbidden_after);
        found.push(format!("{}: {request}: allowed, yet answered 403 ({count}): {why}", who.user));
    }
    let more = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    found.extend((more > 0).then(|| format!("{more} more uses were allowed, yet answered 403")));
    found
}
