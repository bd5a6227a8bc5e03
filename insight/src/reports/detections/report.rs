//! What is told of detections.
//!
//! Promise: the same state and question give the same report; the worst come first, then the most frequent.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::catalogue::{DETECTIONS, Detection, MINUTES, Rule, Severity};
use super::counted::Counted;
use super::looks::Need;
use super::{Detections, Found, REASONS, Seen};
use crate::filter::{Filter, resource_name};
use crate::shares::Sum;
use crate::tally::Tally;

/// Most samples that are told of a detection.
const SAMPLES: usize = 5;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Whose, and about what. What is told by subject only is about nothing.
    pub filter: Filter,
    /// Only detections that are at least so severe.
    pub severity: Option<Severity>,
    /// Only these detections; all when there is none.
    pub ids: Vec<String>,
}

/// What is told of [`Detections`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// All requests of the log, also those that are open, with the first and the last moment.
    pub requests: Tally,
    /// What was detected.
    pub detected: Vec<Detected>,
    /// Detections about which the log does not say enough.
    pub untold: Vec<Untold>,
    /// Findings and refusals beyond those that could be told apart.
    pub more: u64,
}

/// A detection with what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detected {
    /// Which.
    pub id: &'static str,
    /// How bad it would be.
    pub severity: Severity,
    /// What happened.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub todo: &'static str,
    /// How many requests, when first and last, and the first one.
    #[serde(flatten)]
    pub tally: Tally,
    /// Of how many subjects.
    pub subjects: u64,
    /// Audit IDs of some, the earliest first.
    pub samples: Vec<String>,
    /// By who it was and what it was about.
    pub findings: Vec<Finding>,
}

/// What one subject did with one object, or all of what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whose permissions decided.
    pub subject: String,
    /// Who acted as the subject; empty for the subject itself.
    pub by: String,
    /// The verb.
    pub verb: String,
    /// The API group; empty for the core group.
    pub api_group: String,
    /// The resource; empty where no object is meant.
    pub resource: String,
    /// The subresource.
    pub subresource: String,
    /// The namespace.
    pub namespace: String,
    /// The object.
    pub name: String,
    /// What else speaks for it: at most eight.
    pub reasons: Vec<String>,
    /// Whether there were more.
    pub more_reasons: bool,
    /// How often, when first and last, and the first request.
    #[serde(flatten)]
    pub tally: Tally,
}

/// Requests that may be what a detection is about, but the log does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Untold {
    /// Which detection.
    pub id: String,
    /// Of which resource, with its group.
    pub resource: String,
    /// What to do.
    pub todo: String,
    /// How many requests, when first and last, and the first one.
    #[serde(flatten)]
    pub tally: Tally,
}

impl Wanted {
    /// Whether this detection is asked for.
    #[must_use]
    pub fn takes(&self, detection: &Detection) -> bool {
        self.severity.is_none_or(|severity| detection.severity >= severity)
            && (self.ids.is_empty() || self.ids.iter().any(|id| id == detection.id))
    }

    fn takes_finding(&self, found: &Found) -> bool {
        let filter = &self.filter;
        (filter.user(&found.subject) || (!found.by.is_empty() && filter.user(&found.by)))
            && filter.namespace(&found.namespace)
            && filter.verb(&found.verb)
            && filter.name(&found.name)
            && filter.resource(&found.api_group, &found.resource, &found.subresource)
    }
}

impl Detections {
    /// The report.
    #[must_use]
    pub fn report(&self, wanted: &Wanted) -> Report {
        let mut of: BTreeMap<&str, Vec<Finding>> = BTreeMap::new();
        for (found, seen) in self.found.iter().filter(|(found, _)| wanted.takes_finding(found)) {
            of.entry(&found.detection).or_default().push(finding(found.clone(), seen.clone()));
        }
        let asked = DETECTIONS.iter().filter(|detection| wanted.takes(detection));
        let detected = asked.filter_map(|detection| {
            let findings = match detection.rule {
                Rule::ManyRefusals => self.many_refusals(detection, wanted),
                _ => of.remove(detection.id).unwrap_or_default(),
            };
            (!findings.is_empty()).then(|| detected(detection, findings))
        });
        let mut detected: Vec<Detected> = detected.collect();
        detected.sort_by_key(|detected| std::cmp::Reverse(detected.severity));
        let rest = self.found.rest().map(|(_, seen)| seen.counted.count()).sum::<u64>();
        let others = self.found.others().map_or(0, |seen| seen.counted.count());
        let more = rest + others + self.refused.more();
        Report { requests: self.requests(), detected, untold: self.untold(wanted), more }
    }

