//! `rbac suggest`: roles and bindings from use.
//!
//! Promises: what is printed was put to the test before: every recorded request is asked of it again, and the figures
//! say how many are still allowed; YAML is taken by `kubectl apply`, its comments included.

use std::process::ExitCode;

use anyhow::anyhow;
use audit::rbac::{self, Mode, Objects, Options, Proposal, Rbac, Replay, Uses, Verbs, Who};
use clap::{Args, ValueEnum};
use insight::reports::usage::Usage;
use serde::Serialize;

use super::whose::Whose;
use super::{Roles, dangers};
use crate::exit::Failure;
use crate::print::grouped;
use crate::report::{Output, Reporting};
use crate::say;
use crate::spelt::shown;
use crate::table::Table;

/// What a fix is worth that does not know what there is.
const WITHOUT_ROLES: &str = "without the cluster's roles (--roles FILE, --kubeconfig FILE or --context NAME) everything \
     that was refused counts as missing, also what was given since";
/// How many roles are named that a proposal takes the place of.
const NAMED: usize = 10;

/// `auditrail rbac suggest`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Suggest {
    #[command(flatten)]
    reporting: Reporting,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    roles: Roles,
    /// From what: `used` (allowed requests), `wanted` (refused ones too), `fix` (what is missing in --roles or the
    /// cluster of --kubeconfig for the refused ones; without these, all of it counts as missing).
    #[arg(long, value_enum, default_value_t)]
    mode: ModeName,
    /// `least`: nothing but what was used. `audit2rbac`: what audit2rbac proposes, from allowed and refused requests.
    #[arg(long, value_enum, default_value_t)]
    preset: Preset,
    /// Which verbs come with others: `none`, `audit2rbac` (get, list, watch; get, update, patch), `informer` (list,
    /// watch).
    #[arg(long, value_enum, default_value_t)]
    verbs: VerbsName,
    /// Give a verb for all names of a resource where it was used on more than N.
    #[arg(long, value_name = "N")]
    expand_names_after: Option<usize>,
    /// Give a verb in all namespaces where it was used on a resource in more than N.
    #[arg(long, value_name = "N")]
    expand_namespaces_after: Option<usize>,
    /// Give to a group what at least N of its members share, instead of to each.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..))]
    share_from: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ModeName {
    #[default]
    Used,
    Wanted,
    Fix,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Preset {
    #[default]
    Least,
    Audit2rbac,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum VerbsName {
    #[default]
    None,
    Audit2rbac,
    Informer,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Report<'o> {
    /// `used`, `wanted` or `fix`.
    mode: &'static str,
    /// Recorded requests that were asked again.
    requests: u64,
    /// How many of them are allowed.
    allowed: u64,
    /// Some of those that are not.
    not_allowed: Vec<String>,
    /// Permissions proposed: each verb on each resource of each name counts for one.
    permissions: u64,
    /// Permissions that the same users hold by --roles; a wildcard counts for one.
    held: Option<u64>,
    subjects: Vec<Subject>,
    dangers: Vec<dangers::Row>,
    notes: Vec<String>,
    objects: Vec<rbac::Document<'o>>,
}

#[derive(Debug, Serialize)]
struct Subject {
    /// A user, or `group NAME`.
    user: String,
    permissions: u64,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    /// Empty for the cluster.
    namespace: String,
    verbs: Vec<String>,
    api_groups: Vec<String>,
    resources: Vec<String>,
    resource_names: Vec<String>,
    #[serde(rename = "nonResourceURLs")]
    non_resource_urls: Vec<String>,
}

impl Suggest {
    /// Exit 0, or 1 when some of the events could not be read, a recorded request would be refused, or somebody who was
    /// named is not in the log.
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        self.check()?;
        let existing = self.roles.read()?;
        let answer = self.reporting.answer::<Usage>()?;
        let uses = self.whose.of(&answer.fold);
        let unseen = self.whose.unseen(&answer.fold, &uses)?;
        let incomplete = answer.incomplete;
        drop(answer);
        let (proposal, replay) = self.propose(&uses, existing.as_ref());
        let mut report = report(&uses, &proposal, &replay, existing.as_ref());
        report.notes = super::left(&uses, self.whose.is_named());
        report.mode = match self.mode() {
            Mode::Used => "used",
            Mode::Wanted => "wanted",
            Mode::Fix => "fix",
        };
        let blind = (self.mode() == Mode::Fix && existing.is_none()).then(|| WITHOUT_ROLES.to_owned());
        let heed: Vec<String> = unseen.iter().cloned().chain(blind).chain(replaced(&proposal)).collect();
        heed.iter().for_each(|line| say::aside(&shown(line)));
        report.notes.extend(heed);
        report.notes.extend(dangers::unconstrained(&proposal));
        if self.mode() != Mode::Used {
            report.notes.extend(super::forbidden_after(&uses));
        }
        let wrong = incomplete || !unseen.is_empty() || replay.allowed < replay.requests;
        if self.reporting.output == Output::Yaml {
            say::result(&yaml(&report, &proposal.objects))?;
            return Ok(ExitCode::from(u8::from(wrong)));
        }
        let exit = self.reporting.tell(&report, wrong, tables);
        // The process ends now: giving back a million pieces of memory one by one would only take time.
        std::mem::forget(report);
        std::mem::forget((proposal, uses));
        exit
    }

    /// Refuses what the preset decides itself.
    fn check(&self) -> Result<(), Failure> {
        let chosen = self.verbs != VerbsName::None
            || self.expand_names_after.is_some()
            || self.expand_namespaces_after.is_some()
            || self.share_from.is_some()
            || self.mode == ModeName::Fix;
        if self.preset == Preset::Audit2rbac && chosen {
            let why = "--preset audit2rbac decides --verbs, --expand-..., --share-from and --mode itself: leave them out";
            return Err(Failure::usage(anyhow!(why)));
        }
        Ok(())
    }

    fn mode(&self) -> Mode {
        match self.mode {
            _ if self.preset == Preset::Audit2rbac => Mode::Wanted,
            ModeName::Used => Mode::Used,
            ModeName::Wanted => Mode::Wanted,
            ModeName::Fix => Mode::Fix,
        }
    }

    /// The proposal, and what became of the recorded requests with it.
    fn propose(&self, uses: &Uses, existing: Option<&Rbac>) -> (Proposal, Replay) {
        let mode = self.mode();
        if self.preset == Preset::Audit2rbac {
            let proposal = rbac::audit2rbac(uses);
            let mut objects = proposal.objects.clone();
            objects.add(rbac::discovery());
            return (proposal, rbac::replay(uses, &Rbac::new(objects), Mode::Wanted));
        }
        let options = Options {
            mode,
            verbs: match self.verbs {
                VerbsName::None => Verbs::AsUsed,
                VerbsName::Audit2rbac => Verbs::Audit2rbac,
                VerbsName::Informer => Verbs::Informer,
            },
            expand_names_after: self.expand_names_after,
            expand_namespaces_after: self.expand_namespaces_after,
            share_from: self.share_from.map(usize::from),
        };
        let mut proposal = rbac::suggest(uses, &options, existing);
        if let (Mode::Fix, Some(existing)) = (mode, existing) {
            let mut objects = existing.objects().clone();
            objects.add(proposal.objects.clone());
            let replay = rbac::replay(uses, &Rbac::new(objects), mode);
            return (proposal, replay);
        }
        let proposed = Rbac::new(proposal.objects);
        let replay = rbac::replay(uses, &proposed, mode);
        proposal.objects = proposed.into_objects();
        (proposal, replay)
    }
}

fn report<'o>(uses: &Uses, proposal: &'o Proposal, replay: &Replay, existing: Option<&Rbac>) -> Report<'o> {
    let users = proposal.permissions.iter().map(|(user, set)| (user.clone(), set));
    let groups = proposal.shared.iter().map(|(group, set)| (format!("group {group}"), set));
    let subjects = users.chain(groups).map(|(user, set)| Subject {
        user,
        permissions: set.count(),
        rules: set
            .scopes()
            .flat_map(|scope| set.rules(scope).into_iter().map(|rule| Rule::of(scope, rule)))
            .collect(),
    });
    Report {
        mode: "",
        requests: replay.requests,
        allowed: replay.allowed,
        not_allowed: replay.refused.iter().map(|(who, request)| format!("{}: {request}", who.user)).collect(),
        permissions: proposal.count(),
        held: existing.map(|rbac| held(rbac, uses)),
        subjects: subjects.collect(),
        dangers: dangers::of(proposal),
        notes: Vec::new(),
        objects: rbac::documents(&proposal.objects).collect(),
    }
}

