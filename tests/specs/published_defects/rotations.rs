//! Defects around rotation.

use tests::apiserver::ApiServer;
use tests::next_stage::Mood;

use super::World;

/// DataDog/datadog-agent#51505: lines that were read and not sent yet were thrown away at a rotation.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_while_sending_is_behind_throws_nothing_away() {
    let mut world = World::new(4).await;
    world.collector.start();
    world.write(50);
    world.settled().await;
    world.next.close().await;
    for round in 0..6 {
        world.write(100);
        let old = world.server.rotate();
        world.write(20);
        if round % 2 == 0 {
            ApiServer::compress(&old);
        }
    }
    world.restart();
    world.next.open().await;
    world.settled().await;
    world.assert_none_lost();
}

/// DataDog/datadog-agent#51505: after an error at its offset a file was read and sent from its beginning.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_at_its_offset_is_named_and_never_read_from_its_beginning() {
    let mut world = World::new(4).await;
    world.collector.start();
    world.write(100);
    world.settled().await;
    world.collector.stop();
    world.write(100);
    let packed = ApiServer::compress(&world.server.rotate());
    let good = std::fs::read(&packed).unwrap();
    let bad: Vec<u8> = good.iter().map(|byte| !byte).collect();
    std::fs::write(&packed, bad).unwrap();

    world.collector.start();
    let named = packed.display().to_string();
    world
        .collector
        .until("the file is named", |status| status.problems.iter().any(|problem| problem.contains(&named)))
        .await;
    let before = world.next.taking().record();
    assert!((101..=200).all(|line| before.number(line) == 0), "something came that could not be read");
    std::fs::write(&packed, good).unwrap();

    world.settled().await;
    world.assert_each_once();
}

/// DataDog/datadog-agent#51509, #30979: lines of the rotated and of the new file were sent side by side, out of order,
/// and after a failover too.
#[tokio::test(flavor = "multi_thread")]
async fn the_rotated_file_is_sent_to_its_end_before_the_new_one_however_the_next_stage_fails() {
    let mut world = World::new(1).await;
    world.collector.start();
    world.next.set_mood(Mood::Unavailable(30));
    for _ in 0..4 {
        world.write(60);
        world.server.rotate();
        world.write(20);
    }
    world.next.taking().until(40).await;
    world.next.close().await;
    world.write(100);
    world.server.rotate();
    world.write(100);
    world.next.open().await;
    world.restart();
    world.next.set_mood(Mood::Busy(30));
    world.settled().await;
    let record = world.assert_each_once();
    let order: Vec<u64> = record.order.iter().map(|&(_, first)| first).collect();
    assert!(order.is_sorted(), "batches came in another order than that of the log: {order:?}");
}

/// DataDog/datadog-agent#55719: a loss after a rotation was known as an untagged counter only.
#[tokio::test(flavor = "multi_thread")]
async fn a_loss_is_named_with_its_file_in_status_and_stays_so_after_a_restart() {
    let mut world = World::new(4).await;
    world.collector.start();
    world.write(100);
    world.settled().await;
    world.collector.stop();
    world.write(100);
    let old = world.server.rotate();
    std::fs::remove_file(&old).unwrap();
    let lost_until = world.last;
    world.write(50);
    for _ in 0..2 {
        world.collector.start();
        let log = world.collector.log().display().to_string();
        world
            .collector
            .until("the loss is named", |status| {
                let names = |problem: &String| {
                    problem.contains(&log) && problem.contains("was removed before it was read")
                };
                status.problems.iter().any(names)
            })
            .await;
        world.collector.stop();
    }
    world.collector.start();
    tests::eventually::eventually("what is there arrives", async || {
        let taking = world.next.taking();
        let missing = (lost_until + 1..=world.last)
            .find(|&line| world.lines.kind(line) == tests::numbered::Kind::Event && !taking.has(line));
        missing.map_or(Ok(()), |line| Err(format!("line {line} did not come")))
    })
    .await;
    assert_eq!(world.next.taking().record().wrong, [""; 0]);
}
