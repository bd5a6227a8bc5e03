//! Where a lake is: its address, and for a bucket how to reach it.
//!
//! Promises: no secret is part of it, so it may be printed; what passed [`Location::check`] can be opened, if
//! its storage is there.

use crate::LakeError;
use crate::url::{Place, Service, place};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;

/// The place of a lake. In a configuration: its address alone, or an object with these keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Location {
    /// `file:///directory`, a plain path, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`
    /// or `abfss://container@account.dfs.core.windows.net/prefix`.
    pub url: String,
    /// `https://host:port` of another service that speaks the protocol (`http` for one without
    /// certificates). Default: that of the environment, or the cloud's own.
    pub endpoint: Option<String>,
    /// The bucket's region, with S3. Default: `AWS_REGION` or `AWS_DEFAULT_REGION`, or `us-east-1`.
    pub region: Option<String>,
    /// Credentials of a bucket, where the environment or the machine's own identity are not to be used. S3 and
    /// Azure: lines of `key = value` as in `~/.aws/credentials`; Google: a service account's JSON.
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
        self.checked().map_err(|(_, error)| error)
    }

    /// The same, with the key that is to blame.
    ///
    /// # Errors
    /// The key and [`LakeError::Url`] with the reason.
    pub fn checked(&self) -> Result<(), (&'static str, LakeError)> {
        let place = place(&self.url).map_err(|error| ("url", error))?;
        let given = [
            ("endpoint", self.endpoint.is_some()),
            ("region", self.region.is_some()),
            ("credentials_file", self.credentials_file.is_some()),
        ];
        let bucket = match (place, given.iter().find(|(_, given)| *given)) {
            (Place::Directory(_), None) => return Ok(()),
            (Place::Directory(_), Some((key, _))) => {
                let why = "a directory has neither endpoint nor region nor credentials";
                return Err(self.refused(key, why));
            }
            (Place::Bucket(bucket), _) => bucket,
        };
        if self.endpoint.as_deref().is_some_and(|endpoint| !is_an_endpoint(endpoint)) {
            let why = "its endpoint is not `https://host:port` without user and query";
            return Err(self.refused("endpoint", why));
        }
        let plain = |region: &str| region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        match self.region.as_deref() {
            Some(_) if bucket.service != Service::S3 => {
                return Err(self.refused("region", "only buckets of S3 have a region"));
            }
            Some(region) if region.is_empty() || !plain(region) => {
                return Err(self.refused("region", "a region is a name such as `eu-central-1`"));
            }
            _ => {}
        }
        if self.credentials_file.as_ref().is_some_and(|file| file.as_os_str().is_empty()) {
            return Err(self.refused("credentials_file", "its credentials_file names no file"));
        }
        Ok(())
    }

    fn refused(&self, key: &'static str, why: &str) -> (&'static str, LakeError) {
        (key, LakeError::Url { url: self.url.clone(), why: why.into() })
    }
}

/// The address, and through which service it is another one than the cloud's.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Some(endpoint) => write!(f, "{} at {endpoint}", self.url),
            None => f.write_str(&self.url),
        }
    }
}

/// As it is read: an address alone where it is no more.
impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Location { url, endpoint, region, credentials_file } = self.clone();
        match (&endpoint, &region, &credentials_file) {
            (None, None, None) => serializer.serialize_str(&url),
            _ => Keys { url, endpoint, region, credentials_file }.serialize(serializer),
        }
    }
}

/// The keys of a location that is more than an address.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    url: String,
    #[serde(default)]
    endpoint: Option<String>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    credentials_file: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Location, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Location;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "the address of a lake, or an object with url, endpoint, region, credentials_file",
                )
            }

            fn visit_str<E>(self, url: &str) -> Result<Location, E> {
                Ok(Location::of(url))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Location, A::Error> {
                let Keys { url, endpoint, region, credentials_file } =
                    Keys::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Location { url, endpoint, region, credentials_file })
            }
        }
        deserializer.deserialize_any(Either)
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
        assert!(Location { url: "s3://bucket".into(), ..here.clone() }.check().is_ok());
        let google = Location { url: "gs://bucket".into(), ..here };
        assert!(google.check().unwrap_err().to_string().contains("only buckets of S3"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_key() {
        let here = |url: &str| Location::of(url);
        let file = |name: &str| Some(PathBuf::from(name));
        for (location, key) in [
            (here("ftp://x"), "url"),
            (Location { credentials_file: file("c"), ..here("/lake") }, "credentials_file"),
            (Location { credentials_file: file(""), ..here("s3://b") }, "credentials_file"),
            (Location { endpoint: Some("b:9000".into()), ..here("s3://b") }, "endpoint"),
            (Location { region: Some("x\ny".into()), ..here("s3://b") }, "region"),
        ] {
            assert_eq!(location.checked().unwrap_err().0, key, "{location:?}");
        }
    }

    #[test]
    fn an_address_alone_and_an_object_with_keys_are_read() {
        let read = |text: &str| serde_json::from_str::<Location>(text);
        assert_eq!(read(r#""s3://b/p""#).unwrap(), Location::of("s3://b/p"));
        let all = r#"{"url": "s3://b", "endpoint": "https://e", "region": "r", "credentials_file": "c"}"#;
        let expected = Location {
            endpoint: Some("https://e".into()),
            region: Some("r".into()),
            credentials_file: Some("c".into()),
            ..Location::of("s3://b")
        };
        assert_eq!(read(all).unwrap(), expected);
        assert_eq!(expected.to_string(), "s3://b at https://e");
        assert!(read(r#"{"url": "s3://b", "key": "x"}"#).unwrap_err().to_string().contains("`endpoint`"));
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
