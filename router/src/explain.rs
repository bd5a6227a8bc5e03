//! What becomes of an event, step by step.
//!
//! Promises: every answer is given by the code that decides batches, asked once for each route and each destination;
//! what cannot be known beforehand (the choice of a sample whose key is made at the router's start) is said to be
//! unknown.

use std::path::PathBuf;
use std::sync::Arc;

use audit::{Attributes, Event, Policy, redactions_found};
use serde::Serialize;

use crate::cause::Cause;
use crate::config::Config;
use crate::decide::{Decided, Fate, decide};
use crate::elevation::Elevation;
use crate::error::StartError;
use crate::policy_file::PolicyFile;
use crate::rules::{Audience, Route, Rules};

/// What a router does with an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Processing rules that mask something of it, in their order.
    pub masked_by: Vec<String>,
    /// It is left out if it came before, among so many events; 0: nothing is left out for that.
    pub dedupe_window: usize,
    /// What each route says of it, in their order; none is asked when it does not come so far.
    pub routes: Vec<RouteAnswer>,
    /// What each destination gets.
    pub destinations: Vec<DestinationAnswer>,
}

/// What a route says of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteAnswer {
    /// Its name.
    pub route: String,
    /// Whether it takes the event.
    pub takes: bool,
    /// Why it does not, as accounts name it.
    pub cause: Option<String>,
    /// The level of what it sends on.
    pub level: Option<&'static str>,
    /// What its own policy says, when that was asked.
    pub policy: Option<OwnPolicy>,
    /// What its sample says, when that was asked.
    pub sample: Option<SampleAnswer>,
    /// What it replaces by fingerprints.
    pub redacts: Vec<Redacted>,
    /// Its required destinations.
    pub to: Vec<String>,
    /// Its best-effort destinations.
    pub best_effort: Vec<String>,
}

/// What the own policy of a route says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwnPolicy {
    /// Its file.
    pub file: String,
    /// The rule that decides.
    pub rule: Option<usize>,
    /// Where that rule stands, from 1.
    pub line: Option<usize>,
}

/// What a sample says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SampleAnswer {
    /// The share that it keeps.
    pub share: f64,
    /// Whether it keeps the event.
    pub keeps: Keeps,
}

/// Whether a sample keeps an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Keeps {
    /// Whatever the share: it is a refusal, a write or a command.
    Always,
    /// It is within the share.
    Yes,
    /// It is not.
    No,
    /// The router's own key decides.
    Unknown,
}

/// Something that is replaced by fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redacted {
    /// What it is, as `redact` names it.
    pub what: &'static str,
    /// The event's fields that it is in.
    pub fields: Vec<&'static str>,
}

/// What a destination gets of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationAnswer {
    /// Its name.
    pub destination: String,
    /// Its spool may shed the event when it is full.
    pub best_effort: bool,
    /// Whether it gets the event.
    pub kept: bool,
    /// If so: only if a sample keeps it, which cannot be known beforehand.
    pub depends_on_sample: bool,
    /// Why it does not get it, as accounts name it.
    pub cause: Option<String>,
    /// The line that it gets.
    #[serde(skip)]
    pub line: Option<String>,
}

/// Explains what a router with a configuration would do.
pub struct Explainer(Rules);

impl Explainer {
    /// The rules of `config`; `policy`, with the file that it comes from, in the place of the one for all routes.
    ///
    /// # Errors
    /// As [`crate::Router::new`].
    pub fn load(config: &Config, policy: Option<(PathBuf, Policy)>) -> Result<Explainer, StartError> {
        config.check().map_err(|invalid| StartError::Invalid { key: invalid.key, why: invalid.why })?;
        let own = Config { policy: None, ..config.clone() };
        let mut rules = Rules::load(if policy.is_some() { &own } else { config }, None)?;
        if let Some((path, policy)) = policy {
            let file = PolicyFile { path, policy, warnings: Vec::new(), text: String::new() };
            rules.policy = Some(Arc::new(file));
        }
        Ok(Explainer(rules))
    }

    /// What becomes of an event; a line that is none has only destinations.
    #[must_use]
    pub fn explain(&self, line: &[u8]) -> Explanation {
        explain(&self.0, &[], line, !self.0.keys.is_made())
    }
}

/// What becomes of a line under these rules.
pub(crate) fn explain(
    rules: &Rules,
    elevations: &[Elevation],
    line: &[u8],
    is_salt_known: bool,
) -> Explanation {
    let asked = if is_salt_known { rules.clone() } else { with_routes(rules, without_sample) };
    let asking = Asking { rules, asked, elevations, line, is_salt_known };
    let seen = asking.seen();
    let routes = seen.as_deref().map(|seen| asking.routes(seen)).unwrap_or_default();
    Explanation {
        masked_by: asking.masked_by(),
        dedupe_window: rules.dedupe_window,
        destinations: asking.destinations(&routes),
        routes,
    }
}

struct Asking<'r> {
    rules: &'r Rules,
    /// As `rules`, without samples whose choice is not known.
    asked: Rules,
    elevations: &'r [Elevation],
    line: &'r [u8],
    is_salt_known: bool,
}

