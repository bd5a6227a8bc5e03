//! Rotation: whatever the API server does to its files, lines come once and in order.

use crate::next::Next;
use crate::world::{World, append, event, events, expected, gzip, real_log, zstd};

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    let running = world.run().await;
    world.next.until_count(10).await;
    for round in 1..6 {
        world.append(events(round * 10..round * 10 + 5));
        world.rotate(round);
        world.append(events(round * 10 + 5..round * 10 + 10));
    }
    world.next.until_count(60).await;
    running.stop().await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..60));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_come_late_into_a_renamed_file_are_read() {
    let world = World::new(Next::takes_all());
    world.append(events(0..5));
    let running = world.run().await;
    world.next.until_count(5).await;
    let old = world.rotate(1);
    world.append(events(5..10));
    world.next.until_count(10).await;
    append(&old, events(10..12));
    world.next.until_count(12).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotations_while_the_collector_was_down_are_caught_up_in_order() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    world.catch_up(10).await;
    for round in 1..6 {
        world.append(events(round * 10..round * 10 + 10));
        let rotated = world.rotate(round);
        match round {
            1 | 3 => gzip(&rotated),
            2 => zstd(&rotated),
            _ => {}
        }
    }
    world.append(events(60..70));
    let status = world.catch_up(70).await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..70));
    assert_eq!(status.problems, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_compressed_while_it_is_followed_is_not_read_again() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    let running = world.run().await;
    world.next.until_count(10).await;
    let old = world.rotate(1);
    gzip(&old);
    world.append(events(10..20));
    world.next.until_count(20).await;
    let whole = running.until("two files", |status| status.sources[0].files.len() == 2).await;
    assert!(whole.sources[0].files[0].path.ends_with(".gz"));
    running.stop().await;
    let running = world.run().await;
    world.append(events(20..21));
    world.next.until_count(21).await;
    running.stop().await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..21));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_under_a_name_that_nobody_knows_is_found_again_by_its_identity() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    world.catch_up(10).await;
    world.append(events(10..20));
    std::fs::rename(world.log(), world.path("audit.log.1")).unwrap();
    world.append(events(20..30));
    world.catch_up(30).await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_is_read_from_its_start_and_its_hole_is_counted() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    let running = world.run().await;
    world.next.until_count(10).await;
    std::fs::OpenOptions::new().write(true).open(world.log()).unwrap().set_len(0).unwrap();
    world.append([&[0; 40], events(10..12).as_bytes()].concat());
    world.next.until_count(12).await;
    let status = running.until_empty().await;
    running.stop().await;
    assert_eq!(world.next.text_of(&world.log()), expected(0..12));
    let filtered = &status.sources[0].filtered;
    assert_eq!(filtered[0].name, "nul");
    assert_eq!(filtered[0].count.as_ref().unwrap().bytes, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unread_file_that_is_gone_at_the_start_is_reported_and_the_rest_is_read() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    world.catch_up(10).await;
    std::fs::rename(world.log(), world.queue_dir().join("away")).unwrap();
    world.append(events(20..30));
    let running = world.run().await;
    world.next.until_count(20).await;
    let status = running.until("the gap", |status| !status.problems.is_empty()).await;
    assert!(status.problems[0].contains("was removed before it was read"), "{:?}", status.problems);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_compressed_file_that_is_broken_all_is_read_that_can_be_and_the_rest_is_named() {
    type Pack = fn(&std::path::Path);
    type Break = fn(&mut Vec<u8>);
    let flip: Break = |bytes| *bytes.iter_mut().nth_back(5).unwrap() ^= 0x55; // of the check sum
    let spoil: Break = |bytes| bytes.extend(b"something else");
    for (pack, damage) in [(gzip as Pack, flip), (gzip, spoil), (zstd, spoil)] {
        let world = World::new(Next::takes_all());
        world.append(events(0..50));
        world.rotate(1);
        world.append(real_log());
        let lines = real_log().iter().filter(|&&byte| byte == b'\n').count() as u64;
        let old = world.rotate(2);
        pack(&old);
        world.append(events(50..60));
        let name = old.file_name().unwrap().to_str().unwrap();
        let packed = [".gz", ".zst"].map(|end| world.path(&format!("{name}{end}")));
        let packed = packed.into_iter().find(|path| path.exists()).unwrap();
        let mut bytes = std::fs::read(&packed).unwrap();
        damage(&mut bytes);
        std::fs::write(&packed, &bytes).unwrap();
        let running = world.run().await;
        world.next.until("what is behind it", |next| next.text_of(&world.log()).contains(&event(59))).await;
        let status = running
            .until("it is named", |status| {
                status.sources[0].problem.contains("cannot be unpacked any further")
            })
            .await;
        assert!(status.sources[0].problem.contains(packed.to_str().unwrap()), "{status:?}");
        running.stop().await;
        assert_eq!(world.next.count(), 60 + lines);
        let error = world.run_once().await.unwrap_err();
        assert!(error.to_string().contains("cannot be unpacked any further"), "{error}");
    }
}
