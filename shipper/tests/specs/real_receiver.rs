//! The destination `otlp` against a receiver that is not ours: that of the OpenTelemetry Collector.
//!
//! Runs where `OTLP_RECEIVER` names the program that `tests/suites/otlp.sh` builds; elsewhere it says that it was
//! skipped.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use chassis::ByteSize;
use shipper::{Compression, Destination, Otlp, OtlpProtocol};

use crate::given::{self, Running, as_text, batch, config, count, event, named, recorded};

/// A running receiver; it ends with this.
struct RealReceiver {
    program: Child,
    grpc: String,
    http: String,
    file: PathBuf,
}

impl RealReceiver {
    /// None where there is no program.
    #[allow(clippy::print_stdout, reason = "whoever runs the suite has to see that it was skipped")]
    fn start(directory: &Path) -> Option<RealReceiver> {
        let Some(program) = std::env::var_os("OTLP_RECEIVER") else {
            println!("skipped: OTLP_RECEIVER names no receiver; tests/suites/otlp.sh builds one");
            return None;
        };
        // Both are taken before one is given back, so that they differ.
        let free = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
        let [grpc, http] = free.map(|listener| listener.local_addr().unwrap().to_string());
        let file = directory.join("received");
        let mut program = Command::new(program)
            .args([&grpc, &http])
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "listening\n");
        Some(RealReceiver { program, grpc: format!("http://{grpc}"), http: format!("http://{http}"), file })
    }

    fn otlp(&self, protocol: OtlpProtocol) -> Otlp {
        let url = if protocol == OtlpProtocol::Grpc { &self.grpc } else { &self.http };
        Otlp::at(Some(url.clone()), protocol)
    }

    /// What it took: the fields of each record by its uid, which no two have.
    fn received(&self) -> BTreeMap<String, Vec<String>> {
        let text = std::fs::read_to_string(&self.file).unwrap();
        let rows: Vec<Vec<String>> =
            text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
        let count = rows.len();
        let by_uid: BTreeMap<_, _> = rows.into_iter().map(|row| (row[2].clone(), row)).collect();
        assert_eq!(by_uid.len(), count, "each record once");
        by_uid
    }
}

impl Drop for RealReceiver {
    fn drop(&mut self) {
        drop(self.program.stdin.take());
        let _ = self.program.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_receiver_takes_a_real_log_and_what_it_refuses_becomes_a_dead_letter() {
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::Http] {
        for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
            let directory = tempfile::tempdir().unwrap();
            let Some(receiver) = RealReceiver::start(directory.path()) else { return };
            let mut otlp = receiver.otlp(protocol);
            otlp.compression = compression;
            let config = config(directory.path(), &[("otel", Destination::Otlp(otlp))]);
            let running = Running::start(&config).await;
            let mut lines = as_text(&recorded("small"));
            let clean = lines.len();
            lines.insert(clean / 2, event(7).replace("/api/v1/pods", "/guilty"));
            running.push(batch("otel", 1, &lines)).await.unwrap();
            running.drain().await;
            let account = running.account("otel");
            assert_eq!(count(&account.delivered) as usize, clean, "{protocol:?} {compression:?}");
            assert_eq!(named(&account.dead).values().sum::<u64>(), 1);
            running.stop().await;
            let received = receiver.received();
            assert_eq!(received.len(), clean);
            let (name, _) = received.keys().next().unwrap().rsplit_once('-').unwrap();
            assert!(name.starts_with(&"07".repeat(16)), "{name}");
            for (at, line) in lines.iter().enumerate().filter(|(at, _)| *at != clean / 2) {
                let row = &received[&format!("{name}-{}", at + 1)];
                assert_eq!(row[5..].join("\t"), *line);
                assert_eq!((row[0].as_str(), row[1].as_str()), ("test", "auditrail"));
                assert!(row[3] == "k8s.audit" && !row[4].is_empty(), "{row:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_receiver_takes_requests_up_to_the_limit_and_says_of_larger_ones_that_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let Some(receiver) = RealReceiver::start(directory.path()) else { return };
    let mut otlp = receiver.otlp(OtlpProtocol::Grpc);
    otlp.max_body = ByteSize::mib(16);
    let config = config(directory.path(), &[("otel", Destination::Otlp(otlp))]);
    let running = Running::start(&config).await;
    let fits = given::large_event(2, 4_000_000);
    for (first, line) in (1..).zip([given::large_event(1, 5_000_000), fits.clone(), event(3)]) {
        running.push(batch("otel", first, &[line])).await.unwrap();
    }
    running.drain().await;
    let account = running.account("otel");
    assert_eq!((count(&account.delivered), count(&account.shrunk)), (3, 1), "{account:?}");
    running.stop().await;
    let received = receiver.received();
    assert_eq!(received.len(), 3);
    assert!(received.values().any(|row| row[5] == fits));
    assert!(received.values().any(|row| row[5].contains("auditrail.dev/removed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_over_http_is_halved_and_an_event_that_is_is_shrunk() {
    let directory = tempfile::tempdir().unwrap();
    let Some(receiver) = RealReceiver::start(directory.path()) else { return };
    let mut otlp = receiver.otlp(OtlpProtocol::Http);
    otlp.max_body = ByteSize::mib(64);
    let config = config(directory.path(), &[("otel", Destination::Otlp(otlp))]);
    let running = Running::start(&config).await;
    let lines: Vec<String> = (1..=4).map(|number| given::large_event(number, 3_200_000)).collect();
    running.push(batch("otel", 1, &lines)).await.unwrap();
    running.push(batch("otel", 5, &[given::large_event(5, 9_000_000)])).await.unwrap();
    running.drain().await;
    let account = running.account("otel");
    assert_eq!((count(&account.delivered), count(&account.shrunk)), (5, 1), "{account:?}");
    running.stop().await;
    assert_eq!(receiver.received().values().filter(|row| lines.contains(&row[5])).count(), 4);
}
