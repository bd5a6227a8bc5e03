//! The files of section `tls`, and what is made of them.
//!
//! Promise: a certificate and a key that do not belong together, as they can be seen while somebody writes them, are
//! never used.

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientCertVerifierBuilder, NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::Tls;
use super::certificate::{Lifetime, lifetime, names};

/// Longest file that is read.
const MOST_BYTES: u64 = 4 << 20;

/// What the files hold. Compared as a whole: also a change that keeps length and time is one.
#[derive(PartialEq, Eq)]
pub(super) struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    authority: Vec<u8>,
}

/// What is made of files that fit together.
pub(super) struct Ready {
    pub(super) serving: Arc<ServerConfig>,
    pub(super) calling: Arc<ClientConfig>,
    /// For browsers and probes: HTTP/1.1, also without a certificate of the caller.
    pub(super) browsing: Arc<ServerConfig>,
    pub(super) names: Vec<String>,
    pub(super) lifetime: Lifetime,
    /// Of the authority that holds longest: the others may be on their way out.
    pub(super) authority: Lifetime,
}

impl Files {
    pub(super) fn read(settings: &Tls) -> Result<Files, String> {
        Ok(Files {
            certificate: read("certificate", &settings.certificate)?,
            key: read("key", &settings.key)?,
            authority: read("authority", &settings.authority)?,
        })
    }

    pub(super) fn ready(&self, settings: &Tls) -> Result<Ready, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = certificates(&self.certificate, "certificate", &settings.certificate)?;
        let authorities = certificates(&self.authority, "authority", &settings.authority)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| wrong("key", &settings.key, &format!("it holds no key in PEM: {error}")))?;
        let mut roots = RootCertStore::empty();
        let mut longest: Option<Lifetime> = None;
        for authority in authorities {
            let said = |error: String| wrong("authority", &settings.authority, &error);
            let one = lifetime(&authority).map_err(said)?;
            longest = longest.filter(|longest| longest.until >= one.until).or(Some(one));
            roots.add(authority).map_err(|error| said(error.to_string()))?;
        }
        let said = |error: String| wrong("certificate", &settings.certificate, &error);
        let own = lifetime(&chain[0]).map_err(said)?;
        let names = names(&chain[0]);
        let roots = Arc::new(roots);
        let known = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
        let anybody = known.clone().allow_unauthenticated();
        let serving = |callers: ClientCertVerifierBuilder, protocol: &str| {
            serving(&provider, callers, chain.clone(), key.clone_key(), protocol).map_err(said)
        };
        let (serving, browsing) = (serving(known, "h2")?, serving(anybody, "http/1.1")?);
        let calling = calling(&provider, &roots, chain, key).map_err(said)?;
        Ok(Ready { serving, calling, browsing, names, lifetime: own, authority: longest.unwrap_or(own) })
    }
}

/// Nothing is resumed: whoever connects shows a certificate that holds now.
fn serving(
    provider: &Arc<CryptoProvider>,
    callers: ClientCertVerifierBuilder,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    protocol: &str,
) -> Result<Arc<ServerConfig>, String> {
    let verifier = callers.build().map_err(|error| error.to_string())?;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .expect("ring speaks the versions that this program is built with")
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| format!("it does not go with tls.key: {error}"))?;
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn calling(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ClientConfig>, String> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .expect("ring speaks the versions that this program is built with")
        .with_root_certificates(Arc::clone(roots))
        .with_client_auth_cert(chain, key)
        .map_err(|error| format!("it does not go with tls.key: {error}"))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn certificates(pem: &[u8], key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found.map_err(|error| wrong(key, path, &error.to_string()))? {
        none if none.is_empty() => {
            Err(wrong(key, path, "it holds no certificate, which begins with -----BEGIN CERTIFICATE-----"))
        }
        certificates => Ok(certificates),
    }
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, String> {
    let said = |error: std::io::Error| {
        wrong(key, path, &format!("{error}; check that it exists and may be read by this process"))
    };
    let size = std::fs::metadata(path).map_err(said)?.len();
    if size > MOST_BYTES {
        return Err(wrong(key, path, &format!("it has {size} bytes, and at most {MOST_BYTES} are read")));
    }
    std::fs::read(path).map_err(said)
}

fn wrong(key: &str, path: &Path, why: &str) -> String {
    format!("tls.{key} {}: {why}", path.display())
}
