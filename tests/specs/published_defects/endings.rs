//! Defects around lines that are too long, and around stopping and starting.

use proto::v1::SourceStatus;
use tests::next_stage::Mood;

use super::World;

fn quarantined(source: &SourceStatus) -> u64 {
    let found = source.dead.iter().find(|dead| dead.name == "quarantine").and_then(|dead| dead.count);
    found.map_or(0, |count| count.events)
}

/// DataDog/datadog-agent#51508: a line over the limit was dropped, never acknowledged, and read again at each restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_over_the_limit_ends_in_quarantine_once_and_is_not_read_again() {
    let mut world = World::new(4).await;
    world.collector.start();
    world.write(20);
    world.server.write(&vec![b'x'; 4 << 20]);
    world.wrote_another();
    let before = world.idle().await;
    for _ in 0..3 {
        world.restart();
        let after = world.idle().await;
        assert_eq!((after.read, after.last), (before.read, before.last));
        assert_eq!(quarantined(&after), quarantined(&before));
    }
    let kept = std::fs::read_to_string(world.collector.queue().join("quarantine/quarantine.jsonl")).unwrap();
    let long = kept.lines().filter(|line| line.contains("\"bytes\":4194304,")).count();
    assert_eq!(long, 1, "{kept:.2000}");
    assert_eq!(world.next.taking().record().wrong, [""; 0]);
    assert!(world.next.taking().record().batches.values().all(|taken| taken.times == 1));
}

/// DataDog/datadog-agent#51508, #51509: stopping twice hung and panicked.
#[tokio::test(flavor = "multi_thread")]
async fn being_asked_to_stop_twice_ends_it_and_loses_nothing() {
    let mut world = World::new(4).await;
    world.next.set_mood(Mood::Slow(200));
    for round in 1..4 {
        world.collector.start();
        world.write(200);
        world.some_came(150).await;
        world.collector.ask_to_stop();
        if round % 2 == 0 {
            world.next.close().await;
        }
        world.collector.ask_to_stop();
        world.collector.ended().await;
        world.next.open().await;
        assert!(!world.collector.words().contains("panicked"), "{}", world.collector.words());
    }
    world.next.set_mood(Mood::Fast);
    world.collector.start();
    world.settled().await;
    world.assert_none_lost();
}

/// DataDog/datadog-agent#26909: logs were sent again whenever the Agent was restarted.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_sends_nothing_again() {
    let mut world = World::new(4).await;
    world.next.set_mood(Mood::Slow(20));
    world.collector.start();
    for _ in 0..5 {
        world.write(150);
        world.some_came(100).await;
        world.restart(); // with some on their way
    }
    world.settled().await;
    world.restart();
    world.settled().await;
    world.assert_each_once();
}
