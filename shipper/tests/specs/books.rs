//! The law of the books, over random pushes, answers and starts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::given::{self, Running, config, count, event, events};
use crate::hands;
use crate::intake::{Intake, Reply};

#[derive(Clone, Debug)]
enum Step {
    /// Push these numbers, a few of them filtered.
    Push { first: u64, length: u64, filtered: u64 },
    /// The intake answers like this from now on.
    Answer(u16),
    /// Stop and start.
    Start,
    /// An operator has all dead letters sent again.
    Retry,
    /// An operator drops all dead letters.
    Drop,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u64..80, 1u64..20, 0u64..4).prop_map(|(first, length, filtered)| Step::Push { first, length, filtered }),
        3 => prop::sample::select(vec![202, 202, 500, 413, 400, 403]).prop_map(Step::Answer),
        1 => Just(Step::Start),
        1 => Just(Step::Retry),
        1 => Just(Step::Drop),
    ]
}

/// Numbers divisible by seven are never accepted where the intake answers 400; others are.
fn is_guilty(line: &str) -> bool {
    (0..200).any(|n| n % 7 == 0 && line.contains(&format!("n={n}\"")))
}

async fn intake(mode: Arc<AtomicU16>) -> Intake {
    Intake::start(move |request| {
        let code = mode.load(Ordering::SeqCst);
        let messages = request.messages();
        Reply::Status(match code {
            400 if !messages.iter().any(|line| is_guilty(line)) => 202,
            413 if messages.len() < 4 => 202,
            code => code,
        })
    })
    .await
}

async fn the_law_holds(steps: Vec<Step>) {
    let directory = tempfile::tempdir().unwrap();
    let mode = Arc::new(AtomicU16::new(202));
    let intake = intake(mode.clone()).await;
    let config = config(directory.path(), &[("dd", given::datadog(&intake.url))]);
    let mut running = Running::start(&config).await;
    let (mut taken, mut filtered_ever) = (BTreeSet::new(), BTreeSet::new());
    for step in steps {
        match step {
            Step::Push { first, length, filtered } => {
                let last = first + length - 1;
                let kept: Vec<u64> = (first..=last).filter(|n| n % 5 >= filtered).collect();
                running.push(partly(first, last, &kept)).await.unwrap();
                for number in first..=last {
                    if taken.insert(number) && !kept.contains(&number) {
                        filtered_ever.insert(number);
                    }
                }
            }
            Step::Retry => drop(hands::retry_all(&running).await),
            Step::Drop => hands::drop_all(&running).await,
            Step::Answer(code) => mode.store(code, Ordering::SeqCst),
            Step::Start => {
                running.stop().await;
                running = Running::start(&config).await;
            }
        }
        let received: u64 = running.accounts("dd").iter().map(|account| count(&account.received)).sum();
        assert_eq!(received, taken.len() as u64);
    }
    mode.store(202, Ordering::SeqCst);
    running.drain().await;
    let mut expected: BTreeSet<String> =
        taken.difference(&filtered_ever).map(|&number| event(number)).collect();
    let messages = intake.messages();
    let arrived: BTreeSet<String> = messages.iter().cloned().collect();
    assert_eq!(arrived.len(), messages.len(), "nothing arrives twice without a crash");
    let dead: u64 = running
        .accounts("dd")
        .iter()
        .flat_map(|account| &account.dead)
        .map(|named| named.count.unwrap().events)
        .sum();
    expected.retain(|line| arrived.contains(line) || !is_guilty(line));
    assert_eq!(arrived, expected);
    assert_eq!(arrived.len() as u64 + dead + filtered_ever.len() as u64, taken.len() as u64);
    running.stop().await;
}

fn partly(first: u64, last: u64, kept: &[u64]) -> proto::Batch {
    let whole = events("dd", first, last);
    let lines: Vec<(u64, String)> = kept.iter().map(|&number| (number, event(number))).collect();
    let filtered: Vec<u32> =
        (first..=last).filter(|n| !kept.contains(n)).map(|n| (n - first) as u32).collect();
    let lines = lines.iter().map(|(number, line)| (*number, line.len() as u64 + 1, line.as_bytes()));
    let batch = whole.with_lines(lines, proto::Encoding::Lz4).unwrap();
    given::with_filtered(batch, "rule 1", &filtered, 400)
}

#[test]
fn received_is_always_delivered_and_filtered_and_dead_and_shed_and_spooled() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 16, max_shrink_iters: 20, ..ProptestConfig::default() });
    let steps = prop::collection::vec(step(), 1..25);
    let outcome = runner.run(&steps, |steps| {
        runtime.block_on(the_law_holds(steps));
        Ok(())
    });
    outcome.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_spool_is_accounted_for_and_the_rest_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let config = config(directory.path(), &[("dd", given::datadog(&intake.url))]);
    let running = Running::idle(&config).await;
    for first in [1, 11, 21] {
        running.push(events("dd", first, first + 9)).await.unwrap();
    }
    running.stop().await;
    let damaged = flip_a_byte_of_a_body(&config.spool.dir.join("dd").join("spool").join("segments"));
    assert!(damaged, "no body was found in the segments");
    let running = Running::start(&config).await;
    running.drain().await;
    let account = running.account("dd");
    assert_eq!(given::named(&account.dead), [("damaged in the spool".to_owned(), 10)].into());
    assert_eq!((count(&account.delivered), intake.messages().len()), (20, 20));
    assert!(running.push(events("dd", 1, 30)).await.unwrap().repeated);
    running.stop().await;
}

/// Changes a byte in the middle of the second zstd frame of a segment.
fn flip_a_byte_of_a_body(segments: &std::path::Path) -> bool {
    for entry in std::fs::read_dir(segments).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let frames: Vec<usize> =
            (0..bytes.len() - 4).filter(|&at| bytes[at..at + 4] == [0x28, 0xb5, 0x2f, 0xfd]).collect();
        if let Some(&at) = frames.get(1) {
            bytes[at + 100] ^= 0x55;
            std::fs::write(&path, bytes).unwrap();
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_no_destination_owns_any_more_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let running = Running::idle(&config(directory.path(), &[("old", given::datadog(&intake.url))])).await;
    running.push(events("old", 1, 3)).await.unwrap();
    running.stop().await;
    let running = Running::start(&config(directory.path(), &[("new", given::datadog(&intake.url))])).await;
    let problems = running.shipper.status().problems;
    assert!(problems.len() == 1 && problems[0].contains("`old`"), "{problems:?}");
    running.stop().await;
}
