//! `type: http`: any endpoint that takes JSON lines or a JSON array.

use std::collections::BTreeMap;

use chassis::{ByteSize, Invalid};
use serde::{Deserialize, Serialize};

use super::destination::Compression;
use super::reach::{self, Auth, Reach, Tls};

/// `type: http`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where bodies are posted to.
    pub url: String,
    /// How events lie in a body. Default: ndjson.
    #[serde(default)]
    pub format: HttpFormat,
    /// Headers of each request; no place for secrets, since they are shown.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Credentials.
    #[serde(default)]
    pub auth: Auth,
    /// How bodies are packed. Default: gzip, which most servers read.
    #[serde(default = "gzip")]
    pub compression: Compression,
    /// Most bytes of a body before compression. Default: 5MiB.
    #[serde(default = "five_mib")]
    pub max_body: ByteSize,
    /// Most events of a body. Default: 1000.
    #[serde(default = "thousand")]
    pub max_events: usize,
    /// Certificates.
    #[serde(default)]
    pub tls: Tls,
    /// `http://host:port` of a proxy, instead of the one that the environment names.
    #[serde(default)]
    pub proxy: Option<String>,
}

/// How events lie in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HttpFormat {
    /// A line each, as it was read.
    #[default]
    Ndjson,
    /// A JSON array.
    Json,
}

fn gzip() -> Compression {
    Compression::Gzip
}

fn five_mib() -> ByteSize {
    ByteSize::mib(5)
}

fn thousand() -> usize {
    1000
}

impl Http {
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
        if self.max_events == 0 {
            return refuse("max_events", "is 0; write 1 or more");
        }
        reach::check_body(self.max_body, key)?;
        reach::check_headers(&self.headers, key)
    }
}
