//! Section `shipper:` of the configuration: where the spool lies, and where the events go.
//!
//! Promise: what is impossible (an empty path, an address that is none, a name that is no file name) is refused
//! before a port is bound, with the key that says so.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use chassis::datadog::Environment;
use chassis::{ByteSize, ConfigError, Invalid, Section, Span};
use serde::{Deserialize, Serialize};

mod destination;
mod elasticsearch;
mod http;
mod kafka;
mod lake;
mod limit;
mod loki;
mod otlp;
mod reach;
mod splunk_hec;
mod told;

pub use destination::{Compression, Datadog, Destination, File, OldEvents, Stdout};
pub use elasticsearch::{Document, Elasticsearch};
pub use http::{Http, HttpFormat};
pub use kafka::{Kafka, KafkaCompression, KafkaKey, KafkaProtocol, Sasl, SaslMechanism};
pub use lake::Lake;
pub use limit::{Limit, OverBudget};
pub use loki::Loki;
pub use otlp::{Otlp, OtlpProtocol};
pub use reach::{AgentProxy, Auth, Reach, Tls};
pub use splunk_hec::SplunkHec;

/// Smallest spool, in bytes: a batch of the greatest size must come to fit.
const LEAST_SPOOL: u64 = 128 << 20;

/// Smallest store of dead letters, in bytes.
const LEAST_DEAD_LETTERS: u64 = 64 << 20;

/// Smallest store of receipts that is one, in bytes.
const LEAST_RECEIPTS: u64 = 1 << 20;

/// Longest name of a destination.
const LONGEST_NAME: usize = 64;

/// Section `shipper:`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where bodies wait until an intake took them.
    pub spool: SpoolConfig,
    /// Every destination by its name, which batches carry.
    pub destinations: BTreeMap<String, Destination>,
    /// What a destination may be given at most, by its name.
    pub limits: BTreeMap<String, Limit>,
    /// Where events lie that no intake takes.
    pub dead_letters: DeadLetterConfig,
    /// What is kept about what was sent.
    pub receipts: ReceiptsConfig,
    /// How patiently a sick destination is tried again.
    pub retry: Retry,
    /// Address for gRPC. Default: 127.0.0.1:7103.
    pub listen: SocketAddr,
    /// Address for health and metrics. Default: 127.0.0.1:9103.
    pub http_listen: SocketAddr,
    /// Answers admin calls to every peer, not to those on loopback alone. Default: false.
    pub insecure_admin: bool,
    /// How long it goes on as before, and says that it is not ready, when it is asked to end, so that callers who
    /// choose between replicas see it in time. Default: 3s where `listen` is not on loopback, else 0s.
    pub linger: Option<Span>,
}

/// `shipper.spool`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpoolConfig {
    /// Directory of all spools; each destination has one of its own in it. Default: /var/lib/auditrail/shipper.
    pub dir: PathBuf,
    /// Most bytes on disk of *each* destination's spool. Default: 20GiB.
    pub max_size: ByteSize,
}

/// `shipper.dead_letters`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeadLetterConfig {
    /// Most bytes on disk of *each* destination's dead letters; a full store holds its destination. Default: 1GiB.
    pub max_size: ByteSize,
}

/// `shipper.receipts`: proofs of what was sent and taken.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiptsConfig {
    /// Most bytes on disk of *each* destination's receipts; the oldest go first. `0B`: none are kept. Default: 64MiB.
    pub max_size: ByteSize,
    /// How long they are kept. Default: 30d.
    pub keep: Span,
}

/// `shipper.retry`: the pauses between attempts.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Pause after the first failure; it doubles with each further one. Default: 500ms.
    pub first: Span,
    /// Longest pause that the shipper chooses itself. Default: 60s.
    pub longest: Span,
    /// Longest pause between two probes of a held destination, and the longest `Retry-After` that is honoured.
    /// Default: 5m.
    pub hold: Span,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            spool: SpoolConfig::default(),
            destinations: BTreeMap::new(),
            limits: BTreeMap::new(),
            dead_letters: DeadLetterConfig::default(),
            receipts: ReceiptsConfig::default(),
            retry: Retry::default(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7103)),
            http_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9103)),
            insecure_admin: false,
            linger: None,
        }
    }
}

impl Default for SpoolConfig {
    fn default() -> Self {
        SpoolConfig { dir: "/var/lib/auditrail/shipper".into(), max_size: ByteSize::gib(20) }
    }
}

impl Default for DeadLetterConfig {
    fn default() -> Self {
        DeadLetterConfig { max_size: ByteSize::gib(1) }
    }
}

impl Default for ReceiptsConfig {
    fn default() -> Self {
        ReceiptsConfig { max_size: ByteSize::mib(64), keep: Span::secs(30 * 86_400) }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Retry { first: Span::millis(500), longest: Span::secs(60), hold: Span::secs(300) }
    }
}

