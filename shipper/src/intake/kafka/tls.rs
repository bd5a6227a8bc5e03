//! Certificates for connections to brokers.
//!
//! Promise: files are read for each connection, so that changed ones count from the next on.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::config::Tls;

/// What connects over TLS; says what is wrong with the files. Blocking.
pub(super) fn connector(tls: &Tls) -> Result<TlsConnector, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks the versions that this program is built with")
        .with_root_certificates(roots(tls)?);
    let config = match (&tls.cert_file, &tls.key_file) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let own = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| format!("tls.key_file {} holds no key in PEM: {error}", key.display()))?;
            builder.with_client_auth_cert(chain, own).map_err(|error| {
                format!("{} and {} do not go together: {error}", certificate.display(), key.display())
            })?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config).into())
}

fn roots(tls: &Tls) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match &tls.ca_file {
        Some(path) => {
            for certificate in certificates(path)? {
                let added = roots.add(certificate);
                added.map_err(|error| format!("{} cannot be used: {error}", path.display()))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(
            "there are no certificates to trust; install the system's (package `ca-certificates`) or \
                    name a file in `tls.ca_file`"
                .to_owned(),
        );
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |error| format!("{} holds no certificates in PEM: {error}", path.display());
    CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)
}
