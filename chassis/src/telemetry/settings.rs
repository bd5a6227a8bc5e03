//! Section `telemetry:` of the configuration.
//!
//! Promise: logs at `info` as text and no traces, unless said otherwise.

use serde::{Deserialize, Serialize};

use super::level;
use crate::config::{Invalid, Section};

/// Section `telemetry:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// What is logged: a level, or levels per crate (`warn,collector=debug`). The variable `AUDITRAIL_LOG` goes
    /// before it. Default: `info`.
    pub log: String,
    /// How logs are written. Default: `text`.
    pub log_format: LogFormat,
    /// Where traces are sent, as `http://127.0.0.1:4317`. Default: nowhere.
    pub otlp: Option<String>,
    /// How traces are sent. Default: `grpc`.
    pub protocol: Protocol,
    /// The share of traces that is kept, 0 to 1; a batch whose sender decided keeps that decision. Default: 1.
    pub sample: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_format: LogFormat::default(),
            otlp: None,
            protocol: Protocol::default(),
            sample: 1.0,
        }
    }
}

/// How logs are written to stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How traces are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// OTLP over gRPC, usually port 4317.
    #[default]
    Grpc,
    /// OTLP as protobuf over HTTP, usually port 4318.
    Http,
}

impl Section for Telemetry {
    const NAME: &'static str = "telemetry";

    fn validate(&self) -> Result<(), Invalid> {
        if !(0.0..=1.0).contains(&self.sample) {
            return Err(Invalid::new("sample", format!("{} is not a share between 0 and 1", self.sample)));
        }
        level::parse(&self.log).map_err(|error| Invalid::new("log", error.to_string()))?;
        match &self.otlp {
            Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => Err(Invalid::new(
                "otlp",
                format!("`{url}` is no URL; write for example `http://127.0.0.1:4317`"),
            )),
            Some(url) if self.protocol == Protocol::Grpc && url.starts_with("https://") => {
                Err(Invalid::new("otlp", format!("`{url}` needs `protocol: http`; grpc is sent without TLS")))
            }
            _ => Ok(()),
        }
    }
}
