//! `config show`: every setting that holds, and where its value comes from.
//!
//! Promises: what is shown is what a service started now would read; each value names its line of the file, its
//! variable, or the default; no secret is shown, wherever somebody wrote it.

mod masked;

use std::path::Path;
use std::process::ExitCode;

use chassis::config::{Origin, leaves};
use chassis::datadog::Environment;
use chassis::{Configuration, Section};
use serde::Serialize;
use serde_json::Value;
use shipper::Destination;

use crate::configuration::Show;
use crate::exit::Failure;
use crate::say;

/// What stands for a secret.
pub(crate) use masked::MASK;

/// A setting that holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Setting {
    /// Its path in the file.
    key: String,
    value: Value,
    /// Where the value comes from.
    from: String,
}

/// Prints the settings.
///
/// # Errors
/// [`Failure::Usage`] with what is wrong in the configuration.
pub(crate) fn show(arguments: &Show) -> Result<ExitCode, Failure> {
    let file = arguments.file.as_deref().or(arguments.config.as_deref());
    let mut settings = effective(file).map_err(Failure::usage)?;
    if arguments.set {
        settings.retain(|setting| setting.from != Origin::Default.to_string());
    }
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&settings)? + "\n",
        false => lines(&settings),
    };
    say::result(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Every setting that holds, section by section, secrets left out.
///
/// # Errors
/// What is wrong with the configuration.
pub(crate) fn effective(file: Option<&Path>) -> anyhow::Result<Vec<Setting>> {
    let variables = chassis::config::environment()?;
    let agent = Environment::read(variables.iter().cloned())?;
    let configuration = Configuration::read(file, variables)?;
    configuration.refuse_unknown_sections(&chassis::SECTIONS)?;
    let reading = Reading { configuration, agent };
    let collector: collector::Config = reading.configuration.section()?;
    let shipper: shipper::Config = reading.configuration.section()?;
    let with = shipper.clone().with_environment(&reading.agent)?;
    let mut settings =
        reading.of("collector", &collector, &collector.clone().with_environment(&reading.agent)?)?;
    settings.extend(reading.rules());
    settings.extend(reading.section::<router::Config>()?);
    settings.extend(reading.of("shipper", &shipper, &with)?);
    settings.extend(reading.keys(&with));
    settings.extend(reading.section::<insight::Config>()?);
    settings.extend(reading.section::<chassis::telemetry::Telemetry>()?);
    if reading.configuration.has(chassis::tls::Tls::NAME) {
        settings.extend(reading.section::<chassis::tls::Tls>()?);
    }
    Ok(settings)
}

/// A line for each setting: key, value, and where that comes from.
pub(crate) fn lines(settings: &[Setting]) -> String {
    let values: Vec<String> = settings.iter().map(|setting| setting.value.to_string()).collect();
    let longest = |each: &mut dyn Iterator<Item = usize>| each.max().unwrap_or_default();
    let keys = longest(&mut settings.iter().map(|setting| setting.key.chars().count()));
    let wide = longest(&mut values.iter().map(|value| value.chars().count())).min(40);
    let line = |(Setting { key, from, .. }, value): (&Setting, &String)| {
        format!("{key:<keys$}  {value:<wide$}  {from}\n")
    };
    settings.iter().zip(&values).map(line).collect()
}

struct Reading {
    configuration: Configuration,
    agent: Environment,
}

impl Reading {
    fn section<S: Section + Serialize>(&self) -> anyhow::Result<Vec<Setting>> {
        let section: S = self.configuration.section()?;
        self.of(S::NAME, &section, &section)
    }

    /// What a section says, `own` as the file and our variables have it, `with` with the Agent's.
    fn of<S: Serialize>(&self, name: &str, own: &S, with: &S) -> anyhow::Result<Vec<Setting>> {
        let own = leaves(&serde_json::to_value(own)?);
        let mut said: Vec<(Vec<String>, Value, String)> = Vec::new();
        for (path, value) in leaves(&serde_json::to_value(with)?) {
            let changed = !own.contains(&(path.clone(), value.clone()));
            let from = self.origin(name, &path, changed.then(|| self.variable(&path)).flatten());
            said.push((path, value, from));
        }
        // What is read into more than its words (`match`, `redact`) is shown as it was written.
        for (path, value) in self.configuration.written(name)? {
            let spelled: Vec<String> = path.iter().map(|name| name.to_lowercase()).collect();
            let known = |(path, ..): &(Vec<String>, Value, String)| {
                let path: Vec<String> = path.iter().map(|name| name.to_lowercase()).collect();
                path.starts_with(&spelled) || spelled.starts_with(&path)
            };
            if !path.is_empty() && !said.iter().any(known) {
                let from = self.origin(name, &path, None);
                said.push((path, value, from));
            }
        }
        let setting = |(path, value, from): (Vec<String>, Value, String)| Setting {
            value: masked::value(&path, value),
            key: format!("{name}.{}", path.join(".")),
            from,
        };
        Ok(said.into_iter().map(setting).collect())
    }

    fn origin(&self, section: &str, path: &[String], variable: Option<&'static str>) -> String {
        let path: Vec<&str> = [section].into_iter().chain(path.iter().map(String::as_str)).collect();
        let origin = self.configuration.origin_at(&path);
        match (origin, variable) {
            (origin, None) => origin.to_string(),
            (Origin::Default, Some(variable)) => Origin::Variable(variable.to_owned()).to_string(),
            (origin, Some(variable)) => format!("{origin}, and {variable}"),
        }
    }

    /// The Agent's variable that a value of this key may come from.
    fn variable(&self, path: &[String]) -> Option<&'static str> {
        match path.last()?.as_str() {
            "node" => Some("DD_HOSTNAME"),
            "enabled" => Some("DD_LOGS_ENABLED"),
            "tags" => Some("DD_TAGS"),
            "url" => Some("DD_LOGS_CONFIG_LOGS_DD_URL"),
            "site" => std::env::var_os("DD_SITE").map(|_| "DD_SITE"),
            _ => None,
        }
    }

    fn rules(&self) -> Option<Setting> {
        let rules = self.agent.processing_rules.len();
        let from = Origin::Variable("DD_LOGS_CONFIG_PROCESSING_RULES".to_owned()).to_string();
        let key = "collector.processing_rules".to_owned();
        (rules > 0).then(|| Setting { key, value: format!("{rules} rules").into(), from })
    }

    /// Keys and proxies that come from the Agent's variables.
    fn keys(&self, shipper: &shipper::Config) -> Vec<Setting> {
        let mut found = Vec::new();
        let mut add = |name: &str, key: &str, variable: &str| {
            let from = Origin::Variable(variable.to_owned()).to_string();
            let key = format!("shipper.destinations.{name}.{key}");
            found.push(Setting { key, value: MASK.into(), from });
        };
        for (name, destination) in &shipper.destinations {
            let Destination::Datadog(datadog) = destination else { continue };
            if datadog.api_key_file.is_none() && datadog.api_key.is_some() {
                add(name, "api_key", "DD_API_KEY");
            }
            if datadog.proxy.is_none() && self.agent.proxy_https.is_some() {
                add(name, "proxy", "DD_PROXY_HTTPS");
            }
            if datadog.proxy.is_none() && self.agent.proxy_http.is_some() {
                add(name, "proxy", "DD_PROXY_HTTP");
            }
        }
        found
    }
}
