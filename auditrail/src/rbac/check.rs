//! `rbac check`: could somebody do something.
//!
//! Promise: the answer is that of the API server's RBAC authorizer with the roles that were given, and names every
//! binding that allows it, the deciding one first. What was asked is made the request that the server would get, and
//! where that changes it, a note says so.

mod asked;

use std::process::ExitCode;

use anyhow::anyhow;
use audit::rbac::{Rbac, Request, Verdict, Who};
use clap::Args;
use insight::reports::rbac_writes::RbacWrites;
use serde::Serialize;

use self::asked::Asked;
use super::Roles;
use crate::exit::Failure;
use crate::moment::{self, Moment};
use crate::report::Reporting;
use crate::table::{Table, print};

/// How many doubts are named.
const NAMED: usize = 5;

/// `auditrail rbac check`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    reporting: Reporting,
    #[command(flatten)]
    roles: Roles,
    /// With the roles of that moment: what the recorded events (FILES or --lake) say was written until then, on top of
    /// --roles.
    #[arg(long, value_name = "TIME")]
    at: Option<Moment>,
    /// Who: a user, or `system:serviceaccount:NAMESPACE:NAME`.
    #[arg(long = "as", value_name = "USER")]
    user: String,
    /// A group that the user is in besides those that everybody is in; may be given several times.
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// The verb, such as `get`, `list`, `impersonate`.
    #[arg(long)]
    verb: String,
    /// The resource in the plural: `pods`, `pods/log`, `deployments.apps`, `deployments.apps/scale`.
    #[arg(long, required_unless_present = "path")]
    resource: Option<String>,
    /// The path instead of a resource, such as `/metrics`, as it is in a URL.
    #[arg(long, conflicts_with_all = ["resource", "namespace", "name"])]
    path: Option<String>,
    /// The namespace; without one, the cluster or all namespaces.
    #[arg(short, long)]
    namespace: Option<String>,
    /// The object's name.
    #[arg(long)]
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct Report {
    allowed: bool,
    /// With the roles of that moment; those that were given, when absent.
    at: Option<String>,
    user: String,
    groups: Vec<String>,
    request: String,
    by: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    /// As the API server writes it.
    reason: String,
    /// The rule of the role, counted from 0, aggregated ones included.
    rule: usize,
    verbs: Vec<String>,
    on: Vec<String>,
}

impl Check {
    /// Exit 0 when allowed, 1 when not.
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let asked = self.asked()?;
        let (rbac, doubts) = self.rbac()?;
        let named = Who::named(&self.user);
        let who = Who::new(named.user, named.groups.into_iter().chain(self.group.iter().cloned()));
        let mut report = report(&rbac, who.clone(), &asked.request);
        report.at = self.at.map(|at| moment::written(at.0));
        report.notes.extend(asked.hints(&rbac, &who, report.allowed));
        report.notes.extend(asked.notes);
        report.notes.extend(doubts);
        print(self.reporting.output, &report, tables)?;
        Ok(ExitCode::from(u8::from(!report.allowed)))
    }

    /// The roles that count, and what is not certain about them.
    fn rbac(&self) -> Result<(Rbac, Vec<String>), Failure> {
        let Some(at) = self.at else {
            let recording = &self.reporting.recording;
            if !recording.files.is_empty() || recording.lake.is_some() {
                return Err(Failure::usage(anyhow!("recorded events are read for --at TIME only: give one")));
            }
            return Ok((self.roles.required()?, Vec::new()));
        };
        let given = self.roles.read()?;
        let answer = self.reporting.answer::<RbacWrites>()?;
        let known = given.map(|rbac| rbac.objects().clone()).unwrap_or_default();
        let mut then = answer.fold.history.at(&known, at.0);
        let more = then.doubts.len().saturating_sub(NAMED);
        then.doubts.truncate(NAMED);
        then.doubts.extend((more > 0).then(|| format!("{more} more objects are uncertain")));
        if answer.fold.history.is_empty() {
            let why = "the events tell of no write of roles: they must be logged at level Request or above";
            then.doubts.push(why.to_owned());
        }
        Ok((Rbac::new(then.objects), then.doubts))
    }

    fn asked(&self) -> Result<Asked, Failure> {
        if let Some(path) = &self.path {
            return Asked::path(&self.verb, path).map_err(Failure::usage);
        }
        let resource = self.resource.as_deref().unwrap_or_default();
        let (namespace, name) = (self.namespace.as_deref(), self.name.as_deref());
        Ok(Asked::resource(&self.verb, resource, namespace.unwrap_or_default(), name.unwrap_or_default()))
    }
}

fn report(rbac: &Rbac, who: Who, request: &Request) -> Report {
    let verdict = rbac.allowed(&who, request);
    let grants = rbac.grants(&who, request).filter_map(|grant| match grant {
        Verdict::Allowed { via, binding, rule } => {
            let of = &rbac.rules_of(binding)[rule];
            let on = of.resources.iter().chain(&of.non_resource_urls).cloned().collect();
            Some(Row { reason: via.to_string(), rule, verbs: of.verbs.clone(), on })
        }
        Verdict::Masters | Verdict::Refused => None,
    });
    let masters = "members of system:masters are let through before RBAC is asked";
    Report {
        allowed: verdict.is_allowed(),
        at: None,
        by: grants.collect(),
        notes: (verdict == Verdict::Masters).then(|| masters.to_owned()).into_iter().collect(),
        user: who.user,
        groups: who.groups,
        request: request.to_string(),
    }
}

fn tables(report: &Report) -> Vec<Table> {
    let word = if report.allowed { "allowed" } else { "refused" };
    let rows = report
        .by
        .iter()
        .map(|row| vec![row.reason.clone(), row.verbs.join(", "), row.on.join(", ")])
        .collect();
    let at = report.at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
    vec![Table {
        title: format!("{word}{at}: {} to {}", report.user, report.request),
        columns: vec!["by", "verbs of the rule", "on"],
        rows,
        notes: report.notes.clone(),
    }]
}
