//! Whatever is in a file, it is accounted for.

use crate::next::Next;
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
    let status = world.catch_up(5).await;

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
    let status = world.catch_up(2).await;
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
