//! Following a log that grows: lines come whole, once, in order, over restarts.

use crate::next::{Next, busy};
use crate::world::{SMALL, World, event, events, expected, noise, real_log};

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_real_log_arrives_once_and_byte_for_byte() {
    let mut world = World::new(Next::takes_all());
    world.config.chunk_size = chassis::ByteSize::kib(64);
    let log = real_log();
    let lines: Vec<Vec<u8>> =
        log.split_inclusive(|&byte| byte == b'\n').map(|line| line[..line.len() - 1].to_vec()).collect();
    let running = world.run().await;
    for piece in log.chunks(100_003) {
        world.append(piece);
    }
    world.next.until_count(lines.len() as u64).await;
    running.until_empty().await;
    running.stop().await;
    assert!(world.next.lines_of(&world.log()).into_values().eq(lines));
    let mut last = 0;
    for batch in world.next.batches() {
        assert_eq!(batch.queue.len(), 16);
        assert!(batch.block_bytes <= 64 << 10 || batch.events == 1);
        last = last.max(batch.last);
    }
    assert_eq!(last, 351);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_leaves_no_gap_and_repeats_nothing() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    for round in 1..4 {
        world.catch_up(u64::from(round) * 10).await;
        world.append(events(round * 10..(round + 1) * 10));
    }
    world.catch_up(40).await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..40));
    assert!(world.next.lines_of(&world.log()).into_keys().eq(1..=40));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_collector_had_queued_is_sent_first_and_as_the_same_batches() {
    let mut world = World::new(Next::answers(busy));
    world.config.chunk_size = SMALL;
    world.append(events(0..200));
    let running = world.run().await;
    running
        .until("all queued", |status| {
            status.sources.first().is_some_and(|source| source.queued.as_ref().unwrap().events == 200)
                && status.queue.as_ref().unwrap().records > 3
        })
        .await;
    running.kill().await;
    world.next.answers_now(|_| Ok(()));
    world.append(events(200..210));
    let running = world.run().await;
    world.next.until("all lines", |next| next.lines_of(&world.log()).len() == 210).await;
    running.until_empty().await;
    running.stop().await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..210));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_loses_nothing_and_repeats_only_whole_batches() {
    let mut world = World::new(Next::takes_all());
    world.config.chunk_size = SMALL;
    for round in 0..8 {
        let running = world.run().await;
        for at in 0..10 {
            world.append(events((round * 10 + at) * 20..(round * 10 + at + 1) * 20));
        }
        let some = u64::from(round) * 200 + 60;
        world.next.until("some lines", |next| next.lines_of(&world.log()).len() as u64 >= some).await;
        running.kill().await;
    }
    let running = world.run().await;
    world.next.until("all lines", |next| next.lines_of(&world.log()).len() >= 1600).await;
    running.stop().await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..1600));
    let mut bounds: Vec<(u64, u64)> =
        world.next.batches().iter().map(|batch| (batch.first, batch.last)).collect();
    bounds.sort_unstable();
    bounds.dedup();
    assert!(
        bounds.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0),
        "a batch came with other bounds: {bounds:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_line_waits_for_its_end() {
    let world = World::new(Next::takes_all());
    world.append(events(0..1));
    world.append(&event(1)[..9]);
    let running = world.run().await;
    world.next.until_count(1).await;
    let status = running.until("a half line behind", |status| status.sources[0].lag_bytes == 9).await;
    assert_eq!(status.sources[0].last, 1);
    world.append(&event(1)[9..]);
    world.append("\n");
    world.next.until_count(2).await;
    running.stop().await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_named_and_waited_for() {
    let world = World::new(Next::takes_all());
    let running = world.run().await;
    let status = running.until("a problem", |status| !status.problems.is_empty()).await;
    let problem = &status.problems[0];
    assert!(
        problem.contains(world.log().to_str().unwrap()) && problem.contains("does not exist"),
        "{problem}"
    );
    assert_eq!(status.sources[0].state, "waiting");
    world.append(events(0..3));
    world.next.until_count(3).await;
    running.until("no problem", |status| status.problems.is_empty()).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_place_of_a_file_is_named() {
    let world = World::new(Next::takes_all());
    std::fs::create_dir(world.log()).unwrap();
    let running = world.run().await;
    let status = running.until("a problem", |status| !status.problems.is_empty()).await;
    assert!(status.problems[0].contains("is a directory"), "{:?}", status.problems);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_stops_reading_and_goes_on_when_there_is_room() {
    let mut world = World::new(Next::answers(busy));
    world.config.queue.max_size = chassis::ByteSize::mib(1);
    world.config.max_line_size = chassis::ByteSize::kib(128);
    world.config.chunk_size = chassis::ByteSize::kib(64);
    let lines: Vec<String> = (1..600).map(noise).collect();
    world.append(lines.join("\n") + "\n");
    let running = world.run().await;
    let status =
        running.until("paused", |status| status.sources.first().is_some_and(|s| s.state == "paused")).await;
    assert!(status.problems.iter().any(|problem| problem.contains("queue is full")), "{:?}", status.problems);
    assert!(status.sources[0].last < 599);
    world.next.answers_now(|_| Ok(()));
    world.next.until_count(599).await;
    running.until_empty().await;
    running.stop().await;
    assert_eq!(world.next.text_of(&world.log()), lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_alone_finds_new_lines_rotations_and_new_files() {
    let mut world = World::new(Next::takes_all());
    world.config.watch = false;
    world.config.logs[0].path = world.path("*.log");
    world.append(events(0..5));
    let running = world.run().await;
    world.next.until_count(5).await;
    world.append(events(5..10));
    world.next.until_count(10).await;
    world.rotate(1);
    world.append(events(10..15));
    world.next.until_count(15).await;
    crate::world::append(&world.path("other.log"), events(0..5));
    world.next.until_count(20).await;
    running.stop().await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..15));
}
