//! How an intake is reached: certificates, a proxy, credentials. The same for every destination that has an address.
//!
//! Promise: a secret comes from a file and is never part of what is printed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chassis::datadog::Environment;
use chassis::{ByteSize, Invalid, Revealed, Secret};
use serde::{Deserialize, Serialize};

/// How to get to an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Certificates.
    pub tls: Tls,
    /// `http://host:port` of a proxy; None for what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    pub proxy: Option<String>,
}

/// The proxies that the Datadog Agent's variables name; their addresses may hold passwords.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentProxy {
    /// `DD_PROXY_HTTPS`.
    pub https: Option<Secret>,
    /// `DD_PROXY_HTTP`.
    pub http: Option<Secret>,
    /// `DD_PROXY_NO_PROXY`, separated by commas.
    pub no_proxy: String,
}

impl AgentProxy {
    /// From the Agent's variables.
    #[must_use]
    pub fn from_environment(agent: &Environment) -> AgentProxy {
        let (https, http) = (agent.proxy_https.clone(), agent.proxy_http.clone());
        AgentProxy { https, http, no_proxy: agent.no_proxy.join(",") }
    }

    /// The proxy for addresses of a scheme.
    #[must_use]
    pub fn of(&self, scheme: &str) -> Option<&Secret> {
        if scheme == "https" { self.https.as_ref() } else { self.http.as_ref() }
    }
}

/// `tls:` of a destination. Files are read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Certificates in PEM that the intake's must be signed by, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate in PEM, for intakes that want one.
    pub cert_file: Option<PathBuf>,
    /// Its key in PEM.
    pub key_file: Option<PathBuf>,
}

impl Tls {
    pub(crate) fn validate(&self, key: &str) -> Result<(), Invalid> {
        if self.cert_file.is_some() == self.key_file.is_some() {
            return Ok(());
        }
        Err(Invalid::new(format!("{key}.tls"), "cert_file and key_file go together; name both or none"))
    }
}

/// `auth:` of a destination: a token, or a user and a password. Files are read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// File with a token for `Authorization: Bearer`.
    pub bearer_file: Option<PathBuf>,
    /// File with a key for `Authorization: ApiKey`, as Elasticsearch has them.
    pub api_key_file: Option<PathBuf>,
    /// Name for `Authorization: Basic`.
    pub user: Option<String>,
    /// File with its password.
    pub password_file: Option<PathBuf>,
}

impl Auth {
    /// Where the secret comes from; None where no credentials are wanted.
    #[must_use]
    pub fn secret(&self) -> Option<Secret> {
        let files = [&self.bearer_file, &self.api_key_file, &self.password_file];
        files.into_iter().flatten().next().map(Secret::from_file)
    }

    /// The value of `Authorization`.
    #[must_use]
    pub fn header(&self, secret: &Revealed) -> String {
        match &self.user {
            Some(user) => format!("Basic {}", STANDARD.encode(format!("{user}:{}", secret.as_str()))),
            None if self.api_key_file.is_some() => format!("ApiKey {}", secret.as_str()),
            None => format!("Bearer {}", secret.as_str()),
        }
    }

    pub(crate) fn validate(&self, key: &str) -> Result<(), Invalid> {
        if self.user.is_some() != self.password_file.is_some() {
            return Err(Invalid::new(
                format!("{key}.auth"),
                "user and password_file go together; name both or none",
            ));
        }
        let ways = [self.user.is_some(), self.bearer_file.is_some(), self.api_key_file.is_some()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            let why = "bearer_file, api_key_file and user exclude each other; keep one";
            return Err(Invalid::new(format!("{key}.auth"), why));
        }
        Ok(())
    }
}

/// Whether a proxy's or an intake's address is one.
pub(crate) fn check_url(url: &str, key: &str) -> Result<(), Invalid> {
    let refuse = |why: &str| Err(Invalid::new(key, why));
    let form =
        "is no address; write `http://host:port` or `https://host:port`, with a path where there is one";
    let Some((scheme, rest)) = url.split_once("://") else { return refuse(form) };
    if rest.split('/').next().is_some_and(|authority| authority.contains('@')) {
        return refuse("must not hold a user or password; write them into `auth` and its files");
    }
    if !matches!(scheme, "http" | "https") || rest.contains([' ', '#']) || reqwest::Url::parse(url).is_err() {
        return refuse(form);
    }
    Ok(())
}

/// Whether bodies may be large enough to be worth a request.
pub(crate) fn check_body(most: ByteSize, key: &str) -> Result<(), Invalid> {
    if most >= ByteSize::kib(64) {
        return Ok(());
    }
    Err(Invalid::new(format!("{key}.max_body"), "is too small; write 64KiB or more"))
}

/// Whether headers, which are shown, hold no credentials.
pub(crate) fn check_headers(headers: &BTreeMap<String, String>, key: &str) -> Result<(), Invalid> {
    if !headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")) {
        return Ok(());
    }
    let why = "credentials are no header here, since headers are shown; write them into `auth`";
    Err(Invalid::new(format!("{key}.headers"), why))
}

/// Whether the proxy of a destination is an address.
pub(crate) fn check_proxy(proxy: Option<&String>, key: &str) -> Result<(), Invalid> {
    let Some(proxy) = proxy else { return Ok(()) };
    let key = format!("{key}.proxy");
    if proxy.contains('@') {
        let why =
            "must not hold a user or password, since settings are shown; name such a proxy in HTTPS_PROXY";
        return Err(Invalid::new(key, why));
    }
    check_url(proxy, &key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_a_bearer_s_or_a_user_s() {
        let secret = Secret::from_value("x", "pw").reveal().unwrap();
        assert_eq!(Auth::default().header(&secret), "Bearer pw");
        let basic = Auth { user: Some("me".into()), ..Auth::default() };
        assert_eq!(basic.header(&secret), "Basic bWU6cHc=");
    }

    #[test]
    fn an_address_with_a_password_is_refused_without_being_shown() {
        let refused = check_url("http://me:pw@h:1/x", "destinations.a.url").unwrap_err();
        let refused = format!("{refused:?}");
        assert!(refused.contains("auth") && !refused.contains("pw@"), "{refused}");
        assert!(check_url("h:1", "k").is_err() && check_url("ftp://h", "k").is_err());
        assert!(check_url("https://h:1/a/b?c=d", "k").is_ok());
    }
}
