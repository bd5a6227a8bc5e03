//! One destination: what it is and how to reach it.
//!
//! Promise: a secret is never part of what is printed; an address with user info is refused.

use std::path::PathBuf;

use chassis::datadog::Environment;
use chassis::{ByteSize, ConfigError, Invalid, Secret, Span};
use serde::{Deserialize, Serialize};

use super::elasticsearch::Elasticsearch;
use super::http::Http;
use super::kafka::Kafka;
use super::lake::Lake;
use super::loki::Loki;
use super::otlp::Otlp;
use super::reach::{self, AgentProxy, Reach, Tls};
use super::splunk_hec::SplunkHec;

const DEFAULT_SITE: &str = "datadoghq.com";

/// The Agent's variable that replaces the intake's address.
const INTAKE_VARIABLE: &str = "DD_LOGS_CONFIG_LOGS_DD_URL";

/// Where events go, told apart by `type`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Destination {
    /// Datadog's logs intake, or what speaks its protocol.
    Datadog(Datadog),
    /// Elasticsearch or OpenSearch.
    Elasticsearch(Elasticsearch),
    /// Any endpoint that takes JSON lines or a JSON array.
    Http(Http),
    /// Splunk's HTTP Event Collector.
    #[serde(rename = "splunk_hec")]
    SplunkHec(SplunkHec),
    /// OpenTelemetry's log protocol.
    Otlp(Otlp),
    /// Grafana Loki, or what speaks its push protocol.
    Loki(Loki),
    /// A topic of a Kafka cluster.
    Kafka(Kafka),
    /// Lines appended to a file.
    File(File),
    /// Lines on standard output.
    Stdout(Stdout),
    /// The lake: Parquet files.
    Lake(Lake),
}

/// `type: datadog`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Datadog {
    /// Datadog's site, `datadoghq.eu`. Default: `DD_SITE`, or `datadoghq.com`; with neither site nor url,
    /// `DD_LOGS_CONFIG_LOGS_DD_URL` goes before both.
    pub site: Option<String>,
    /// Instead of a site: `http(s)://host:port`; `/api/v2/logs` is appended.
    pub url: Option<String>,
    /// File that holds the API key; it is read again when it changes.
    pub api_key_file: Option<PathBuf>,
    /// The API key where no file is named; from `DD_API_KEY`, never from the configuration file.
    #[serde(skip)]
    pub api_key: Option<Secret>,
    /// How bodies are packed. Default: zstd.
    pub compression: Compression,
    /// Tags added to each event, `key:value` each.
    pub tags: Vec<String>,
    /// Events older than that are told as of now, or become dead letters. Default: 17h; the intake takes 18.
    pub max_event_age: Span,
    /// What becomes of them. Default: backfill.
    pub old_events: OldEvents,
    /// Certificates.
    pub tls: Tls,
    /// `http://host:port` of a proxy, instead of the one that the environment names.
    pub proxy: Option<String>,
    /// Where no proxy is named: those of `DD_PROXY_HTTPS` and `DD_PROXY_HTTP`, which go before the environment's.
    #[serde(skip)]
    pub agent_proxy: AgentProxy,
}

/// What becomes of events that the intake would drop for their age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OldEvents {
    /// They are sent with the time of sending and the tag `auditrail.backfill:true`.
    #[default]
    Backfill,
    /// They wait as dead letters for a decision.
    DeadLetter,
}

/// How bodies are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Zstandard, level 1.
    #[default]
    Zstd,
    /// gzip, level 6.
    Gzip,
    /// As they are.
    None,
}

/// `type: file`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The file; made when it is not there, its directory too.
    pub path: PathBuf,
    /// From this size on the file is renamed to `PATH.1`, that to `PATH.2`, and so on. Default: never.
    #[serde(default)]
    pub max_size: Option<ByteSize>,
    /// Most files that are kept besides; older ones are removed. Default: 10.
    #[serde(default = "ten")]
    pub keep: u32,
}

fn ten() -> u32 {
    10
}

impl File {
    /// Lines appended to this file, for ever.
    #[must_use]
    pub fn at(path: PathBuf) -> File {
        File { path, max_size: None, keep: ten() }
    }

    fn validate(&self, key: &str) -> Result<(), Invalid> {
        let refuse = |field: &str, why: &str| Err(Invalid::new(format!("{key}.{field}"), why));
        if self.path.as_os_str().is_empty() {
            return refuse("path", "path is empty; name a file");
        }
        if self.max_size.is_some_and(|size| size < ByteSize::mib(1)) {
            return refuse("max_size", "is too small; write 1MiB or more, or leave it out");
        }
        if !(1..=1000).contains(&self.keep) {
            return refuse("keep", "is 1 to 1000");
        }
        Ok(())
    }
}

