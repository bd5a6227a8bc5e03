//! What lies where, for commands that look at what `up` or a service works with.
//!
//! Promise: the same flags lead to the same directories as `up` with them.

use std::path::Path;

use chassis::config::Origin;
use chassis::datadog::Environment;
use chassis::{ConfigError, Configuration};

use crate::data::Data;

/// The sections whose services keep something.
pub(crate) struct Placed {
    pub configuration: Configuration,
    pub collector: collector::Config,
    pub shipper: shipper::Config,
}

impl Placed {
    /// Of the configuration, the environment, and a data directory for what neither places.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub(crate) fn read(config: Option<&Path>, data: &Path) -> Result<Placed, ConfigError> {
        let environment = chassis::config::environment()?;
        let agent = Environment::read(environment.iter().cloned())?;
        let configuration = Configuration::read(config, environment)?;
        configuration.refuse_unknown_sections(&chassis::SECTIONS)?;
        let mut collector = configuration.section::<collector::Config>()?.with_environment(&agent)?;
        let mut shipper = configuration.section::<shipper::Config>()?;
        let (data, chosen) =
            (Data::in_directory(data), |key: &str| configuration.origin_of(key) != Origin::Default);
        if !chosen("collector.queue.dir") {
            collector.queue.dir = data.queue();
        }
        if !chosen("shipper.spool.dir") {
            shipper.spool.dir = data.spool();
        }
        Ok(Placed { configuration, collector, shipper })
    }
}