impl Section for Config {
    const NAME: &'static str = "shipper";

    fn validate(&self) -> Result<(), Invalid> {
        if self.spool.dir.as_os_str().is_empty() {
            return Err(Invalid::new("spool.dir", "is empty; name a directory that survives a restart"));
        }
        at_least("spool.max_size", self.spool.max_size, LEAST_SPOOL)?;
        at_least("dead_letters.max_size", self.dead_letters.max_size, LEAST_DEAD_LETTERS)?;
        self.receipts.validate()?;
        self.retry.validate()?;
        self.destinations.iter().try_for_each(|(name, destination)| {
            let key = format!("destinations.{name}");
            self.check_name(name).map_err(|why| Invalid::new(&key, why))?;
            destination.validate(&key)
        })?;
        self.check_limits()?;
        self.check_places()
    }
}

impl Config {
    /// Takes from the Agent's variables what the file does not say: `DD_API_KEY` for each `datadog` destination
    /// without `api_key_file`, `DD_LOGS_CONFIG_LOGS_DD_URL`, or else `DD_SITE`, for each without `site` and `url`, and
    /// the proxies of `DD_PROXY_HTTPS` and `DD_PROXY_HTTP` for each without `proxy`.
    ///
    /// # Errors
    /// When `DD_LOGS_CONFIG_LOGS_DD_URL` is no address.
    pub fn with_environment(mut self, agent: &Environment) -> Result<Config, ConfigError> {
        for destination in self.destinations.values_mut() {
            if let Destination::Datadog(datadog) = destination {
                datadog.fill_from(agent)?;
            }
        }
        Ok(self)
    }

    /// Limits are for destinations that there are.
    fn check_limits(&self) -> Result<(), Invalid> {
        self.limits.iter().try_for_each(|(name, limit)| {
            let key = format!("limits.{name}");
            if !self.destinations.contains_key(name) {
                let why = format!("no destination is called `{name}`");
                return Err(Invalid::new(key, why));
            }
            if self.destinations.get(name).is_some_and(|destination| destination.place().is_some()) {
                return Err(Invalid::new(
                    key,
                    "limits are for destinations that take requests, not for places on disk",
                ));
            }
            limit.validate(&key)
        })
    }

    /// Two that write to one place would tear each other's lines and files.
    fn check_places(&self) -> Result<(), Invalid> {
        let mut places = BTreeMap::new();
        for (name, destination) in &self.destinations {
            let place = destination.place();
            if let Some(other) = place.and_then(|place| places.insert(place, name)) {
                let why = format!("`{name}` writes to the same place as `{other}`; keep one of them");
                return Err(Invalid::new(format!("destinations.{name}"), why));
            }
        }
        Ok(())
    }

    /// A destination's name is also the name of its directory, on every system.
    fn check_name(&self, name: &str) -> Result<(), String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > LONGEST_NAME || name.starts_with('.') || !name.chars().all(allowed)
        {
            let rule = format!("letters, digits, `-`, `_` and `.`, {LONGEST_NAME} at most, not first a `.`");
            return Err(format!("a destination's name has {rule}"));
        }
        let same = |other: &&String| other.as_str() != name && other.eq_ignore_ascii_case(name);
        match self.destinations.keys().find(same) {
            Some(other) => Err(format!("differs from `{other}` in upper and lower case only; rename one")),
            None => Ok(()),
        }
    }
}

impl ReceiptsConfig {
    fn validate(&self) -> Result<(), Invalid> {
        if self.max_size.as_u64() > 0 {
            at_least("receipts.max_size", self.max_size, LEAST_RECEIPTS)?;
        }
        if self.keep == Span::default() {
            let why = "is 0; write for example `30d`, or `max_size: 0B` to keep none";
            return Err(Invalid::new("receipts.keep", why));
        }
        Ok(())
    }
}

impl Retry {
    fn validate(&self) -> Result<(), Invalid> {
        if self.first == Span::default() {
            return Err(Invalid::new("retry.first", "is 0; write for example `500ms`"));
        }
        if self.longest < self.first {
            let why = format!("{} is shorter than retry.first, {}", self.longest, self.first);
            return Err(Invalid::new("retry.longest", why));
        }
        if self.hold < self.first {
            let why = format!("{} is shorter than retry.first, {}", self.hold, self.first);
            return Err(Invalid::new("retry.hold", why));
        }
        Ok(())
    }
}

