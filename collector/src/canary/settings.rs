//! The section `collector.canary:` of the configuration.
//!
//! Promise: what passed [`Canary::check`] can be called, and no token leaves the machine but over TLS.

use std::net::IpAddr;
use std::path::PathBuf;

use chassis::{Invalid, Span};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::sightings::MOST_PENDING;

/// Longest `path`.
const MOST_PATH: usize = 256;

/// Requests to the API server whose log this collector reads, to see their lines arrive. Absent: none are made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The API server, as `https://127.0.0.1:6443`; plain HTTP on a loopback address alone. Required.
    pub server: String,
    /// How often. Default: 60 s.
    #[serde(default = "default_every")]
    pub every: Span,
    /// What is asked for; the audit policy has to log it. Default: `/version`.
    #[serde(default = "default_path")]
    pub path: String,
    /// How long the API server may take to answer. Default: 10 s.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// After how long without its line a canary is missing. Default: 5 m.
    #[serde(default = "default_missing_after")]
    pub missing_after: Span,
    /// A file with a bearer token, read for each call. Default: none, which is anonymous.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// The authority of the API server's certificate, in PEM, read for each call. Default: those of the system.
    #[serde(default)]
    pub authority: Option<PathBuf>,
    /// A client certificate to show, in PEM, read for each call. Default: none.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Its key.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// The name that the API server's certificate has to be for, where it is not the one in `server`.
    #[serde(default)]
    pub server_name: Option<String>,
}

impl Canary {
    /// Canaries for an API server with the defaults of all else.
    #[must_use]
    pub fn to(server: &str) -> Canary {
        Canary {
            server: server.to_owned(),
            every: default_every(),
            path: default_path(),
            timeout: default_timeout(),
            missing_after: default_missing_after(),
            token_file: None,
            authority: None,
            certificate: None,
            key: None,
            server_name: None,
        }
    }

    /// Whether this can be called.
    ///
    /// # Errors
    /// The key that is wrong, and why.
    pub fn check(&self) -> Result<(), Invalid> {
        let invalid = |key: &str, why: String| Err(Invalid::new(format!("canary.{key}"), why));
        let url = match self.server_url() {
            Ok(url) => url,
            Err(why) => return invalid("server", why),
        };
        let plain = url.scheme() == "http";
        if plain && !is_loopback(&url) {
            return invalid("server", format!("is {}: only on a loopback address without TLS", self.server));
        }
        for (key, file) in [("authority", &self.authority), ("certificate", &self.certificate)] {
            if plain && file.is_some() {
                return invalid(key, format!("is of use over TLS alone, and server is {}", self.server));
            }
        }
        if self.certificate.is_some() != self.key.is_some() {
            return invalid("key", "name certificate and key, or none of them".to_owned());
        }
        let fits = |byte: u8| byte.is_ascii_graphic() && !b"#\"'\\<>".contains(&byte);
        if !self.path.starts_with('/') || self.path.len() > MOST_PATH || !self.path.bytes().all(fits) {
            let why =
                format!("is `{}`: write a path as `/version`, of at most {MOST_PATH} characters", self.path);
            return invalid("path", why);
        }
        self.check_times()
    }

    fn check_times(&self) -> Result<(), Invalid> {
        let invalid = |key: &str, why: String| Err(Invalid::new(format!("canary.{key}"), why));
        let within = |span: Span, least: u64, most: u64| (least..=most).contains(&span.duration().as_secs());
        if !within(self.every, 1, 86_400) {
            return invalid("every", format!("is {}: choose 1s to 1d", self.every));
        }
        if !within(self.timeout, 1, 60) {
            return invalid("timeout", format!("is {}: choose 1s to 1m", self.timeout));
        }
        let most = self.every.duration().as_secs().saturating_mul(MOST_PENDING as u64).min(86_400);
        if !within(self.missing_after, 1, most) {
            let why = format!(
                "is {}: choose 1s to {}, so that no more than {MOST_PENDING} are waited for",
                self.missing_after,
                Span::secs(most)
            );
            return invalid("missing_after", why);
        }
        Ok(())
    }

    /// Where is asked, without the path.
    pub(super) fn server_url(&self) -> Result<Url, String> {
        let wrong = |why: &str| format!("is `{}`: {why}", self.server);
        let hint = "write the API server's URL, as https://127.0.0.1:6443";
        // What stands before an `@` may be a password.
        if self.server.contains('@') {
            return Err("has a user in it: name a token by token_file".to_owned());
        }
        let url = Url::parse(&self.server).map_err(|_| wrong(hint))?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let known = ["http", "https"].contains(&url.scheme()) && url.host_str().is_some();
        if bare && known { Ok(url) } else { Err(wrong(hint)) }
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn default_every() -> Span {
    Span::secs(60)
}

fn default_path() -> String {
    "/version".to_owned()
}

fn default_timeout() -> Span {
    Span::secs(10)
}

fn default_missing_after() -> Span {
    Span::secs(300)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(server: &str, change: impl FnOnce(&mut Canary)) -> String {
        let mut canary = Canary::to(server);
        change(&mut canary);
        canary.check().map_or_else(|invalid| format!("{}: {}", invalid.key, invalid.why), |()| String::new())
    }

    #[test]
    fn plain_http_is_for_loopback_alone_and_a_password_in_a_url_is_not_shown() {
        for server in ["https://10.0.0.1:6443", "https://[::1]:6443/", "http://127.0.0.1:8080"] {
            assert_eq!(refused(server, |_| ()), "", "{server}");
        }
        for server in ["http://10.0.0.1:8080", "ftp://a", "10.0.0.1", "https://a/b", "https://a?b", ""] {
            assert!(refused(server, |_| ()).starts_with("canary.server: "), "{server}");
        }
        let said = refused("https://me:hunter2@a", |_| ());
        assert!(said.starts_with("canary.server: ") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_their_key() {
        let refused = |change: fn(&mut Canary)| refused("https://10.0.0.1:6443", change);
        assert!(refused(|canary| canary.path = "version".into()).starts_with("canary.path: "));
        assert!(refused(|canary| canary.key = Some("k".into())).starts_with("canary.key: "));
        assert!(refused(|canary| canary.every = Span::millis(10)).starts_with("canary.every: "));
        assert!(refused(|canary| canary.timeout = Span::secs(0)).starts_with("canary.timeout: "));
        let often = |canary: &mut Canary| {
            (canary.every, canary.missing_after) = (Span::secs(1), Span::secs(600));
        };
        assert!(refused(often).starts_with("canary.missing_after: "));
        assert_eq!(refused(|canary| canary.every = Span::secs(1)), "");
    }
}
