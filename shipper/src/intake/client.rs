//! One HTTP client for one address.
//!
//! Promises: no redirect is followed (a key must not travel to another host); an answer's text is read to its end, up
//! to a bound, so that the connection can be used again; no message names the key or user info of an address;
//! certificates are read again when their files change, and bad ones leave the old ones in use; a proxy that is
//! configured is used, one that only the environment names has no way to this machine's own loopback.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, ClientBuilder, Identity, NoProxy, Proxy, Response, Url, redirect};

use crate::config::{AgentProxy, Reach};

const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer that are read before its connection is given up, where nobody wants more.
const MOST_ANSWER: usize = 64 << 10;

/// What is said where a proxy answers `CONNECT` with 407; the intake was not asked then.
const PROXY_WANTS: &str = "proxy authorization required";

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    /// `Retry-After`, as it stood there.
    pub(crate) retry_after: Option<String>,
    /// The beginning of its text.
    pub(crate) text: Vec<u8>,
}

/// Sends bodies to one address.
pub(crate) struct Client {
    url: Url,
    reach: Reach,
    way: Way,
    made: Mutex<Made>,
}

/// How an address is got to.
#[derive(Clone, Debug)]
enum Way {
    /// In the version of HTTP that both sides find best, through a proxy where there is one.
    Any(AgentProxy),
    /// In HTTP/2 from the first byte on, through no proxy.
    Http2,
}

struct Made {
    http: reqwest::Client,
    /// What the files were when it was made.
    stamps: Vec<Stamp>,
}

type Stamp = Option<(SystemTime, u64)>;

impl Client {
    /// A client for an address; says what is wrong with it.
    pub(crate) fn new(url: &str, reach: &Reach) -> Result<Client, String> {
        Client::through(url, reach, &AgentProxy::default())
    }

    /// The same, through the proxies of the Datadog Agent's variables where none is configured.
    pub(crate) fn through(url: &str, reach: &Reach, agent: &AgentProxy) -> Result<Client, String> {
        Client::on(Way::Any(agent.clone()), url, reach)
    }

    /// A client that speaks HTTP/2 only, as gRPC wants it; no proxy is asked.
    pub(crate) fn http2(url: &str, reach: &Reach) -> Result<Client, String> {
        Client::on(Way::Http2, url, reach)
    }

    fn on(way: Way, url: &str, reach: &Reach) -> Result<Client, String> {
        // Fails only where a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = Url::parse(url).map_err(|error| format!("`{url}` is no address: {error}"))?;
        let made = Made { stamps: stamps(reach), http: build(&url, reach, &way)? };
        Ok(Client { url, reach: reach.clone(), way, made: Mutex::new(made) })
    }

    /// One request to the address, and its answer; `wants` bytes of a success's text are kept.
    ///
    /// # Errors
    /// Says why no answer came.
    pub(crate) async fn post(&self, headers: HeaderMap, body: Bytes, wants: usize) -> Result<Reply, String> {
        match self.send(headers, body).await {
            Ok(response) => Ok(read(response, wants).await),
            Err(why) if why.contains(PROXY_WANTS) => {
                Ok(Reply { code: 407, retry_after: None, text: PROXY_WANTS.into() })
            }
            Err(why) => Err(why),
        }
    }

    /// One request to the address, and its answer as far as its headers.
    ///
    /// # Errors
    /// Says why no answer came.
    pub(crate) async fn send(&self, headers: HeaderMap, body: Bytes) -> Result<Response, String> {
        let request = self.http().post(self.url.clone()).headers(headers).body(body);
        request.send().await.map_err(|error| self.advised(told(error)))
    }

    /// What the address answers to a question.
    ///
    /// # Errors
    /// Says why no answer came.
    pub(crate) async fn get(&self, headers: HeaderMap) -> Result<Response, String> {
        let request = self.http().get(self.url.clone()).headers(headers);
        request.send().await.map_err(|error| self.advised(told(error)))
    }

    /// With what to do about it, where that can be said.
    fn advised(&self, why: String) -> String {
        if !why.contains("invalid peer certificate") {
            return why;
        }
        match &self.reach.tls.ca_file {
            Some(path) => format!("{why}; is {} the authority of the intake's certificate?", path.display()),
            None => format!("{why}; name the authority of the intake's certificate in `tls.ca_file`"),
        }
    }

    /// The client as its files are now.
    fn http(&self) -> reqwest::Client {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.reach);
        if now != made.stamps {
            made.stamps = now;
            match build(&self.url, &self.reach, &self.way) {
                Ok(http) => made.http = http,
                Err(why) => {
                    tracing::warn!(%why, "changed certificates cannot be used; the old ones stay in use")
                }
            }
        }
        made.http.clone()
    }
}

fn stamps(reach: &Reach) -> Vec<Stamp> {
    let stamp = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    let tls = &reach.tls;
    [&tls.ca_file, &tls.cert_file, &tls.key_file].into_iter().flatten().map(|path| stamp(path)).collect()
}

