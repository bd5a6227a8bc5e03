//! `rbac check`: could somebody do something.
//!
//! Promise: the answer is that of the API server's RBAC authorizer with the roles that were given, and names every
//! binding that allows it, the deciding one first.

use std::process::ExitCode;

use anyhow::anyhow;
use audit::rbac::{Rbac, Request, Verdict, Who};
use clap::Args;
use serde::Serialize;

use super::Roles;
use crate::exit::Failure;
use crate::report::Output;
use crate::table::{Table, print};

/// `auditrail rbac check`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    roles: Roles,
    /// Who: a user, or `system:serviceaccount:NAMESPACE:NAME`.
    #[arg(long = "as", value_name = "USER")]
    user: String,
    /// A group that the user is in besides those that everybody is in; may be given several times.
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// The verb, such as `get`, `list`, `impersonate`.
    #[arg(long)]
    verb: String,
    /// The resource: `pods`, `pods/log`, `deployments.apps`, `deployments.apps/scale`.
    #[arg(long, required_unless_present = "path")]
    resource: Option<String>,
    /// The path instead of a resource, such as `/metrics`.
    #[arg(long, conflicts_with_all = ["resource", "namespace", "name"])]
    path: Option<String>,
    /// The namespace; without one, the cluster or all namespaces.
    #[arg(short, long)]
    namespace: Option<String>,
    /// The object's name.
    #[arg(long)]
    name: Option<String>,
    /// How to tell it.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

#[derive(Debug, Serialize)]
struct Report {
    allowed: bool,
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
        let missing = || Failure::usage(anyhow!("name the cluster's roles and bindings with --roles FILE"));
        let rbac = self.roles.read()?.ok_or_else(missing)?;
        let named = Who::named(&self.user);
        let who = Who::new(named.user, named.groups.into_iter().chain(self.group.iter().cloned()));
        let request = self.request();
        let report = report(&rbac, who, &request);
        print(self.output, &report, tables)?;
        Ok(ExitCode::from(u8::from(!report.allowed)))
    }

    fn request(&self) -> Request {
        if let Some(path) = &self.path {
            return Request::path(&self.verb, path);
        }
        let resource = self.resource.as_deref().unwrap_or_default();
        let (whole, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let (resource, group) = whole.split_once('.').unwrap_or((whole, ""));
        let whole = match subresource {
            "" => resource.to_owned(),
            subresource => format!("{resource}/{subresource}"),
        };
        let (namespace, name) = (self.namespace.as_deref(), self.name.as_deref());
        Request::resource(&self.verb, group, &whole, namespace.unwrap_or_default(), name.unwrap_or_default())
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
    vec![Table {
        title: format!("{word}: {} to {}", report.user, report.request),
        columns: vec!["by", "verbs of the rule", "on"],
        rows,
        notes: report.notes.clone(),
    }]
}