/// `type: stdout`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stdout {}

impl Destination {
    pub(super) fn validate(&self, key: &str) -> Result<(), Invalid> {
        match self {
            Destination::Datadog(datadog) => datadog.validate(key),
            Destination::Elasticsearch(elastic) => elastic.validate(key),
            Destination::Http(http) => http.validate(key),
            Destination::SplunkHec(splunk) => splunk.validate(key),
            Destination::Otlp(otlp) => otlp.validate(key),
            Destination::Loki(loki) => loki.validate(key),
            Destination::Kafka(kafka) => kafka.validate(key),
            Destination::File(file) => file.validate(key),
            Destination::Lake(lake) => lake.validate(key),
            Destination::Stdout(_) => Ok(()),
        }
    }
}

impl Default for Datadog {
    fn default() -> Self {
        Datadog {
            site: None,
            url: None,
            api_key_file: None,
            api_key: None,
            compression: Compression::default(),
            tags: Vec::new(),
            max_event_age: Span::secs(17 * 3600),
            old_events: OldEvents::default(),
            tls: Tls::default(),
            proxy: None,
            agent_proxy: AgentProxy::default(),
        }
    }
}

impl Datadog {
    /// Scheme, host and port, without the path.
    pub fn base(&self) -> String {
        match (&self.url, &self.site) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, site) => format!("https://http-intake.logs.{}", site.as_deref().unwrap_or(DEFAULT_SITE)),
        }
    }

    /// Where its key comes from; None when nobody named one.
    pub fn key(&self) -> Option<Secret> {
        self.api_key_file.as_ref().map(Secret::from_file).or_else(|| self.api_key.clone())
    }

    /// Whether it may go without a key: only a plain `http` address.
    pub fn may_lack_key(&self) -> bool {
        self.url.as_ref().is_some_and(|url| url.starts_with("http://"))
    }

    /// Neither a key nor an address that goes without one.
    pub fn lacks_key(&self) -> bool {
        self.key().is_none() && !self.may_lack_key()
    }

    /// How to get to it.
    pub fn reach(&self) -> Reach {
        Reach { tls: self.tls.clone(), proxy: self.proxy.clone() }
    }

    pub(super) fn fill_from(&mut self, agent: &Environment) -> Result<(), ConfigError> {
        if self.api_key_file.is_none() && self.api_key.is_none() {
            self.api_key.clone_from(&agent.api_key);
        }
        self.agent_proxy = AgentProxy::from_environment(agent);
        if self.site.is_some() || self.url.is_some() {
            return Ok(());
        }
        match &agent.logs_dd_url {
            Some(address) => self.url = Some(intake_at(address)?),
            None => self.site = Some(agent.site.clone()),
        }
        Ok(())
    }

    fn validate(&self, key: &str) -> Result<(), Invalid> {
        let refuse = |field: &str, why: &str| Err(Invalid::new(format!("{key}.{field}"), why));
        self.tls.validate(key)?;
        reach::check_proxy(self.proxy.as_ref(), key)?;
        if self.site.is_some() && self.url.is_some() {
            return refuse("url", "site and url exclude each other; keep one of them");
        }
        if let Some(url) = &self.url {
            check_url(url).map_err(|why| Invalid::new(format!("{key}.url"), why))?;
        }
        let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if self.site.as_ref().is_some_and(|site| site.is_empty() || !site.chars().all(sound)) {
            return refuse("site", "site is a host name such as `datadoghq.eu`, without scheme and path");
        }
        if self.tags.iter().any(|tag| tag.is_empty() || tag.contains([',', '\n'])) {
            return refuse("tags", "a tag is `key:value`, not empty and without a comma");
        }
        Ok(())
    }
}

/// The address of an intake as the Agent writes it: `host:port` means https, a URL stays as it is.
fn intake_at(address: &str) -> Result<String, ConfigError> {
    let url = if address.contains("://") { address.to_owned() } else { format!("https://{address}") };
    let refused = |why: &str| ConfigError::InEnvironment {
        variable: INTAKE_VARIABLE.to_owned(),
        why: format!("{why}, or `host:port`"),
    };
    check_url(&url).map_err(refused)?;
    Ok(url)
}

fn check_url(url: &str) -> Result<(), &'static str> {
    let form = "url is `http://host:port` or `https://host:port`";
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).ok_or(form)?;
    let authority = rest.trim_end_matches('/');
    if authority.contains('@') {
        return Err("url must not hold a user or password; the key goes into `api_key_file`");
    }
    if authority.contains(['?', '#', ' ']) || reqwest::Url::parse(url).is_err() {
        return Err(form);
    }
    Ok(())
}
