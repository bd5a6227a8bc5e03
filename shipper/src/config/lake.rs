//! A lake: where it is, how its bucket is reached, and how it is kept in order.
//!
//! Promise: what passed can be opened, if its storage is there; no secret is part of it.

use std::path::PathBuf;

use ::lake::Location;
use chassis::{ByteSize, Invalid, Span};
use serde::{Deserialize, Serialize};

/// `type: lake`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lake {
    /// `file:///directory`, a plain path, or a bucket: `s3://`, `gs://`, `az://`, `abfss://`.
    pub url: String,
    /// `https://host:port` of another service that speaks the bucket's protocol. Default: the environment's, or the
    /// cloud's own.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The bucket's region, with S3. Default: the environment's.
    #[serde(default)]
    pub region: Option<String>,
    /// Credentials of the bucket. Default: those of the environment, or the machine's own identity.
    #[serde(default)]
    pub credentials_file: Option<PathBuf>,
    /// Hours that ended longer ago are removed. Default: none is.
    #[serde(default)]
    pub keep: Option<Span>,
    /// When the lake is larger, its oldest hours are removed. Default: none is.
    #[serde(default)]
    pub max_size: Option<ByteSize>,
    /// Small files are merged into larger ones. Default: true.
    #[serde(default = "yes")]
    pub merge: bool,
    /// How long after an hour's end its files are merged. Default: 1h.
    #[serde(default = "an_hour")]
    pub merge_after: Span,
    /// How large merged files become, packed; each is in memory while it is made. Default: 64MiB.
    #[serde(default = "file_size")]
    pub file_size: ByteSize,
}

fn yes() -> bool {
    true
}

fn an_hour() -> Span {
    Span::secs(3600)
}

fn file_size() -> ByteSize {
    ByteSize::mib(64)
}

impl Lake {
    /// A lake there, with the defaults.
    #[must_use]
    pub fn at(url: String) -> Lake {
        Lake::of(Location { url, ..Location::default() })
    }

    /// The same for a place that is more than an address.
    #[must_use]
    pub fn of(location: Location) -> Lake {
        let Location { url, endpoint, region, credentials_file } = location;
        Lake {
            url,
            endpoint,
            region,
            credentials_file,
            keep: None,
            max_size: None,
            merge: yes(),
            merge_after: an_hour(),
            file_size: file_size(),
        }
    }

    /// Where it is, and how to reach it.
    #[must_use]
    pub fn location(&self) -> Location {
        Location {
            url: self.url.clone(),
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            credentials_file: self.credentials_file.clone(),
        }
    }

    pub(super) fn validate(&self, key: &str) -> Result<(), Invalid> {
        let refuse = |field: &str, why: &str| Err(Invalid::new(format!("{key}.{field}"), why));
        if self.url.is_empty() {
            return refuse("url", "url is empty; write for example `file:///var/lib/auditrail/lake`");
        }
        if let Err((field, error)) = self.location().checked() {
            return Err(Invalid::new(format!("{key}.{field}"), error.to_string()));
        }
        if self.keep.is_some_and(|keep| keep.duration().is_zero()) {
            return refuse("keep", "would keep nothing; write for example `90d`, or leave it out");
        }
        if self.max_size.is_some_and(|size| size < ByteSize::mib(1)) {
            return refuse("max_size", "is too small; write 1MiB or more, or leave it out");
        }
        if self.file_size < ByteSize::mib(1) || self.file_size > ByteSize::mib(1024) {
            return refuse("file_size", "is 1MiB to 1GiB");
        }
        Ok(())
    }
}
