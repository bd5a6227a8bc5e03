//! From the address of a lake to its directory or bucket.
//!
//! A plain path is taken as it is; a URL is percent-decoded. What cannot be a directory of this machine or a
//! bucket is refused with the reason, never guessed at.

use crate::LakeError;
use reqwest::Url;
use std::path::PathBuf;

/// What an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A bucket (a container, with Azure), and where in it.
    Bucket(Bucket),
}

/// Where in which service's bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Whose bucket.
    pub service: Service,
    /// `s3://bucket/prefix` without anything more.
    pub(crate) url: String,
    /// How it is called; with Azure, the container.
    pub name: String,
    /// With Azure, the account, where the address names one.
    pub account: Option<String>,
    /// Below which key, decoded, without slashes at its ends; "" for the whole bucket.
    pub prefix: String,
}

/// Whose protocol it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// S3, and what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure's blobs.
    Azure,
}

/// The directory or bucket that the address names.
pub(crate) fn place(url: &str) -> Result<Place, LakeError> {
    let refused = |why: &str| LakeError::Url { url: shown(url), why: why.into() };
    let Some((scheme, rest)) = url.split_once("://") else {
        return if url.is_empty() { Err(refused("it is empty")) } else { Ok(Place::Directory(url.into())) };
    };
    match scheme.to_ascii_lowercase().as_str() {
        "file" => directory(rest).map(Place::Directory).map_err(|why| refused(&why)),
        "s3" | "s3a" => bucket(Service::S3, url).map(Place::Bucket).map_err(|why| refused(&why)),
        "gs" => bucket(Service::Google, url).map(Place::Bucket).map_err(|why| refused(&why)),
        "az" | "abfs" | "abfss" => {
            bucket(Service::Azure, url).map(Place::Bucket).map_err(|why| refused(&why))
        }
        other => Err(refused(&format!("`{other}` is not a kind of storage that the lake knows"))),
    }
}

/// The address as it may be printed: what could be a password is left out.
fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.into() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => format!("{scheme}://...@{host}{path}"),
        _ => url.into(),
    }
}

fn bucket(service: Service, url: &str) -> Result<Bucket, String> {
    let parsed = Url::parse(url).map_err(|error| error.to_string())?;
    let Some(host) = parsed.host_str() else {
        return Err("it names no bucket; write it as `s3://bucket/prefix`".into());
    };
    let account_of = |host: &str| host.ends_with(".windows.net") && !parsed.username().is_empty();
    if parsed.password().is_some() || (!parsed.username().is_empty() && service != Service::Azure) {
        return Err("it holds a user or password; credentials come from the environment or a file".into());
    }
    if !parsed.username().is_empty() && !account_of(host) {
        return Err("an account is named as `abfss://container@account.dfs.core.windows.net/prefix`".into());
    }
    if parsed.port().is_some() {
        return Err("a bucket has no port; another service's address goes into `endpoint`".into());
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err("it has neither query nor fragment; write `%3F` for `?` and `%23` for `#`".into());
    }
    let prefix = percent_decoded(parsed.path()).ok_or("it is not percent-encoded UTF-8")?;
    let prefix = prefix.trim_matches('/').to_owned();
    if prefix.split('/').any(|part| !prefix.is_empty() && matches!(part, "" | "." | "..")) {
        return Err("its prefix has an empty part, or one of dots".into());
    }
    let (name, account) = match host.split_once('.') {
        Some((account, _)) if account_of(host) => (parsed.username(), Some(account.to_owned())),
        _ => (host, None),
    };
    Ok(Bucket { service, url: parsed.to_string(), name: name.to_owned(), account, prefix })
}

/// The directory that a file URL names, from what follows `file://`.
fn directory(rest: &str) -> Result<PathBuf, String> {
    let refused = |why: &str| why.to_owned();
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(refused("a file URL names no host, so it has three slashes"));
    }
    if path.contains(['?', '#']) {
        return Err(refused(
            "a file URL has neither query nor fragment; write `%3F` for `?` and `%23` for `#`",
        ));
    }
    let decoded = percent_decoded(path).ok_or_else(|| refused("it is not percent-encoded UTF-8"))?;
    Ok(PathBuf::from(without_slash_before_drive(&decoded)))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?].map(|digit| char::from(digit).to_digit(16));
            decoded.push(u8::try_from(digits[0]? * 16 + digits[1]?).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok().filter(|path| !path.contains('\0'))
}

/// `/C:/lake` is `C:/lake` on Windows; elsewhere a path is what it is.
fn without_slash_before_drive(path: &str) -> &str {
    let drive = path.as_bytes().get(2) == Some(&b':');
    if cfg!(windows) && drive { &path[1..] } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_a_file_url_name_a_directory() {
        assert_eq!(place("/var/lib/lake").unwrap(), Place::Directory("/var/lib/lake".into()));
        assert_eq!(place("auditrail-data/lake").unwrap(), Place::Directory("auditrail-data/lake".into()));
        assert_eq!(place("file:///var/lib/my%20lake").unwrap(), Place::Directory("/var/lib/my lake".into()));
        assert_eq!(place("FILE://localhost/lake").unwrap(), Place::Directory("/lake".into()));
    }

    #[test]
    fn a_bucket_is_named_as_its_services_tools_do() {
        for (url, service, name, prefix) in [
            ("s3://audit/a/b/", Service::S3, "audit", "a/b"),
            ("S3A://audit", Service::S3, "audit", ""),
            ("gs://audit/my%20lake", Service::Google, "audit", "my lake"),
            ("az://container/lake", Service::Azure, "container", "lake"),
            ("abfss://container@account.dfs.core.windows.net/lake", Service::Azure, "container", "lake"),
        ] {
            let Place::Bucket(bucket) = place(url).unwrap() else { panic!("{url} is a bucket") };
            let named = (bucket.service, bucket.name.as_str(), bucket.prefix.as_str());
            assert_eq!(named, (service, name, prefix), "{url}");
            assert_eq!(bucket.account.as_deref(), url.contains('@').then_some("account"), "{url}");
        }
    }

    #[test]
    fn what_is_no_place_is_refused_with_the_reason() {
        for (url, why) in [
            ("", "it is empty"),
            ("ftp://host/lake", "`ftp` is not a kind of storage"),
            ("s3:///lake", "names no bucket"),
            ("s3://key:secret@bucket/lake", "holds a user or password"),
            ("gs://user@bucket/lake", "holds a user or password"),
            ("abfss://container@elsewhere.example/lake", "an account is named as"),
            ("s3://127.0.0.1:9000/bucket", "goes into `endpoint`"),
            ("s3://bucket/lake?versionId=1", "neither query nor fragment"),
            ("s3://bucket/a//b", "empty part"),
            ("gs://bucket/%ff", "percent-encoded"),
            ("file://var/lib/lake", "three slashes"),
            ("file:///lake?x=1", "neither query nor fragment"),
            ("file:///lake%zz", "percent-encoded"),
            ("file:///lake%00", "percent-encoded"),
        ] {
            let message = place(url).unwrap_err().to_string();
            assert!(message.contains(why), "{url}: {message}");
            assert!(!message.contains("secret"), "{url}: {message}");
        }
    }
}
