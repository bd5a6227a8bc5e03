//! An operator's hold, and its release.

use proto::v1::{HoldRequest, ReleaseRequest};
use proto::{NotDone, ShipperCalls};
use shipper::{Destination, File};

use crate::given::{self, Running, config, count, events};
use crate::hands::call;
use crate::intake::{Intake, Reply};

async fn hold(running: &Running, name: &str) {
    let request = HoldRequest { destination: name.into(), reason: "they move house".into() };
    let reply = call(running, move |shipper| shipper.hold(&request)).await.unwrap();
    assert!(reply.destination.unwrap().held_by_operator);
}

async fn release(running: &Running, name: &str) {
    let request = ReleaseRequest { destination: name.into() };
    let reply = call(running, move |shipper| shipper.release(&request)).await.unwrap();
    assert!(!reply.destination.unwrap().held_by_operator);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_destination_sends_nothing_fills_its_spool_and_is_held_after_a_start_until_released() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let file = directory.path().join("copy.log");
    let to = [("dd", given::datadog(&intake.url)), ("file", Destination::File(File::at(file.clone())))];
    let config = config(directory.path(), &to);
    let mut running = Running::start(&config).await;
    for name in ["dd", "file"] {
        hold(&running, name).await;
    }
    for first in [1, 11] {
        for name in ["dd", "file"] {
            running.push(events(name, first, first + 9)).await.unwrap();
            let status = running.status(name);
            assert_eq!((status.state.as_str(), status.held_by_operator), ("held", true));
            assert!(status.problem.contains("they move house"), "{}", status.problem);
            assert!(status.problem.contains("auditrail hold release"), "{}", status.problem);
            assert_eq!(count(&running.account(name).spooled), first + 9);
        }
        assert_eq!(running.shipper.progress().stuck.len(), 2);
        running.stop().await;
        running = Running::start(&config).await;
    }
    assert!(intake.requests().is_empty() && !file.exists());
    for name in ["dd", "file"] {
        release(&running, name).await;
    }
    running.drain().await;
    assert_eq!(intake.messages().len(), 20);
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 20);
    running.stop().await;
    let running = Running::start(&config).await;
    assert_eq!(running.status("dd").state, "idle");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_tries_a_destination_that_an_answer_holds_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::start(|_| Reply::Status(403)).await;
    let mut config = config(directory.path(), &[("dd", given::datadog(&intake.url))]);
    // Probes by themselves would take longer than this test waits.
    config.retry.first = chassis::Span::secs(600);
    config.retry.longest = chassis::Span::secs(600);
    config.retry.hold = chassis::Span::secs(600);
    let running = Running::start(&config).await;
    running.push(events("dd", 1, 10)).await.unwrap();
    running.until("dd", |status| status.state == "held").await;
    assert!(!running.status("dd").held_by_operator);
    intake.now(|_| Reply::Status(202));
    release(&running, "dd").await;
    running.drain().await;
    assert_eq!(intake.messages().len(), 10);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_of_a_destination_that_is_none_is_refused_with_those_there_are() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let running = Running::start(&config(directory.path(), &[("dd", given::datadog(&intake.url))])).await;
    let request = HoldRequest { destination: "typo".into(), reason: String::new() };
    let refused = call(&running, move |shipper| shipper.hold(&request)).await.unwrap_err();
    assert!(matches!(&refused, NotDone::NotFound(why) if why.contains("`typo`") && why.contains("dd")));
    running.stop().await;
}
