//! The destination `otlp`: the same promises over gRPC and over HTTP.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use prost::Message;
use shipper::{Compression, Destination, Otlp, OtlpProtocol};

use crate::given::{self, Running, as_text, batch, config, count, event, events, named, recorded, sorted};
use crate::https::Authority;
use crate::receiver::{Receiver, Reply, Request};
use crate::wire::{ExportLogsServiceResponse, PartialSuccess, attribute};

const BOTH: [OtlpProtocol; 2] = [OtlpProtocol::Grpc, OtlpProtocol::Http];

fn at(receiver: &Receiver, protocol: OtlpProtocol) -> Otlp {
    Otlp::at(Some(receiver.url.clone()), protocol)
}

async fn running(directory: &Path, otlp: Otlp) -> Running {
    Running::start(&config(directory, &[("otel", Destination::Otlp(otlp))])).await
}

fn taken(protocol: OtlpProtocol) -> Reply {
    match protocol {
        OtlpProtocol::Grpc => Reply::grpc_message(b""),
        OtlpProtocol::Http => Reply::http(200, ""),
    }
}

/// A refusal in both protocols' words.
fn refused(protocol: OtlpProtocol, code: u16, status: u16, words: &str) -> Reply {
    match protocol {
        OtlpProtocol::Grpc => Reply::grpc_code(code, words),
        OtlpProtocol::Http => Reply::http(status, words),
    }
}

