//! What is told of refusals.
//!
//! Promise: the same state and filter give the same report; the most frequent come first.

use serde::Serialize;

use super::Denied;
use super::action::{Action, Caller, Kind, Refusal, SubjectKind};
use super::allowed::Same;
use super::changes::Before;
use super::fix::Fix;
use super::refused::{Moments, NAMES, Refused};
use crate::filter::Filter;
use crate::moment;
use crate::shares::{Shares, Sum};
use crate::tally::Tally;

/// Refusals still go on when the last one is no longer ago than this, or than twice their usual distance.
const RECENT_US: i64 = 600_000_000;

/// What is told of [`Denied`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// All requests of the log, refused or not, with the first and the last moment.
    pub requests: Tally,
    /// 403, by subject and what was asked.
    pub refused: Vec<Row>,
    /// 401: who it was is not known.
    pub unauthenticated: Vec<CallerRow>,
    /// 429: too many requests at once.
    pub throttled: Vec<CallerRow>,
    /// Rows of which not all names are kept, where names are asked for: more of them may be among those.
    pub with_more_names: u64,
    /// Refusals of all three kinds beyond those that could be told apart.
    pub more: u64,
}

/// One kind of refused request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Whose permissions decided.
    pub subject: String,
    /// What that is.
    pub subject_kind: SubjectKind,
    /// The subject's groups in the first of these requests.
    pub groups: Vec<String>,
    /// Who acted as the subject, in the first of these requests; empty for the subject itself.
    pub impersonated_by: String,
    /// The verb.
    pub verb: String,
    /// The API group; empty for the core group.
    pub api_group: String,
    /// The resource; empty for a path.
    pub resource: String,
    /// The subresource.
    pub subresource: String,
    /// The namespace; empty for the whole cluster.
    pub namespace: String,
    /// Names that were asked for, at most 32.
    pub names: Vec<String>,
    /// Whether there were more names.
    pub many_names: bool,
    /// The path of what is no resource, without its query.
    pub path: String,
    /// Who refused.
    pub kind: Kind,
    /// The same in a sentence.
    pub why: &'static str,
    /// The authorizer's reason, in the first of these requests.
    pub reason: String,
    /// The API server's answer, in the first of these requests, where the log has it; empty where authorization
    /// refused: then it says in a sentence what these fields say.
    pub message: String,
    /// How often, when first and last, and the first request.
    #[serde(flatten)]
    pub tally: Tally,
    /// How often in an hour, over the whole time of the log.
    pub per_hour: f64,
    /// Whether it goes on.
    pub now: Now,
    /// When the same was last allowed; None when it never was in this log.
    pub last_allowed: Option<String>,
    /// Changes of roles between what was allowed and the first refusal; what probably matters most first.
    pub after: Vec<Before>,
    /// The smallest roles and bindings that allow it, as YAML for `kubectl apply`; None where it should not be
    /// allowed lightly, or where roles would not help.
    pub fix: Option<String>,
    /// What speaks against allowing it.
    pub warnings: Vec<&'static str>,
    /// What the proposal gives besides what was refused.
    pub careful: Vec<&'static str>,
    /// The program, by its own word, of the first of these requests.
    pub client: String,
    /// From where the first of these requests came.
    pub source_ip: String,
}

/// Whether refusals go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Now {
    /// They do.
    Ongoing,
    /// None for a while.
    Quiet,
    /// The same was allowed after the last one.
    AllowedAgain,
}

/// Refusals by who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallerRow {
    /// From where.
    pub source_ip: String,
    /// Who was authenticated; empty for nobody.
    pub user: String,
    /// With which program, by its own word.
    pub client: String,
    /// How often.
    #[serde(flatten)]
    pub tally: Tally,
}

/// Whether a refusal is asked for, whatever its names.
fn takes(filter: &Filter, action: &Action) -> bool {
    filter.user(&action.subject)
        && filter.namespace(&action.namespace)
        && filter.verb(&action.verb)
        && filter.resource(&action.api_group, &action.resource, &action.subresource)
}

/// Of callers it is not known what they asked for.
fn takes_callers(filter: &Filter, caller: &Caller) -> bool {
    *filter == Filter { user: filter.user.clone(), ..Filter::default() } && filter.user(&caller.user)
}

impl Row {
    /// What no two rows have in common.
    fn what(&self) -> [&str; 8] {
        let kind = match self.kind {
            Kind::NotAllowed => "1",
            Kind::RefusedLater => "2",
            Kind::Undecided => "3",
        };
        let (resource, subresource) = (&self.resource, &self.subresource);
        [&self.subject, resource, subresource, &self.path, &self.namespace, &self.verb, &self.api_group, kind]
    }
}

