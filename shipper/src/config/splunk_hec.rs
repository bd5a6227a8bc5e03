//! `type: splunk_hec`: Splunk's HTTP Event Collector.

use std::path::PathBuf;

use chassis::{ByteSize, Invalid, Span};
use serde::{Deserialize, Serialize};

use super::destination::Compression;
use super::reach::{self, Reach, Tls};

/// `type: splunk_hec`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SplunkHec {
    /// `http(s)://host:port`; `/services/collector/event` is appended.
    pub url: String,
    /// File that holds the token; it is read again when it changes.
    pub token_file: PathBuf,
    /// The index. Default: the token's.
    #[serde(default)]
    pub index: Option<String>,
    /// The `source` of all events. Default: the path of the log.
    #[serde(default)]
    pub source: Option<String>,
    /// The source type. Default: `kube:apiserver-audit`, as Splunk's collector for Kubernetes calls it.
    #[serde(default = "apiserver_audit")]
    pub sourcetype: String,
    /// Whether delivered means indexed: waits for the indexers' acknowledgement, which the token has to have
    /// switched on. Default: false.
    #[serde(default)]
    pub acknowledge: bool,
    /// How long an acknowledgement may take before a body is sent again. Default: 5m.
    #[serde(default = "five_minutes")]
    pub ack_timeout: Span,
    /// How bodies are packed: gzip or none. Default: gzip.
    #[serde(default = "gzip")]
    pub compression: Compression,
    /// Most bytes of a request before compression. Default: 1MB, which Splunk Cloud takes too.
    #[serde(default = "one_mb")]
    pub max_body: ByteSize,
    /// Certificates.
    #[serde(default)]
    pub tls: Tls,
    /// `http://host:port` of a proxy, instead of the one that the environment names.
    #[serde(default)]
    pub proxy: Option<String>,
}

fn apiserver_audit() -> String {
    "kube:apiserver-audit".to_owned()
}

fn five_minutes() -> Span {
    Span::secs(300)
}

fn gzip() -> Compression {
    Compression::Gzip
}

fn one_mb() -> ByteSize {
    ByteSize::bytes(1_000_000)
}

impl SplunkHec {
    /// How to get to it.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach { tls: self.tls.clone(), proxy: self.proxy.clone() }
    }

    /// The address of one of its services.
    #[must_use]
    pub fn service(&self, name: &str) -> String {
        format!("{}/services/collector/{name}", self.url.trim_end_matches('/'))
    }

    pub(super) fn validate(&self, key: &str) -> Result<(), Invalid> {
        let refuse = |field: &str, why: &str| Err(Invalid::new(format!("{key}.{field}"), why));
        reach::check_url(&self.url, &format!("{key}.url"))?;
        reach::check_proxy(self.proxy.as_ref(), key)?;
        self.tls.validate(key)?;
        if self.url.contains('?') || self.url.contains("/services/") {
            return refuse(
                "url",
                "is the server's own address, as `https://splunk:8088`; the path is appended",
            );
        }
        if self.token_file.as_os_str().is_empty() {
            return refuse("token_file", "is empty; name the file that holds the token");
        }
        if self.sourcetype.is_empty() {
            return refuse("sourcetype", "is empty; write for example `kube:apiserver-audit`");
        }
        if self.compression == Compression::Zstd {
            return refuse("compression", "Splunk reads no zstd; write gzip or none");
        }
        reach::check_body(self.max_body, key)?;
        if self.ack_timeout < Span::secs(1) {
            return refuse("ack_timeout", "is too short; write 1s or more");
        }
        Ok(())
    }
}
