//! From flags, file and environment to what each service is to do.
//!
//! Promise: a plan that was made can be started: paths, policy and destinations are checked, and what is wrong
//! is named before anything runs. Flags go before the file, the file before the defaults.

use anyhow::{Context, bail};
use chassis::config::Origin;
use chassis::datadog::{Environment, LogsEntry};
use chassis::telemetry::Telemetry;
use chassis::{ConfigError, Configuration, Invalid, Section};
use shipper::Destination;

use crate::cli::Up;
use crate::data::Data;
use crate::exit::Failure;
use crate::policy_file;

pub(crate) mod destinations;

/// What each service is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The collector's section.
    pub collector: collector::Config,
    /// The router's section.
    pub router: router::Config,
    /// The shipper's section.
    pub shipper: shipper::Config,
    /// The insight's section.
    pub insight: insight::Config,
    /// The telemetry section.
    pub telemetry: Telemetry,
    /// Where admin calls are served, and whether somebody chose that address.
    pub listen_chosen: bool,
    /// Whether somebody chose the console's address.
    pub http_listen_chosen: bool,
    /// Below which everything lies that the configuration does not place.
    pub data: Data,
    /// What is asked for and will not happen.
    pub warnings: Vec<String>,
    /// Where all of this comes from.
    pub configuration: Configuration,
}

impl Plan {
    /// Makes the plan of `up`.
    ///
    /// # Errors
    /// [`Failure::Usage`] with what is wrong.
    pub(crate) fn of(arguments: &Up, environment: &[(String, String)]) -> Result<Plan, Failure> {
        Plan::read(arguments, environment).map_err(Failure::usage)
    }

    fn read(arguments: &Up, environment: &[(String, String)]) -> anyhow::Result<Plan> {
        let configuration = Configuration::read(arguments.config.as_deref(), environment.to_vec())?;
        configuration.refuse_unknown_sections(&chassis::SECTIONS)?;
        chassis::tls::Tls::of(&configuration)?;
        let chosen = |key: &str| configuration.origin_of(key) != Origin::Default;
        let mut plan = Plan {
            collector: configuration.section()?,
            router: configuration.section()?,
            shipper: configuration.section()?,
            insight: configuration.section()?,
            telemetry: configuration.section()?,
            listen_chosen: chosen("insight.listen"),
            http_listen_chosen: chosen("insight.http_listen"),
            data: Data::in_directory(&arguments.data),
            warnings: Vec::new(),
            configuration: configuration.clone(),
        };
        plan.place(&chosen)?;
        let agent = Environment::read(environment.iter().cloned())?;
        plan.warnings = warnings(&agent);
        plan.sources(arguments, &agent)?;
        plan.policy(arguments)?;
        let routed = plan.destinations(&arguments.to)?;
        plan.shipper = plan.shipper.clone().with_environment(&agent)?;
        plan.check(&configuration, routed)?;
        if !chosen("insight.lake") {
            plan.show_the_lake_that_is_filled();
        }
        Ok(plan)
    }

    /// The rules within a section, again, as flags have changed it; and those between sections.
    fn check(&self, configuration: &Configuration, routed_by_flags: bool) -> anyhow::Result<()> {
        self.shipper.validate().map_err(|invalid| broken("shipper", &invalid))?;
        self.router.validate().map_err(|invalid| broken("router", &invalid))?;
        if !routed_by_flags {
            destinations::every_route_leads_somewhere(configuration, &self.router, &self.shipper)?;
        }
        if let Some(name) = destinations::without_key(&self.shipper).first() {
            bail!("destination `{name}` has no API key; name a file in `api_key_file`, or set DD_API_KEY");
        }
        for (name, destination) in &self.shipper.destinations {
            if let Destination::File(file) = destination
                && self.collector.asks_for(&file.path)
            {
                let path = file.path.display();
                bail!(
                    "destination `{name}` writes to {path}, which is one of the logs to read; name another file"
                );
            }
        }
        Ok(())
    }

    /// The console reads the lake that this process fills, unless the configuration names another.
    fn show_the_lake_that_is_filled(&mut self) {
        let filled = self.shipper.destinations.values().find_map(|destination| match destination {
            Destination::Lake(lake) => Some(lake.location()),
            _ => None,
        });
        self.insight.lake = filled.unwrap_or_else(|| self.insight.lake.clone());
    }