impl Denied {
    /// The report.
    #[must_use]
    pub fn report(&self, filter: &Filter) -> Report {
        let told = || self.refused.iter().filter(|(refusal, _)| takes(filter, &refusal.action));
        let with_more_names = match filter.name {
            Some(_) => told().filter(|(_, refused)| refused.names.len() > NAMES).count() as u64,
            None => 0,
        };
        let mut refused: Vec<Row> = told()
            .filter_map(|(refusal, refused)| {
                let refused = refused.named(filter)?;
                Some(self.row(refusal, &refused, &self.allowed.same(refusal, &refused)))
            })
            .collect();
        refused.sort_by(|one, other| {
            other.tally.count.cmp(&one.tally.count).then_with(|| one.what().cmp(&other.what()))
        });
        let rest: u64 = self.refused.rest().map(|(_, refused)| refused.tally.count).sum();
        let more = rest + self.refused.others().map_or(0, |refused| refused.tally.count);
        Report {
            requests: self.requests.clone(),
            refused,
            unauthenticated: callers(&self.unknown, filter),
            throttled: callers(&self.throttled, filter),
            with_more_names,
            more: more + uncounted(&self.unknown) + uncounted(&self.throttled),
        }
    }

    fn row(&self, refusal: &Refusal, refused: &Refused, same: &Same) -> Row {
        let Refusal { action, kind } = refusal;
        let example = refused.example.as_ref();
        let text =
            |field: fn(&super::refused::Example) -> &String| example.map(field).cloned().unwrap_or_default();
        let mut tally = refused.tally.clone();
        tally.sample = text(|example| &example.audit_id);
        let groups = example.map(|example| example.groups.clone()).unwrap_or_default();
        let after = match (kind, tally.first) {
            (Kind::NotAllowed, Some(first)) => self.changes.before(action, same, &groups, first),
            _ => Vec::new(),
        };
        let Fix { yaml: fix, warnings, careful } = super::fix::of(refusal, refused);
        Row {
            fix,
            warnings,
            careful,
            subject: action.subject.clone(),
            subject_kind: SubjectKind::of(&action.subject),
            groups,
            impersonated_by: text(|example| &example.by),
            verb: action.verb.clone(),
            api_group: action.api_group.clone(),
            resource: action.resource.clone(),
            subresource: action.subresource.clone(),
            namespace: action.namespace.clone(),
            names: refused.names.keys().take(NAMES).cloned().collect(),
            many_names: refused.names.len() > NAMES,
            path: action.path.clone(),
            kind: *kind,
            why: kind.why(),
            reason: text(|example| &example.reason),
            message: text(|example| &example.message),
            per_hour: self.per_hour(tally.count),
            now: self.now(&tally, same.of_last),
            last_allowed: same.any.last.map(moment::written),
            after,
            client: text(|example| &example.client),
            source_ip: text(|example| &example.source_ip),
            tally,
        }
    }

    /// Over the time of the log, but at least an hour: less would promise what nobody saw.
    #[allow(clippy::cast_precision_loss)]
    fn per_hour(&self, count: u64) -> f64 {
        let span = self.requests.last.unwrap_or(0) - self.requests.first.unwrap_or(0);
        count as f64 / (span as f64 / 3_600_000_000.0).max(1.0)
    }

    fn now(&self, tally: &Tally, allowed: Moments) -> Now {
        let (Some(first), Some(last), Some(end)) = (tally.first, tally.last, self.requests.last) else {
            return Now::Quiet;
        };
        if allowed.last.is_some_and(|allowed| allowed > last) {
            return Now::AllowedAgain;
        }
        let distance = (last - first) / i64::try_from(tally.count.max(2) - 1).unwrap_or(i64::MAX);
        if end - last <= RECENT_US.max(2 * distance) { Now::Ongoing } else { Now::Quiet }
    }
}

fn uncounted(callers: &Shares<Caller, Tally>) -> u64 {
    let mut sum = Tally::default();
    callers.rest().map(|(_, tally)| tally).chain(callers.others()).for_each(|tally| sum.add(tally.clone()));
    sum.count
}

fn callers(callers: &Shares<Caller, Tally>, filter: &Filter) -> Vec<CallerRow> {
    let told = callers.iter().filter(|(caller, _)| takes_callers(filter, caller));
    let mut rows: Vec<CallerRow> = told
        .map(|(caller, tally)| {
            let Caller { source_ip, user, client } = caller.clone();
            CallerRow { source_ip, user, client, tally: tally.clone() }
        })
        .collect();
    rows.sort_by(|one, other| {
        let key = |row: &CallerRow| (row.user.clone(), row.source_ip.clone(), row.client.clone());
        other.tally.count.cmp(&one.tally.count).then_with(|| key(one).cmp(&key(other)))
    });
    rows
}
