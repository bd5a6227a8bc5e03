//! All services between a log and its destinations: as one process, stages joined by calls, or as four
//! processes that speak gRPC.
//!
//! Promise: both layouts read the same configuration file and are asked by the same calls, so that a spec
//! written once holds for both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use auditrail::account::{Row, is_settled, rows};
use auditrail::look::look;
use proto::v1::{ServiceStatus, StatusRequest};
use tempfile::TempDir;

use crate::eventually::eventually;
use crate::port::free_port;
use crate::process::{Process, command};

/// How the stages are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `auditrail up`: joined by calls.
    OneProcess,
    /// collector, router, shipper, insight: joined by gRPC.
    FourProcesses,
}

/// The services in the order of the data.
pub const SERVICES: [&str; 4] = ["collector", "router", "shipper", "insight"];

/// A destination as YAML, and its name.
pub type Destination<'a> = (&'a str, String);

/// What a cluster is to do.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// YAML of each destination, by name.
    pub destinations: BTreeMap<String, String>,
    /// An audit policy.
    pub policy: Option<PathBuf>,
    /// YAML of the routes; absent: everything to every destination.
    pub routes: Option<String>,
    /// More YAML lines for the section `collector:`.
    pub collector: String,
    /// More YAML for the entry of the log, as `, key: value`.
    pub entry: String,
    /// More YAML lines for the section `router:`.
    pub router: String,
    /// More YAML lines for the section `shipper:`.
    pub shipper: String,
}

impl Setup {
    /// Everything to a Datadog intake.
    pub fn to_datadog(url: &str) -> Self {
        Setup::default().and("datadog", &format!("{{type: datadog, url: \"{url}\"}}"))
    }

    /// Also to this destination.
    #[must_use]
    pub fn and(mut self, name: &str, yaml: &str) -> Self {
        self.destinations.insert(name.to_owned(), yaml.to_owned());
        self
    }

    /// Under this policy.
    #[must_use]
    pub fn policy(mut self, file: PathBuf) -> Self {
        self.policy = Some(file);
        self
    }
}

/// The services, running.
pub struct Cluster {
    layout: Layout,
    directory: TempDir,
    ports: BTreeMap<&'static str, (u16, u16)>,
    running: BTreeMap<&'static str, Process>,
}

