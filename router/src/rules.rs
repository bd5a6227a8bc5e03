//! The rules in force: policy, processing rules, routes, and who is served by which of them.
//!
//! Invariant: rules never change; a batch is decided by one set of them from its first line to its last.

use std::path::Path;
use std::sync::Arc;

use audit::{Match, Redactions};

use crate::config::Config;
use crate::error::StartError;
use crate::keys::Keys;
use crate::policy_file::PolicyFile;
use crate::processing::Processing;
use crate::sample::Sample;

mod audience;

pub(crate) use audience::{Audience, Destination};

/// The rules in force.
#[derive(Clone)]
pub(crate) struct Rules {
    /// The policy of all routes.
    pub(crate) policy: Option<Arc<PolicyFile>>,
    /// What is left out and masked after it.
    pub(crate) processing: Arc<Processing>,
    /// In the order of the configuration.
    pub(crate) routes: Vec<Route>,
    /// Destinations that get the same, together.
    pub(crate) audiences: Vec<Audience>,
    /// Of fingerprints and samples.
    pub(crate) keys: Keys,
    /// Events that came before, among so many, are left out.
    pub(crate) dedupe_window: usize,
}

/// A route, ready to be asked.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) condition: Option<Match>,
    pub(crate) policy: Option<Arc<PolicyFile>>,
    pub(crate) redact: Redactions,
    pub(crate) sample: Option<Sample>,
    /// Required destinations.
    pub(crate) to: Vec<String>,
    pub(crate) best_effort: Vec<String>,
}

impl Route {
    /// One that takes everything, for nobody.
    pub(crate) fn open() -> Self {
        Route {
            name: String::new(),
            condition: None,
            policy: None,
            redact: Redactions::default(),
            sample: None,
            to: Vec::new(),
            best_effort: Vec::new(),
        }
    }

    /// Takes every line as it is.
    pub(crate) fn is_open(&self) -> bool {
        self.condition.is_none() && self.policy.is_none() && self.redact.is_none() && self.sample.is_none()
    }
}

impl Rules {
    /// Reads every policy that the configuration names. `old` are the rules before these: destinations that only they
    /// name are told from now on that they get nothing.
    pub(crate) fn load(config: &Config, old: Option<&Rules>) -> Result<Self, StartError> {
        if config.routes.is_empty() {
            return Err(StartError::NoRoutes);
        }
        let policy = load(config.policy.as_deref())?;
        let processing = Arc::new(Processing::new(&config.processing_rules)?);
        let routes = config
            .routes
            .iter()
            .map(|route| {
                let policy = load(route.policy.as_deref())?;
                let (name, condition) = (route.name.clone(), route.condition.clone());
                let sample = route.sample.map(Sample::new);
                let (to, best_effort) = (route.to.clone(), route.best_effort.clone());
                Ok(Route { name, condition, policy, redact: route.redact, sample, to, best_effort })
            })
            .collect::<Result<Vec<_>, StartError>>()?;
        let mut audiences = audience::group(config, &routes);
        let before = old.into_iter().flat_map(Rules::destinations).cloned().collect();
        audience::retire(&mut audiences, before);
        let keys = Keys::load(config.redact_key_file.as_deref(), old.map(|old| &old.keys))?;
        Ok(Rules { policy, processing, routes, audiences, keys, dedupe_window: config.dedupe_window })
    }

    /// Whether nothing is ever decided for these: they get every batch as it came.
    pub(crate) fn leave_untouched(&self, audience: &Audience) -> bool {
        self.dedupe_window == 0
            && self.policy.is_none()
            && self.processing.is_empty()
            && audience.routes.first().is_some_and(|&first| self.routes[first].is_open())
    }

    /// Whether some route redacts.
    pub(crate) fn redacts(&self) -> bool {
        self.routes.iter().any(|route| !route.redact.is_none())
    }

    /// Hash of the policy of all routes; empty when there is none.
    pub(crate) fn hash(&self) -> String {
        self.policy.as_ref().map(|file| format!("{:016x}", file.policy.hash())).unwrap_or_default()
    }

    /// Every destination, once.
    pub(crate) fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.audiences.iter().flat_map(|audience| &audience.destinations)
    }

    /// Every policy in force, with the name of its route (none: the one of all routes).
    pub(crate) fn policies(&self) -> impl Iterator<Item = (Option<&str>, &PolicyFile)> {
        let own = self
            .routes
            .iter()
            .filter_map(|route| Some((Some(route.name.as_str()), route.policy.as_deref()?)));
        self.policy.as_deref().map(|policy| (None, policy)).into_iter().chain(own)
    }
}

fn load(path: Option<&Path>) -> Result<Option<Arc<PolicyFile>>, StartError> {
    Ok(path.map(PolicyFile::load).transpose()?.map(Arc::new))
}
