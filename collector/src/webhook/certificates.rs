//! The certificates that the webhook shows and asks for.
//!
//! Promises: files are read again when they change, looked at every few seconds at most; what cannot be read or does
//! not fit together leaves the last good ones in use, and is said; keys are never printed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use sha2::{Digest, Sha256};

use super::settings::WebhookTls;

/// Least distance between two looks at the files.
const LOOK: Duration = Duration::from_secs(2);
/// Longest file that is read.
const MOST_BYTES: u64 = 4 << 20;

/// What the files hold now, or held when they were good last.
pub(super) struct Certificates {
    settings: WebhookTls,
    known: Mutex<Known>,
}

struct Known {
    config: Arc<ServerConfig>,
    /// The SHA-256 of the files: also a change that keeps length and time is one.
    hash: [u8; 32],
    looked: Instant,
    problem: Option<String>,
}

/// What the files hold.
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Certificates {
    /// Reads the files. Blocking.
    ///
    /// # Errors
    /// Which file is wrong, why, and what to do.
    pub(super) fn load(settings: &WebhookTls) -> Result<Certificates, String> {
        let files = Files::read(settings)?;
        let config = Arc::new(files.config(settings)?);
        let known = Known { config, hash: files.hash(), looked: Instant::now(), problem: None };
        Ok(Certificates { settings: settings.clone(), known: Mutex::new(known) })
    }

    /// What a handshake uses now. Blocking, when it is time for a look.
    pub(super) fn now(&self) -> Arc<ServerConfig> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.looked.elapsed() >= LOOK {
            known.look(&self.settings);
        }
        Arc::clone(&known.config)
    }

    /// Why files that changed are not in use.
    pub(super) fn problem(&self) -> Option<String> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).problem.clone()
    }
}

impl Known {
    fn look(&mut self, settings: &WebhookTls) {
        self.looked = Instant::now();
        let changed = match Files::read(settings) {
            Ok(files) if files.hash() == self.hash => Ok(None),
            Ok(files) => files.config(settings).map(|config| Some((files.hash(), config))),
            Err(error) => Err(error),
        };
        let problem = match changed {
            Ok(None) => None,
            Ok(Some((hash, config))) => {
                (self.hash, self.config) = (hash, Arc::new(config));
                tracing::info!("the webhook's certificates changed and are in use");
                None
            }
            Err(why) => Some(format!("the webhook goes on with the certificates from before: {why}")),
        };
        if let Some(problem) = problem.as_ref().filter(|problem| Some(*problem) != self.problem.as_ref()) {
            tracing::warn!("{problem}");
        }
        self.problem = problem;
    }
}

impl Files {
    fn read(settings: &WebhookTls) -> Result<Files, String> {
        Ok(Files {
            cert: read("cert_file", &settings.cert_file)?,
            key: read("key_file", &settings.key_file)?,
            client_ca: settings
                .client_ca_file
                .as_ref()
                .map(|path: &PathBuf| read("client_ca_file", path))
                .transpose()?,
        })
    }

    fn hash(&self) -> [u8; 32] {
        let each = [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()];
        let each = each.into_iter().flatten().map(Sha256::digest);
        Sha256::digest(each.flatten().collect::<Vec<u8>>()).into()
    }

    fn config(&self, settings: &WebhookTls) -> Result<ServerConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring speaks the versions that this program is built with");
        let builder = match (&self.client_ca, &settings.client_ca_file) {
            (Some(pem), Some(path)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(pem, "client_ca_file", path)? {
                    roots.add(certificate).map_err(|error| wrong("client_ca_file", path, &error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                let verifier = verifier.map_err(|error| wrong("client_ca_file", path, &error))?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let chain = certificates(&self.cert, "cert_file", &settings.cert_file)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| wrong("key_file", &settings.key_file, &error))?;
        let mut config = builder.with_single_cert(chain, key).map_err(|error| {
            wrong("cert_file", &settings.cert_file, &format!("it does not go with key_file: {error}"))
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn certificates(pem: &[u8], key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found.map_err(|error| wrong(key, path, &error))? {
        none if none.is_empty() => Err(wrong(
            key,
            path,
            &"there is no certificate in it, which begins with -----BEGIN CERTIFICATE-----",
        )),
        certificates => Ok(certificates),
    }
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, String> {
    let said =
        |error: std::io::Error| wrong(key, path, &format!("{error}; check that it exists and may be read"));
    let size = std::fs::metadata(path).map_err(said)?.len();
    if size > MOST_BYTES {
        return Err(wrong(key, path, &format!("it has {size} bytes, and at most {MOST_BYTES} are read")));
    }
    std::fs::read(path).map_err(said)
}

fn wrong(key: &str, path: &Path, why: &dyn std::fmt::Display) -> String {
    format!("webhook.tls.{key} {}: {why}", path.display())
}