    /// Puts what the configuration does not place below the data directory.
    fn place(&mut self, chosen: &impl Fn(&str) -> bool) -> anyhow::Result<()> {
        if !chosen("collector.queue.dir") {
            self.collector.queue.dir = self.data.queue();
        }
        if !chosen("shipper.spool.dir") {
            self.shipper.spool.dir = self.data.spool();
        }
        if !chosen("insight.lake") {
            self.insight.lake = lake::Location::of(&self.data.lake()?);
        }
        if !chosen("insight.states") {
            self.insight.states = Some(self.data.states());
        }
        Ok(())
    }

    fn sources(&mut self, arguments: &Up, agent: &Environment) -> anyhow::Result<()> {
        self.collector = self.collector.clone().with_environment(agent)?;
        for path in &arguments.path {
            let path = std::path::absolute(path).context("the working directory cannot be found")?;
            self.collector.logs.push(LogsEntry::audit_log(path));
        }
        let posted = self.collector.webhook.is_some() && !arguments.once;
        if self.collector.logs.is_empty() && self.collector.conf_dir.is_none() && !posted {
            bail!("no log to read: name one with --path, or in the configuration under collector.logs");
        }
        Ok(())
    }

    fn policy(&mut self, arguments: &Up) -> anyhow::Result<()> {
        if let Some(policy) = &arguments.policy {
            self.router.policy = Some(policy.clone());
        }
        match self.router.policy.as_deref().map(policy_file::check) {
            Some(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }
}

/// What the Agent's variables ask for and will not happen.
pub(crate) fn warnings(agent: &Environment) -> Vec<String> {
    let off = "collection is switched off by DD_LOGS_ENABLED=false: no log is read";
    let mut warnings = agent.not_applied();
    warnings.extend((agent.logs_enabled == Some(false)).then(|| off.to_owned()));
    warnings
}

fn broken(section: &str, Invalid { key, why }: &Invalid) -> ConfigError {
    ConfigError::Missing { section: section.to_owned(), why: format!("`{key}`: {why}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(to: &[&str]) -> Result<Plan, String> {
        plan_of("audit.log", to)
    }

    fn plan_of(path: &str, to: &[&str]) -> Result<Plan, String> {
        let arguments = Up {
            path: vec![path.into()],
            to: to.iter().map(ToString::to_string).collect(),
            data: "here".into(),
            ..Up::default()
        };
        Plan::of(&arguments, &[("DD_API_KEY".into(), "0123456789".into())])
            .map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn the_lake_is_the_default_destination() {
        let plan = plan(&[]).unwrap();
        assert_eq!(plan.shipper.destinations["lake"].kind(), "lake");
        assert_eq!(plan.router.routes[0].to, ["lake"]);
        assert!(plan.collector.queue.dir.ends_with("here/collector"));
    }

    #[test]
    fn each_word_of_to_is_a_destination() {
        let plan = plan(&["stdout", "file:a.log", "file:b.log", "datadog:http://127.0.0.1:1"]).unwrap();
        let names: Vec<&str> = plan.shipper.destinations.keys().map(String::as_str).collect();
        assert_eq!(names, ["datadog", "file", "file-2", "stdout"]);
        assert_eq!(plan.router.routes[0].to, ["stdout", "file", "file-2", "datadog"]);
    }

    #[test]
    fn what_leads_to_one_place_twice_is_one_destination() {
        let plan = plan(&["lake", "file:a.log", "stdout", "file:./a.log", "lake", "stdout"]).unwrap();
        assert_eq!(plan.router.routes[0].to, ["lake", "file", "stdout"]);
        assert_eq!(plan.shipper.destinations.len(), 3);
    }

    #[test]
    fn a_log_is_never_written_to() {
        for (path, to) in [("audit.log", "file:audit.log"), ("l/*.log", "file:l/out.log")] {
            let refused = plan_of(path, &[to]).unwrap_err();
            assert!(refused.contains("one of the logs to read"), "{refused}");
        }
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_known_ones() {
        let refused = plan(&["kafka"]).unwrap_err();
        assert!(refused.contains("--to kafka") && refused.contains("datadog:URL"), "{refused}");
    }

    #[test]
    fn a_plan_without_a_log_is_refused() {
        let refused = Plan::of(&Up { data: "here".into(), ..Up::default() }, &[]).unwrap_err();
        assert!(format!("{refused:?}").contains("--path"));
    }
}
