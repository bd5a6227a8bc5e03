//! The Agent's environment variables that mean something here.
//!
//! Promise: they are read from what is passed in and nowhere else; a value that the Agent would refuse is refused
//! with the variable's name; a key is never printed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::rule::ProcessingRule;
use super::several::split;
use crate::config::ConfigError;
use crate::secret::Secret;

/// The site when `DD_SITE` says nothing.
const DEFAULT_SITE: &str = "datadoghq.com";

/// What the Agent's variables say.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// `DD_API_KEY`.
    pub api_key: Option<Secret>,
    /// `DD_SITE`; default `datadoghq.com`.
    pub site: String,
    /// `DD_LOGS_ENABLED`; unset means that a configured source is the wish to read it.
    pub logs_enabled: Option<bool>,
    /// `DD_TAGS`, separated by blanks or commas.
    pub tags: Vec<String>,
    /// `DD_HOSTNAME`.
    pub hostname: Option<String>,
    /// `DD_LOGS_CONFIG_LOGS_DD_URL`: `host:port` or a URL that replaces the intake's.
    pub logs_dd_url: Option<String>,
    /// `DD_LOGS_CONFIG_ADDITIONAL_ENDPOINTS`: further intakes that get the same.
    pub additional_endpoints: Vec<Endpoint>,
    /// `DD_PROXY_HTTPS`: the proxy for addresses of that scheme; it may hold a password.
    pub proxy_https: Option<Secret>,
    /// `DD_PROXY_HTTP`: the same for `http`.
    pub proxy_http: Option<Secret>,
    /// `DD_PROXY_NO_PROXY`: hosts that are reached without these, separated by blanks or commas.
    pub no_proxy: Vec<String>,
    /// `DD_LOGS_CONFIG_PROCESSING_RULES`: rules for all entries, before their own.
    pub processing_rules: Vec<ProcessingRule>,
}

/// One of the additional endpoints.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Endpoint {
    /// Its key; none means the main one.
    #[serde(skip)]
    pub api_key: Option<Secret>,
    /// Its host.
    pub host: String,
    /// Its port; none means that of the protocol.
    pub port: Option<u16>,
    /// Whether delivery waits for it. Default: true.
    #[serde(default = "yes")]
    pub is_reliable: bool,
    /// Whether it speaks HTTPS. Default: true.
    #[serde(default = "yes")]
    pub use_ssl: bool,
    /// What stands before the intake's path.
    #[serde(default)]
    pub path_prefix: String,
}

impl Environment {
    /// Reads the variables among `environment`.
    ///
    /// # Errors
    /// Names the first variable whose value cannot be read.
    pub fn read(environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let said: BTreeMap<String, String> = environment
            .into_iter()
            .filter(|(name, value)| name.starts_with("DD_") && !value.trim().is_empty())
            .map(|(name, value)| (name, value.trim().to_owned()))
            .collect();
        let text = |name: &str| said.get(name).cloned();
        let secret = |name: &str| said.get(name).map(|value| Secret::from_value(name, value));
        Ok(Self {
            api_key: secret("DD_API_KEY"),
            site: text("DD_SITE").unwrap_or_else(|| DEFAULT_SITE.to_owned()),
            logs_enabled: truth(&said, "DD_LOGS_ENABLED")?,
            tags: text("DD_TAGS").map(|tags| split(&tags, &[',', ' '])).unwrap_or_default(),
            hostname: text("DD_HOSTNAME"),
            logs_dd_url: text("DD_LOGS_CONFIG_LOGS_DD_URL"),
            additional_endpoints: endpoints(&said)?,
            proxy_https: secret("DD_PROXY_HTTPS"),
            proxy_http: secret("DD_PROXY_HTTP"),
            no_proxy: text("DD_PROXY_NO_PROXY").map(|hosts| split(&hosts, &[',', ' '])).unwrap_or_default(),
            processing_rules: json(&said, "DD_LOGS_CONFIG_PROCESSING_RULES")?.unwrap_or_default(),
        })
    }
}

impl Environment {
    /// What is set and has no effect here, in words, with what to do instead: nobody may believe that it works.
    #[must_use]
    pub fn not_applied(&self) -> Vec<String> {
        let endpoints = "DD_LOGS_CONFIG_ADDITIONAL_ENDPOINTS is not applied: nothing is sent to these endpoints; \
                         configure each as a destination in shipper.destinations";
        (!self.additional_endpoints.is_empty()).then(|| endpoints.to_owned()).into_iter().collect()
    }
}

type Said = BTreeMap<String, String>;

/// As Go's `strconv.ParseBool`, which the Agent uses.
fn truth(said: &Said, name: &str) -> Result<Option<bool>, ConfigError> {
    match said.get(name).map(String::as_str) {
        None => Ok(None),
        Some("1" | "t" | "T" | "TRUE" | "true" | "True") => Ok(Some(true)),
        Some("0" | "f" | "F" | "FALSE" | "false" | "False") => Ok(Some(false)),
        Some(other) => Err(refused(name, &format!("`{other}` is neither `true` nor `false`"))),
    }
}

fn json<T: serde::de::DeserializeOwned>(said: &Said, name: &str) -> Result<Option<T>, ConfigError> {
    let Some(text) = said.get(name) else { return Ok(None) };
    serde_json::from_str(text)
        .map(Some)
        .map_err(|error| refused(name, &format!("not the expected JSON: {error}")))
}

fn endpoints(said: &Said) -> Result<Vec<Endpoint>, ConfigError> {
    const NAME: &str = "DD_LOGS_CONFIG_ADDITIONAL_ENDPOINTS";
    match json(said, NAME)? {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => list.into_iter().map(|one| endpoint(NAME, one)).collect(),
        Some(_) => {
            Err(refused(NAME, "not a list of endpoints, as `[{\"host\": \"...\", \"api_key\": \"...\"}]`"))
        }
    }
}

/// The Agent reads these keys without regard to case (its documentation writes `Host` and `Port`) and passes over
/// those it does not know. Keys are taken out first: the reader's messages quote what they refuse.
fn endpoint(name: &str, written: Value) -> Result<Endpoint, ConfigError> {
    let Value::Object(written) = written else {
        return Err(refused(
            name,
            "an endpoint is no object, as `{\"host\": \"...\", \"api_key\": \"...\"}`",
        ));
    };
    let mut lower: serde_json::Map<_, _> =
        written.into_iter().map(|(key, value)| (key.to_lowercase(), value)).collect();
    let api_key = match lower.remove("api_key") {
        None | Some(Value::Null) => None,
        Some(Value::String(key)) => Some(Secret::from_value(name, &key)),
        Some(_) => return Err(refused(name, "the `api_key` of an endpoint is no string")),
    };
    let read = serde_json::from_value::<Endpoint>(Value::Object(lower));
    let read = read.map_err(|error| refused(name, &format!("an endpoint is not as expected: {error}")))?;
    Ok(Endpoint { api_key, ..read })
}

fn yes() -> bool {
    true
}

fn refused(variable: &str, why: &str) -> ConfigError {
    ConfigError::InEnvironment { variable: variable.to_owned(), why: why.to_owned() }
}
