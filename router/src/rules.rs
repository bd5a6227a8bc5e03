//! The rules in force: policy, routes, and who is served by which of them.
//!
//! Invariant: rules never change; a batch is decided by one set of them from its first line to its last.

use std::path::Path;

use audit::Match;

use crate::config::Config;
use crate::error::StartError;
use crate::policy_file::PolicyFile;

mod audience;

pub(crate) use audience::{Audience, Destination};

/// The rules in force.
pub(crate) struct Rules {
    /// The policy of all routes.
    pub(crate) policy: Option<PolicyFile>,
    /// In the order of the configuration.
    pub(crate) routes: Vec<Route>,
    /// Destinations that get the same, together.
    pub(crate) audiences: Vec<Audience>,
}

/// A route, ready to be asked.
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) condition: Option<Match>,
    pub(crate) policy: Option<PolicyFile>,
}

impl Route {
    /// Takes every line as it is.
    pub(crate) fn is_open(&self) -> bool {
        self.condition.is_none() && self.policy.is_none()
    }
}

impl Rules {
    /// Reads every policy that the configuration names.
    pub(crate) fn load(config: &Config) -> Result<Self, StartError> {
        if config.routes.is_empty() {
            return Err(StartError::NoRoutes);
        }
        let policy = load(config.policy.as_deref())?;
        let routes = config
            .routes
            .iter()
            .map(|route| {
                let policy = load(route.policy.as_deref())?;
                Ok(Route { name: route.name.clone(), condition: route.condition.clone(), policy })
            })
            .collect::<Result<Vec<_>, StartError>>()?;
        let audiences = audience::group(config, &routes, policy.is_none());
        Ok(Rules { policy, routes, audiences })
    }

    /// Every destination, once.
    pub(crate) fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.audiences.iter().flat_map(|audience| &audience.destinations)
    }

    /// Every policy in force, with the name of its route (none: the one of all routes).
    pub(crate) fn policies(&self) -> impl Iterator<Item = (Option<&str>, &PolicyFile)> {
        let own =
            self.routes.iter().filter_map(|route| Some((Some(route.name.as_str()), route.policy.as_ref()?)));
        self.policy.iter().map(|policy| (None, policy)).chain(own)
    }
}

fn load(path: Option<&Path>) -> Result<Option<PolicyFile>, StartError> {
    path.map(PolicyFile::load).transpose()
}
