//! The words that the specs are written in.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use chassis::{ByteSize, Span, Stop};
use proto::v1::{Account, DestinationStatus};
use proto::{Batch, Count, Encoding, Filtered, Origin, Receipt, Refusal};
use shipper::{Config, Datadog, Destination, Retry, Shipper};
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// No promise takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const QUEUE: [u8; 16] = [7; 16];

/// A configuration with quick retries and its spool in `dir`.
pub(crate) fn config(dir: &Path, destinations: &[(&str, Destination)]) -> Config {
    let mut config = Config::default();
    config.spool.dir = dir.join("spool");
    config.spool.max_size = ByteSize::mib(64);
    config.dead_letters.max_size = ByteSize::mib(16);
    config.retry = Retry { first: Span::millis(10), longest: Span::millis(100), hold: Span::millis(200) };
    config.destinations = destinations.iter().map(|(name, to)| ((*name).to_owned(), to.clone())).collect();
    config
}

/// A `datadog` destination at `url`, without a key, that takes events of any age.
pub(crate) fn datadog(url: &str) -> Destination {
    let max_event_age = Span::secs(1000 * 365 * 86_400);
    Destination::Datadog(Datadog { url: Some(url.to_owned()), max_event_age, ..Datadog::default() })
}

/// A destination as a configuration file writes it, in one line.
pub(crate) fn destination(written: &str) -> Destination {
    let yaml = format!("shipper: {{destinations: {{it: {{{written}}}}}}}\n");
    let file = chassis::Configuration::parse("shipper.yaml".as_ref(), yaml, []).unwrap();
    file.section::<Config>().unwrap().destinations.remove("it").unwrap()
}

/// Why such a destination is refused.
pub(crate) fn refused(written: &str) -> String {
    let yaml = format!("shipper: {{destinations: {{a: {{{written}}}}}}}\n");
    let file = chassis::Configuration::parse("shipper.yaml".as_ref(), yaml, []);
    file.and_then(|file| file.section::<Config>()).expect_err(written).to_string()
}

/// The lines of a recorded log.
pub(crate) fn recorded(name: &str) -> Vec<Vec<u8>> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(format!("{name}.log.zst"));
    let text = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// What arrives of it where only text can: without the invalid UTF-8, which was replaced.
pub(crate) fn as_text(lines: &[Vec<u8>]) -> Vec<String> {
    lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

pub(crate) fn origin() -> Origin {
    Origin {
        cluster: "test".into(),
        node: "cp-1".into(),
        collector: "cp-1".into(),
        path: "/var/log/kubernetes/apiserver/audit.log".into(),
        source: "kubernetes.audit".into(),
        service: "audit".into(),
        tags: vec!["env:test".into()],
    }
}

/// An audit event with this number in it.
pub(crate) fn event(number: u64) -> String {
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"id-{number:08}","stage":"ResponseComplete","requestURI":"/api/v1/pods?n={number}","verb":"list","user":{{"username":"u \"quoted\" \\ é","groups":["g"]}},"requestReceivedTimestamp":"2026-11-23T06:00:00.000000Z","stageTimestamp":"2026-11-23T06:00:00.{:06}Z"}}"#,
        number % 1_000_000
    )
}

/// The events with the numbers `first..=last`, sorted as text.
pub(crate) fn sorted(first: u64, last: u64) -> Vec<String> {
    let mut lines: Vec<String> = (first..=last).map(event).collect();
    lines.sort();
    lines
}

