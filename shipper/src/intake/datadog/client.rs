//! The HTTP side: one client, one address, the headers.
//!
//! Promises: no redirect is followed (a key must not travel to another host); an answer's text is read to its end, up
//! to a bound, so that the connection can be used again; no message names the key or user info of an address.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use chassis::Revealed;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, Url, redirect};

use super::super::Answer;
use crate::dead::MOST_WORDS;
use crate::encode::{compression_of, content_encoding};

const PATH: &str = "/api/v2/logs";
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer that are read before its connection is given up.
const MOST_ANSWER: usize = 64 << 10;

/// Sends bodies to one address.
pub(super) struct Client {
    http: reqwest::Client,
    url: Url,
}

impl Client {
    /// A client for `base`; says what is wrong with it.
    pub(super) fn new(base: &str) -> Result<Client, String> {
        // Fails only where a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = Url::parse(&format!("{base}{PATH}"))
            .map_err(|error| format!("`{base}` is no address: {error}"))?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("auditrail/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true);
        if is_loopback(&url) {
            builder = builder.no_proxy();
        }
        if url.scheme() == "http" {
            builder = builder.tls_certs_only([]); // works where the machine has no certificates at all
        }
        let http = builder.build().map_err(|error| {
            format!(
                "no HTTP client: {}; install the system's certificates (package `ca-certificates`)",
                told(error)
            )
        })?;
        Ok(Client { http, url })
    }

    /// One request, and what came of it.
    pub(super) async fn post(&self, key: Option<&Revealed>, read_at_us: i64, body: Bytes) -> Answer {
        let request = match self.request(key, read_at_us, body) {
            Ok(request) => request,
            Err(why) => return Answer::NoKey(why),
        };
        match request.send().await {
            Ok(response) => answer(response).await,
            Err(error) => Answer::Lost(told(error)),
        }
    }

    fn request(
        &self,
        key: Option<&Revealed>,
        read_at_us: i64,
        body: Bytes,
    ) -> Result<RequestBuilder, String> {
        let mut request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("DD-PROTOCOL", "agent-json")
            .header("DD-EVP-ORIGIN", "auditrail")
            .header("DD-EVP-ORIGIN-VERSION", env!("CARGO_PKG_VERSION"))
            .header("dd-message-timestamp", read_at_us.div_euclid(1000).to_string())
            .header("dd-current-timestamp", now_ms().to_string());
        if let Some(encoding) = content_encoding(compression_of(&body)) {
            request = request.header(CONTENT_ENCODING, encoding);
        }
        if let Some(key) = key {
            let mut value = HeaderValue::from_str(key.as_str())
                .map_err(|_| "the API key has characters that no header can carry; write the right one")?;
            value.set_sensitive(true);
            request = request.header("DD-API-KEY", value);
        }
        Ok(request.body(body))
    }
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

/// A proxy has no way to this machine's own loopback.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A status that arrived counts, also when the text behind it breaks off: the intake has decided.
async fn answer(mut response: Response) -> Answer {
    let code = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = retry_after.map(str::to_owned);
    let (mut read, mut words) = (0, Vec::new());
    while read < MOST_ANSWER {
        let Ok(Some(chunk)) = response.chunk().await else { break };
        read += chunk.len();
        if !(200..300).contains(&code) && words.len() < MOST_WORDS {
            words.extend_from_slice(&chunk[..chunk.len().min(MOST_WORDS - words.len())]);
        }
    }
    Answer::Status { code, retry_after, words: String::from_utf8_lossy(&words).trim().to_owned() }
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
        match Client::new("https://http-intake.logs.datadoghq.eu") {
            Ok(client) => {
                assert_eq!(client.url.as_str(), "https://http-intake.logs.datadoghq.eu/api/v2/logs")
            }
            Err(why) => assert!(why.contains("ca-certificates"), "{why}"),
        }
        assert!(Client::new("http://127.0.0.1:1").is_ok());
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

    #[test]
    fn a_key_that_no_header_can_carry_is_refused_without_being_shown() {
        let client = Client::new("http://127.0.0.1:1").unwrap();
        let key = chassis::Secret::from_value("DD_API_KEY", "hunter2\nhunter2").reveal().unwrap();
        let refused = client.request(Some(&key), 0, Bytes::new()).unwrap_err();
        assert!(refused.contains("API key") && !refused.contains("hunter2"), "{refused}");
    }
}