/// Sends 20 events to a receiver that answers the first requests by `reply`.
async fn delivered_after(failures: usize, protocol: OtlpProtocol, reply: Reply) -> Receiver {
    let directory = tempfile::tempdir().unwrap();
    let mut left = failures;
    let receiver = Receiver::start(move |_| {
        let fails = left > 0;
        left = left.saturating_sub(1);
        if fails { reply.clone() } else { taken(protocol) }
    })
    .await;
    let running = running(directory.path(), at(&receiver, protocol)).await;
    for first in [1, 11] {
        running.push(events("otel", first, first + 9)).await.unwrap();
    }
    running.drain().await;
    let account = running.account("otel");
    assert_eq!((count(&account.delivered), count(&account.spooled)), (20, 0));
    running.stop().await;
    receiver
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_as_records_with_their_line_in_every_compression() {
    for protocol in BOTH {
        for (compression, encoding) in
            [(Compression::Gzip, Some("gzip")), (Compression::Zstd, Some("zstd")), (Compression::None, None)]
        {
            let directory = tempfile::tempdir().unwrap();
            let receiver = Receiver::start(move |_| taken(protocol)).await;
            let mut otlp = at(&receiver, protocol);
            otlp.compression = compression;
            otlp.headers = [("x-scope".to_owned(), "audit".to_owned())].into();
            let running = running(directory.path(), otlp).await;
            running.push(batch("otel", 5, &[event(5).as_str(), "{\"kind\":\"Other\"}"])).await.unwrap();
            running.drain().await;
            assert_eq!(running.status("otel").state, "idle");
            running.stop().await;
            let [request] = &receiver.requests()[..] else { panic!("one request") };
            let name = if protocol == OtlpProtocol::Grpc { "grpc-encoding" } else { "content-encoding" };
            assert_eq!((request.header(name), request.header("x-scope")), (encoding, Some("audit")));
            holds_both_events(request);
        }
    }
}

fn holds_both_events(request: &Request) {
    let logs = &request.otlp.as_ref().unwrap().resource_logs[0];
    let resource = &logs.resource.as_ref().unwrap().attributes;
    for (name, value) in [
        ("k8s.cluster.name", "test"),
        ("k8s.node.name", "cp-1"),
        ("host.name", "cp-1"),
        ("service.name", "audit"),
        ("log.file.name", "audit.log"),
        ("auditrail.tags", "env:test"),
    ] {
        assert_eq!(attribute(resource, name).as_deref(), Some(value), "{name}");
    }
    let scope = logs.scope_logs[0].scope.as_ref().unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("auditrail", env!("CARGO_PKG_VERSION")));
    let records = request.records();
    assert_eq!(request.lines, [event(5).as_str(), "{\"kind\":\"Other\"}"]);
    assert_eq!(records[0].time_unix_nano, 1_795_413_600_000_005_000);
    assert_eq!(records[0].observed_time_unix_nano, 1_795_000_000_123_456_000);
    assert_eq!((records[0].severity_text.as_str(), records[0].event_name.as_str()), ("INFO", "k8s.audit"));
    for (name, value) in [
        ("auditrail.audit_id", "id-00000005".to_owned()),
        ("auditrail.verb", "list".to_owned()),
        ("user.name", "u \"quoted\" \\ é".to_owned()),
        ("url.query", "n=5".to_owned()),
        (
            "log.record.uid",
            format!("{}-{}-5", "07".repeat(16), attribute(resource, "auditrail.log").unwrap()),
        ),
        ("auditrail.number", "5".to_owned()),
    ] {
        assert_eq!(attribute(&records[0].attributes, name), Some(value), "{name}");
    }
    assert_eq!((records[1].time_unix_nano, records[1].event_name.as_str()), (0, ""), "no event");
    assert_eq!(attribute(&records[1].attributes, "auditrail.number").as_deref(), Some("6"));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_ask_for_patience_lose_nothing_and_repeat_nothing() {
    for code in [1, 2, 4, 8, 10, 11, 13, 14, 15] {
        let receiver = delivered_after(3, OtlpProtocol::Grpc, Reply::grpc_code(code, "later")).await;
        assert_eq!(receiver.lines(), sorted(1, 20), "{code}");
    }
    for status in [429, 502, 503, 504] {
        for protocol in BOTH {
            let receiver = delivered_after(3, protocol, Reply::http(status, "later")).await;
            assert_eq!(receiver.lines(), sorted(1, 20), "{status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_costs_nothing_and_the_repeat_has_the_same_identity() {
    for protocol in BOTH {
        let receiver = delivered_after(3, protocol, Reply::lost()).await;
        assert_eq!(receiver.lines(), sorted(1, 20), "{protocol:?}");
        let uids = |request: &Request| -> Vec<Option<String>> {
            request.records().iter().map(|record| attribute(&record.attributes, "log.record.uid")).collect()
        };
        let requests = receiver.requests();
        let first = &requests[0];
        let repeat = requests[1..].iter().find(|request| request.lines == first.lines).unwrap();
        assert_eq!(uids(first), uids(repeat));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_without_grpc_s_status_is_none() {
    let receiver = delivered_after(2, OtlpProtocol::Grpc, Reply::http(200, "<html>welcome</html>")).await;
    assert_eq!(receiver.lines().len(), 40, "the stand-in counts what it answered with 200 as taken");
    assert_eq!(receiver.requests().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wish_of_a_retry_info_is_honoured() {
    // RetryInfo with one second, within a google.rpc.Status with code 14.
    let info = [&b"\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x01"[..]].concat();
    let details = [&[0x08, 14, 0x1a, info.len() as u8][..], &info].concat();
    let details = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, details);
    let directory = tempfile::tempdir().unwrap();
    let asked: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let noted = asked.clone();
    let receiver = Receiver::start(move |_| {
        let mut asked = noted.lock().unwrap();
        asked.push(Instant::now());
        let mut busy = Reply::grpc_code(14, "busy");
        busy.headers.push(("grpc-status-details-bin", details.clone()));
        if asked.len() == 1 { busy } else { Reply::grpc_message(b"") }
    })
    .await;
    let to = Destination::Otlp(at(&receiver, OtlpProtocol::Grpc));
    let mut config = config(directory.path(), &[("otel", to)]);
    config.retry.hold = chassis::Span::secs(10);
    let running = Running::start(&config).await;
    running.push(events("otel", 1, 3)).await.unwrap();
    running.drain().await;
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    assert!(asked[1] - asked[0] >= Duration::from_millis(990), "{:?}", asked[1] - asked[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_event_becomes_a_dead_letter_and_its_neighbours_arrive() {
    for protocol in BOTH {
        let directory = tempfile::tempdir().unwrap();
        let guilty = event(7);
        let mark = guilty.clone();
        let receiver = Receiver::start(move |request| {
            let fault = request.lines.contains(&mark);
            if fault { refused(protocol, 3, 400, "no such field") } else { taken(protocol) }
        })
        .await;
        let running = running(directory.path(), at(&receiver, protocol)).await;
        running.push(events("otel", 1, 40)).await.unwrap();
        running.drain().await;
        let mut expected = sorted(1, 40);
        expected.retain(|line| *line != guilty);
        assert_eq!(receiver.lines(), expected);
        let account = running.account("otel");
        assert_eq!(count(&account.delivered), 39);
        assert_eq!(named(&account.dead).values().sum::<u64>(), 1, "{:?}", account.dead);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_partial_success_the_rejected_event_becomes_a_dead_letter_and_all_others_arrive() {
    for protocol in BOTH {
        let directory = tempfile::tempdir().unwrap();
        let guilty = event(7);
        let mark = guilty.clone();
        let receiver = Receiver::start(move |request| {
            let rejected = request.lines.iter().filter(|line| **line == mark).count() as i64;
            let error_message = if rejected > 0 { "no" } else { "a warning" }.to_owned();
            let partial_success = Some(PartialSuccess { rejected_log_records: rejected, error_message });
            let response = ExportLogsServiceResponse { partial_success }.encode_to_vec();
            match protocol {
                OtlpProtocol::Grpc => Reply::grpc_message(&response),
                OtlpProtocol::Http => Reply { status: 200, text: response, ..Reply::default() },
            }
        })
        .await;
        let running = running(directory.path(), at(&receiver, protocol)).await;
        running.push(events("otel", 1, 40)).await.unwrap();
        running.drain().await;
        let account = running.account("otel");
        assert_eq!((count(&account.delivered), named(&account.dead).values().sum::<u64>()), (39, 1));
        let mut arrived = receiver.lines();
        arrived.dedup();
        assert_eq!(arrived, sorted(1, 40), "all, the guilty one among those that the receiver saw");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_is_halved_down_to_the_event_and_the_event_is_shrunk() {
    for protocol in BOTH {
        let directory = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(move |request| match request.raw {
            0..4_000 => taken(protocol),
            _ => refused(protocol, 8, 413, "grpc: received message larger than max (9 vs. 4)"),
        })
        .await;
        let running = running(directory.path(), at(&receiver, protocol)).await;
        let mut lines: Vec<String> = (1..=15).map(event).collect();
        lines.push(given::large_event(16, 20_000));
        running.push(batch("otel", 1, &lines)).await.unwrap();
        running.drain().await;
        let account = running.account("otel");
        assert_eq!((count(&account.delivered), count(&account.shrunk)), (16, 1), "{account:?}");
        let arrived = receiver.lines();
        assert_eq!(arrived.iter().filter(|line| lines.contains(line)).count(), 15);
        assert!(arrived.iter().any(|line| line.contains("auditrail.dev/removed")));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_hold_the_destination_until_their_file_changes() {
    for protocol in BOTH {
        let directory = tempfile::tempdir().unwrap();
        let token = directory.path().join("token");
        std::fs::write(&token, "wrong-token\n").unwrap();
        let receiver = Receiver::start(move |request| match request.header("authorization") {
            Some("Bearer right-token") => taken(protocol),
            _ => refused(protocol, 16, 401, "who are you"),
        })
        .await;
        let mut otlp = at(&receiver, protocol);
        otlp.auth.bearer_file = Some(token.clone());
        let mut config = config(directory.path(), &[("otel", Destination::Otlp(otlp))]);
        // Probes alone would take longer than this test waits.
        config.retry.first = chassis::Span::secs(600);
        config.retry.longest = chassis::Span::secs(600);
        config.retry.hold = chassis::Span::secs(600);
        let running = Running::start(&config).await;
        running.push(events("otel", 1, 10)).await.unwrap();
        running.until("otel", |status| status.state == "held").await;
        let problem = running.status("otel").problem;
        assert!(problem.contains("`auth`") && problem.contains("who are you"), "{problem}");
        assert!(!problem.contains("wrong-token"));
        std::fs::write(&token, "right-token").unwrap();
        running.drain().await;
        assert_eq!(receiver.lines(), sorted(1, 10));
        assert!(running.account("otel").dead.is_empty());
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_receiver_of_logs_holds_and_makes_no_dead_letters() {
    for (protocol, reply) in [
        (OtlpProtocol::Grpc, Reply::grpc_code(12, "unknown service")),
        (OtlpProtocol::Grpc, Reply::http(404, "not found")),
        (OtlpProtocol::Grpc, Reply::http(415, "JSON only")),
        (OtlpProtocol::Http, Reply::http(404, "not found")),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(move |_| reply.clone()).await;
        let running = running(directory.path(), at(&receiver, protocol)).await;
        running.push(events("otel", 1, 10)).await.unwrap();
        running.until("otel", |status| status.state == "held" && status.retries > 1).await;
        assert!(
            running.status("otel").problem.contains("`protocol`"),
            "{:?}",
            running.status("otel").problem
        );
        assert!(running.account("otel").dead.is_empty());
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_over_the_limit_of_a_grpc_server_whatever_the_events_are() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| Reply::grpc_message(b"")).await;
    let running = running(directory.path(), at(&receiver, OtlpProtocol::Grpc)).await;
    let lines: Vec<String> = (1..=3).map(|number| given::large_event(number, 3_000_000)).collect();
    for (first, line) in (1..).zip(&lines) {
        running.push(batch("otel", first, std::slice::from_ref(line))).await.unwrap();
    }
    running.push(batch("otel", 4, &[given::large_event(4, 5_000_000)])).await.unwrap();
    running.drain().await;
    let account = running.account("otel");
    assert_eq!((count(&account.delivered), count(&account.shrunk)), (4, 1), "{account:?}");
    assert_eq!(receiver.lines().iter().filter(|line| lines.contains(line)).count(), 3);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_real_logs_are_within_the_limits_and_each_event_has_a_uid_of_its_own() {
    for protocol in BOTH {
        let directory = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(move |_| taken(protocol)).await;
        let running = running(directory.path(), at(&receiver, protocol)).await;
        let mut expected = Vec::new();
        for name in ["real", "small", "twin-datadog", "twin-rnd-1", "twin-superset"] {
            let lines = recorded(name);
            let mut batch = batch("otel", 1, &lines);
            batch.origin.as_mut().unwrap().path = format!("/logs/{name}");
            running.push(batch).await.unwrap();
            expected.extend(as_text(&lines));
        }
        running.drain().await;
        assert_eq!(running.status("otel").retries, 0, "no request was refused");
        running.stop().await;
        expected.sort();
        assert!(receiver.lines() == expected);
        let records = receiver.requests().into_iter().flat_map(|request| request.records());
        let uids: std::collections::BTreeSet<_> =
            records.map(|record| attribute(&record.attributes, "log.record.uid").unwrap()).collect();
        assert_eq!(uids.len(), expected.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_protocols_go_over_tls_to_the_authority_that_is_named_and_to_no_other() {
    for protocol in BOTH {
        let directory = tempfile::tempdir().unwrap();
        let (authority, ca) = (Authority::new(), directory.path().join("ca.pem"));
        std::fs::write(&ca, Authority::new().pem()).unwrap();
        let tls = Some(authority.serves(None, &["h2"]));
        let receiver = Receiver::behind(tls, move |_| taken(protocol)).await;
        let mut otlp = at(&receiver, protocol);
        otlp.tls.ca_file = Some(ca.clone());
        let running = running(directory.path(), otlp).await;
        running.push(events("otel", 1, 20)).await.unwrap();
        running.until("otel", |status| status.retries > 1).await;
        assert!(running.status("otel").problem.contains("ca.pem"), "{:?}", running.status("otel").problem);
        assert!(receiver.requests().is_empty());
        std::fs::write(&ca, authority.pem()).unwrap();
        running.drain().await;
        assert_eq!(receiver.lines(), sorted(1, 20));
        running.stop().await;
    }
}

#[test]
fn what_cannot_work_is_refused_with_its_key() {
    for (yaml, expected) in [
        ("proxy: 'http://h:1'", "destinations.a.proxy"),
        ("url: 'h:4317'", "destinations.a.url"),
        ("url: 'http://h:1/x?y=z'", "query"),
        ("protocol: json", "json"),
        ("max_body: 1KiB", "max_body"),
        ("headers: {Authorization: x}", "auth"),
        ("body: map", "body"),
    ] {
        let why = given::refused(&format!("type: otlp, {yaml}"));
        assert!(why.contains(expected), "{yaml}: {why}");
    }
}
