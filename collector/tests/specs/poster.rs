//! An API server that posts: certificates of its own making, real bodies, and a real client.

use std::path::{Path, PathBuf};
use std::time::Duration;

use collector::{Webhook, WebhookTls};
use proto::v1::SourceStatus;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client, Identity, Response};

use crate::next::Next;
use crate::world::{Running, World};

/// The path of the webhook's source.
pub(crate) const SOURCE: &str = "webhook:/audit";

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

    /// A client that trusts this authority alone, with a certificate of `identity`.
    pub(crate) fn client(&self, identity: Option<&Authority>) -> Client {
        // Every client of this process may be the first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let trusted = Certificate::from_pem(self.pem().as_bytes()).unwrap();
        let mut client = Client::builder().tls_certs_only([trusted]).timeout(Duration::from_secs(60));
        if let Some(identity) = identity {
            let (certificate, key) = identity.issue();
            client = client.identity(Identity::from_pem((certificate + &key).as_bytes()).unwrap());
        }
        client.build().unwrap()
    }
}

/// Files of a server certificate.
pub(crate) struct Files(PathBuf);

impl Files {
    /// A new certificate of `authority`, in the same files.
    pub(crate) fn write(&self, authority: &Authority) {
        let (certificate, key) = authority.issue();
        std::fs::write(self.0.join("tls.crt"), certificate).unwrap();
        std::fs::write(self.0.join("tls.key"), key).unwrap();
    }

    pub(crate) fn spoil(&self) {
        std::fs::write(self.0.join("tls.crt"), "nothing").unwrap();
    }
}

/// A webhook with TLS and without logs.
pub(crate) fn https(world: &mut World, authority: &Authority, clients: Option<&Authority>) -> Files {
    let files = Files(world.log().parent().unwrap().to_owned());
    files.write(authority);
    let client_ca_file = clients.map(|clients| {
        let path = files.0.join("clients.crt");
        std::fs::write(&path, clients.pem()).unwrap();
        path
    });
    let (cert_file, key_file) = (files.0.join("tls.crt"), files.0.join("tls.key"));
    world.config.logs.clear();
    world.config.webhook = Some(Webhook {
        tls: Some(WebhookTls { cert_file, key_file, client_ca_file }),
        insecure: false,
        ..Webhook::insecure("127.0.0.1:0".parse().unwrap())
    });
    files
}

/// A client and where it posts to.
#[derive(Clone)]
pub(crate) struct Poster {
    client: Client,
    pub(crate) url: String,
}

impl Poster {
    pub(crate) async fn to(running: &Running, client: Client) -> Poster {
        let url = format!("https://{}/audit", address(running).await);
        Poster { client, url }
    }

    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> reqwest::Result<Response> {
        self.request().body(body).send().await
    }

    /// A request as the API server makes it, without its body.
    pub(crate) fn request(&self) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("{}?timeout=30s", self.url));
        request.header("content-type", "application/json").header("accept", "application/json, */*")
    }

    /// Posts what is taken.
    pub(crate) async fn taken(&self, body: impl Into<reqwest::Body>) -> String {
        let response = self.post(body).await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, 200, "{text}");
        text
    }
}

/// Where the webhook listens.
pub(crate) async fn address(running: &Running) -> std::net::SocketAddr {
    running.until("a webhook", |_| running.collector.webhook_address().is_some()).await;
    running.collector.webhook_address().unwrap()
}

/// Real bodies of a webhook backend.
pub(crate) fn bodies() -> Vec<Vec<u8>> {
    split(&include_bytes!("../fixtures/webhook-bodies.json.zst")[..])
}

/// The lines that the log backend of the same server wrote for the items of these bodies, in their order.
pub(crate) fn lines() -> Vec<Vec<u8>> {
    let lines = split(&include_bytes!("../fixtures/webhook-lines.log.zst")[..]);
    lines.into_iter().map(|line| line.strip_suffix(b"\n").unwrap().to_vec()).collect()
}

fn split(packed: &[u8]) -> Vec<Vec<u8>> {
    let text = zstd::decode_all(packed).unwrap();
    text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// A body with these items.
pub(crate) fn list(items: &[String]) -> String {
    let items = items.join(",");
    format!(
        "{{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{{}},\"items\":[{items}]}}\n"
    )
}

/// The line that an item becomes.
pub(crate) fn line(item: &str) -> String {
    format!("{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",{}", &item[1..])
}

pub(crate) fn item(number: u32) -> String {
    format!("{{\"auditID\":\"{number}\"}}")
}

/// What arrived from the webhook, in order.
pub(crate) fn arrived(world: &World) -> Vec<Vec<u8>> {
    world.next.lines_of(Path::new(SOURCE)).into_values().collect()
}

/// A world with a webhook, and a client that it knows.
pub(crate) async fn posting(next: Next) -> (World, Client) {
    let (mut world, authority) = (World::new(next), Authority::new());
    https(&mut world, &authority, None);
    (world, authority.client(None))
}

/// The client, posting to a running webhook.
pub(crate) async fn poster(running: &Running, client: &Client) -> Poster {
    Poster::to(running, client.clone()).await
}

/// What leaves lines out first, and how many.
pub(crate) fn filtered(source: &SourceStatus) -> (&str, u64) {
    let filtered = &source.filtered[0];
    (&filtered.name, filtered.count.unwrap().events)
}

/// Everything that was read has one end.
pub(crate) fn accounted(source: &SourceStatus, handed_on: u64) {
    let ended =
        source.filtered.iter().chain(&source.dead).map(|named| named.count.unwrap().events).sum::<u64>();
    let queued = source.queued.unwrap().events;
    assert_eq!(source.read.unwrap().events, ended + queued + handed_on, "{source:#?}");
    assert_eq!(source.last, source.read.unwrap().events);
}
