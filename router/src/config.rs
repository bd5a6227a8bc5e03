//! Section `router:` of the configuration.
//!
//! Promise: what passed [`Section::validate`] can be routed: every route has its own name and at least one
//! destination, and a destination is either required or best effort, never both.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use chassis::datadog::ProcessingRule;
use chassis::{ByteSize, Invalid, Section, Span};
use serde::{Deserialize, Serialize};

use crate::error::StartError;
use crate::keys::Keys;
use crate::policy_file::PolicyFile;
use crate::processing::Processing;

/// The largest window: about a gigabyte of memory.
const MOST_REMEMBERED: usize = 10_000_000;

/// Section `router:` of the configuration.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// File of the `audit.k8s.io/v1` Policy that holds for every event. Absent: everything is kept as it is.
    pub policy: Option<PathBuf>,
    /// What is left out or masked for all routes, after that policy: rules in the Datadog Agent's form, as those of an
    /// entry's `log_processing_rules`.
    pub processing_rules: Vec<ProcessingRule>,
    /// Who gets what, in order. A router needs at least one.
    pub routes: Vec<Route>,
    /// File with the key of the fingerprints that redaction puts in the place of secrets; 16 characters or more.
    /// Absent: a key that is made at the start, so that fingerprints of different runs and replicas do not compare.
    pub redact_key_file: Option<PathBuf>,
    /// How many events are remembered to recognise those that come again from another API server or webhook. Default:
    /// 0, none.
    pub dedupe_window: usize,
    /// Address of the shipper; a name may lead to several replicas, and there may be several hosts, with commas between.
    /// Default: `http://shipper:7103`.
    pub next: String,
    /// Where batches and admin calls are served (gRPC). Default: `127.0.0.1:7102`.
    pub listen: SocketAddr,
    /// Where `/livez`, `/readyz` and `/metrics` are served. Default: `127.0.0.1:9102`.
    pub http_listen: SocketAddr,
    /// Admin calls are answered to every peer, not to those on loopback alone. Default: false.
    pub insecure_admin: bool,
    /// How long it goes on as before, and says that it is not ready, when it is asked to end, so that callers who
    /// choose between replicas see it in time. Default: 3s where `listen` is not on loopback, else 0s.
    pub linger: Option<Span>,
    /// How many batches are decided at once, each on its own thread. Default: as many as there are processors, 4 at
    /// the most.
    pub in_flight: usize,
    /// Bytes of batches, packed as they came, that may wait here for their turn or their receipts; a batch
    /// beyond that is refused as busy, and comes again. Default: 128 MiB.
    pub max_held: ByteSize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            policy: None,
            processing_rules: Vec::new(),
            routes: Vec::new(),
            redact_key_file: None,
            dedupe_window: 0,
            next: "http://shipper:7103".to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7102)),
            http_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9102)),
            insecure_admin: false,
            linger: None,
            in_flight: std::thread::available_parallelism().map_or(1, usize::from).min(4),
            max_held: ByteSize::mib(128),
        }
    }
}

/// One entry of `router.routes`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name in accounts, metrics and messages.
    pub name: String,
    /// Which events it takes. Absent: every one, and lines that are no audit event too.
    #[serde(default, rename = "match", skip_serializing)]
    pub condition: Option<audit::Match>,
    /// File of a Policy that holds on this route alone, after the one of all routes.
    #[serde(default)]
    pub policy: Option<PathBuf>,
    /// Destinations that must have the events before their receipt is given.
    #[serde(default)]
    pub to: Vec<String>,
    /// Destinations that may shed the events when their spool is full.
    #[serde(default)]
    pub best_effort: Vec<String>,
    /// What is replaced by fingerprints: `secrets`, `tokens`, `env`, `lastApplied`, `queryStrings`, or `all`. Default:
    /// nothing.
    #[serde(default, skip_serializing)]
    pub redact: audit::Redactions,
    /// The share of events that is kept, between 0 and 1; refusals and writes are always kept. Absent: all.
    #[serde(default)]
    pub sample: Option<f64>,
}

impl Route {
    /// The route that takes every event, whole, to these required destinations.
    pub fn everything<S: Into<String>>(name: &str, to: impl IntoIterator<Item = S>) -> Self {
        Route {
            name: name.to_owned(),
            condition: None,
            policy: None,
            to: to.into_iter().map(Into::into).collect(),
            best_effort: Vec::new(),
            redact: audit::Redactions::default(),
            sample: None,
        }
    }
}

impl Section for Config {
    const NAME: &'static str = "router";