/// What applying it would take away, in words.
fn replaced(proposal: &Proposal) -> Vec<String> {
    let told = proposal.replaced.iter().take(NAMED).map(|role| {
        let place = if role.namespace.is_empty() { String::new() } else { format!(" in {}", role.namespace) };
        format!(
            "{} {}{place} is there already and gives {} permissions that are not proposed: applying this takes them \
             away; --mode fix keeps them",
            role.kind.name(),
            role.name,
            grouped(role.lost)
        )
    });
    let more = proposal.replaced.len().saturating_sub(NAMED);
    let more = (more > 0).then(|| format!("{} more roles would lose permissions", grouped(more as u64)));
    told.chain(more).collect()
}

/// What the users of these uses hold, each in all the groups that it came with.
fn held(rbac: &Rbac, uses: &Uses) -> u64 {
    let mut users: Vec<Who> = Vec::new();
    for who in uses.subjects() {
        match users.last_mut() {
            Some(last) if last.user == who.user => {
                *last = Who::new(who.user.clone(), last.groups.iter().chain(&who.groups).cloned());
            }
            _ => users.push(who.clone()),
        }
    }
    users.iter().map(|who| rbac.held(who).count()).sum()
}

impl Rule {
    fn of(scope: &str, rule: rbac::Rule) -> Rule {
        Rule {
            namespace: scope.to_owned(),
            verbs: rule.verbs,
            api_groups: rule.api_groups,
            resources: rule.resources,
            resource_names: rule.resource_names,
            non_resource_urls: rule.non_resource_urls,
        }
    }
}