/// An event of about `size` bytes, whose size is in its response.
pub(crate) fn large_event(number: u64, size: usize) -> String {
    let event = event(number);
    let object = format!(r#","responseObject":{{"kind":"List","items":["{}"]}}}}"#, "x".repeat(size));
    format!("{}{object}", &event[..event.len() - 1])
}

/// A batch of `lines` from `first` on, for `destination`.
pub(crate) fn batch<L: AsRef<[u8]>>(destination: &str, first: u64, lines: &[L]) -> Batch {
    let batch = Batch {
        origin: Some(origin()),
        queue: QUEUE.to_vec(),
        first,
        last: first + lines.len() as u64 - 1,
        destination: destination.into(),
        read_at_us: 1_795_000_000_123_456,
        ..Batch::default()
    };
    let lines = lines.iter().enumerate().map(|(at, line)| {
        let line = line.as_ref();
        (first + at as u64, line.len() as u64 + 1, line)
    });
    batch.with_lines(lines, Encoding::Zstd).unwrap()
}

/// A batch of events with the numbers `first..=last`.
pub(crate) fn events(destination: &str, first: u64, last: u64) -> Batch {
    batch(destination, first, &(first..=last).map(event).collect::<Vec<_>>())
}

/// The same batch, with these numbers (less its first) left out by `by`.
pub(crate) fn with_filtered(mut batch: Batch, by: &str, numbers: &[u32], read_bytes: u32) -> Batch {
    let read_bytes = vec![read_bytes; numbers.len()];
    batch.filtered.push(Filtered { by: by.into(), numbers: numbers.to_vec(), read_bytes });
    batch
}

/// A shipper that delivers.
pub(crate) struct Running {
    pub(crate) shipper: Shipper,
    stop: Stop,
    work: JoinHandle<()>,
}

impl Running {
    /// Opens and begins to deliver.
    pub(crate) async fn start(config: &Config) -> Running {
        let running = Running::idle(config).await;
        Running { work: tokio::spawn(running.shipper.run(running.stop.clone())), ..running }
    }

    /// Opens, and delivers nothing.
    pub(crate) async fn idle(config: &Config) -> Running {
        let config = config.clone();
        let shipper = tokio::task::spawn_blocking(move || Shipper::open(&config)).await.unwrap().unwrap();
        Running { shipper, stop: Stop::new(), work: tokio::spawn(async {}) }
    }

    pub(crate) async fn push(&self, batch: Batch) -> Result<Receipt, Refusal> {
        self.shipper.stage().oneshot(batch).await
    }

    /// Waits until everything has arrived.
    pub(crate) async fn drain(&self) {
        self.shipper.hurry();
        let drained = tokio::time::timeout(PATIENCE, self.shipper.drained()).await;
        assert!(drained.is_ok(), "not drained: {:?}", self.shipper.status());
    }

    /// Stops and closes the spools.
    pub(crate) async fn stop(self) {
        self.stop.request();
        self.work.await.unwrap();
        let shipper = self.shipper;
        tokio::task::spawn_blocking(move || drop(shipper)).await.unwrap();
    }

    pub(crate) fn status(&self, destination: &str) -> DestinationStatus {
        let status = self.shipper.status();
        status.destinations.into_iter().find(|status| status.name == destination).unwrap()
    }

    /// The one account of a destination, after its books were held against the promise.
    pub(crate) fn account(&self, destination: &str) -> Account {
        let accounts = self.accounts(destination);
        assert_eq!(accounts.len(), 1, "{accounts:?}");
        accounts.into_iter().next().unwrap()
    }

    pub(crate) fn accounts(&self, destination: &str) -> Vec<Account> {
        let accounts = self.status(destination).accounts;
        accounts.iter().for_each(balances);
        accounts
    }

    /// Waits until the destination's status is as `wanted`.
    pub(crate) async fn until(&self, destination: &str, wanted: impl Fn(&DestinationStatus) -> bool) {
        let since = Instant::now();
        while !wanted(&self.status(destination)) {
            assert!(since.elapsed() < PATIENCE, "{:?}", self.status(destination));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, wanted: impl Fn() -> bool) {
    let since = Instant::now();
    while !wanted() {
        assert!(since.elapsed() < PATIENCE, "waited for long, and not so: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// `received = delivered + filtered + dead + shed + spooled`.
pub(crate) fn balances(account: &Account) {
    let mut parts = vec![account.delivered, account.shed, account.spooled];
    parts.extend(account.filtered.iter().chain(&account.dead).map(|named| named.count));
    let events: u64 = parts.iter().flatten().map(|count| count.events).sum();
    let bytes: u64 = parts.iter().flatten().map(|count| count.bytes).sum();
    assert_eq!(account.received, Some(Count { events, bytes }), "{account:?}");
}

/// Events by the name of a cause or rule.
pub(crate) fn named(counts: &[proto::NamedCount]) -> BTreeMap<String, u64> {
    counts.iter().map(|named| (named.name.clone(), named.count.unwrap_or_default().events)).collect()
}

pub(crate) fn count(count: &Option<Count>) -> u64 {
    count.unwrap_or_default().events
}