    fn requests(&self) -> Tally {
        let mut requests = self.requests.clone();
        requests.add(self.lasting.tally());
        requests
    }

    fn many_refusals(&self, detection: &Detection, wanted: &Wanted) -> Vec<Finding> {
        let many = self.refused.many().into_iter().map(|many| {
            let reason = format!("{} different requests within {MINUTES} minutes", many.different);
            (
                Found::by_subject(detection, many.subject),
                Seen { counted: Counted::of(false, many.tally), reasons: BTreeSet::from([reason]) },
            )
        });
        many.filter(|(found, _)| wanted.takes_finding(found))
            .map(|(found, seen)| finding(found, seen))
            .collect()
    }

    fn untold(&self, wanted: &Wanted) -> Vec<Untold> {
        let is_asked =
            |id: &str| DETECTIONS.iter().any(|detection| detection.id == id && wanted.takes(detection));
        let untold = self.untold.iter().filter(|((id, _, _), _)| is_asked(id));
        untold
            .map(|((id, resource, need), tally)| Untold {
                id: id.clone(),
                resource: resource.clone(),
                todo: need.todo(resource),
                tally: tally.clone(),
            })
            .collect()
    }
}

impl Need {
    fn todo(self, resource: &str) -> String {
        match self {
            Need::Request => {
                format!(
                    "the level does not tell: log writes of {resource} at level Request in the audit policy"
                )
            }
            Need::RequestResponse => format!(
                "a patch does not tell: log writes of {resource} at level RequestResponse in the audit policy"
            ),
            Need::Whole => format!(
                "the API server cut the events: raise --audit-log-truncate-max-event-size, {resource} are larger"
            ),
        }
    }
}

fn detected(detection: &'static Detection, mut findings: Vec<Finding>) -> Detected {
    findings.sort_by(|one, other| {
        other.tally.count.cmp(&one.tally.count).then_with(|| one.what().cmp(&other.what()))
    });
    let mut tally = Tally::default();
    findings.iter().for_each(|finding| tally.add(finding.tally.clone()));
    let subjects: BTreeSet<&str> = findings.iter().map(|finding| finding.subject.as_str()).collect();
    let mut samples: Vec<(Option<i64>, &str)> =
        findings.iter().map(|finding| (finding.tally.first, finding.tally.sample.as_str())).collect();
    samples.sort_unstable();
    samples.dedup();
    let Detection { id, severity, title, why, todo, .. } = *detection;
    Detected {
        id,
        severity,
        title,
        why,
        todo,
        tally,
        subjects: subjects.len() as u64,
        samples: samples.into_iter().take(SAMPLES).map(|(_, sample)| sample.to_owned()).collect(),
        findings,
    }
}

impl Finding {
    /// What no two findings of a detection have in common.
    fn what(&self) -> [&str; 8] {
        let (verb, group, resource) = (&self.verb, &self.api_group, &self.resource);
        let (subresource, namespace) = (&self.subresource, &self.namespace);
        [&self.subject, &self.by, verb, group, resource, subresource, namespace, &self.name]
    }

    /// The resource with its subresource, as people call it: without its group.
    #[must_use]
    pub fn kind(&self) -> String {
        resource_name("", &self.resource, &self.subresource)
    }

    /// Which one, as `shop/web-0` or `in shop`; empty where no object is meant.
    #[must_use]
    pub fn object(&self) -> String {
        match (self.namespace.as_str(), self.name.as_str()) {
            ("", name) => name.to_owned(),
            (namespace, "") => format!("in {namespace}"),
            (namespace, name) => format!("{namespace}/{name}"),
        }
    }
}

fn finding(found: Found, seen: Seen) -> Finding {
    let Found { subject, by, verb, api_group, resource, subresource, namespace, name, .. } = found;
    let (more_reasons, tally) = (seen.reasons.len() > REASONS, seen.counted.tally());
    let reasons = seen.reasons.into_iter().take(REASONS).collect();
    Finding {
        subject,
        by,
        verb,
        api_group,
        resource,
        subresource,
        namespace,
        name,
        reasons,
        more_reasons,
        tally,
    }
}
