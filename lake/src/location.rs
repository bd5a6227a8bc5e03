//! Where a lake is: its address, and for a bucket how to reach it.
//!
//! Promises: no secret is part of it, so it may be printed; what passed [`Location::check`] can be opened, if
//! its storage is there.

use crate::LakeError;
use crate::url::{Place, place};
use serde::Deserialize;
use std::path::PathBuf;

/// The place of a lake. In a configuration: its address alone, or an object with these keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// `file:///directory`, a plain path, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`
    /// or `abfss://container@account.dfs.core.windows.net/prefix`.
    pub url: String,
    /// `https://host:port` of another service that speaks the protocol (`http` for one without
    /// certificates). Default: that of the environment, or the cloud's own.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The bucket's region, with S3. Default: `AWS_REGION` or `AWS_DEFAULT_REGION`, or `us-east-1`.
    #[serde(default)]
    pub region: Option<String>,
    /// Credentials of a bucket, where the environment or the machine's own identity are not to be used. S3 and
    /// Azure: lines of `key = value` as in `~/.aws/credentials`; Google: a service account's JSON.
    #[serde(default)]
    pub credentials_file: Option<PathBuf>,
}

impl Location {
    /// Of an address alone.
    #[must_use]
    pub fn of(url: &str) -> Location {
        Location { url: url.into(), ..Location::default() }
    }

    /// The directory or bucket that it names; touches nothing.
    ///
    /// # Errors
    /// As for [`Location::check`].
    pub fn place(&self) -> Result<Place, LakeError> {
        self.check()?;
        place(&self.url)
    }

    /// Whether a lake can be there; touches nothing.
    ///
    /// # Errors
    /// [`LakeError::Url`] with the reason.
    pub fn check(&self) -> Result<(), LakeError> {
        let refused = |why: &str| Err(LakeError::Url { url: self.url.clone(), why: why.into() });
        let place = place(&self.url)?;
        let of_buckets = self.endpoint.is_some() || self.region.is_some() || self.credentials_file.is_some();
        match place {
            Place::Directory(_) if of_buckets => {
                refused("a directory has neither endpoint nor region nor credentials")
            }
            Place::Directory(_) => Ok(()),
            Place::Bucket(_) => match self.endpoint.as_deref().map(is_an_endpoint) {
                Some(false) => refused("its endpoint is not `https://host:port` without user and query"),
                _ => Ok(()),
            },
        }
    }
}

fn is_an_endpoint(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        let plain = url.username().is_empty() && url.password().is_none();
        let bare = url.query().is_none() && url.fragment().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && plain && bare
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_buckets_have_is_refused_for_a_directory() {
        let here = Location { region: Some("eu-central-1".into()), ..Location::of("/lake") };
        assert!(here.check().unwrap_err().to_string().contains("neither endpoint nor region"));
        assert!(Location { url: "s3://bucket".into(), ..here }.check().is_ok());
    }

    #[test]
    fn an_endpoint_is_an_address_without_secrets() {
        let at = |endpoint: &str| Location { endpoint: Some(endpoint.into()), ..Location::of("s3://bucket") };
        assert!(at("http://127.0.0.1:9000").check().is_ok());
        for endpoint in ["minio:9000", "https://key:secret@host", "https://host/?x=1", "ftp://host"] {
            let message = at(endpoint).check().unwrap_err().to_string();
            assert!(message.contains("endpoint") && !message.contains("secret"), "{message}");
        }
    }
}
