//! One trace for each batch, from the log to the intake, over process boundaries and through queue and spool.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::eventually::eventually;
use tests::fixture::{slices, superset};
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};
use tests::otlp::{RealReceiver, Span, TraceReceiver};

/// From the first span to the last; between the services stands the span of the call.
const WAY: [&str; 5] =
    ["collector.read", "collector.push", "router.decide", "shipper.pack", "shipper.deliver"];

/// A section `telemetry:`.
fn telemetry(url: &str, protocol: &str, more: &str) -> String {
    format!("telemetry: {{otlp: \"{url}\", protocol: {protocol}{more}}}\n")
}

fn said(cluster: &Cluster, text: &str) {
    let config = std::fs::read_to_string(cluster.config()).unwrap();
    std::fs::write(cluster.config(), config + text).unwrap();
}

/// The names of a span and of those that it goes on from, the first one first, without those of calls.
fn way(span: &Span, by_id: &BTreeMap<Vec<u8>, Span>) -> Vec<String> {
    let mut way = Vec::new();
    let mut at = Some(span);
    while let Some(span) = at {
        if span.name != "push" {
            way.push(span.name.clone());
        }
        at = by_id.get(&span.parent);
    }
    way.reverse();
    way
}

fn by_id(spans: &[Span]) -> BTreeMap<Vec<u8>, Span> {
    spans.iter().map(|span| (span.id.clone(), span.clone())).collect()
}

/// Holds that each span's parent arrived too, in the same trace.
fn no_orphans(spans: &[Span]) {
    let known = by_id(spans);
    for span in spans.iter().filter(|span| !span.parent.is_empty()) {
        let parent = known.get(&span.parent).unwrap_or_else(|| panic!("{span:?} is an orphan"));
        assert_eq!(parent.trace, span.trace, "{span:?}");
    }
}

/// Takes some batches to an intake that refuses at first, and to a file; all services have ended then.
async fn run(layout: Layout, url: &str, protocol: &str) {
    let intake = Intake::start(Mood::Refuse(503)).await;
    let directory = tempfile::tempdir().unwrap();
    let copy = format!("{{type: file, path: '{}'}}", directory.path().join("copy.log").display());
    let setup = Setup {
        collector: "  chunk_size: 64KiB\n".into(),
        shipper: "  retry: {first: 10ms, longest: 20ms}\n".into(),
        ..Setup::to_datadog(&intake.url()).and("copy", &copy)
    };
    let mut cluster = Cluster::new(layout, &setup);
    said(&cluster, &telemetry(url, protocol, ""));
    cluster.start_all().await;
    let lines = superset()[..300].to_vec();
    ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));
    eventually("the intake refused twice", async || {
        if intake.refused() > 1 { Ok(()) } else { Err("it did not".into()) }
    })
    .await;
    intake.becomes(Mood::Accept);
    cluster.settled(lines.len()).await;
    cluster.stop_all();
}

/// Holds that every batch has one trace from its reading to its delivery, that nothing in it is an orphan, and that what
/// was repeated says so. Gives the traces.
fn hold(spans: &[Span], services: usize) -> BTreeSet<Vec<u8>> {
    no_orphans(spans);
    let known = by_id(spans);
    let deliveries: Vec<&Span> = spans.iter().filter(|span| span.name == "shipper.deliver").collect();
    for delivery in &deliveries {
        assert_eq!(way(delivery, &known), WAY);
    }
    let traces = |name: &str| -> BTreeSet<Vec<u8>> {
        spans.iter().filter(|span| span.name == name).map(|span| span.trace.clone()).collect()
    };
    let reads = traces("collector.read");
    assert!(reads.len() > 1, "one trace for each batch");
    assert_eq!(traces("shipper.deliver"), reads);
    let repeated: Vec<_> = deliveries.iter().filter(|span| !span.links.is_empty()).collect();
    assert!(!repeated.is_empty());
    for span in repeated {
        let before = &known[&span.links[0]];
        assert_eq!((before.name.as_str(), &before.trace), ("shipper.deliver", &span.trace));
    }
    let named: BTreeSet<_> = spans.iter().map(|span| span.service.as_str()).collect();
    assert_eq!(named.len(), services, "{named:?}");
    reads
}

