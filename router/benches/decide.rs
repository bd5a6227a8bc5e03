//! What each step of the router costs: `cargo bench -p router --bench decide`.
//!
//! Promise: batches of recorded events of a real API server, at RequestResponse, go the whole way through a router in
//! front of a stage that answers at once: unpacked, decided, packed. Time is that of the process' processors where it
//! can be read, so that a busy machine does not count. No batch is a repeat.
#![allow(missing_docs, clippy::unwrap_used)] // criterion's macros define an undocumented function

#[path = "decide/processor_time.rs"]
mod processor_time;

use std::path::Path;

use chassis::Configuration;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use processor_time::ProcessorTime;
use proto::{Batch, Encoding, Origin};
use router::{Config, Router};
use tower::ServiceExt;

/// What is measured, and the section `router:` that does it. The first one asks each event and changes none;
/// what packs a block again costs that too, as the second one shows.
const STEPS: [(&str, &str); 10] = [
    (
        "match alone",
        "routes: [{name: all, match: {stages: [ResponseComplete, ResponseStarted, RequestReceived, Panic]}, to: [lake]}]",
    ),
    (
        "match, few left out: all is packed again",
        "routes: [{name: all, match: {not: {verbs: [proxy]}}, to: [lake]}]",
    ),
    ("redact secrets and tokens", "routes: [{name: all, redact: [secrets, tokens], to: [lake]}]"),
    ("redact all", "routes: [{name: all, redact: all, to: [lake]}]"),
    ("sample 1", "routes: [{name: all, sample: 1, to: [lake]}]"),
    ("sample 0.1", "routes: [{name: all, sample: 0.1, to: [lake]}]"),
    ("dedupe", "dedupe_window: 100000, routes: [{name: all, to: [lake]}]"),
    (
        "one exclude_at_match",
        r#"processing_rules: [{type: exclude_at_match, name: a, pattern: '"resource":"unheard"'}], routes: [{name: all, to: [lake]}]"#,
    ),
    (
        "one exclude_at_match, hard to find",
        r#"processing_rules: [{type: exclude_at_match, name: a, pattern: '"verb":"(get|list|watch)".*"code":5'}], routes: [{name: all, to: [lake]}]"#,
    ),
    (
        "one mask_sequences on every line",
        r#"processing_rules: [{type: mask_sequences, name: a, pattern: '("userAgent":)"(?:[^"\\]|\\.)*"', replace_placeholder: '$1"-"'}], routes: [{name: all, to: [lake]}]"#,
    ),
];

fn batch() -> (Batch, u64) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/superset.log.zst");
    let text = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    let origin = Some(Origin { collector: "cp-1".into(), path: "audit.log".into(), ..Origin::default() });
    let last = lines.len() as u64 - 1;
    let frame = Batch { origin, queue: vec![7; 16], last, read_at_us: 1, ..Batch::default() };
    let numbered = (0..).zip(&lines).map(|(number, line)| (number, line.len() as u64 + 1, *line));
    (frame.with_lines(numbered, Encoding::Zstd).unwrap(), text.len() as u64)
}

fn router(section: &str) -> Router {
    let text = format!("router: {{{section}}}\n");
    let config =
        Configuration::parse(Path::new("bench.yaml"), text, []).unwrap().section::<Config>().unwrap();
    let answers = proto::stage(|batch: Batch| std::future::ready(Ok(batch.receipt())));
    Router::new(&config, answers).unwrap()
}

fn decide(criterion: &mut Criterion<ProcessorTime>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (sent, bytes) = batch();
    let mut group = criterion.benchmark_group("decide");
    group.throughput(Throughput::Bytes(bytes)).sample_size(30);
    for (name, section) in STEPS {
        let stage = router(section).stage();
        // Each batch has another identity and the lines the same numbers: none of them is a repeat.
        let mut last = sent.last;
        group.bench_function(name, |bench| {
            bench.iter(|| {
                last += 1;
                runtime.block_on(stage.clone().oneshot(Batch { last, ..sent.clone() })).unwrap()
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ProcessorTime);
    targets = decide
}
criterion_main!(benches);
