//! What operators ask of a collector that runs.

use proto::v1::{PauseRequest, Position, ResumeRequest, SeekReply, SeekRequest, SourcesRequest};
use proto::{CollectorCalls, Drain, NotDone};

use crate::next::Next;
use crate::world::{Running, World, events};

async fn sought(running: &Running, world: &World, to: Position) -> SeekReply {
    let collector = running.collector.clone();
    let path = world.log().to_str().unwrap().to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let collector: &dyn CollectorCalls = &*collector;
        collector.seek(&SeekRequest { path, to: to.into() })
    });
    asked.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_log_is_not_read_and_goes_on_behind_its_last_line() {
    let world = World::new(Next::takes_all());
    world.append(events(0..5));
    let running = world.run().await;
    world.next.until_count(5).await;
    let calls: &dyn CollectorCalls = &*running.collector;
    let path = world.log().to_str().unwrap().to_owned();
    let reply = calls.pause(&PauseRequest { path: path.clone(), reason: "a spec".into() }).unwrap();
    assert_eq!(reply.sources[0].state, "paused");
    assert!(reply.sources[0].problem.contains("a spec"), "{}", reply.sources[0].problem);
    world.append(events(5..9));
    let status = running.until("the lag is seen", |status| status.sources[0].lag_bytes > 0).await;
    assert_eq!((status.sources[0].state.as_str(), world.next.count()), ("paused", 5));
    assert_ne!(calls.resume(&ResumeRequest { path }).unwrap().sources[0].state, "paused");
    world.next.until_count(9).await;
    running.until_empty().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_read_from_its_beginning_comes_again_as_new_lines_and_the_account_adds_up() {
    let world = World::new(Next::takes_all());
    world.append(events(0..5));
    world.rotate(1);
    world.append(events(5..8));
    let running = world.run().await;
    world.next.until_count(8).await;
    running.until_empty().await;
    let size: u64 = [world.log(), world.rotated(1)].map(|path| path.metadata().unwrap().len()).iter().sum();
    let reply = sought(&running, &world, Position::Beginning).await;
    assert_eq!((reply.again_bytes, reply.skipped_bytes), (size, 0));
    world.next.until_count(16).await;
    let status = running.until_empty().await;
    assert_eq!(status.sources[0].read.unwrap().events, 16);
    assert_eq!(status.sources[0].last, 16, "numbers go on");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_read_from_its_end_leaves_out_what_was_not_read_and_says_how_much() {
    let world = World::new(Next::takes_all());
    world.append(events(0..5));
    let running = world.run().await;
    world.next.until_count(5).await;
    let calls: &dyn CollectorCalls = &*running.collector;
    calls.pause(&PauseRequest::default()).unwrap();
    let before = world.log().metadata().unwrap().len();
    world.append(events(5..9));
    let skipped = world.log().metadata().unwrap().len() - before;
    running.until("the lag is seen", |status| status.sources[0].lag_bytes == skipped).await;
    let reply = sought(&running, &world, Position::End).await;
    assert_eq!((reply.again_bytes, reply.skipped_bytes), (0, skipped));
    calls.resume(&ResumeRequest::default()).unwrap();
    world.append(events(9..10));
    world.next.until_count(6).await;
    running.until_empty().await;
    running.stop().await;

    world.append(events(10..11));
    assert_eq!(world.catch_up(7).await.sources[0].read.unwrap().events, 7, "the place is kept over a start");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_followed_is_refused_with_those_that_are() {
    let world = World::new(Next::takes_all());
    world.append(events(0..1));
    let running = world.run().await;
    world.next.until_count(1).await;
    let calls: &dyn CollectorCalls = &*running.collector;
    let path = "/no/such.log".to_owned();
    let refused = [
        calls.sources(&SourcesRequest { path: path.clone() }).unwrap_err(),
        calls.pause(&PauseRequest { path: path.clone(), reason: String::new() }).unwrap_err(),
        calls.seek(&SeekRequest { path, to: Position::End.into() }).unwrap_err(),
    ];
    for refused in refused {
        let told = refused.to_string();
        assert!(
            matches!(refused, NotDone::NotFound(_)) && told.contains(world.log().to_str().unwrap()),
            "{told}"
        );
    }
    let path = world.log().to_str().unwrap().to_owned();
    let unsaid = calls.seek(&SeekRequest { path, to: Position::Unspecified.into() }).unwrap_err();
    assert!(matches!(unsaid, NotDone::Invalid(_)), "{unsaid}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_collector_reads_nothing_more_and_says_what_is_left() {
    let world = World::new(Next::takes_all());
    world.append(events(0..5));
    let running = world.run().await;
    world.next.until_count(5).await;
    running.until_empty().await;
    let drain: &dyn Drain = &*running.collector;
    drain.close(true);
    world.append(events(5..6));
    running.until("the lag is seen", |status| status.sources[0].lag_bytes > 0).await;
    assert_eq!(drain.left(), (0, Vec::new()));
    drain.close(false);
    world.next.until_count(6).await;
    running.until_empty().await;
    running.stop().await;
}
