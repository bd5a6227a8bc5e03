//! Services with a configuration and certificates each, as an installation in a cluster has them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chassis::tls::{Certificates, Roles, Tls};
use proto::Caller;
use proto::v1::{ServiceStatus, StatusRequest};
use tempfile::TempDir;
use tests::eventually::eventually;
use tests::port::free_port;
use tests::process::{Process, command};

use crate::tls::certificates::{Authority, Certificate};

/// Where a service listens.
pub(crate) fn hosts(service: &str) -> &'static str {
    match service {
        "collector" => "127.0.0.1",
        "router" => "127.0.0.2",
        _ => "127.0.0.3",
    }
}

/// The services, running or not.
pub(crate) struct Installation {
    directory: TempDir,
    pub(crate) authority: Authority,
    ports: BTreeMap<String, (u16, u16)>,
    running: BTreeMap<String, Process>,
    written: std::cell::Cell<usize>,
    versions: std::cell::Cell<usize>,
}

impl Installation {
    /// Configurations and certificates for all services; these run.
    pub(crate) async fn of(services: &[&str]) -> Installation {
        let mut installation = Installation::prepared(services);
        for service in services {
            installation.start(service).await;
        }
        installation
    }

    /// The same, and nothing runs.
    pub(crate) fn prepared(services: &[&str]) -> Installation {
        let directory = tempfile::tempdir().unwrap();
        let ports = ["collector", "router", "shipper", "insight"];
        let ports = ports.map(|service| (service.to_owned(), (free_port(), free_port()))).into();
        let installation = Installation {
            directory,
            authority: Authority::new("ours"),
            ports,
            running: BTreeMap::new(),
            written: Default::default(),
            versions: Default::default(),
        };
        std::fs::write(installation.log(), "").unwrap();
        for service in services {
            installation.renew(service, &installation.authority.pem());
            std::fs::write(installation.config(service), installation.yaml(service)).unwrap();
        }
        installation
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn config(&self, service: &str) -> PathBuf {
        self.directory().join(format!("{service}.yaml"))
    }

    pub(crate) fn url(&self, service: &str) -> String {
        format!("https://{}:{}", hosts(service), self.ports[service].0)
    }

    /// Where a service's pages and probes are.
    pub(crate) fn http(&self, service: &str) -> String {
        format!("{}:{}", hosts(service), self.ports[service].1)
    }

    /// A file of a service's certificates.
    pub(crate) fn file(&self, service: &str, name: &str) -> PathBuf {
        self.directory().join(service).join(name)
    }

    fn log(&self) -> PathBuf {
        self.directory().join("audit.log")
    }

    fn yaml(&self, service: &str) -> String {
        let here = self.directory().display();
        let (grpc, http) = self.ports[service];
        let host = hosts(service);
        let own = match service {
            "collector" => format!(
                "  id: cp-1\n  node: cp-1\n  next: {}\n  queue: {{dir: '{here}/queue', max_size: 64MiB}}\n  logs:\n    \
                 - {{type: file, path: '{here}/audit.log', source: kubernetes.audit, service: audit}}\n",
                self.url("router")
            ),
            "insight" => format!("  lake: '{here}/lake'\n  https: true\n"),
            "router" => format!("  next: {}\n  routes: [{{name: all, to: [copy]}}]\n", self.url("shipper")),
            _ => format!(
                "  spool: {{dir: '{here}/spool'}}\n  destinations: {{copy: {{type: file, path: '{here}/copy.log'}}}}\n"
            ),
        };
        format!(
            "{service}:\n  listen: {host}:{grpc}\n  http_listen: {host}:{http}\n{own}tls:\n  \
             certificate: '{here}/{service}/tls.crt'\n  key: '{here}/{service}/tls.key'\n  \
             authority: '{here}/{service}/ca.crt'\n  \
             roles: {{push: [collector, router], admin: [operator, {service}], read: [monitoring]}}\n"
        )
    }

    /// A new certificate for a service, put in place as cert-manager does: a directory of its own, and one link that
    /// is moved.
    pub(crate) fn renew(&self, service: &str, authorities: &str) {
        let wanted = Certificate::of(service).at(hosts(service));
        self.put(service, self.authority.issue(&wanted), authorities);
    }

    /// This certificate for a service.
    pub(crate) fn place(&self, service: &str, issued: (String, String)) {
        self.put(service, issued, &self.authority.pem());
    }

    fn put(&self, service: &str, (certificate, key): (String, String), authorities: &str) {
        let place = self.directory().join(service);
        self.versions.set(self.versions.get() + 1);
        let version = format!("..{}", self.versions.get());
        std::fs::create_dir_all(place.join(&version)).unwrap();
        for (name, text) in [("tls.crt", certificate.as_str()), ("tls.key", &key), ("ca.crt", authorities)] {
            std::fs::write(place.join(&version).join(name), text).unwrap();
            if std::fs::symlink_metadata(place.join(name)).is_err() {
                std::os::unix::fs::symlink(Path::new("..data").join(name), place.join(name)).unwrap();
            }
        }
        std::os::unix::fs::symlink(&version, place.join("..data_next")).unwrap();
        std::fs::rename(place.join("..data_next"), place.join("..data")).unwrap();
    }

    /// Starts a service and waits until it serves.
    pub(crate) async fn start(&mut self, service: &str) {
        let mut command = command(service);
        command.arg("--config").arg(self.config(service));
        self.running.insert(service.to_owned(), Process::start(command, &self.words_of(service)));
        let what = format!("{service} answers");
        eventually(&what, async || self.ask(service).await.map(|_| ())).await;
    }

    /// Stops a service in order and starts it again.
    pub(crate) async fn restart(&mut self, service: &str) {
        assert!(self.running.remove(service).unwrap().stop().success(), "{}", self.words(service));
        self.start(service).await;
    }

    /// Somebody with a certificate of an authority.
    pub(crate) fn caller(&self, authority: &Authority, certificate: Certificate) -> Caller {
        self.caller_with(&self.authority.pem(), authority.issue(&certificate))
    }

    /// Somebody who trusts these authorities and shows this certificate.
    pub(crate) fn caller_with(&self, trusts: &str, (certificate, key): (String, String)) -> Caller {
        let [certificate, key, authority] = self.written_down(trusts, &certificate, &key);
        let tls = Tls { certificate, key, authority, roles: Roles::default() };
        Caller::new(Some(Certificates::open(&tls, None).unwrap().parts().into()))
    }

    /// The certificate, key and authority of a caller of this name, as files.
    pub(crate) fn caller_files(&self, name: &str) -> [String; 3] {
        let (certificate, key) = self.authority.issue(&Certificate::of(name));
        self.written_down(&self.authority.pem(), &certificate, &key)
            .map(|path| path.to_str().unwrap().to_owned())
    }

    fn written_down(&self, trusts: &str, certificate: &str, key: &str) -> [PathBuf; 3] {
        self.versions.set(self.versions.get() + 1);
        let place = self.directory().join(format!("caller-{}", self.versions.get()));
        std::fs::create_dir(&place).unwrap();
        [("tls.crt", certificate), ("tls.key", key), ("ca.crt", trusts)].map(|(name, text)| {
            std::fs::write(place.join(name), text).unwrap();
            place.join(name)
        })
    }

    /// Writes so many more lines into the log.
    pub(crate) fn write(&self, count: usize) {
        let (from, mut text) = (self.written.get(), String::new());
        for number in from..from + count {
            writeln!(
                text,
                "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"{number}\"}}"
            )
            .unwrap();
        }
        let mut log = std::fs::File::options().append(true).open(self.log()).unwrap();
        log.write_all(text.as_bytes()).unwrap();
        self.written.set(from + count);
    }

    /// Waits until so many lines are delivered: each that was written, once.
    pub(crate) async fn delivered(&self, count: usize) {
        assert_eq!(self.written.get(), count);
        let written = std::fs::read_to_string(self.log()).unwrap();
        let mut written: Vec<&str> = written.lines().collect();
        written.sort_unstable();
        eventually("every line is delivered", async || {
            let copy = std::fs::read_to_string(self.directory().join("copy.log")).unwrap_or_default();
            let lines = copy.lines().count();
            if lines >= count { Ok(()) } else { Err(format!("{lines} of {count}\n{}", self.all_words())) }
        })
        .await;
        let copy = std::fs::read_to_string(self.directory().join("copy.log")).unwrap();
        let mut copy: Vec<&str> = copy.lines().collect();
        copy.sort_unstable();
        assert!(copy == written, "{} lines instead of {count}", copy.len());
    }

    /// How many batches came to the shipper again.
    pub(crate) async fn repeated(&self) -> u64 {
        let status = self.ask("shipper").await.unwrap();
        status.destinations[0].accounts.iter().map(|account| account.repeated_batches).sum()
    }

    /// Waits until a service has taken up so many changes of its certificates.
    pub(crate) async fn taken_up(&self, service: &str, changes: usize) {
        eventually("the certificates are taken up", async || {
            let words = self.words(service);
            if words.matches("certificates changed").count() >= changes { Ok(()) } else { Err(words) }
        })
        .await;
    }

    /// Waits until a service says something.
    pub(crate) async fn said(&self, service: &str, what: &str) {
        eventually(what, async || {
            let told = self.words(service) + &self.problems(service).await;
            if told.contains(what) { Ok(()) } else { Err(told) }
        })
        .await;
    }

    /// What a service says is wrong.
    pub(crate) async fn problems(&self, service: &str) -> String {
        self.ask(service).await.unwrap().problems.join("\n")
    }

    /// The page of a service's metrics.
    pub(crate) async fn metrics(&self, service: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let address = (hosts(service), self.ports[service].1);
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).await.unwrap();
        page
    }

    async fn ask(&self, service: &str) -> Result<ServiceStatus, String> {
        let caller = self.caller(&self.authority, Certificate::of("monitoring"));
        let mut admin = caller.admin(&self.url(service)).unwrap();
        let reply = admin.status(StatusRequest {}).await;
        let reply = reply.map_err(|error| format!("{error:?}\n{}", self.words(service)))?;
        Ok(reply.into_inner().services.remove(0))
    }

    fn words_of(&self, service: &str) -> PathBuf {
        self.directory().join(format!("{service}.words"))
    }

    fn words(&self, service: &str) -> String {
        std::fs::read_to_string(self.words_of(service)).unwrap_or_default()
    }

    fn all_words(&self) -> String {
        self.running.keys().map(|service| format!("--- {service}\n{}", self.words(service))).collect()
    }
}
