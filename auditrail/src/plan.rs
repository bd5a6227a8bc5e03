//! From flags, file and environment to what each service is to do.
//!
//! Promise: a plan that was made can be started: paths, policy and destinations are checked, and what is wrong
//! is named before anything runs. Flags go before the file, the file before the defaults.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use chassis::config::Origin;
use chassis::datadog::{Environment, LogsEntry};
use chassis::telemetry::Telemetry;
use chassis::{Configuration, Section};
use router::Route;
use shipper::{Datadog, Destination, File, Lake, Stdout};

use crate::cli::Up;
use crate::data::Data;
use crate::exit::Failure;
use crate::policy_file;

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
        };
        plan.place(&chosen)?;
        plan.sources(arguments, environment)?;
        plan.policy(arguments)?;
        plan.destinations(arguments, environment)?;
        plan.router
            .validate()
            .map_err(|invalid| anyhow!("section `router`: `{}`: {}", invalid.key, invalid.why))?;
        Ok(plan)
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
            self.insight.lake = self.data.lake().context("the working directory cannot be found")?;
        }
        Ok(())
    }

    fn sources(&mut self, arguments: &Up, environment: &[(String, String)]) -> anyhow::Result<()> {
        let agent = Environment::read(environment.iter().cloned())?;
        self.collector = self.collector.clone().with_environment(&agent);
        for path in &arguments.path {
            let path = std::path::absolute(path).context("the working directory cannot be found")?;
            self.collector.logs.push(LogsEntry::audit_log(path));
        }
        if self.collector.logs.is_empty() && self.collector.conf_dir.is_none() {
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

    fn destinations(&mut self, arguments: &Up, environment: &[(String, String)]) -> anyhow::Result<()> {
        let mut names = Vec::new();
        for word in &arguments.to {
            names.push(self.destination(word)?);
        }
        if names.is_empty() && self.shipper.destinations.is_empty() {
            names.push(self.destination("lake")?);
        }
        if names.is_empty() && self.router.routes.is_empty() {
            names.extend(self.shipper.destinations.keys().cloned());
        }
        if !names.is_empty() {
            names.dedup();
            self.router.routes = vec![Route::everything("everything", names.iter().map(String::as_str))];
            self.shipper.destinations.retain(|name, _| names.contains(name));
        }
        self.shipper = self.shipper.clone().with_environment(environment);
        self.shipper
            .validate()
            .map_err(|invalid| anyhow!("section `shipper`: `{}`: {}", invalid.key, invalid.why))?;
        self.every_route_leads_somewhere()
    }

    /// A destination by what `--to` says; configured ones go by their name.
    fn destination(&mut self, word: &str) -> anyhow::Result<String> {
        if self.shipper.destinations.contains_key(word) {
            return Ok(word.to_owned());
        }
        let (kind, rest) = word.split_once(':').map_or((word, None), |(kind, rest)| (kind, Some(rest)));
        let destination = match (kind, rest) {
            ("lake", None) => Destination::Lake(Lake { url: self.insight.lake.clone() }),
            ("stdout", None) => Destination::Stdout(Stdout {}),
            ("file", Some(path)) if !path.is_empty() => Destination::File(File { path: absolute(path)? }),
            ("datadog", None) => Destination::Datadog(Datadog::default()),
            ("datadog", Some(url)) => {
                Destination::Datadog(Datadog { url: Some(url.to_owned()), ..Datadog::default() })
            }
            _ => bail!("--to {word}: {}", self.advice()),
        };
        let name = self.free_name(kind);
        self.shipper.destinations.insert(name.clone(), destination);
        Ok(name)
    }

    /// Two files are `file` and `file-2`.
    fn free_name(&self, kind: &str) -> String {
        let taken = |name: &String| self.shipper.destinations.contains_key(name);
        let numbered = (2..).map(|number| format!("{kind}-{number}"));
        std::iter::once(kind.to_owned())
            .chain(numbered)
            .find(|name| !taken(name))
            .unwrap_or_else(|| kind.to_owned())
    }

    fn advice(&self) -> String {
        let names: Vec<&str> = self.shipper.destinations.keys().map(String::as_str).collect();
        let configured =
            if names.is_empty() { String::new() } else { format!(", or one of {}", names.join(", ")) };
        format!("no such destination; write lake, stdout, file:PATH, datadog, datadog:URL{configured}")
    }

    fn every_route_leads_somewhere(&self) -> anyhow::Result<()> {
        for route in &self.router.routes {
            for name in route.to.iter().chain(&route.best_effort) {
                if !self.shipper.destinations.contains_key(name) {
                    let known: Vec<&str> = self.shipper.destinations.keys().map(String::as_str).collect();
                    bail!(
                        "section `router`: route `{}` leads to `{name}`, which shipper.destinations does not have; it has: {}",
                        route.name,
                        known.join(", ")
                    );
                }
            }
        }
        Ok(())
    }
}

fn absolute(path: &str) -> anyhow::Result<PathBuf> {
    std::path::absolute(Path::new(path)).context("the working directory cannot be found")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(to: &[&str]) -> Result<Plan, String> {
        let arguments = Up {
            path: vec!["audit.log".into()],
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
