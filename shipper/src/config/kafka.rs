//! `type: kafka`: a topic of a Kafka cluster.

use std::path::PathBuf;

use chassis::{ByteSize, Invalid, Secret, Span};
use serde::{Deserialize, Serialize};

use super::reach::Tls;

/// Largest body: a broker's default for a whole request is 100 MiB.
const LARGEST_BODY: ByteSize = ByteSize::mib(64);

/// `type: kafka`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// Brokers that tell of the others, `host:port` each.
    pub brokers: Vec<String>,
    /// The topic; it has to be there.
    pub topic: String,
    /// What decides on a record's partition. Default: origin.
    #[serde(default)]
    pub key: KafkaKey,
    /// How record batches are packed. Default: zstd, which Kafka reads from 2.1 on.
    #[serde(default)]
    pub compression: KafkaCompression,
    /// How brokers are spoken to. Default: plaintext.
    #[serde(default)]
    pub protocol: KafkaProtocol,
    /// Certificates, for `protocol: tls`.
    #[serde(default)]
    pub tls: Tls,
    /// Credentials.
    #[serde(default)]
    pub sasl: Option<Sasl>,
    /// Most bytes of a record batch before compression; the topic's `max.message.bytes` must not be less. Default:
    /// 1000000, which every topic takes.
    #[serde(default = "million")]
    pub max_body: ByteSize,
    /// How long a broker may take for an answer. Default: 30s.
    #[serde(default = "half_a_minute")]
    pub timeout: Span,
}

/// What decides on a record's partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KafkaKey {
    /// The log that it comes from, so that the order of its lines stays.
    #[default]
    Origin,
    /// Records have no key; batches go round the partitions.
    None,
}

/// How record batches are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KafkaCompression {
    /// Zstandard, level 1.
    #[default]
    Zstd,
    /// gzip, level 6.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// As they are.
    None,
}

/// How brokers are spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KafkaProtocol {
    /// As it is.
    #[default]
    Plaintext,
    /// Over TLS.
    Tls,
}

/// `sasl:` of a `kafka` destination.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sasl {
    /// How the password is proven.
    pub mechanism: SaslMechanism,
    /// Whose it is.
    pub user: String,
    /// File that holds it; it is read again when it changes.
    pub password_file: PathBuf,
}

/// How a password is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum SaslMechanism {
    /// It is sent as it is, which wants TLS.
    #[serde(rename = "plain")]
    Plain,
    /// SCRAM with SHA-256.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// SCRAM with SHA-512.
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

fn million() -> ByteSize {
    ByteSize::bytes(1_000_000)
}

fn half_a_minute() -> Span {
    Span::secs(30)
}

impl Sasl {
    /// Where the password comes from.
    #[must_use]
    pub fn password(&self) -> Secret {
        Secret::from_file(&self.password_file)
    }
}

impl Kafka {
    pub(super) fn validate(&self, key: &str) -> Result<(), Invalid> {
        let refuse = |field: &str, why: &str| Err(Invalid::new(format!("{key}.{field}"), why));
        if self.brokers.is_empty() || !self.brokers.iter().all(|broker| is_address(broker)) {
            return refuse("brokers", "a list of one `host:port` or more, without a scheme");
        }
        let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let length = self.topic.len();
        if length == 0 || length > 249 || matches!(&*self.topic, "." | "..") || !self.topic.chars().all(sound)
        {
            return refuse("topic", "a topic has letters, digits, `-`, `_` and `.`, 249 at most");
        }
        self.tls.validate(key)?;
        if self.protocol == KafkaProtocol::Plaintext && self.tls != Tls::default() {
            return refuse(
                "protocol",
                "certificates are named in `tls`; write `protocol: tls`, or remove them",
            );
        }
        if self.sasl.as_ref().is_some_and(|sasl| sasl.user.is_empty()) {
            return refuse("sasl.user", "is empty; write the name that goes with the password");
        }
        if self.max_body < ByteSize::kib(64) || self.max_body > LARGEST_BODY {
            return refuse("max_body", "is too small or too large; write 64KiB to 64MiB");
        }
        if self.timeout < Span::secs(1) || self.timeout > Span::secs(300) {
            return refuse("timeout", "is too short or too long; write 1s to 5m");
        }
        Ok(())
    }
}

fn is_address(broker: &str) -> bool {
    broker.rsplit_once(':').is_some_and(|(host, port)| {
        let sound = |c: char| !matches!(c, '/' | '@' | ' ' | ',');
        !host.is_empty() && host.chars().all(sound) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}
