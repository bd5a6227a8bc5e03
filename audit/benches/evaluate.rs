//! What a decision costs: `cargo bench -p audit --bench evaluate`.
//!
//! Promise: recorded events of a real API server, under a policy of 10 and one of 100 rules; the events of a figure
//! are counted, and time is that of the processor where it can be read, so that a busy machine does not count.
#![allow(missing_docs, clippy::unwrap_used)] // criterion's macros define an undocumented function

#[path = "../tests/recorded/lines.rs"]
mod fixtures;
#[path = "evaluate/processor_time.rs"]
mod processor_time;

use audit::{Attributes, Event, Policy, lower};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use processor_time::ProcessorTime;
use std::fmt::Write;
use std::hint::black_box;

/// Ten rules as clusters run them.
const TEN: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: ["system:kube-proxy"], verbs: [watch], resources: [{group: "", resources: [endpoints, services]}]}
- {level: None, userGroups: ["system:nodes"], verbs: [get], resources: [{group: "", resources: [nodes, nodes/status]}]}
- {level: None, users: ["system:kube-controller-manager", "system:kube-scheduler"], verbs: [get, update], namespaces: [kube-system], resources: [{group: "", resources: [endpoints]}]}
- {level: None, nonResourceURLs: ["/healthz*", "/version", "/swagger*", "/livez*", "/readyz*"]}
- {level: None, resources: [{group: "", resources: [events]}]}
- {level: None, resources: [{group: coordination.k8s.io, resources: [leases]}]}
- {level: Metadata, resources: [{group: "", resources: [secrets, configmaps, "serviceaccounts/token"]}, {group: authentication.k8s.io, resources: [tokenreviews]}]}
- {level: Request, verbs: [get, list, watch], resources: [{group: ""}, {group: apps}, {group: batch}]}
- {level: RequestResponse, resources: [{group: "", resources: ["pods", "pods/*", "*/status"]}, {group: apps}]}
- {level: Metadata}
"#;

/// The ten, behind ninety that name teams' users, namespaces and resources: most events pass them all.
fn hundred() -> String {
    let (head, ten) = TEN.split_once("rules:\n").unwrap();
    let mut text = format!("{head}rules:\n");
    for team in 0..30 {
        writeln!(
            text,
            "- {{level: Request, namespaces: [team-{team}], verbs: [create, update, patch, delete]}}"
        )
        .unwrap();
        writeln!(text, "- {{level: None, users: [\"system:serviceaccount:team-{team}:builder\"], verbs: [get, list, watch], resources: [{{group: \"\", resources: [pods, services]}}, {{group: apps}}]}}").unwrap();
        writeln!(text, "- {{level: Metadata, userGroups: [\"team-{team}\"], resources: [{{group: \"\", resources: [pods, pods/log, secrets], resourceNames: [team-{team}]}}]}}").unwrap();
    }
    text + ten
}

fn lines() -> Vec<Vec<u8>> {
    let cases = fixtures::lines("twins.jsonl.zst");
    let cases = cases.iter().filter(|line| line.starts_with(br#"{"type": "case""#));
    // One of twenty, so that they stay in the cache, as an event is that has just been read.
    cases.step_by(20).map(|line| fixtures::event_case(line).1.to_vec()).collect()
}

fn evaluate(criterion: &mut Criterion<ProcessorTime>) {
    let lines = lines();
    let events: Vec<Event<'_>> = lines.iter().map(|line| Event::scan(line).unwrap()).collect();
    let attributes: Vec<Attributes<'_>> = events.iter().map(Attributes::of).collect();
    let mut group = criterion.benchmark_group("evaluate");
    group.throughput(Throughput::Elements(lines.len() as u64));
    for (name, text) in [("10 rules", TEN.to_owned()), ("100 rules", hundred())] {
        let policy = Policy::load(&text).unwrap().policy;
        group.bench_function(format!("decide, {name}"), |bench| {
            bench.iter(|| attributes.iter().filter(|of| policy.decide(of).rule == Some(3)).count());
        });
    }
    let policy = Policy::load(TEN).unwrap().policy;
    group.bench_function("scan", |bench| {
        bench.iter(|| lines.iter().filter(|line| Event::scan(black_box(line)).is_ok()).count());
    });
    group.bench_function("attributes", |bench| {
        bench.iter(|| events.iter().filter(|event| Attributes::of(event).resource_request).count());
    });
    group.bench_function("scan, decide, 10 rules, lower", |bench| {
        let mut out = Vec::new();
        bench.iter(|| {
            for line in &lines {
                let event = Event::scan(line).unwrap();
                out.clear();
                black_box(lower(&event, &policy.decide(&Attributes::of(&event)), &mut out));
            }
        });
    });
}

/// An event of 1 MiB that the policy drops, beside the search for its end alone.
fn dropped(criterion: &mut Criterion<ProcessorTime>) {
    let mut line = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"a","stage":"ResponseComplete","requestURI":"/api/v1/events","verb":"list","user":{"username":"u"},"objectRef":{"resource":"events","apiVersion":"v1"},"responseObject":{"items":["#.to_vec();
    while line.len() < 1 << 20 {
        line.extend_from_slice(
            br#"{"metadata":{"name":"x","namespace":"default"},"message":"a \"quoted\" word"},"#,
        );
    }
    line.extend_from_slice(b"{}]}}");
    let policy = Policy::load(TEN).unwrap().policy;
    let mut group = criterion.benchmark_group("dropped 1 MiB");
    group.throughput(Throughput::Bytes(line.len() as u64));
    group.bench_function("find the end", |bench| bench.iter(|| memchr::memchr(b'\n', black_box(&line))));
    group.bench_function("scan and decide", |bench| {
        bench.iter(|| policy.decide(&Attributes::of(&Event::scan(black_box(&line)).unwrap())).level);
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ProcessorTime);
    targets = evaluate, dropped
}
criterion_main!(benches);