fn at_least(key: &str, size: ByteSize, least: u64) -> Result<(), Invalid> {
    if size.as_u64() >= least {
        return Ok(());
    }
    Err(Invalid::new(key, format!("{size} is too small; write {} or more", ByteSize::bytes(least))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(yaml: &str) -> Result<Config, String> {
        let configuration = chassis::Configuration::parse("shipper.yaml".as_ref(), yaml.into(), []);
        configuration.and_then(|file| file.section()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_design_s_example_is_read_as_it_stands() {
        let config = parse(
            "shipper:
  spool: {dir: /var/lib/auditrail/shipper, max_size: 20GiB}
  destinations:
    datadog: {type: datadog, site: datadoghq.com, api_key_file: /etc/auditrail/dd-api-key}
    lake: {type: lake, url: \"file:///var/lib/auditrail/lake\"}
    out: {type: stdout}
    copy: {type: file, path: /tmp/copy.log}
",
        )
        .unwrap();
        assert_eq!(config.destinations.len(), 4);
        assert_eq!(config.spool.max_size, ByteSize::gib(20));
        assert!(
            matches!(&config.destinations["lake"], Destination::Lake(lake) if lake.url.starts_with("file:"))
        );
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_key() {
        for (yaml, expected) in [
            ("{destinations: {a: {type: datadog, site: x.com, url: 'http://h:1'}}}", "destinations.a"),
            ("{destinations: {a: {type: datadog, url: 'h:1'}}}", "http"),
            ("{destinations: {a: {type: datadog, url: 'http://me:pw@h:1'}}}", "user"),
            ("{destinations: {a: {type: datadog, site: 'x.com/y'}}}", "site"),
            ("{destinations: {a: {type: file, path: ''}}}", "path"),
            ("{destinations: {a: {type: lake, url: ''}}}", "url"),
            ("{destinations: {a: {type: splunk_hec, url: 'http://h:1'}}}", "token_file"),
            (
                "{destinations: {a: {type: splunk_hec, url: 'http://h:1/services/collector', token_file: /t}}}",
                "the path is appended",
            ),
            (
                "{destinations: {a: {type: splunk_hec, url: 'http://h:1', token_file: /t, compression: zstd}}}",
                "gzip",
            ),
            ("{destinations: {a: {type: elasticsearch, url: 'http://h:1', index: 'A'}}}", "lower-case"),
            ("{destinations: {a: {type: elasticsearch, url: 'http://me:pw@h:1'}}}", "auth"),
            ("{destinations: {a: {type: http, url: 'http://h:1', headers: {Authorization: pw}}}}", "auth"),
            ("{destinations: {a: {type: http, url: 'http://h:1', tls: {cert_file: /c}}}}", "key_file"),
            (
                "{destinations: {a: {type: http, url: 'http://h:1', proxy: 'http://me:pw@p:1'}}}",
                "HTTPS_PROXY",
            ),
            ("{destinations: {a: {type: pigeon}}}", "pigeon"),
            ("{destinations: {a: {type: kafka, brokers: [], topic: t}}}", "destinations.a.brokers"),
            ("{destinations: {a: {type: kafka, brokers: ['kafka://h:1'], topic: t}}}", "host:port"),
            ("{destinations: {a: {type: kafka, brokers: ['me:pw@h:1'], topic: t}}}", "host:port"),
            ("{destinations: {a: {type: kafka, brokers: ['h:1'], topic: 'a b'}}}", "topic"),
            (
                "{destinations: {a: {type: kafka, brokers: ['h:1'], topic: t, tls: {ca_file: /x}}}}",
                "protocol: tls",
            ),
            ("{destinations: {a: {type: kafka, brokers: ['h:1'], topic: t, max_body: 1KiB}}}", "64KiB"),
            ("{destinations: {a: {type: kafka, brokers: ['h:1'], topic: t, timeout: 1ms}}}", "timeout"),
            (
                "{destinations: {a: {type: kafka, brokers: ['h:1'], topic: t, sasl: {mechanism: x}}}}",
                "scram-sha-256",
            ),
            ("{destinations: {a: {type: stdout, colour: red}}}", "colour"),
            ("{destinations: {a: {type: datadog, sit: x}}}", "sit"),
            ("{destinations: {'a/b': {type: stdout}}}", "name"),
            ("{destinations: {a: {type: stdout}, A: {type: stdout}}}", "upper and lower case"),
            ("{limits: {a: {max_in_flight: 2}}}", "no destination is called `a`"),
            (
                "{destinations: {a: {type: http, url: 'http://h:1'}}, limits: {a: {max_in_flight: 0}}}",
                "max_in_flight",
            ),
            ("{destinations: {a: {type: stdout}}, limits: {a: {}}}", "take requests"),
            ("{spool: {max_size: 1MiB}}", "too small"),
            ("{spool: {max_size: 20}}", "no unit"),
            ("{receipts: {max_size: 1KiB}}", "too small"),
            ("{receipts: {keep: 0s}}", "receipts.keep"),
            ("{retry: {first: 1m, longest: 1s}}", "shorter than retry.first"),
        ] {
            let refused = parse(&format!("shipper: {yaml}\n")).expect_err(yaml);
            assert!(refused.contains(expected), "{yaml}: {refused}");
            assert!(!refused.contains("pw"), "{refused}");
        }
    }

    fn agent(variables: &[(&str, &str)]) -> Environment {
        let owned = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Environment::read(owned).unwrap()
    }

    fn datadog<'a>(config: &'a Config, name: &str) -> &'a Datadog {
        let Destination::Datadog(datadog) = &config.destinations[name] else {
            panic!("{name} is no datadog")
        };
        datadog
    }

    const THREE: &str = "shipper: {destinations: {a: {type: datadog}, b: {type: datadog, url: 'http://h:1'}, \
                         c: {type: datadog, site: datadoghq.com}}}";

    #[test]
    fn datadog_s_variables_fill_what_the_file_leaves_open() {
        let agent = agent(&[("DD_API_KEY", "0123"), ("DD_SITE", "datadoghq.eu")]);
        let config = parse(THREE).unwrap().with_environment(&agent).unwrap();
        let a = datadog(&config, "a");
        assert_eq!(a.base(), "https://http-intake.logs.datadoghq.eu");
        assert_eq!(a.key().unwrap().reveal().unwrap().as_str(), "0123");
        assert_eq!(datadog(&config, "b").base(), "http://h:1");
        assert!(!format!("{config:?}").contains("0123"));
    }

    #[test]
    fn the_agent_s_address_of_the_intake_replaces_what_the_file_leaves_open_and_nothing_else() {
        for (said, address) in [
            ("intake.example:10516", "https://intake.example:10516"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ] {
            let agent = agent(&[("DD_LOGS_CONFIG_LOGS_DD_URL", said), ("DD_SITE", "datadoghq.eu")]);
            let config = parse(THREE).unwrap().with_environment(&agent).unwrap();
            let bases = ["a", "b", "c"].map(|name| datadog(&config, name).base());
            assert_eq!(bases, [address, "http://h:1", "https://http-intake.logs.datadoghq.com"]);
        }
    }

    #[test]
    fn an_intake_address_of_the_agent_that_is_none_is_refused_by_the_variable_s_name() {
        let agent = agent(&[("DD_LOGS_CONFIG_LOGS_DD_URL", "me:pw@host:1")]);
        let refused = parse(THREE).unwrap().with_environment(&agent).unwrap_err().to_string();
        assert!(refused.contains("DD_LOGS_CONFIG_LOGS_DD_URL") && !refused.contains("pw"), "{refused}");
    }

    #[test]
    fn how_a_bucket_is_reached_is_read_and_refused_at_its_line() {
        let text = "shipper:\n  destinations:\n    lake:\n      type: lake\n      url: s3://audit/prod\n      \
                    endpoint: https://minio:9000\n      region: eu\n      credentials_file: /etc/aws\n";
        let config = parse(text).unwrap();
        let Destination::Lake(lake) = &config.destinations["lake"] else { panic!("it is a lake") };
        assert_eq!(lake.location().region.as_deref(), Some("eu"));
        assert_eq!(lake.location().credentials_file, Some("/etc/aws".into()));
        assert_eq!(config.destinations["lake"].target(), "s3://audit/prod at https://minio:9000");
        let refused = parse(&text.replace("https:", "file:")).unwrap_err();
        assert!(refused.contains(":6:") && refused.contains("endpoint"), "{refused}");
        for (keys, why) in [
            ("url: 'ftp://h'", "`ftp` is not a kind of storage"),
            ("url: 's3://me:pw@b'", "user or password"),
            ("url: /lake, region: eu", "neither endpoint nor region"),
            ("url: 's3://b', endpoint: 'http://me:pw@h'", "its endpoint"),
            ("url: 'gs://b', region: eu", "only buckets of S3"),
            ("url: 's3://b', credentials_file: ''", "names no file"),
        ] {
            let text = format!("shipper: {{destinations: {{a: {{type: lake, {keys}}}}}}}");
            let refused = parse(&text).expect_err(keys);
            assert!(refused.contains(why) && !refused.contains("me:pw"), "{keys}: {refused}");
        }
    }

    #[test]
    fn two_destinations_that_write_to_one_place_are_refused() {
        for two in [
            "a: {type: file, path: /x/y}, b: {type: file, path: /x/./y}",
            "a: {type: lake, url: 'file:///x'}, b: {type: lake, url: 'file:///x'}",
            "a: {type: stdout}, b: {type: stdout}",
        ] {
            let refused = parse(&format!("shipper: {{destinations: {{{two}}}}}\n")).expect_err(two);
            assert!(refused.contains("`a`") && refused.contains("`b`"), "{refused}");
        }
    }
}