impl Asking<'_> {
    /// The line as routes see it, if it comes so far.
    fn seen(&self) -> Option<Vec<u8>> {
        self.by_an_open_route(&self.asked)
    }

    fn masked_by(&self) -> Vec<String> {
        let before = Rules { processing: Arc::default(), ..self.asked.clone() };
        let line = self.by_an_open_route(&before);
        line.map(|line| self.rules.processing.masks(&line)).unwrap_or_default()
    }

    /// What a route gets that takes everything.
    fn by_an_open_route(&self, rules: &Rules) -> Option<Vec<u8>> {
        let rules = Rules { routes: vec![Route::open()], ..rules.clone() };
        let decided = self.decide(&rules, &[&alone(0)]);
        self.text(&decided, 0).map(<[u8]>::to_vec)
    }

    fn routes(&self, seen: &[u8]) -> Vec<RouteAnswer> {
        let each: Vec<Audience> = (0..self.asked.routes.len()).map(alone).collect();
        let each: Vec<&Audience> = each.iter().collect();
        let plain = self.decide(&with_routes(&self.asked, without_redaction), &each);
        let decided = self.decide(&self.asked, &each);
        let routes = self.rules.routes.iter().enumerate();
        routes
            .map(|(index, route)| {
                let (before, after) = (self.text(&plain, index), self.text(&decided, index));
                let cause = match decided.fates[index][0] {
                    Fate::Left(cause) => Some(cause),
                    _ => None,
                };
                self.route(route, seen, before, after, cause)
            })
            .collect()
    }

    fn route(
        &self,
        route: &Route,
        seen: &[u8],
        before: Option<&[u8]>,
        after: Option<&[u8]>,
        cause: Option<Cause>,
    ) -> RouteAnswer {
        let event =
            |line: Option<&[u8]>| line.and_then(|line| Event::scan(line).ok().map(|event| event.level()));
        let seen = Event::scan(seen).ok().filter(|_| cause != Some(Cause::NoRoute));
        let attributes = seen.as_ref().map(Attributes::of);
        let sample = seen.as_ref().zip(attributes.as_ref()).zip(route.sample);
        let sample = sample.map(|((event, attributes), sample)| SampleAnswer {
            share: sample.share(),
            keeps: match cause {
                Some(Cause::Sample) => Keeps::No,
                _ if audit::matters(event, attributes) => Keeps::Always,
                _ if self.is_salt_known => Keeps::Yes,
                _ => Keeps::Unknown,
            },
        });
        let asked_policy = cause != Some(Cause::Sample);
        let policy = attributes.as_ref().zip(route.policy.as_ref()).filter(|_| asked_policy);
        let policy = policy.map(|(attributes, file)| {
            let rule = file.policy.decide(attributes).rule;
            let line = rule.and_then(|rule| file.policy.rule_line(rule));
            OwnPolicy { file: file.path.display().to_string(), rule, line }
        });
        let redacts = before.and_then(|line| Event::scan(line).ok());
        let redacts = redacts.map(|event| redactions_found(&event, route.redact)).unwrap_or_default();
        RouteAnswer {
            route: route.name.clone(),
            takes: cause.is_none(),
            cause: cause.map(|cause| cause.name(self.rules)),
            level: event(after).map(audit::Level::name),
            policy,
            sample,
            redacts: redacts.into_iter().map(|(what, fields)| Redacted { what, fields }).collect(),
            to: route.to.clone(),
            best_effort: route.best_effort.clone(),
        }
    }

    fn destinations(&self, routes: &[RouteAnswer]) -> Vec<DestinationAnswer> {
        let audiences: Vec<&Audience> = self.asked.audiences.iter().collect();
        let decided = self.decide(&self.asked, &audiences);
        let answers = audiences.iter().enumerate().flat_map(|(index, audience)| {
            let line = self.text(&decided, index).map(|line| String::from_utf8_lossy(line).into_owned());
            let cause = match decided.fates[index][0] {
                Fate::Left(cause) => Some(cause.name(self.rules)),
                _ => None,
            };
            let mut takers = audience.routes.iter().filter_map(|&route| routes.get(route));
            let unknown = |answer: &RouteAnswer| {
                !answer.takes || answer.sample.is_some_and(|sample| sample.keeps == Keeps::Unknown)
            };
            let depends_on_sample = line.is_some() && !routes.is_empty() && takers.all(unknown);
            audience.destinations.iter().map(move |to| DestinationAnswer {
                destination: to.name.to_string(),
                best_effort: to.best_effort,
                kept: line.is_some(),
                depends_on_sample,
                cause: cause.clone(),
                line: line.clone(),
            })
        });
        answers.collect()
    }

    fn decide(&self, rules: &Rules, audiences: &[&Audience]) -> Decided {
        decide(rules, self.elevations, audiences, &[], std::iter::once(self.line))
    }

    /// What an audience gets.
    fn text<'d>(&'d self, decided: &'d Decided, audience: usize) -> Option<&'d [u8]> {
        match decided.fates[audience][0] {
            Fate::Whole => Some(self.line),
            Fate::Spliced(piece) => Some(decided.text(piece)),
            Fate::Left(_) => None,
        }
    }
}

/// The audience of one route.
fn alone(route: usize) -> Audience {
    Audience { routes: vec![route], destinations: Vec::new() }
}

fn with_routes(rules: &Rules, change: impl Fn(Route) -> Route) -> Rules {
    Rules { routes: rules.routes.iter().cloned().map(change).collect(), ..rules.clone() }
}

fn without_sample(route: Route) -> Route {
    Route { sample: None, ..route }
}

fn without_redaction(route: Route) -> Route {
    Route { redact: audit::Redactions::default(), ..route }
}
