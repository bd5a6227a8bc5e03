//! An authority of the specs, and what it issues.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
    SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Somebody who signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate in the making.
#[derive(Clone)]
pub(crate) struct Certificate {
    name: String,
    address: Option<String>,
    from: SystemTime,
    until: SystemTime,
}

impl Certificate {
    pub(crate) fn of(name: &str) -> Certificate {
        let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
        Certificate { name: name.to_owned(), address: None, from: now - day, until: now + 365 * day }
    }

    pub(crate) fn at(mut self, address: &str) -> Certificate {
        self.address = Some(address.to_owned());
        self
    }

    pub(crate) fn from(mut self, from: SystemTime) -> Certificate {
        self.from = from;
        self.until = from + Duration::from_secs(400 * 86_400);
        self
    }

    pub(crate) fn until(mut self, until: SystemTime) -> Certificate {
        self.until = until;
        self.from = self.from.min(until - Duration::from_secs(86_400));
        self
    }
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Authority(CertifiedIssuer::self_signed(params, key()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// The certificate and its key, in PEM.
    pub(crate) fn issue(&self, wanted: &Certificate) -> (String, String) {
        let mut params = CertificateParams::new(vec![wanted.name.clone()]).unwrap();
        if let Some(address) = &wanted.address {
            params.subject_alt_names.push(SanType::IpAddress(address.parse().unwrap()));
        }
        (params.not_before, params.not_after) = (wanted.from.into(), wanted.until.into());
        let key = key();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// What a caller hears who shows no certificate.
pub(crate) async fn without_one(authority: &Authority, address: &str) -> String {
    let mut stream = connected(authority, None, "h2", address).await;
    let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.map_or_else(|error| error.to_string(), |_| format!("{read:?}"))
}

/// The whole answer to a GET of somebody who shows this certificate, if any.
pub(crate) async fn get(
    authority: &Authority,
    shows: Option<Certificate>,
    address: &str,
    path: &str,
    header: &str,
) -> String {
    let issued = shows.map(|certificate| authority.issue(&certificate));
    let mut stream = connected(authority, issued, "http/1.1", address).await;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{header}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn connected(
    authority: &Authority,
    shows: Option<(String, String)>,
    protocol: &str,
    address: &str,
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match shows {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            config.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let host = address.split(':').next().unwrap().to_owned();
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from(host).unwrap(), stream).await.unwrap()
}
