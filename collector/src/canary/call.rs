//! One request of a canary.
//!
//! Promises: whether a request may have reached the API server is known; nothing is followed elsewhere, no proxy is
//! asked; files are read anew, so that tokens and certificates may rotate; no message has a token in it.

use std::path::Path;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Certificate, ClientBuilder, Identity, RequestBuilder, Url, redirect};

use super::settings::Canary;

/// The largest file of a token or certificate.
const LARGEST_FILE: u64 = 1 << 20;
/// Bytes of an answer that are read, so that the API server is done with it.
const MOST_ANSWER: usize = 64 << 10;

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The API server never had the request.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The API server may have had it.
    #[error("no answer: {0}")]
    Lost(String),
}

/// Makes the request with this `Audit-ID`, and gives the status of the answer.
///
/// # Errors
/// [`NoAnswer`].
pub async fn call(canary: &Canary, id: &str) -> Result<u16, NoAnswer> {
    let request = request(canary, id).await.map_err(NoAnswer::NotSent)?;
    let mut answer =
        request.send().await.map_err(|error| match error.is_connect() || error.is_builder() {
            true => NoAnswer::NotSent(told(error)),
            false => NoAnswer::Lost(told(error)),
        })?;
    let mut read = 0;
    while read < MOST_ANSWER
        && let Ok(Some(part)) = answer.chunk().await
    {
        read += part.len();
    }
    Ok(answer.status().as_u16())
}

async fn request(canary: &Canary, id: &str) -> Result<RequestBuilder, String> {
    // Fails only where a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut url = canary.server_url()?.join(&canary.path).map_err(|error| error.to_string())?;
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("auditrail/", env!("CARGO_PKG_VERSION"), " canary"))
        .redirect(redirect::Policy::none())
        .timeout(canary.timeout.duration())
        .no_proxy();
    if let Some(name) = &canary.server_name {
        builder = named(builder, &mut url, name).await?;
    }
    let settings = canary.clone();
    let made = tokio::task::spawn_blocking(move || {
        Ok((with_files(builder, &settings)?.build().map_err(told)?, token(&settings)?))
    });
    let made: Result<_, String> = made.await.map_err(|error| error.to_string())?;
    let (client, token) = made?;
    let request = client.get(url).header("Audit-ID", id).header(ACCEPT, "application/json");
    Ok(match token {
        Some(token) => request.header(AUTHORIZATION, token),
        None => request,
    })
}

/// The client for a URL whose host is now the name, and still leads where it led.
async fn named(builder: ClientBuilder, url: &mut Url, name: &str) -> Result<ClientBuilder, String> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let found = tokio::net::lookup_host((host.as_str(), port)).await;
    let addresses: Vec<_> = found.map_err(|error| format!("{host} is not found: {error}"))?.collect();
    url.set_host(Some(name)).map_err(|error| format!("server_name `{name}` is no name: {error}"))?;
    Ok(builder.resolve_to_addrs(name, &addresses))
}

fn with_files(mut builder: ClientBuilder, canary: &Canary) -> Result<ClientBuilder, String> {
    if canary.server.starts_with("http://") {
        return Ok(builder.tls_certs_only([])); // works where the machine has no certificates at all
    }
    if let Some(path) = &canary.authority {
        let wrong = |error| format!("{} holds no certificates in PEM: {}", path.display(), told(error));
        let certificates = Certificate::from_pem_bundle(&read(path)?).map_err(wrong)?;
        if certificates.is_empty() {
            return Err(format!("{} holds no certificate", path.display()));
        }
        builder = builder.tls_certs_only(certificates);
    }
    if let (Some(certificate), Some(key)) = (&canary.certificate, &canary.key) {
        let both = [read(certificate)?, b"\n".to_vec(), read(key)?].concat();
        let (certificate, key) = (certificate.display(), key.display());
        let wrong = |_| format!("{certificate} and {key} are no certificate and its key in PEM");
        builder = builder.identity(Identity::from_pem(&both).map_err(wrong)?);
    }
    Ok(builder)
}

fn token(canary: &Canary) -> Result<Option<HeaderValue>, String> {
    let Some(path) = &canary.token_file else { return Ok(None) };
    let text = read(path)?;
    let text = text.trim_ascii();
    if text.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    let value = HeaderValue::from_bytes(&[b"Bearer ", text].concat());
    let mut value = value.map_err(|_| format!("{} holds no token", path.display()))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let size = std::fs::metadata(path).map_err(cannot)?.len();
    if size > LARGEST_FILE {
        return Err(format!("{} has {size} bytes: name a file in PEM, or of a token", path.display()));
    }
    std::fs::read(path).map_err(cannot)
}

/// What went wrong, with its causes and without the address.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let causes = std::iter::successors(std::error::Error::source(&error), |error| error.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}
