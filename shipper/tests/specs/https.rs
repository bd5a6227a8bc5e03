//! A stand-in for an intake behind TLS: HTTP/1.1 and HTTP/2, certificates of its own making, client certificates where
//! it wants them.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::intake::{DATADOG, checked};

/// Somebody who signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate and its key, for a server on loopback and for a client.
    pub(crate) fn issue(&self) -> (String, String) {
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// The same, in files.
    pub(crate) fn issue_to(&self, certificate: &Path, key: &Path) {
        let issued = self.issue();
        std::fs::write(certificate, issued.0).unwrap();
        std::fs::write(key, issued.1).unwrap();
    }

    /// How a server with a certificate of this authority speaks, to clients of `clients` alone where there is one.
    pub(crate) fn serves(&self, clients: Option<&Authority>, protocols: &[&str]) -> Arc<ServerConfig> {
        // Every client of this process may be the first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (certificate, key) = self.issue();
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let builder = ServerConfig::builder();
        let builder = match clients {
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap()).unwrap();
                builder.with_client_cert_verifier(
                    WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap(),
                )
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// A request that came whole.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) version: Version,
    /// The certificate that the client showed.
    pub(crate) client: Option<Vec<u8>>,
    pub(crate) lines: Vec<String>,
}

/// A running stand-in: Datadog's intake, which takes everything.
#[derive(Clone)]
pub(crate) struct Https {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    config: Arc<Mutex<Arc<ServerConfig>>>,
}

impl Https {
    pub(crate) async fn start(by: &Authority, clients: Option<&Authority>, protocols: &[&str]) -> Https {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let config = Arc::new(Mutex::new(by.serves(clients, protocols)));
        let https = Https { url, seen: Arc::default(), config };
        let serving = https.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(connection));
            }
        });
        https
    }

    /// New connections see a certificate of `by` from now on.
    pub(crate) fn now(&self, by: &Authority, clients: Option<&Authority>) {
        *self.config.lock().unwrap() = by.serves(clients, &["http/1.1"]);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The lines of all requests, sorted.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.seen().into_iter().flat_map(|seen| seen.lines).collect();
        lines.sort();
        lines
    }

    async fn serve(self, connection: TcpStream) {
        let config = self.config.lock().unwrap().clone();
        let Ok(stream) = TlsAcceptor::from(config).accept(connection).await else { return };
        let (_, session) = stream.get_ref();
        let client = session.peer_certificates().map(|chain| chain[0].as_ref().to_vec());
        let http2 = session.alpn_protocol() == Some(b"h2");
        let service = service_fn(move |request| self.clone().take(client.clone(), request));
        let stream = TokioIo::new(stream);
        // A connection ends when the client goes away.
        if http2 {
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(stream, service).await;
        } else {
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
        }
    }

    async fn take(
        self,
        client: Option<Vec<u8>>,
        request: hyper::Request<Incoming>,
    ) -> Result<Response<Empty<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let mut text = format!("{} {} HTTP/1.1\r\n", head.method, head.uri.path());
        for (name, value) in &head.headers {
            text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        let body = body.collect().await.unwrap().to_bytes();
        let lines = checked(&DATADOG, text, body.to_vec()).lines;
        self.seen.lock().unwrap().push(Seen { version: head.version, client, lines });
        Ok(Response::builder().status(202).body(Empty::new()).unwrap())
    }
}
