//! The plan made again, for what may change while its process runs.
//!
//! Promise: flags and variables hold as they did at the start; a route to a destination that this process did not open
//! is refused, since nobody would take what goes there.

use std::sync::Arc;

use anyhow::bail;
use router::ReadSection;

use crate::cli::Up;
use crate::exit::Failure;
use crate::plan::Plan;

/// What the plan was made of.
#[derive(Clone)]
pub(crate) struct Again {
    /// The flags.
    pub arguments: Up,
    /// The variables.
    pub environment: Vec<(String, String)>,
}

impl Again {
    /// Reads the router's section as it is now, for a process with these destinations.
    pub(crate) fn section(self, opened: Vec<String>) -> ReadSection {
        Arc::new(move || self.read(&opened).map_err(|error| chassis::run::words(&error)))
    }

    fn read(&self, opened: &[String]) -> anyhow::Result<router::Config> {
        let plan = Plan::of(&self.arguments, &self.environment).map_err(|failure| match failure {
            Failure::Usage(error) | Failure::Failed(error) => error,
        })?;
        for route in &plan.router.routes {
            if let Some(name) = route.to.iter().chain(&route.best_effort).find(|name| !opened.contains(name))
            {
                bail!(
                    "route `{}` leads to `{name}`, which was no destination when this process started; \
                     start it again",
                    route.name
                );
            }
        }
        Ok(plan.router)
    }
}