impl Report<'_> {
    /// `18,233/18,233 still allowed, 41 permissions fewer`.
    fn coverage(&self) -> String {
        let (allowed, requests) = (grouped(self.allowed), grouped(self.requests));
        let permissions = grouped(self.permissions);
        match self.mode {
            "fix" => {
                return format!("{allowed}/{requests} refused then allowed, {permissions} permissions more");
            }
            "wanted" => return format!("{allowed}/{requests} allowed, {permissions} permissions"),
            _ => {}
        }
        let mut text = format!("{allowed}/{requests} still allowed");
        if let Some(held) = self.held {
            let (less, word) = match held.checked_sub(self.permissions) {
                Some(fewer) => (fewer, "fewer"),
                None => (self.permissions - held, "more"),
            };
            text.push_str(&format!(", {} permissions {word}", grouped(less)));
        }
        text
    }
}

fn yaml(report: &Report<'_>, objects: &Objects) -> String {
    let mut text = format!("# {}\n", report.coverage());
    let lines = report.not_allowed.iter().map(|request| format!("not allowed: {request}"));
    let lines = lines.chain(report.notes.iter().cloned());
    for line in lines.chain(report.dangers.iter().map(|row| format!("careful: {}", row.line()))) {
        text.push_str(&format!("# {}\n", shown(&line)));
    }
    text + &rbac::to_yaml(objects)
}

fn tables(report: &Report<'_>) -> Vec<Table> {
    let rows = report.subjects.iter().flat_map(|subject| {
        subject.rules.iter().map(|rule| {
            let place = if rule.namespace.is_empty() { "(cluster)" } else { &rule.namespace };
            let group = rule.api_groups.join(", ");
            let resources = rule.resources.iter().map(|resource| rbac::in_full(&group, resource));
            let on: Vec<String> = resources.chain(rule.non_resource_urls.iter().cloned()).collect();
            vec![
                subject.user.clone(),
                place.to_owned(),
                rule.verbs.join(", "),
                on.join(", "),
                rule.resource_names.join(", "),
            ]
        })
    });
    let title = format!("Proposed roles: {}", report.coverage());
    let notes = report.not_allowed.iter().map(|request| format!("not allowed: {request}"));
    let careful = report.dangers.iter().map(|row| format!("careful: {}", row.line()));
    vec![Table {
        title,
        columns: vec!["user", "namespace", "verbs", "on", "only the names"],
        rows: rows.collect(),
        notes: notes.chain(report.notes.iter().cloned()).chain(careful).collect(),
    }]
}
