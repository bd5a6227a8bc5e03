//! A lake in a bucket: S3 and what speaks its protocol, Google Cloud Storage, Azure.
//!
//! Promises: credentials come from a file, from the service's usual environment variables, or from the machine's own
//! identity, and are in no message; every call ends: a request after [`REQUEST`], its retries after [`RETRIES`].
//! The services show a key's new content whole or not at all, which is all that the lake asks of them.

use crate::Location;
use crate::url::{Bucket, Service};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// How long one request may take, and how long connecting may.
const REQUEST: &str = "60s";
const CONNECT: &str = "10s";
/// How long a call is tried again.
const RETRIES: Duration = Duration::from_secs(120);
/// No file of credentials is larger.
const LARGEST_FILE: u64 = 64 * 1024;

/// Opens it; nothing is asked of the service yet.
pub(super) fn open(location: &Location, bucket: &Bucket) -> Result<Arc<dyn ObjectStore>, String> {
    // Fails only where a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let prefix = Path::parse(&bucket.prefix).map_err(|error| error.to_string())?;
    let store: Arc<dyn ObjectStore> = match bucket.service {
        Service::S3 => Arc::new(s3(location, bucket)?),
        Service::Google => Arc::new(google(location, bucket)?),
        Service::Azure => Arc::new(azure(location, bucket)?),
    };
    Ok(if bucket.prefix.is_empty() { store } else { Arc::new(PrefixStore::new(store, prefix)) })
}

fn s3(location: &Location, bucket: &Bucket) -> Result<impl ObjectStore, String> {
    let client = |key| AmazonS3ConfigKey::Client(key);
    let mut builder = AmazonS3Builder::from_env()
        .with_url(&bucket.url)
        .with_retry(retries())
        .with_config(client(ClientConfigKey::Timeout), REQUEST)
        .with_config(client(ClientConfigKey::ConnectTimeout), CONNECT);
    if let Some(endpoint) = &location.endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(is_plain(endpoint));
    }
    if let Some(region) = &location.region {
        builder = builder.with_region(region);
    }
    for (key, value) in credentials(location)? {
        builder = builder.with_config(known::<AmazonS3ConfigKey>(&key)?, value);
    }
    builder.build().map_err(|error| error.to_string())
}

fn google(location: &Location, bucket: &Bucket) -> Result<impl ObjectStore, String> {
    let client = |key| GoogleConfigKey::Client(key);
    let mut builder = GoogleCloudStorageBuilder::from_env()
        .with_url(&bucket.url)
        .with_retry(retries())
        .with_config(client(ClientConfigKey::Timeout), REQUEST)
        .with_config(client(ClientConfigKey::ConnectTimeout), CONNECT);
    if let Some(endpoint) = &location.endpoint {
        let plain = is_plain(endpoint).to_string();
        builder = builder.with_base_url(endpoint).with_config(client(ClientConfigKey::AllowHttp), plain);
    }
    if let Some(file) = &location.credentials_file {
        let Some(file) = file.to_str() else {
            return Err(format!("the path {} is no UTF-8 text", file.display()));
        };
        builder = builder.with_service_account_path(file);
    }
    builder.build().map_err(|error| error.to_string())
}

fn azure(location: &Location, bucket: &Bucket) -> Result<impl ObjectStore, String> {
    let client = |key| AzureConfigKey::Client(key);
    let mut builder = MicrosoftAzureBuilder::from_env()
        .with_url(&bucket.url)
        .with_retry(retries())
        .with_config(client(ClientConfigKey::Timeout), REQUEST)
        .with_config(client(ClientConfigKey::ConnectTimeout), CONNECT);
    if let Some(endpoint) = &location.endpoint {
        builder = builder.with_endpoint(endpoint.clone()).with_allow_http(is_plain(endpoint));
    }
    for (key, value) in credentials(location)? {
        builder = builder.with_config(known::<AzureConfigKey>(&key)?, value);
    }
    builder.build().map_err(|error| error.to_string())
}

fn retries() -> RetryConfig {
    RetryConfig { max_retries: 5, retry_timeout: RETRIES, ..RetryConfig::default() }
}

/// Whoever names an endpoint without certificates wants to go without.
fn is_plain(endpoint: &str) -> bool {
    endpoint.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
}

fn known<K: FromStr>(key: &str) -> Result<K, String> {
    key.to_ascii_lowercase().parse().map_err(|_| format!("`{key}` in credentials_file is no known setting"))
}

/// The keys and values of the file; of several `[profiles]` the first. No message quotes a value.
fn credentials(location: &Location) -> Result<Vec<(String, String)>, String> {
    let Some(path) = &location.credentials_file else { return Ok(Vec::new()) };
    let refused = |why: String| format!("credentials_file {}: {why}", path.display());
    let length = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?.len();
    if length > LARGEST_FILE {
        return Err(refused("is larger than 64 KiB".into()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let mut found = Vec::new();
    for (number, line) in text.lines().map(str::trim).enumerate() {
        match line.split_once('=') {
            _ if line.is_empty() || line.starts_with(['#', ';']) => {}
            _ if line.starts_with('[') && found.is_empty() => {}
            _ if line.starts_with('[') => break,
            Some((key, value)) => found.push((key.trim().to_owned(), value.trim().to_owned())),
            None => return Err(refused(format!("line {} is not `key = value`", number + 1))),
        }
    }
    if found.is_empty() { Err(refused("holds no `key = value`".into())) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str) -> (tempfile::TempDir, Location) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credentials");
        std::fs::write(&path, text).unwrap();
        let location = Location { credentials_file: Some(path), ..Location::of("s3://bucket/lake") };
        (directory, location)
    }

    fn opened(location: &Location) -> Result<Arc<dyn ObjectStore>, String> {
        let crate::url::Place::Bucket(bucket) = crate::url::place(&location.url).unwrap() else {
            panic!("a bucket")
        };
        open(location, &bucket)
    }

    #[test]
    fn the_first_profile_of_a_credentials_file_is_taken() {
        let text = "# mine\n[default]\naws_access_key_id = AKID\naws_secret_access_key=hunter2=\n\n\
                    [other]\naws_access_key_id = no\n";
        let (_directory, location) = with_file(text);
        let found = credentials(&location).unwrap();
        let expected = [("aws_access_key_id", "AKID"), ("aws_secret_access_key", "hunter2=")];
        assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert!(opened(&location).is_ok());
    }

    #[test]
    fn credentials_are_in_no_message() {
        for text in ["aws_secret_access_key hunter2", "secret = hunter2", "", "[default]"] {
            let (_directory, location) = with_file(text);
            let why = opened(&location).unwrap_err();
            assert!(why.contains("credentials_file") && !why.contains("hunter2"), "{why}");
        }
        let (_directory, location) = with_file("aws_access_key_id = AKID\naws_secret_access_key = hunter2\n");
        let shown = format!("{:?} {location:?}", opened(&location).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