    /// Reads the policies too, so that `--check` finds what is wrong with them.
    fn validate(&self) -> Result<(), Invalid> {
        self.check()?;
        let refused = |key: String, path: &Path| match PolicyFile::load(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(Invalid::new(key, error.to_string())),
        };
        if let Some(path) = &self.redact_key_file {
            let refused = |error: StartError| Invalid::new("redact_key_file", error.to_string());
            Keys::load(Some(path), None).map_err(refused)?;
        }
        if let Some(path) = &self.policy {
            refused("policy".to_owned(), path)?;
        }
        let own = self.routes.iter().enumerate();
        let mut own = own.filter_map(|(index, route)| Some((index, route.policy.as_deref()?)));
        own.try_for_each(|(index, path)| refused(format!("routes.{index}.policy"), path))
    }
}

impl Config {
    /// Keys whose values differ from those that this process started with, and which are not reloaded.
    pub(crate) fn waits_for_restart(&self, started: &Config) -> Vec<&'static str> {
        let differs = [
            ("next", self.next != started.next),
            ("listen", self.listen != started.listen),
            ("http_listen", self.http_listen != started.http_listen),
            ("insecure_admin", self.insecure_admin != started.insecure_admin),
            ("in_flight", self.in_flight != started.in_flight),
            ("max_held", self.max_held != started.max_held),
            ("dedupe_window", self.dedupe_window != started.dedupe_window),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    /// The rules between keys; reads no file.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        if self.in_flight == 0 {
            return Err(Invalid::new("in_flight", "at least one batch must be decided at a time"));
        }
        if self.max_held == ByteSize::default() {
            return Err(Invalid::new(
                "max_held",
                "something must be held to be decided; write for example 128MiB",
            ));
        }
        if self.dedupe_window > MOST_REMEMBERED {
            let why = format!("at most {MOST_REMEMBERED} events can be remembered");
            return Err(Invalid::new("dedupe_window", why));
        }
        if let Err(StartError::Invalid { key, why }) = Processing::new(&self.processing_rules) {
            return Err(Invalid::new(key, why));
        }
        let (mut names, mut best_effort) = (BTreeSet::new(), BTreeMap::new());
        for (index, route) in self.routes.iter().enumerate() {
            if !is_name(&route.name) || !names.insert(&route.name) {
                let why =
                    format!("`{}` must be a name of 1 to 64 characters that no other route has", route.name);
                return Err(Invalid::new(format!("routes.{index}.name"), why));
            }
            if route.sample.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
                let why = "a share is between 0 and 1; write for example 0.1";
                return Err(Invalid::new(format!("routes.{index}.sample"), why));
            }
            check_destinations(index, route, &mut best_effort)?;
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.chars().count()) && !name.contains(char::is_control)
}

fn check_destinations<'a>(
    index: usize,
    route: &'a Route,
    best_effort: &mut BTreeMap<&'a str, bool>,
) -> Result<(), Invalid> {
    let invalid = |key: &str, why: String| Err(Invalid::new(format!("routes.{index}.{key}"), why));
    if route.to.is_empty() && route.best_effort.is_empty() {
        return invalid("to", format!("route `{}` names no destination", route.name));
    }
    let required = route.to.iter().map(|name| ("to", name, false));
    let mut named = BTreeSet::new();
    for (key, name, spare) in required.chain(route.best_effort.iter().map(|name| ("best_effort", name, true)))
    {
        if name.is_empty() || !named.insert(name) {
            return invalid(key, format!("`{name}` must be a destination's name, once"));
        }
        if *best_effort.entry(name).or_insert(spare) != spare {
            let why = format!("`{name}` is required on one route and best effort on another; choose one");
            return invalid(key, why);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(routes: Vec<Route>) -> Invalid {
        Config { routes, ..Config::default() }.validate().unwrap_err()
    }

    #[test]
    fn the_defaults_pass_and_listen_on_loopback_only() {
        let config = Config::default();
        config.validate().unwrap();
        assert!(config.listen.ip().is_loopback() && config.http_listen.ip().is_loopback());
    }

    #[test]
    fn two_routes_of_one_name_are_refused() {
        let twice = refused(vec![Route::everything("all", ["lake"]), Route::everything("all", ["datadog"])]);
        assert_eq!(twice.key, "routes.1.name");
    }

    #[test]
    fn a_route_without_a_name_is_refused() {
        assert_eq!(refused(vec![Route::everything("", ["lake"])]).key, "routes.0.name");
    }

    #[test]
    fn a_route_without_a_destination_is_refused() {
        assert_eq!(refused(vec![Route::everything("all", [""; 0])]).key, "routes.0.to");
    }

    #[test]
    fn a_destination_is_required_or_best_effort_but_not_both() {
        let spare = Route { best_effort: vec!["lake".into()], ..Route::everything("spare", ["datadog"]) };
        let both = refused(vec![Route::everything("all", ["lake"]), spare]);
        assert_eq!(both.key, "routes.1.best_effort");
        assert!(both.why.contains("`lake`"), "{}", both.why);
    }

    #[test]
    fn a_destination_named_twice_by_one_route_is_refused() {
        assert_eq!(refused(vec![Route::everything("all", ["lake", "lake"])]).key, "routes.0.to");
    }
}
