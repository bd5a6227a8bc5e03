//! `type: loki`: Grafana Loki's push protocol.
//!
//! Promise: nothing becomes a label that has many values, or values that a client chooses.

use std::collections::BTreeMap;

use chassis::{ByteSize, Invalid};
use serde::{Deserialize, Serialize};

use super::reach::{self, Auth, Reach, Tls};

/// The fields of an event that may be labels.
const EVENT_LABELS: [&str; 4] = ["verb", "stage", "audit_level", "code_class"];

/// The labels that every stream has, where they have a value.
const OWN_LABELS: [&str; 4] = ["cluster", "node", "source", "service_name"];

/// Most labels of the operator's; with the others they are the 15 that Loki takes by default.
const MOST_LABELS: usize = 7;

/// Longest value of a label, in bytes; Loki takes 2048 by default.
const LONGEST_LABEL: usize = 1024;

/// Longest tenant that Loki takes, in bytes.
const LONGEST_TENANT: usize = 150;

/// `type: loki`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Loki {
    /// `http(s)://host:port`; `/loki/api/v1/push` is appended.
    pub url: String,
    /// The tenant, as `X-Scope-OrgID` names it.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Labels that are the same for all events, beside `cluster`, `node`, `source` and `service_name`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Fields of an event that are labels too: `verb`, `stage`, `audit_level`, `code_class`. Default: none.
    #[serde(default)]
    pub event_labels: Vec<String>,
    /// Whether each line has its audit id, user, verb, object and identity as structured metadata, which Loki has
    /// from version 3.0 on. Default: true.
    #[serde(default = "yes")]
    pub structured_metadata: bool,
    /// Credentials.
    #[serde(default)]
    pub auth: Auth,
    /// Most bytes of a request before compression. Default: 3MiB.
    #[serde(default = "three_mib")]
    pub max_body: ByteSize,
    /// Most bytes of a line with what goes along with it; larger events are shrunk. Default: 256KiB, as Loki's own
    /// `max_line_size`.
    #[serde(default = "quarter_mib")]
    pub max_line: ByteSize,
    /// Certificates.
    #[serde(default)]
    pub tls: Tls,
    /// `http://host:port` of a proxy, instead of the one that the environment names.
    #[serde(default)]
    pub proxy: Option<String>,
}

fn yes() -> bool {
    true
}

fn three_mib() -> ByteSize {
    ByteSize::mib(3)
}

fn quarter_mib() -> ByteSize {
    ByteSize::kib(256)
}

impl Loki {
    /// Loki at `url`, with all else as by default.
    #[must_use]
    pub fn at(url: String) -> Loki {
        Loki {
            url,
            tenant: None,
            labels: BTreeMap::new(),
            event_labels: Vec::new(),
            structured_metadata: yes(),
            auth: Auth::default(),
            max_body: three_mib(),
            max_line: quarter_mib(),
            tls: Tls::default(),
            proxy: None,
        }
    }

    /// Where requests go.
    #[must_use]
    pub fn push_url(&self) -> String {
        format!("{}/loki/api/v1/push", self.url.trim_end_matches('/'))
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
        self.check_labels(key)?;
        let sound = |c: char| c.is_ascii_alphanumeric() || "!-_.*'()".contains(c);
        if self.tenant.as_ref().is_some_and(|tenant| {
            tenant.is_empty() || tenant.len() > LONGEST_TENANT || !tenant.chars().all(sound)
        }) {
            return refuse("tenant", "a tenant has 1 to 150 letters, digits and characters of `!-_.*'()`");
        }
        if self.max_line < ByteSize::kib(16) {
            return refuse("max_line", "is too small; write 16KiB or more");
        }
        if self.max_body < self.max_line {
            return refuse("max_body", "is smaller than max_line; a request must be able to hold a line");
        }
        Ok(())
    }

    fn check_labels(&self, key: &str) -> Result<(), Invalid> {
        let refuse = |field: &str, why: String| Err(Invalid::new(format!("{key}.{field}"), why));
        let known = EVENT_LABELS.join("`, `");
        for (at, name) in self.event_labels.iter().enumerate() {
            if !EVENT_LABELS.contains(&name.as_str()) {
                return refuse(
                    "event_labels",
                    format!(
                        "`{name}` can be no label: each of its values would be a stream of its own, and the index \
                         grows with them; what can be one is `{known}`, all else is in the structured metadata"
                    ),
                );
            }
            if self.event_labels[..at].contains(name) {
                return refuse("event_labels", format!("`{name}` stands there twice; keep one"));
            }
        }
        if self.labels.len() > MOST_LABELS {
            return refuse(
                "labels",
                format!("has more than {MOST_LABELS} labels; keep those that queries name"),
            );
        }
        for (name, value) in &self.labels {
            let taken = OWN_LABELS.contains(&name.as_str()) || EVENT_LABELS.contains(&name.as_str());
            let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
            let sound = name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit());
            if taken || !sound {
                let why =
                    if taken { "is set by auditrail" } else { "is no name: it has letters, digits and `_`" };
                return refuse("labels", format!("`{name}` {why}; choose another name"));
            }
            if value.is_empty() || value.len() > LONGEST_LABEL {
                return refuse("labels", format!("the value of `{name}` has 1 to {LONGEST_LABEL} bytes"));
            }
        }
        Ok(())
    }
}
