//! From the words of `--to` and the configured routes to the destinations that are filled.
//!
//! Promise: no place is written to twice, by whatever words it is named; every route leads somewhere.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chassis::config::Origin;
use chassis::{ConfigError, Configuration};
use router::Route;
use shipper::{Datadog, Destination, File, Lake, Stdout};

use super::Plan;

impl Plan {
    /// Adds what `words` name, and routes everything there; true when these replace the configured routes.
    pub(super) fn destinations(&mut self, words: &[String]) -> anyhow::Result<bool> {
        let mut names = Vec::new();
        for word in words {
            let name = self.destination(word)?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() && self.shipper.destinations.is_empty() {
            names.push(self.destination("lake")?);
        }
        if names.is_empty() && self.router.routes.is_empty() {
            names.extend(self.shipper.destinations.keys().cloned());
        }
        if names.is_empty() {
            return Ok(false);
        }
        self.router.routes = vec![Route::everything("everything", names.iter().map(String::as_str))];
        self.shipper.destinations.retain(|name, _| names.contains(name));
        Ok(true)
    }

    /// A destination by what `--to` says; configured ones go by their name.
    fn destination(&mut self, word: &str) -> anyhow::Result<String> {
        if self.shipper.destinations.contains_key(word) {
            return Ok(word.to_owned());
        }
        let (kind, rest) = word.split_once(':').map_or((word, None), |(kind, rest)| (kind, Some(rest)));
        let destination = match (kind, rest) {
            ("lake", None) => Destination::Lake(Lake::of(self.insight.lake.clone())),
            ("stdout", None) => Destination::Stdout(Stdout {}),
            ("file", Some(path)) if !path.is_empty() => Destination::File(File::at(absolute(path)?)),
            ("datadog", None) => Destination::Datadog(Datadog::default()),
            ("datadog", Some(url)) => {
                Destination::Datadog(Datadog { url: Some(url.to_owned()), ..Datadog::default() })
            }
            _ => bail!("--to {word}: {}", self.advice()),
        };
        if let Some(name) = self.with_place_of(&destination) {
            return Ok(name);
        }
        let name = self.free_name(kind);
        self.shipper.destinations.insert(name.clone(), destination);
        Ok(name)
    }

    /// The destination that leads to the same place already.
    fn with_place_of(&self, wanted: &Destination) -> Option<String> {
        let same = |other: &Destination| match (wanted, other) {
            (Destination::Datadog(wanted), Destination::Datadog(other)) => {
                wanted.url == other.url && wanted.site == other.site
            }
            _ => wanted.place().is_some() && wanted.place() == other.place(),
        };
        self.shipper.destinations.iter().find(|(_, other)| same(other)).map(|(name, _)| name.clone())
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
        let names = names(&self.shipper);
        let configured = if names.is_empty() { names } else { format!(", or one of {names}") };
        format!("no such destination; write lake, stdout, file:PATH, datadog, datadog:URL{configured}")
    }
}

/// Every route of the configuration leads to destinations of the configuration.
///
/// # Errors
/// The first that does not, with its place.
pub(crate) fn every_route_leads_somewhere(
    configuration: &Configuration,
    router: &router::Config,
    shipper: &shipper::Config,
) -> Result<(), ConfigError> {
    for (at, route) in router.routes.iter().enumerate() {
        for (key, names) in [("to", &route.to), ("best_effort", &route.best_effort)] {
            let unknown = names.iter().position(|name| !shipper.destinations.contains_key(name));
            if let Some(entry) = unknown {
                let place = configuration.origin_of(&format!("router.routes.{at}.{key}.{entry}"));
                return Err(astray(place, &route.name, &names[entry], shipper));
            }
        }
    }
    Ok(())
}

fn astray(place: Origin, route: &str, name: &str, shipper: &shipper::Config) -> ConfigError {
    let section = "router".to_owned();
    let known = if shipper.destinations.is_empty() { "none".to_owned() } else { names(shipper) };
    let why = format!(
        "route `{route}` leads to `{name}`, which shipper.destinations does not have; it has {known}"
    );
    match place {
        Origin::File(place) => ConfigError::InFile { place, section, why },
        Origin::Variable(variable) => ConfigError::InVariable { variable, section, why },
        Origin::Default => ConfigError::Missing { section, why },
    }
}

/// The destinations that cannot send for want of an API key.
pub(crate) fn without_key(shipper: &shipper::Config) -> Vec<&str> {
    let lacks = |destination: &Destination| match destination {
        Destination::Datadog(datadog) => datadog.lacks_key(),
        _ => false,
    };
    shipper
        .destinations
        .iter()
        .filter(|(_, destination)| lacks(destination))
        .map(|(name, _)| name.as_str())
        .collect()
}

fn names(shipper: &shipper::Config) -> String {
    shipper.destinations.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn absolute(path: &str) -> anyhow::Result<PathBuf> {
    std::path::absolute(Path::new(path)).context("the working directory cannot be found")
}