in_both_layouts!(a_batch_has_one_trace_and_a_delivery_that_is_repeated_links_to_the_one_before);

async fn a_batch_has_one_trace_and_a_delivery_that_is_repeated_links_to_the_one_before(layout: Layout) {
    let receiver = TraceReceiver::start().await;
    run(layout, receiver.url(), "http").await;
    let spans = receiver.spans();
    let reads = hold(&spans, if layout == Layout::OneProcess { 1 } else { 3 });
    let settled = |key: &str, value: &str| -> BTreeSet<Vec<u8>> {
        let says =
            |span: &&Span, key: &str, value: &str| span.attributes.get(key).is_some_and(|said| said == value);
        let delivered =
            spans.iter().filter(|span| says(span, key, value) && says(span, "outcome", "settled"));
        delivered.map(|span| span.trace.clone()).collect()
    };
    assert_eq!(settled("destination", "datadog"), reads);
    assert_eq!(settled("type", "file"), reads);
    let known = by_id(&spans);
    for link in spans.iter().flat_map(|span| &span.links) {
        assert_eq!(known[link].attributes["outcome"], "again");
    }
}

/// Runs where `OTLP_RECEIVER` names the program that `tests/suites/otlp.sh` builds.
#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout, reason = "whoever runs the suite has to see that it was skipped")]
async fn a_real_receiver_takes_the_traces_of_three_processes() {
    for protocol in ["grpc", "http"] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("received");
        let Some(mut receiver) = RealReceiver::start(&file) else {
            println!("skipped: OTLP_RECEIVER names no receiver; tests/suites/otlp.sh builds one");
            return;
        };
        let url = if protocol == "grpc" { &receiver.grpc } else { &receiver.http };
        run(Layout::FourProcesses, url, protocol).await;
        receiver.end();
        let spans = tests::otlp::written(&directory.path().join("received.spans"));
        let traces = hold(&spans, 3);
        println!("{protocol}: {} spans in {} traces, none an orphan", spans.len(), traces.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_in_a_span_name_it_and_its_trace() {
    let (receiver, intake) = (TraceReceiver::start().await, Intake::start(Mood::Accept).await);
    let mut cluster = Cluster::new(Layout::FourProcesses, &Setup::to_datadog(&intake.url()));
    said(&cluster, &telemetry(receiver.url(), "http", ", log: \"info,shipper=debug\", log_format: json"));
    cluster.start_all().await;
    let lines = superset()[..50].to_vec();
    ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));
    cluster.settled(lines.len()).await;
    cluster.stop_all();
    let spans = receiver.spans();
    let known: BTreeSet<(String, String)> =
        spans.iter().map(|span| (hex(&span.trace), hex(&span.id))).collect();
    let words = std::fs::read_to_string(cluster.words("shipper")).unwrap();
    let answer = words.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let answer = answer.into_iter().find(|line| line["message"] == "answer").expect("the answer is logged");
    let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
    assert!(known.contains(&(text("trace_id"), text("span_id"))), "{answer}");
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sampled_where_it_is_read_is_recorded_nowhere() {
    let (receiver, intake) = (TraceReceiver::start().await, Intake::start(Mood::Accept).await);
    let mut cluster = Cluster::new(Layout::FourProcesses, &Setup::to_datadog(&intake.url()));
    said(&cluster, &telemetry(receiver.url(), "http", ", sample: 0"));
    cluster.start_one("collector");
    let config = std::fs::read_to_string(cluster.config()).unwrap();
    // The others would keep every trace that begins with them.
    eventually("the collector has its configuration", async || {
        let status = cluster.status().await;
        if status.iter().any(|service| service.service == "collector") {
            Ok(())
        } else {
            Err("not yet".into())
        }
    })
    .await;
    std::fs::write(cluster.config(), config.replace(", sample: 0", "")).unwrap();
    cluster.start_all().await;
    let lines = superset()[..50].to_vec();
    ApiServer::in_directory(&cluster.logs()).write_all(slices(&lines));
    cluster.settled(lines.len()).await;
    cluster.stop_all();
    assert!(receiver.spans().is_empty(), "{:?}", receiver.spans());
}
