//! Whatever is in a file, it is accounted for.

use crate::next::{Next, busy};
use crate::world::{SMALL, World, events};

#[tokio::test(flavor = "multi_thread")]
async fn blanks_garbage_and_long_lines_are_counted_and_stop_nothing() {
    let mut world = World::new(Next::takes_all());
    world.config.max_line_size = chassis::ByteSize::mib(4);
    world.config.chunk_size = chassis::ByteSize::kib(256);
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(3 << 20));
    let lines: [&[u8]; 9] = [
        b"{\"first\":1}",
        b"",
        b"garbage",
        b"{\"crlf\":1}\r",
        b"{\"invalid\":\"\xff\xfe\"}",
        b" \t ",
        long.as_bytes(),
        &[b'y'; 5 << 20],
        b"{\"last\":1}",
    ];
    world.append([lines.join(&b'\n'), b"\n".to_vec()].concat());
    let running = world.run().await;
    world.next.until_count(5).await;
    let status = running.until_empty().await;
    running.stop().await;

    let arrived = world.next.lines_of(&world.log());
    assert!(arrived.keys().copied().eq([1, 4, 5, 7, 9]));
    assert_eq!(arrived[&4], b"{\"crlf\":1}");
    assert_eq!(arrived[&5], lines[4]);
    assert_eq!(arrived[&7], lines[6]);
    let source = &status.sources[0];
    assert_eq!(source.last, 9);
    let delivered: u64 = arrived.values().map(|line| line.len() as u64 + 1).sum();
    let blank = source.filtered[0].count.unwrap();
    let dead = source.dead[0].count.unwrap();
    assert_eq!((source.filtered[0].name.as_str(), blank.events, blank.bytes), ("blank", 2, 1 + 4));
    assert_eq!((source.dead[0].name.as_str(), dead.events), ("quarantine", 2));
    assert_eq!(dead.bytes, 8 + (5 << 20) + 1);
    let read = source.read.unwrap();
    assert_eq!((read.events, read.bytes), (9, delivered + blank.bytes + dead.bytes));

    let kept = std::fs::read_to_string(world.queue_dir().join("quarantine/quarantine.jsonl")).unwrap();
    let kept: Vec<serde_json::Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(kept.len(), 2);
    assert_eq!((kept[0]["line"].as_str(), kept[0]["from_byte"].as_u64()), (Some("garbage"), Some(13)));
    assert_eq!(kept[1]["bytes"], 5 << 20);
    assert_eq!(kept[1]["line"].as_str().unwrap().len(), 64 << 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_goes_on_after_a_restart_and_batches_cover_every_number() {
    let world = World::new(Next::takes_all());
    world.append("{\"a\":1}\n\nbad\n");
    let running = world.run().await;
    world.next.until_count(1).await;
    running.until("three lines read", |status| status.sources[0].last == 3).await;
    running.stop().await;
    world.append("\n{\"a\":2}\n");
    let running = world.run().await;
    world.next.until_count(2).await;
    let status = running.until_empty().await;
    running.stop().await;
    let source = &status.sources[0];
    assert_eq!(source.read.unwrap().events, 5);
    assert_eq!(source.filtered[0].count.unwrap().events, 2);
    assert_eq!(source.dead[0].count.unwrap().events, 1);
    let batches = world.next.batches();
    assert_eq!(batches.first().unwrap().first, 1);
    assert_eq!(batches.last().unwrap().last, 5);
    assert!(batches.windows(2).all(|pair| pair[0].last + 1 == pair[1].first));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_damaged_in_the_queue_is_counted_as_dead_and_the_rest_arrives() {
    let mut world = World::new(Next::answers(busy));
    world.config.chunk_size = SMALL;
    world.append(events(0..200));
    let running = world.run().await;
    running
        .until("all queued", |status| status.sources.first().is_some_and(|s| s.queued.unwrap().events == 200))
        .await;
    running.stop().await;
    damage(&world.queue_dir().join("segments"));
    world.next.answers_now(|_| Ok(()));
    let running = world.run().await;
    let status = running.until_empty().await;
    running.stop().await;
    let dead = &status.sources[0].dead[0];
    let lost = dead.count.unwrap().events;
    assert_eq!(dead.name, "damaged");
    assert!(lost > 0 && lost < 50, "{lost}");
    assert_eq!(world.next.count() + lost, 200);
    assert_eq!(status.sources[0].read.unwrap().events, 200);
}

/// Flips a byte in the third block that a segment holds.
fn damage(segments: &std::path::Path) {
    let segment = std::fs::read_dir(segments).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    let blocks = bytes.windows(4).enumerate().filter(|(_, four)| four == b"\x28\xb5\x2f\xfd");
    let at = blocks.map(|(at, _)| at).nth(2).unwrap();
    bytes[at + 20] ^= 0xff;
    std::fs::write(&segment, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_batch_says_how_much_went_before_it_whatever_was_left_out_and_across_restarts() {
    let mut world = World::new(Next::takes_all());
    world.config.chunk_size = SMALL;
    for part in 0..2 {
        world.append(events(part * 100..part * 100 + 60));
        world.append("\nbad\n\n");
        world.append(events(part * 100 + 60..part * 100 + 100));
        let running = world.run().await;
        world.next.until_count(100 * (u64::from(part) + 1)).await;
        let source = running.until_empty().await.sources.remove(0);
        running.stop().await;
        let kept: u64 = world.next.lines_of(&world.log()).values().map(|line| line.len() as u64 + 1).sum();
        assert_eq!(source.queued.unwrap().events, 0);
        assert_eq!(source.read.unwrap().bytes, kept + 6 * (u64::from(part) + 1));
    }
    let mut batches = world.next.batches();
    batches.sort_by_key(|batch| batch.first);
    assert!(batches.len() > 4);
    let (mut events, mut bytes) = (0, 0);
    for batch in batches {
        assert_eq!((batch.events_before, batch.bytes_before), (events, bytes));
        (events, bytes) = (events + u64::from(batch.events), bytes + batch.block_bytes);
    }
}