fn build(url: &Url, reach: &Reach, way: &Way) -> Result<reqwest::Client, String> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("auditrail/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .timeout(TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true);
    let builder = match way {
        Way::Any(agent) => with_proxy(builder, url, reach, agent)?,
        Way::Http2 => builder
            .http2_prior_knowledge()
            .http2_keep_alive_interval(CONNECT_TIMEOUT)
            .http2_keep_alive_timeout(CONNECT_TIMEOUT)
            .no_proxy(),
    };
    let http = with_certificates(builder, url, reach)?.build();
    http.map_err(|error| {
        format!(
            "no HTTP client: {}; install the system's certificates (package `ca-certificates`)",
            told(error)
        )
    })
}

fn with_proxy(
    builder: ClientBuilder,
    url: &Url,
    reach: &Reach,
    agent: &AgentProxy,
) -> Result<ClientBuilder, String> {
    if let Some(proxy) = &reach.proxy {
        let all = Proxy::all(proxy);
        let all = all.map_err(|error| format!("proxy `{proxy}` is no address: {}", told(error)))?;
        return Ok(builder.no_proxy().proxy(all));
    }
    if is_loopback(url) {
        return Ok(builder.no_proxy());
    }
    let Some(proxy) = agent.of(url.scheme()) else { return Ok(builder) };
    let address = proxy.reveal().map_err(|error| error.to_string())?;
    // The address may hold a password, and so may what is said of it.
    let wrong = |_| format!("the proxy that DD_PROXY_{} names is no address", url.scheme().to_uppercase());
    let all = Proxy::all(address.as_str()).map_err(wrong)?;
    Ok(builder.no_proxy().proxy(all.no_proxy(NoProxy::from_string(&agent.no_proxy))))
}

fn with_certificates(mut builder: ClientBuilder, url: &Url, reach: &Reach) -> Result<ClientBuilder, String> {
    let tls = &reach.tls;
    if url.scheme() == "http" {
        return Ok(builder.tls_certs_only([])); // works where the machine has no certificates at all
    }
    if let Some(path) = &tls.ca_file {
        let wrong =
            |error| format!("tls.ca_file {} holds no certificates in PEM: {}", path.display(), told(error));
        let certificates = Certificate::from_pem_bundle(&pem(path)?).map_err(wrong)?;
        if certificates.is_empty() {
            return Err(format!("tls.ca_file {} holds no certificate", path.display()));
        }
        builder = builder.tls_certs_only(certificates);
    }
    if let (Some(certificate), Some(key)) = (&tls.cert_file, &tls.key_file) {
        let both = [pem(certificate)?, b"\n".to_vec(), pem(key)?].concat();
        let wrong = |error| {
            format!(
                "{} and {} are no certificate and its key in PEM: {}",
                certificate.display(),
                key.display(),
                told(error)
            )
        };
        builder = builder.identity(Identity::from_pem(&both).map_err(wrong)?);
    }
    Ok(builder)
}

fn pem(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

/// A proxy elsewhere has no way to this machine's own loopback.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A status that arrived counts, also when the text behind it breaks off: the intake has decided.
async fn read(mut response: Response, wants: usize) -> Reply {
    let code = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = retry_after.map(str::to_owned);
    let keep = if (200..300).contains(&code) { wants } else { MOST_ANSWER.max(wants) };
    let (mut read, mut text) = (0, Vec::new());
    while read < MOST_ANSWER.max(wants) {
        let Ok(Some(chunk)) = response.chunk().await else { break };
        read += chunk.len();
        text.extend_from_slice(&chunk[..chunk.len().min(keep - text.len())]);
    }
    Reply { code, retry_after, text }
}

/// What went wrong, with its causes and without the address.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_made_without_asking_the_network_and_names_missing_certificates() {
        match Client::new("https://http-intake.logs.datadoghq.eu/api/v2/logs", &Reach::default()) {
            Ok(client) => assert_eq!(client.url.path(), "/api/v2/logs"),
            Err(why) => assert!(why.contains("ca-certificates"), "{why}"),
        }
        assert!(Client::new("http://127.0.0.1:1", &Reach::default()).is_ok());
    }

    #[test]
    fn a_proxy_of_the_agent_s_variables_that_is_none_is_refused_without_being_shown() {
        let bad = chassis::Secret::from_value("DD_PROXY_HTTP", "http://me:hunter2@[");
        let agent = AgentProxy { http: Some(bad), ..AgentProxy::default() };
        let refused = Client::through("http://intake.example", &Reach::default(), &agent).err().unwrap();
        assert!(refused.contains("DD_PROXY_HTTP") && !refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn only_loopback_goes_past_the_proxy() {
        for (url, expected) in [
            ("http://127.0.0.1:1", true),
            ("http://localhost", true),
            ("http://[::1]:1", true),
            ("https://http-intake.logs.datadoghq.eu", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