impl Cluster {
    /// Makes the directories and the configuration; nothing runs yet.
    pub fn new(layout: Layout, setup: &Setup) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("log")).unwrap();
        let ports = SERVICES.map(|service| (service, (free_port(), free_port()))).into();
        let cluster = Cluster { layout, directory, ports, running: BTreeMap::new() };
        std::fs::write(cluster.config(), cluster.yaml(setup)).unwrap();
        cluster
    }

    /// Makes it and starts all services.
    pub async fn start(layout: Layout, setup: &Setup) -> Self {
        let mut cluster = Cluster::new(layout, setup);
        cluster.start_all().await;
        cluster
    }

    /// The directory of the logs.
    pub fn logs(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// The directory of everything.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.directory.path().join("auditrail.yaml")
    }

    /// The processes of this layout.
    pub fn processes(&self) -> &'static [&'static str] {
        match self.layout {
            Layout::OneProcess => &["auditrail"],
            Layout::FourProcesses => &SERVICES,
        }
    }

    /// Starts every process that does not run, and waits until all answer.
    pub async fn start_all(&mut self) {
        for name in self.processes() {
            self.start_one(name);
        }
        for name in self.processes() {
            self.answering(name).await;
        }
    }

    /// Starts one process; does nothing when it runs.
    pub fn start_one(&mut self, name: &'static str) {
        if self.running.contains_key(name) {
            return;
        }
        let mut command = command(name);
        if name == "auditrail" {
            command.arg("up").arg("--data").arg(self.directory.path().join("data"));
        }
        command.arg("--config").arg(self.config());
        self.running.insert(name, Process::start(command, &self.words(name)));
    }

    /// Kills one process at once (SIGKILL).
    pub fn kill(&mut self, name: &str) {
        self.running.remove(name).unwrap().kill();
    }

    /// Asks every process to stop, in the order of the data, and waits for their ends.
    #[cfg(unix)]
    pub fn stop_all(&mut self) {
        for name in self.processes() {
            let said = self.words(name);
            let status = self.running.remove(name).unwrap().stop();
            assert!(
                status.success(),
                "{name}: {status}: {}",
                std::fs::read_to_string(said).unwrap_or_default()
            );
        }
    }

    /// Asks one process to stop (SIGTERM), and waits for nothing.
    #[cfg(unix)]
    pub fn ask_to_stop(&self, name: &str) {
        self.running[name].ask_to_stop();
    }

    /// Waits for the end of a process that was asked to stop.
    pub fn ended(&mut self, name: &str) {
        let status = self.running.remove(name).unwrap().wait();
        assert!(status.success(), "{name}: {status}\n{}", self.all_words());
    }

    /// Where a process's probes are: host and port.
    pub fn http(&self, name: &str) -> String {
        format!("127.0.0.1:{}", self.ports[with_ports(name)].1)
    }

    /// Asks one process to stop, and waits for its end.
    #[cfg(unix)]
    pub fn stop_one(&mut self, name: &str) {
        let status = self.running.remove(name).unwrap().stop();
        assert!(status.success(), "{name}: {status}: {}", self.all_words());
    }

    /// Waits until this process answers.
    pub async fn answers(&self, name: &'static str) {
        self.answering(name).await;
    }

    /// Asks the process with the router to read its configuration again (SIGHUP).
    #[cfg(unix)]
    pub fn hang_up(&self) {
        self.running[self.with_router()].hang_up();
    }

    /// The address of the router's calls.
    pub fn router(&self) -> String {
        self.address(self.with_router())
    }

    fn with_router(&self) -> &'static str {
        if self.layout == Layout::OneProcess { "auditrail" } else { "router" }
    }

    /// Where a process's calls are.
    pub fn address(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}", self.ports[with_ports(name)].0)
    }

    /// What every reachable service says of itself.
    pub async fn status(&self) -> Vec<ServiceStatus> {
        let may_ship = |name: &&str| *name == "shipper";
        let answers = look(self.processes(), may_ship, async |name| self.ask(name).await).await;
        answers.into_iter().flatten().flatten().collect()
    }

    /// The account of every source at every destination.
    pub async fn account(&self) -> Vec<Row> {
        rows(&self.status().await)
    }

    /// Waits until this many lines were read and each has its end everywhere. Returns the account.
    pub async fn settled(&self, lines: usize) -> Vec<Row> {
        eventually("every line is accounted for", async || {
            let rows = self.account().await;
            let read: u64 = rows.first().map_or(0, |row| row.read.events);
            let done = !rows.is_empty() && read == lines as u64 && is_settled(&rows);
            if done { Ok(rows) } else { Err(format!("{rows:#?}\n{}", self.all_words())) }
        })
        .await
    }

    async fn answering(&self, name: &'static str) {
        let what = format!("{name} answers");
        eventually(&what, async || {
            self.ask(name).await.map_err(|error| format!("{error}\n{}", self.all_words()))
        })
        .await;
    }

    async fn ask(&self, name: &str) -> Result<Vec<ServiceStatus>, String> {
        let mut admin = proto::connect_admin(&self.address(name)).map_err(|error| error.to_string())?;
        let reply = admin.status(StatusRequest {}).await.map_err(|error| error.to_string())?;
        Ok(reply.into_inner().services)
    }

    /// The file with what a process wrote to stderr.
    pub fn words(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.words"))
    }

    /// What the processes said, for the message of a failed spec.
    pub fn all_words(&self) -> String {
        let said = |name: &&str| std::fs::read_to_string(self.words(name)).unwrap_or_default();
        self.processes().iter().map(|name| format!("--- {name}\n{}", said(name))).collect()
    }

    fn yaml(&self, setup: &Setup) -> String {
        let at = |name: &str| self.directory.path().join(name).display().to_string();
        let listen = |service: &str| {
            let (grpc, http) = self.ports[service];
            format!("  listen: 127.0.0.1:{grpc}\n  http_listen: 127.0.0.1:{http}\n")
        };
        let next = |service: &str| format!("  next: http://127.0.0.1:{}\n", self.ports[service].0);
        let names: Vec<&str> = setup.destinations.keys().map(String::as_str).collect();
        let routes = setup
            .routes
            .clone()
            .unwrap_or_else(|| format!("[{{name: everything, to: [{}]}}]", names.join(", ")));
        let policy =
            setup.policy.as_ref().map_or(String::new(), |file| format!("  policy: '{}'\n", file.display()));
        let destinations: String =
            setup.destinations.iter().map(|(name, yaml)| format!("    {name}: {yaml}\n")).collect();
        [
            format!(
                "collector:\n  id: cp-1\n  node: cp-1\n  cluster: spec\n{}{}",
                listen("collector"),
                next("router")
            ),
            format!("  queue: {{dir: '{}'}}\n  logs:\n", at("collector")),
            format!("    - {{type: file, path: '{}', ", self.logs().join("audit.log").display()),
            format!("source: kubernetes.audit, service: audit{}}}\n{}", setup.entry, setup.collector),
            format!("router:\n{}{}{policy}", listen("router"), next("shipper")),
            format!("  routes: {routes}\n{}", setup.router),
            format!("shipper:\n{}  spool: {{dir: '{}'}}\n", listen("shipper"), at("shipper")),
            format!("{}  destinations:\n{destinations}", setup.shipper),
            format!("insight:\n{}  lake: '{}'\n", listen("insight"), at("lake")),
        ]
        .concat()
    }
}

/// The service whose ports a process has: one that is all of them is asked at insight's.
fn with_ports(name: &str) -> &str {
    if name == "auditrail" { "insight" } else { name }
}

/// Runs a spec, an `async fn(Layout)`, in both layouts.
#[macro_export]
macro_rules! in_both_layouts {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn joined_by_calls() {
                super::$name(tests::cluster::Layout::OneProcess).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn as_four_processes() {
                super::$name(tests::cluster::Layout::FourProcesses).await;
            }
        }
    )+};
}
