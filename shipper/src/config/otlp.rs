//! `type: otlp`: OpenTelemetry's log protocol.

use std::collections::BTreeMap;

use chassis::{ByteSize, Invalid};
use serde::{Deserialize, Serialize};

use super::destination::Compression;
use super::reach::{self, Auth, Reach, Tls};

/// `type: otlp`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// `http(s)://host:port` of the receiver; over HTTP, `/v1/logs` is appended. Default: `http://127.0.0.1:4317`,
    /// with HTTP `http://127.0.0.1:4318`.
    #[serde(default)]
    pub url: Option<String>,
    /// How bodies travel. Default: grpc.
    #[serde(default)]
    pub protocol: OtlpProtocol,
    /// Headers of each request; no place for secrets, since they are shown.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Credentials.
    #[serde(default)]
    pub auth: Auth,
    /// How bodies are packed. Default: gzip, which every receiver reads.
    #[serde(default = "gzip")]
    pub compression: Compression,
    /// Most bytes of a request before compression. Default: 4MiB less 64KiB, since a gRPC server takes 4MiB.
    #[serde(default = "nearly_four_mib")]
    pub max_body: ByteSize,
    /// Certificates.
    #[serde(default)]
    pub tls: Tls,
    /// `http://host:port` of a proxy, instead of the one that the environment names. With `protocol: http` only.
    #[serde(default)]
    pub proxy: Option<String>,
}

/// How OTLP travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OtlpProtocol {
    /// As a gRPC call.
    #[default]
    Grpc,
    /// As a POST.
    Http,
}

fn gzip() -> Compression {
    Compression::Gzip
}

fn nearly_four_mib() -> ByteSize {
    ByteSize::kib(4 * 1024 - 64)
}

impl Otlp {
    /// A receiver at `url` (or, without one, on this machine) with all else as by default.
    #[must_use]
    pub fn at(url: Option<String>, protocol: OtlpProtocol) -> Otlp {
        Otlp {
            url,
            protocol,
            headers: BTreeMap::new(),
            auth: Auth::default(),
            compression: gzip(),
            max_body: nearly_four_mib(),
            tls: Tls::default(),
            proxy: None,
        }
    }

    /// The address without a path of ours.
    #[must_use]
    pub fn base(&self) -> &str {
        match (&self.url, self.protocol) {
            (Some(url), _) => url.trim_end_matches('/'),
            (None, OtlpProtocol::Grpc) => "http://127.0.0.1:4317",
            (None, OtlpProtocol::Http) => "http://127.0.0.1:4318",
        }
    }

    /// Where requests over HTTP go.
    #[must_use]
    pub fn logs_url(&self) -> String {
        format!("{}/v1/logs", self.base())
    }

    /// Where it delivers to, for people.
    #[must_use]
    pub fn target(&self) -> String {
        match self.protocol {
            OtlpProtocol::Grpc => format!("{} (gRPC)", self.base()),
            OtlpProtocol::Http => self.logs_url(),
        }
    }

    /// How to get to it.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach { tls: self.tls.clone(), proxy: self.proxy.clone() }
    }

    pub(super) fn validate(&self, key: &str) -> Result<(), Invalid> {
        let refuse = |field: &str, why: &str| Err(Invalid::new(format!("{key}.{field}"), why));
        reach::check_url(self.base(), &format!("{key}.url"))?;
        reach::check_proxy(self.proxy.as_ref(), key)?;
        self.tls.validate(key)?;
        self.auth.validate(key)?;
        if self.proxy.is_some() && self.protocol == OtlpProtocol::Grpc {
            return refuse("proxy", "gRPC goes through no proxy; write `protocol: http`, or leave it out");
        }
        if self.base().contains('?') {
            return refuse("url", "must not hold a query; the path of the call is appended to it");
        }
        reach::check_body(self.max_body, key)?;
        reach::check_headers(&self.headers, key)
    }
}
