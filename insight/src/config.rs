//! Section `insight:` of the configuration.
//!
//! Promise: what passed [`Section::validate`] names a lake that can be opened, if its storage is there.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::bail;
use chassis::secret::Secret;
use chassis::{Invalid, Section};
use lake::Location;
use serde::{Deserialize, Serialize};

use crate::{Kept, Settings};

/// Section `insight:` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The lake to read: its address, or an object with `url`, `endpoint`, `region`, `credentials_file`. Default:
    /// `file:///var/lib/auditrail/lake`.
    pub lake: Location,
    /// Where admin calls are served (gRPC). Default: `127.0.0.1:7104`.
    pub listen: SocketAddr,
    /// Where the console, its API, `/livez`, `/readyz` and `/metrics` are served. Default: `127.0.0.1:8080`.
    pub http_listen: SocketAddr,
    /// Admin calls are answered to every peer, not to those on loopback alone. Default: false.
    pub insecure_admin: bool,
    /// The audit policy that the console shows and explains events with. Default: none; with `up`, the router's.
    pub policy: Option<PathBuf>,
    /// Names by which browsers may ask for the console, beside `localhost` and addresses. Default: none.
    pub hosts: Vec<String>,
    /// File with the token that whoever uses the console has to bring: in the form that browsers get, or as
    /// `Authorization: Bearer`. Default: none, which is refused where `http_listen` is not on loopback.
    pub token_file: Option<PathBuf>,
    /// The console's port speaks TLS with the certificate of section `tls`, and opens to whoever shows a certificate
    /// with a name in `tls.roles.read` or `tls.roles.admin`, or brings the token where there is one. `/livez`,
    /// `/readyz` and `/metrics` need neither. Default: false.
    pub https: bool,
    /// Directory where the states of whole hours are kept, which insight makes ready in the background, so that no page
    /// has to wait for a large lake to be read. Default: none, nothing is kept and pages read what they need; with
    /// `up`, below its data directory.
    pub states: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            lake: Location::of("file:///var/lib/auditrail/lake"),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7104)),
            http_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            insecure_admin: false,
            policy: None,
            hosts: Vec::new(),
            token_file: None,
            https: false,
            states: None,
        }
    }
}

impl Config {
    /// What the console is told.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let states = self.states.as_deref().map(|directory| Kept::of_lake(directory, &self.lake.to_string()));
        Settings {
            policy: self.policy.clone(),
            hosts: self.hosts.clone(),
            token: self.token_file.as_deref().map(Secret::from_file),
            states: states.unwrap_or_else(Kept::nowhere),
            ..Settings::default()
        }
    }

    /// What the console's port speaks with, of the `certificates` that there are: they, or none.
    ///
    /// # Errors
    /// When it should have some, and there are none.
    pub fn secured<T: Clone>(&self, certificates: Option<&T>) -> anyhow::Result<Option<T>> {
        match (self.https, certificates) {
            (true, None) => bail!("insight.https needs certificates: name them in section `tls`"),
            (https, certificates) => Ok(certificates.filter(|_| https).cloned()),
        }
    }
}

impl Section for Config {
    const NAME: &'static str = "insight";

    fn validate(&self) -> Result<(), Invalid> {
        if !self.http_listen.ip().is_loopback() && self.token_file.is_none() && !self.https {
            let why = "is not on loopback, and anybody there could read the whole log: name a file with a token \
                       in insight.token_file, set insight.https for certificates, or listen on 127.0.0.1";
            return Err(Invalid::new("http_listen", why));
        }
        self.lake.checked().map_err(|(key, error)| {
            let key = if key == "url" { "lake".to_owned() } else { format!("lake.{key}") };
            Invalid::new(key, error.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chassis::Configuration;

    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let configuration = Configuration::parse(Path::new("auditrail.yaml"), text.to_owned(), []).unwrap();
        configuration.section().map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_section_the_defaults_hold() {
        assert_eq!(read("").unwrap(), Config::default());
        assert!(Config::default().validate().is_ok());
    }

    #[test]
    fn every_key_is_read() {
        let config = read(
            "insight: {lake: /srv/lake, listen: '0.0.0.0:1', http_listen: '[::1]:2', insecure_admin: true, \
             policy: p.yaml, hosts: [audit.example.org], token_file: t, https: true, states: /var/cache/auditrail}",
        );
        let expected = Config {
            lake: Location::of("/srv/lake"),
            listen: "0.0.0.0:1".parse().unwrap(),
            http_listen: "[::1]:2".parse().unwrap(),
            insecure_admin: true,
            policy: Some("p.yaml".into()),
            hosts: vec!["audit.example.org".into()],
            token_file: Some("t".into()),
            https: true,
            states: Some("/var/cache/auditrail".into()),
        };
        assert_eq!(config.unwrap(), expected);
    }

    #[test]
    fn a_lake_that_cannot_be_is_refused_at_its_line() {
        let error = read("insight:\n  lake: ftp://host\n").unwrap_err();
        assert!(error.starts_with("auditrail.yaml:2:"), "{error}");
        assert!(error.contains("`ftp` is not a kind of storage"), "{error}");
    }

    #[test]
    fn a_lake_in_a_bucket_is_an_object_and_what_is_wrong_is_told_at_its_line() {
        let text = "insight:\n  lake:\n    url: s3://audit\n    endpoint: https://minio:9000\n    region: eu\n    \
                    credentials_file: c\n";
        let expected = Location {
            endpoint: Some("https://minio:9000".into()),
            region: Some("eu".into()),
            credentials_file: Some("c".into()),
            ..Location::of("s3://audit")
        };
        assert_eq!(read(text).unwrap().lake, expected);
        let error = read(&text.replace("https://", "https://key:hunter2@")).unwrap_err();
        assert!(error.starts_with("auditrail.yaml:4:") && !error.contains("hunter2"), "{error}");
        let error = read(&text.replace("s3://audit", "ftp://audit")).unwrap_err();
        assert!(error.starts_with("auditrail.yaml:2:") || error.starts_with("auditrail.yaml:3:"), "{error}");
        let error = read(&text.replace("region", "regoin")).unwrap_err();
        assert!(error.contains("regoin") && error.contains("credentials_file"), "{error}");
    }

    #[test]
    fn a_console_for_others_needs_a_token_or_certificates() {
        let error = read("insight:\n  http_listen: 0.0.0.0:8080\n").unwrap_err();
        assert!(error.starts_with("auditrail.yaml:2:") && error.contains("insight.token_file"), "{error}");
        assert!(read("insight: {http_listen: '0.0.0.0:8080', token_file: t}").is_ok());
        let secured = read("insight: {http_listen: '0.0.0.0:8080', https: true}").unwrap();
        assert!(secured.secured::<()>(None).unwrap_err().to_string().contains("section `tls`"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_known_ones() {
        let error = read("insight:\n  lakes: /srv/lake\n").unwrap_err();
        assert!(error.contains("lakes") && error.contains("http_listen"), "{error}");
    }
}
