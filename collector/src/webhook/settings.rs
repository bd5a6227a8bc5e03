//! The section `collector.webhook:` of the configuration.
//!
//! Promise: what passed [`Webhook::check`] can be served: the longest body fits the queue, and nothing is served
//! without TLS but on loopback.

use std::net::SocketAddr;
use std::path::PathBuf;

use chassis::datadog::{ProcessingRule, Rules};
use chassis::{ByteSize, Invalid, Span};
use serde::{Deserialize, Serialize};

/// Largest `max_body_size` that can be set: what becomes of a body is one operation of the queue.
const MOST_BODY: ByteSize = ByteSize::mib(64);
/// Smallest one: below, not even one ordinary event would pass.
const LEAST_BODY: ByteSize = ByteSize::kib(64);
/// Longest `path`.
const MOST_PATH: usize = 256;

/// Where API servers post their events (`--audit-webhook-config-file`). Absent: nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The address to listen on. Required.
    pub listen: SocketAddr,
    /// The path that events are posted to, exactly. Default: `/audit`.
    #[serde(default = "default_path")]
    pub path: String,
    /// The certificate to show, and whose certificates to ask for. Required unless `insecure`.
    #[serde(default)]
    pub tls: Option<WebhookTls>,
    /// Plain HTTP instead of TLS; only on a loopback address. Default: false.
    #[serde(default)]
    pub insecure: bool,
    /// Becomes `ddsource` of what is sent. Default: `kubernetes.audit`.
    #[serde(default = "default_source")]
    pub source: String,
    /// Becomes `service` of what is sent. Default: `audit`.
    #[serde(default = "default_service")]
    pub service: String,
    /// Tags of these events, `key:value` each, behind those of the collector. Default: none.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What is left out or masked, behind the rules for all sources.
    #[serde(default)]
    pub log_processing_rules: Vec<ProcessingRule>,
    /// Longest body that is taken, unpacked. Default: 32 MiB; at most 64 MiB and a quarter of `queue.max_size`.
    #[serde(default = "default_max_body_size")]
    pub max_body_size: ByteSize,
    /// How long the body of a request may take. Default: 30 s, after which the API server gives up.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
}

/// Files of the webhook's TLS, in PEM; they are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookTls {
    /// The server's certificate, with those between it and its authority.
    pub cert_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
    /// Authorities of client certificates; when set, a client without a certificate of theirs is refused.
    #[serde(default)]
    pub client_ca_file: Option<PathBuf>,
}

impl Webhook {
    /// A webhook at this address with the defaults of all else, without TLS.
    #[must_use]
    pub fn insecure(listen: SocketAddr) -> Webhook {
        Webhook {
            listen,
            path: default_path(),
            tls: None,
            insecure: true,
            source: default_source(),
            service: default_service(),
            tags: Vec::new(),
            log_processing_rules: Vec::new(),
            max_body_size: default_max_body_size(),
            timeout: default_timeout(),
        }
    }

    /// Path of its source in batches and in status.
    #[must_use]
    pub fn origin_path(&self) -> String {
        format!("webhook:{}", self.path)
    }

    /// Whether this can be served above a queue of this size.
    pub(crate) fn check(&self, queue: ByteSize) -> Result<(), Invalid> {
        let invalid = |key: &str, why: String| Err(Invalid::new(format!("webhook.{key}"), why));
        if let Err(why) = Rules::new(&[], &self.log_processing_rules) {
            return invalid("log_processing_rules", why);
        }
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#%\"'".contains(&byte);
        if !self.path.starts_with('/') || self.path.len() > MOST_PATH || !self.path.bytes().all(plain) {
            let why = format!(
                "is `{}`: write a path as `/audit`, of at most {MOST_PATH} characters, without a query",
                self.path
            );
            return invalid("path", why);
        }
        match (&self.tls, self.insecure) {
            (None, false) => {
                let why =
                    "is missing: name cert_file and key_file, or say `insecure: true` on a loopback address";
                return invalid("tls", why.to_owned());
            }
            (Some(_), true) => return invalid("insecure", "is set, and so is tls: remove one".to_owned()),
            (None, true) if !self.listen.ip().is_loopback() => {
                let why = format!("is set, and {} is no loopback address: set up tls", self.listen);
                return invalid("insecure", why);
            }
            _ => {}
        }
        if self.max_body_size < LEAST_BODY || self.max_body_size > MOST_BODY {
            let why = format!("is {}: choose {LEAST_BODY} to {MOST_BODY}", self.max_body_size);
            return invalid("max_body_size", why);
        }
        if self.max_body_size.as_u64().saturating_mul(4) > queue.as_u64() {
            let why = format!(
                "is {}: at most a quarter of queue.max_size ({queue}), since a body is queued as a whole",
                self.max_body_size
            );
            return invalid("max_body_size", why);
        }
        if !(1..=300).contains(&self.timeout.duration().as_secs()) {
            return invalid("timeout", format!("is {}: choose 1s to 5m", self.timeout));
        }
        Ok(())
    }
}

fn default_path() -> String {
    "/audit".to_owned()
}

fn default_source() -> String {
    "kubernetes.audit".to_owned()
}

fn default_service() -> String {
    "audit".to_owned()
}

fn default_timeout() -> Span {
    Span::secs(30)
}

fn default_max_body_size() -> ByteSize {
    ByteSize::mib(32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(listen: &str, change: impl FnOnce(&mut Webhook)) -> String {
        let mut webhook = Webhook::insecure(listen.parse().unwrap());
        change(&mut webhook);
        let checked = webhook.check(ByteSize::mib(128));
        checked.map_or_else(|invalid| format!("{}: {}", invalid.key, invalid.why), |()| String::new())
    }

    fn tls() -> Option<WebhookTls> {
        Some(WebhookTls { cert_file: "tls.crt".into(), key_file: "tls.key".into(), client_ca_file: None })
    }

    #[test]
    fn plain_http_is_for_loopback_alone_and_has_to_be_asked_for() {
        assert_eq!(refused("127.0.0.1:8443", |_| ()), "");
        assert_eq!(refused("[::1]:8443", |_| ()), "");
        assert!(refused("0.0.0.0:8443", |_| ()).starts_with("webhook.insecure: "));
        assert!(refused("127.0.0.1:8443", |webhook| webhook.insecure = false).starts_with("webhook.tls: "));
        assert!(refused("127.0.0.1:8443", |webhook| webhook.tls = tls()).starts_with("webhook.insecure: "));
        let both = |webhook: &mut Webhook| (webhook.tls, webhook.insecure) = (tls(), false);
        assert_eq!(refused("0.0.0.0:8443", both), "");
    }

    #[test]
    fn a_path_that_no_request_can_have_and_a_body_that_the_queue_cannot_hold_are_refused() {
        for path in ["", "audit", "/a b", "/audit?x=1", "/%61"] {
            let why = refused("127.0.0.1:1", |webhook| webhook.path = path.to_owned());
            assert!(why.starts_with("webhook.path: "), "{path}: {why}");
        }
        let size = |size| refused("127.0.0.1:1", |webhook| webhook.max_body_size = size);
        assert_eq!(size(ByteSize::mib(32)), "");
        assert!(size(ByteSize::mib(33)).contains("queue.max_size"));
        assert!(size(ByteSize::mib(65)).contains("64MiB"));
        assert!(size(ByteSize::kib(1)).contains("64KiB"));
    }
}
