//! What the API server removes: read from open handles, warned of before, named when it is lost.

use collector::OnceError;

use crate::next::{Next, busy};
use crate::world::{SMALL, World, events, expected, gzip, noise};

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn unread_files_that_are_removed_are_read_from_their_open_handles() {
    let mut world = World::new(Next::answers(busy));
    world.config.queue.max_size = chassis::ByteSize::mib(1);
    world.config.max_line_size = chassis::ByteSize::kib(64);
    world.config.chunk_size = chassis::ByteSize::kib(16);
    let running = world.run().await;
    let lines =
        |file: u32| -> Vec<String> { (0..60).map(|line| noise(u64::from(file) * 1000 + line)).collect() };
    let mut all = Vec::new();
    for file in 1..=20 {
        world.append(lines(file).join("\n") + "\n");
        all.extend(lines(file));
        let rotated = world.rotate(file);
        let seen = |name: &std::path::Path| name.to_str().unwrap().to_owned();
        running
            .until("the rotated file is known", |status| {
                status.sources.iter().flat_map(|source| &source.files).any(|file| file.path == seen(&rotated))
            })
            .await;
    }
    running
        .until("the queue is full", |status| {
            status.sources.first().is_some_and(|source| source.state == "paused")
        })
        .await;
    for file in 1..=20 {
        let _ = std::fs::remove_file(world.rotated(file));
    }
    let status = running
        .until("what was removed is said", |status| {
            status.problems.iter().any(|problem| problem.contains("were removed before they were read"))
        })
        .await;
    assert!(status.sources[0].files.iter().any(|file| file.removed));
    world.next.answers_now(|_| Ok(()));
    world.next.until_count(all.len() as u64).await;
    let status = running.until_empty().await;
    running.stop().await;
    assert_eq!(world.next.text_of(&world.log()), all);
    assert!(status.sources[0].gaps.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_comes_before_removal_reaches_the_reading_position() {
    let mut world = World::new(Next::answers(busy));
    world.config.queue.max_size = chassis::ByteSize::mib(1);
    world.config.max_line_size = chassis::ByteSize::kib(64);
    world.config.chunk_size = chassis::ByteSize::kib(16);
    world.config.max_backups = Some(10);
    for file in 1..=5 {
        world.append((0..200).map(|line| noise(file * 1000 + line) + "\n").collect::<String>());
        world.rotate(file as u32);
    }
    world.append("");
    let running = world.run().await;
    let status =
        running.until("it waits", |status| status.queue.as_ref().is_some_and(|q| q.records > 3)).await;
    let left = |status: &proto::v1::ServiceStatus| status.sources[0].retention_left;
    assert!(!status.problems.iter().any(|problem| problem.contains("rotations from now")), "{status:?}");
    for file in 6..=12 {
        world.append(noise(file) + "\n");
        world.rotate(file as u32);
    }
    let status = running.until("a warning", |status| left(status).is_some_and(|left| left <= 2)).await;
    assert!(status.problems.iter().any(|problem| problem.contains("rotations from now")), "{status:?}");
    assert!(status.sources[0].unread_files > 0 && status.sources[0].lag_ms > 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vanished_unread_while_it_was_down_is_a_gap_with_its_range_and_never_success() {
    let world = World::new(Next::takes_all());
    world.append(events(0..10));
    world.catch_up(10).await;
    let read = std::fs::metadata(world.log()).unwrap().len();
    world.append(events(10..20));
    let gone = world.rotate(1);
    world.append(events(20..30));
    let aside = world.queue_dir().join("aside");
    std::fs::rename(&gone, &aside).unwrap();
    let error = world.run_once().await.unwrap_err();
    assert!(matches!(&error, OnceError::Unread(_)), "{error}");
    assert!(error.to_string().contains(&format!("behind byte {read}")), "{error}");
    assert_eq!(world.next.count(), 20);

    let running = world.run().await;
    let status = running
        .until("the gap", |status| status.sources.first().is_some_and(|source| !source.gaps.is_empty()))
        .await;
    let gap = &status.sources[0].gaps[0];
    assert_eq!((gap.from, gap.path.as_str()), (read, world.log().to_str().unwrap()));
    assert_eq!(status.sources[0].state, "following", "a loss in the past holds up nothing");
    assert!(status.problems[0].contains("was removed before it was read"), "{:?}", status.problems);
    // what comes back, even compressed, closes it
    std::fs::rename(aside, &gone).unwrap();
    gzip(&gone);
    world.next.until_count(30).await;
    let status = running
        .until("no gap", |status| status.sources.first().is_some_and(|source| source.gaps.is_empty()))
        .await;
    running.stop().await;
    assert_eq!(status.problems, [""; 0]);
    let mut texts = world.next.text_of(&world.log());
    texts.sort_by_key(|text| text.len());
    let mut all = expected(0..30);
    all.sort_by_key(String::len);
    texts.sort();
    all.sort();
    assert_eq!(texts, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_truncated_unread_without_a_copy_is_a_gap() {
    let mut world = World::new(Next::answers(busy));
    world.config.chunk_size = SMALL;
    world.append(events(0..10));
    let running = world.run().await;
    running.until("queued", |status| status.sources.first().is_some_and(|s| s.last == 10)).await;
    running.stop().await;
    world.next.answers_now(|_| Ok(()));
    let read = std::fs::metadata(world.log()).unwrap().len();
    std::fs::write(world.log(), events(90..91)).unwrap();
    let running = world.run().await;
    world.next.until_count(11).await;
    let status = running
        .until("the gap", |status| status.sources.first().is_some_and(|source| !source.gaps.is_empty()))
        .await;
    running.stop().await;
    assert_eq!(status.sources[0].gaps[0].from, read);
}
