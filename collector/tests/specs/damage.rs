//! A queue that was damaged: it opens, what can be read again from the logs is, and the rest is named.

use std::path::{Path, PathBuf};

use crate::next::{Next, busy};
use crate::world::{Running, SMALL, World, events, expected, gzip};

/// A collector that has queued 200 lines and sent none.
async fn queued(world: &World) -> Running {
    world.append(events(0..200));
    let running = world.run().await;
    running
        .until("all queued, and on the disk", |status| {
            status.sources.first().is_some_and(|source| source.queued.unwrap().events == 200)
                && status.queue.as_ref().unwrap().records >= 7
        })
        .await;
    running
}

fn world() -> World {
    let mut world = World::new(Next::answers(busy));
    world.config.chunk_size = SMALL;
    world
}

fn segment(world: &World) -> PathBuf {
    let segments = std::fs::read_dir(world.queue_dir().join("segments")).unwrap();
    segments.map(|entry| entry.unwrap().path()).max().unwrap()
}

/// Flips a byte in the third block that the newest segment holds.
fn flip(world: &World) {
    let segment = segment(world);
    let mut bytes = std::fs::read(&segment).unwrap();
    let blocks = bytes.windows(4).enumerate().filter(|(_, four)| four == b"\x28\xb5\x2f\xfd");
    let at = blocks.map(|(at, _)| at).nth(2).unwrap();
    bytes[at + 20] ^= 0xff;
    std::fs::write(&segment, bytes).unwrap();
}

/// Cuts off the last `parts` of ten of what was written.
fn cut(path: &Path, parts: u64) {
    let bytes = std::fs::read(path).unwrap();
    let written = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last as u64 + 1);
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(written * (10 - parts) / 10).unwrap();
}

