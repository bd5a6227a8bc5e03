//! `type: elasticsearch`: Elasticsearch and OpenSearch.

use chassis::{ByteSize, Invalid};
use serde::{Deserialize, Serialize};

use super::destination::Compression;
use super::reach::{self, Auth, Reach, Tls};

/// `type: elasticsearch`, for OpenSearch too.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Elasticsearch {
    /// `http(s)://host:port`, with a path where there is one before the index.
    pub url: String,
    /// The index or the data stream. Default: `auditrail`.
    #[serde(default = "auditrail")]
    pub index: String,
    /// What a document is. Default: event.
    #[serde(default)]
    pub document: Document,
    /// Credentials.
    #[serde(default)]
    pub auth: Auth,
    /// How bodies are packed; zstd is read by few servers. Default: gzip.
    #[serde(default = "gzip")]
    pub compression: Compression,
    /// Most bytes of a request before compression. Default: 10MiB less 64KiB, which every hosted server takes.
    #[serde(default = "nearly_ten_mib")]
    pub max_body: ByteSize,
    /// Certificates.
    #[serde(default)]
    pub tls: Tls,
    /// `http://host:port` of a proxy, instead of the one that the environment names.
    #[serde(default)]
    pub proxy: Option<String>,
}

/// What a document is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Document {
    /// The event's own fields, beside `@timestamp` and `auditrail`.
    #[default]
    Event,
    /// The line as text in `message`, beside them.
    Message,
}

fn auditrail() -> String {
    "auditrail".to_owned()
}

fn gzip() -> Compression {
    Compression::Gzip
}

fn nearly_ten_mib() -> ByteSize {
    ByteSize::kib(10 * 1024 - 64)
}

impl Elasticsearch {
    /// Where requests go.
    #[must_use]
    pub fn bulk_url(&self) -> String {
        format!("{}/{}/_bulk", self.url.trim_end_matches('/'), self.index)
    }

    /// How to get to it.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach { tls: self.tls.clone(), proxy: self.proxy.clone() }
    }

    pub(super) fn validate(&self, key: &str) -> Result<(), Invalid> {
        let refuse = |field: &str, why: &str| Err(Invalid::new(format!("{key}.{field}"), why));
        reach::check_url(&self.url, &format!("{key}.url"))?;
        reach::check_proxy(self.proxy.as_ref(), key)?;
        self.tls.validate(key)?;
        self.auth.validate(key)?;
        let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        if self.index.is_empty() || self.index.starts_with(['-', '_', '.']) || !self.index.chars().all(sound)
        {
            return refuse(
                "index",
                "an index has lower-case letters, digits, `-`, `_` and `.`, a letter or digit first",
            );
        }
        reach::check_body(self.max_body, key)
    }
}
