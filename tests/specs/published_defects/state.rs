//! Defects around what is remembered of files.

use std::fs::{File, FileTimes};
use std::time::{Duration, SystemTime};

use tests::dice::Dice;
use tests::next_stage::Mood;

use super::{World, files_below, source};

/// DataDog/datadog-agent#51510: a checkpoint could go back.
#[tokio::test(flavor = "multi_thread")]
async fn no_position_that_status_said_ever_goes_back() {
    let mut world = World::new(4).await;
    world.next.set_mood(Mood::Slow(10));
    let mut committed = 0;
    for _ in 0..6 {
        world.collector.start();
        world.write(100);
        let status = world
            .collector
            .until("more has its receipt", |status| {
                let files = source(status).map(|source| &source.files);
                files.and_then(|files| files.first()).is_some_and(|file| file.committed != committed)
            })
            .await;
        let file = source(&status).unwrap().files[0].clone();
        assert!(file.offset >= file.committed && file.committed > committed, "{file:?} after {committed}");
        committed = file.committed;
        world.collector.kill();
    }
    world.collector.start();
    world.settled().await;
    world.assert_none_lost();
}

/// DataDog/datadog-agent#51510: a state that was torn or damaged meant "start over", silently.
#[tokio::test(flavor = "multi_thread")]
async fn a_torn_state_is_repaired_or_named_and_never_a_silent_start_over() {
    let mut world = World::new(4).await;
    world.collector.start();
    world.write(300);
    world.settled().await;
    let mut dice = Dice::new(3);
    for _ in 0..6 {
        world.collector.stop();
        let torn = tear(&world, &mut dice);
        world.collector.start();
        world.write(20);
        let status = world
            .collector
            .until("all was read", |status| {
                source(status).is_some_and(|source| source.lag_bytes == 0 && source.last > 0)
            })
            .await;
        world.all_came().await;
        let record = world.next.taking().record();
        let again = !record.wrong.is_empty() || record.batches.values().any(|taken| taken.times > 1);
        let named = status.problems.iter().any(|problem| problem.contains("queue"));
        assert!(!again || named, "{torn} was torn, lines came again, and status says {:?}", status.problems);
    }
}

/// Cuts off some of a file of the state, and says of which.
fn tear(world: &World, dice: &mut Dice) -> String {
    let mut state: Vec<_> = ["index", "segments"]
        .into_iter()
        .flat_map(|part| files_below(&world.collector.queue().join(part)))
        .map(|path| (std::fs::metadata(&path).unwrap().len(), path))
        .filter(|(size, _)| *size > 0)
        .collect();
    state.sort();
    let (size, torn) = &state[dice.below(state.len() as u64) as usize];
    File::options().write(true).open(torn).unwrap().set_len(dice.below(*size)).unwrap();
    torn.display().to_string()
}

/// DataDog/datadog-agent#19766: the registry was not written atomically, and broken after a sudden end.
#[tokio::test(flavor = "multi_thread")]
async fn sudden_ends_never_break_the_state() {
    let mut world = World::new(4).await;
    let mut dice = Dice::new(19766);
    for _ in 0..12 {
        world.collector.start();
        world.write(60);
        tokio::time::sleep(dice.millis(250)).await;
        world.collector.kill();
    }
    world.collector.start();
    let source = world.settled().await;
    let status = world.collector.status().await.unwrap();
    assert_eq!(status.problems, [""; 0]);
    assert_eq!(status.queue.unwrap().damaged, 0);
    assert_eq!(source.last, world.last);
    let queues = world.assert_none_lost().batches.into_keys().map(|(queue, _)| queue);
    assert_eq!(queues.collect::<std::collections::BTreeSet<_>>().len(), 1, "the queue became another one");
}

/// DataDog/datadog-agent#36938, #37812: positions of quiet files expired, and the files were sent again.
#[tokio::test(flavor = "multi_thread")]
async fn the_position_of_a_file_that_was_quiet_for_months_is_still_known() {
    let mut world = World::new(4).await;
    world.collector.start();
    world.write(50);
    let old = world.server.rotate();
    world.write(50);
    world.settled().await;
    world.collector.stop();
    let long_ago = FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(90 * 24 * 3600));
    for path in files_below(world.directory.path()) {
        File::options().append(true).open(path).unwrap().set_times(long_ago).unwrap();
    }
    world.collector.start();
    world.settled().await;
    world.restart();
    tests::apiserver::ApiServer::compress(&old);
    world.write(1);
    world.settled().await;
    world.assert_each_once();
}

/// DataDog/datadog-agent#19766, at the very first start: there is nothing yet that could break.
#[tokio::test(flavor = "multi_thread")]
async fn a_sudden_end_of_the_first_start_leaves_nothing_to_complain_of() {
    for pause in (0..120).step_by(10) {
        let mut world = World::new(4).await;
        world.write(30);
        world.collector.start();
        tokio::time::sleep(Duration::from_millis(pause)).await;
        world.collector.kill();
        world.collector.start();
        world.settled().await;
        let status = world.collector.status().await.unwrap();
        assert_eq!(status.problems, [""; 0], "killed after {pause} ms");
        world.assert_none_lost();
    }
}