/// The files of the index, the newest last.
fn index(world: &World) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.queue_dir().join("index")).unwrap();
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort_by_key(|path| std::fs::metadata(path).unwrap().modified().unwrap());
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_damaged_in_the_queue_is_read_again_from_its_file_and_arrives_as_the_same() {
    for clean in [true, false] {
        let world = world();
        let running = queued(&world).await;
        if clean {
            running.stop().await
        } else {
            running.kill().await
        }
        flip(&world);
        world.next.answers_now(|_| Ok(()));
        let status = world.catch_up(200).await;
        assert_eq!(world.next.text_of(&world.log()), expected(0..200));
        assert_eq!(world.next.count(), 200, "nothing twice");
        assert!(status.sources[0].dead.is_empty());
        let mut bounds: Vec<_> =
            world.next.batches().iter().map(|batch| (batch.first, batch.last, batch.events_before)).collect();
        bounds.sort_unstable();
        assert!(bounds.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0 && pair[1].0 == pair[1].2 + 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_batch_is_read_again_from_a_file_that_was_rotated_and_compressed_meanwhile() {
    let world = world();
    queued(&world).await.stop().await;
    flip(&world);
    gzip(&world.rotate(1));
    world.append(events(200..210));
    world.next.answers_now(|_| Ok(()));
    world.run_once().await.unwrap();
    assert_eq!(world.next.text_of(&world.log()), expected(0..210));
    assert_eq!(world.next.count(), 210);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_batch_whose_file_is_gone_is_dead_and_named_and_the_rest_arrives() {
    let world = world();
    queued(&world).await.stop().await;
    flip(&world);
    std::fs::write(world.log(), "").unwrap();
    world.next.answers_now(|_| Ok(()));
    let running = world.run().await;
    let status = running.until_empty().await;
    let dead = &status.sources[0].dead[0];
    let lost = dead.count.unwrap().events;
    assert_eq!(dead.name, "damaged");
    assert!(lost > 0 && lost < 50, "{lost}");
    assert_eq!(world.next.count() + lost, 200);
    assert_eq!(status.sources[0].read.unwrap().events, 200);
    let said = status.problems.iter().find(|problem| problem.contains("are lost")).unwrap();
    assert!(said.contains(world.log().to_str().unwrap()) && said.contains("bytes "), "{said}");
    running.stop().await;
    let status = world.open().await.status();
    assert_eq!(status.sources.len(), 0, "it is dealt with once");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_cut_off_the_newest_segment_the_index_or_both_every_line_arrives() {
    for (segment_parts, index_parts) in [(1, 0), (5, 0), (9, 0), (0, 1), (0, 5), (0, 10), (5, 5), (9, 10)] {
        for clean in [true, false] {
            let world = world();
            let running = queued(&world).await;
            if clean {
                running.stop().await
            } else {
                running.kill().await
            }
            if segment_parts > 0 {
                cut(&segment(&world), segment_parts);
            }
            if index_parts > 0 {
                cut(index(&world).last().unwrap(), index_parts);
            }
            world.append(events(200..210));
            world.next.answers_now(|_| Ok(()));
            let running = world.run().await;
            let all: std::collections::BTreeSet<String> = expected(0..210).into_iter().collect();
            let what = format!("all lines after a cut of {segment_parts} and {index_parts} tenths ({clean})");
            world.next.until(&what, |next| arrived(next) == all).await;
            running.until_empty().await;
            running.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_file_of_the_index_may_be_lost() {
    let world = world();
    queued(&world).await.stop().await;
    let files = index(&world).len();
    for at in 0..files {
        let world = self::world();
        queued(&world).await.stop().await;
        if let Some(path) = index(&world).get(at) {
            std::fs::remove_file(path).unwrap();
        }
        world.next.answers_now(|_| Ok(()));
        world.run_once().await.unwrap();
        assert_eq!(world.next.text_of(&world.log()), expected(0..200));
        assert_eq!(world.next.count(), 200);
    }
}

/// The texts that arrived, under whichever queue id.
fn arrived(next: &Next) -> std::collections::BTreeSet<String> {
    let batches = next.batches();
    let lines = batches.iter().flat_map(|batch| batch.lines().unwrap());
    lines.map(|line| String::from_utf8(line.bytes.to_vec()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_beside_the_log_and_cannot_be_read_keeps_no_batch_from_being_read_again() {
    let world = world();
    queued(&world).await.stop().await;
    flip(&world);
    gzip(&world.rotate(1));
    for name in ["a.gz", "b.zst", "audit-2026-11-22T06-10-01.938.log.gz"] {
        std::fs::write(world.path(name), "this was never compressed").unwrap();
    }
    world.append(events(200..210));
    world.next.answers_now(|_| Ok(()));
    world.catch_up(210).await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..210));
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_batches_were_damaged_every_line_arrives() {
    let world = world();
    world.append(events(0..40_000));
    let running = world.run().await;
    running
        .until("all queued, and on the disk", |status| {
            status.sources.first().is_some_and(|source| source.queued.unwrap().events == 40_000)
                && status.queue.as_ref().unwrap().records >= 1300
        })
        .await;
    running.kill().await;
    let mut bytes = std::fs::read(segment(&world)).unwrap();
    let written = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    bytes[written / 20..written / 20 * 19].fill(0xff);
    std::fs::write(segment(&world), bytes).unwrap();
    world.next.answers_now(|_| Ok(()));
    world.catch_up(40_000).await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..40_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_somebody_else_finds_first_is_not_forgotten() {
    let world = world();
    queued(&world).await.stop().await;
    std::fs::remove_file(world.queue_dir().join("clean")).unwrap(); // as after a kill: every record is checked
    flip(&world);
    let (config, registry) = (world.config.clone(), world.path("registry.json"));
    let entry = format!("file:{}", world.log().display());
    let entry = serde_json::json!({"Version": 2, "Registry": {entry: {"Offset": "7", "LastUpdated": "2026-11-23T06:10:00.5Z"}}});
    std::fs::write(&registry, entry.to_string()).unwrap();
    let import = move || collector::import_registry(&config, &registry);
    let imported = tokio::task::spawn_blocking(import).await.unwrap().unwrap();
    assert!(imported.passed_over[0].contains("has a position here already"), "{imported:?}");
    world.next.answers_now(|_| Ok(()));
    world.catch_up(200).await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..200));
}
