//! Sending: whatever the next stage answers, nothing is lost and nothing overtakes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use proto::{Batch, Refusal};
use tokio::sync::Semaphore;

use crate::next::{Next, busy};
use crate::world::{SMALL, World, events, expected};

#[tokio::test(flavor = "multi_thread")]
async fn a_refusing_stage_delays_and_loses_nothing() {
    let attempts = AtomicUsize::new(0);
    let next = Next::answers(move |_| match attempts.fetch_add(1, Ordering::SeqCst) {
        0 | 2 => Err(Refusal::Busy { why: "full".into() }),
        1 | 3 => Err(Refusal::Unavailable { why: "gone".into() }),
        _ => Ok(()),
    });
    let mut world = World::new(next);
    world.config.chunk_size = SMALL;
    world.append(events(0..100));
    world.run_once().await.unwrap();
    assert_eq!(world.next.text_of(&world.log()), expected(0..100));
    assert_eq!(world.next.count(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_stage_is_named_when_it_refuses_and_gets_no_more_than_the_bound() {
    let mut world = World::new(Next::takes_all());
    (world.config.chunk_size, world.config.in_flight) = (SMALL, 3);
    world.append(events(0..500));
    let gate = Arc::new(Semaphore::new(0));
    let (waiting, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let stage = {
        let (gate, waiting, most, inner) = (gate.clone(), waiting.clone(), most.clone(), world.next.stage());
        proto::stage(move |batch| {
            let (gate, waiting, most, inner) = (gate.clone(), waiting.clone(), most.clone(), inner.clone());
            async move {
                most.fetch_max(waiting.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let _pass = gate.acquire().await.unwrap();
                waiting.fetch_sub(1, Ordering::SeqCst);
                tower::ServiceExt::oneshot(inner, batch).await
            }
        })
    };
    let config = world.config.clone();
    let collector =
        tokio::task::spawn_blocking(|| collector::Collector::open(config, stage)).await.unwrap().unwrap();
    let open_gate = async {
        while waiting.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(1000);
    };
    let (once, ()) = tokio::join!(collector.run_once(chassis::Stop::new()), open_gate);
    once.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(world.next.text_of(&world.log()), expected(0..500));
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_out_of_order_release_in_order() {
    let next = Next::answers(|batch: &Batch| match batch.first {
        1 => Err(Refusal::Busy { why: "the first waits".into() }),
        _ => Ok(()),
    });
    let mut world = World::new(next);
    (world.config.chunk_size, world.config.in_flight) = (SMALL, 4);
    world.append(events(0..200));
    let running = world.run().await;
    world.next.until("three others", |next| next.batches().len() == 3).await;
    running.until("all queued", |status| status.sources[0].queued.as_ref().unwrap().events == 200).await;
    let source = running.source();
    assert_eq!(source.files[0].committed, 0);
    let status = running.until("the refusal", |status| !status.problems.is_empty()).await;
    assert!(status.problems[0].contains("the first waits"), "{:?}", status.problems);
    world.next.answers_now(|_| Ok(()));
    world.next.until_count(200).await;
    let status = running.until_empty().await;
    assert_eq!(status.sources[0].files[0].committed, status.sources[0].files[0].size);
    assert_eq!(status.sources[0].oldest_unacked_ms, 0);
    assert_eq!(status.problems, [""; 0]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_large_is_split_until_it_fits() {
    let next = Next::answers(|batch: &Batch| match batch.events {
        0..=3 => Ok(()),
        _ => Err(Refusal::TooLarge { why: "three at the most".into() }),
    });
    let world = World::new(next);
    world.append(events(0..50));
    world.run_once().await.unwrap();
    assert_eq!(world.next.text_of(&world.log()), expected(0..50));
    assert_eq!(world.next.count(), 50);
    let mut bounds: Vec<(u64, u64)> =
        world.next.batches().iter().map(|batch| (batch.first, batch.last)).collect();
    bounds.sort_unstable();
    assert_eq!((bounds[0].0, bounds[bounds.len() - 1].1), (1, 50));
    assert!(bounds.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0), "{bounds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_never_taken_is_dead_and_the_rest_goes_on() {
    let poison = |batch: &Batch| batch.lines().unwrap().iter().any(|line| line.bytes.ends_with(b"\"13\"}"));
    let next = Next::answers(move |batch| match poison(batch) {
        true => Err(Refusal::Invalid { why: "thirteen".into() }),
        false => Ok(()),
    });
    let world = World::new(next);
    world.append(events(0..40));
    let status = world.catch_up(39).await;
    assert_eq!(world.next.text_of(&world.log()), expected((0..40).filter(|&number| number != 13)));
    let dead = &status.sources[0].dead[0];
    assert_eq!((dead.name.as_str(), dead.count.unwrap().events), ("refused", 1));
    let kept = std::fs::read_to_string(world.queue_dir().join("quarantine/quarantine.jsonl")).unwrap();
    assert!(kept.contains("thirteen") && kept.contains("\\\"13\\\""), "{kept}");
    let again = world.open().await;
    assert_eq!(again.status().queue.unwrap().records, 0);
    tokio::task::spawn_blocking(move || drop(again)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_for_something_else_is_none() {
    let world = World::new(Next::takes_all());
    world.append(events(0..5));
    let wrong = Arc::new(Mutex::new(true));
    let inner = world.next.stage();
    let stage = proto::stage(move |batch: Batch| {
        let (wrong, inner) = (wrong.clone(), inner.clone());
        async move {
            if std::mem::take(&mut *wrong.lock().unwrap()) {
                return Ok(proto::Receipt { last: batch.last + 1, ..batch.receipt() });
            }
            tower::ServiceExt::oneshot(inner, batch).await
        }
    });
    let config = world.config.clone();
    let collector =
        tokio::task::spawn_blocking(|| collector::Collector::open(config, stage)).await.unwrap().unwrap();
    collector.run_once(chassis::Stop::new()).await.unwrap();
    assert_eq!(world.next.text_of(&world.log()), expected(0..5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_sends_nothing_again_that_has_its_receipt_though_an_older_batch_was_refused() {
    let next = Next::answers(|batch: &Batch| match batch.first {
        1 => Err(Refusal::Busy { why: "the first waits".into() }),
        _ => Ok(()),
    });
    let mut world = World::new(next);
    (world.config.chunk_size, world.config.in_flight) = (SMALL, 4);
    world.append(events(0..200));
    let running = world.run().await;
    world.next.until("three others", |next| next.batches().len() == 3).await;
    running.until("all queued", |status| status.sources[0].queued.as_ref().unwrap().events == 200).await;
    running.stop().await;
    world.next.answers_now(|_| Ok(()));
    let running = world.run().await;
    running.until_empty().await;
    running.stop().await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..200));
    assert_eq!(world.next.count(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_holds_up_sending_any_more_when_the_last_batch_was_refused_for_good() {
    let world = World::new(Next::answers(busy));
    world.append(events(0..1));
    let running = world.run().await;
    running
        .until("it waits", |status| status.problems.iter().any(|said| said.contains("sending waits")))
        .await;
    world.next.answers_now(|_| Err(Refusal::Invalid { why: "never".into() }));
    let status = running.until_empty().await;
    running.stop().await;
    assert_eq!(status.problems, [""; 0]);
}
