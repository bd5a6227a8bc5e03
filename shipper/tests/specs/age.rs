//! Events that Datadog's intake would drop for their age.
//!
//! Times are far from now on both sides, so that no clock decides.

use shipper::{Config, Datadog, Destination, OldEvents};

use crate::given::{self, Running, batch, count, event, named};
use crate::intake::Intake;

const YEAR_2000_MS: u64 = 946_684_800_000;

/// An event of the year 2000, and one of the year 2100.
fn old_and_young() -> [String; 2] {
    ["2000-01-01T00:00:00.000000Z", "2100-01-01T00:00:00.000000Z"]
        .map(|time| event(1).replace("2026-11-23T06:00:00.000001Z", time))
}

/// What the intake takes is the default: 17 hours.
fn minding_age(directory: &tempfile::TempDir, intake: &Intake, old_events: OldEvents) -> Config {
    let datadog = Datadog { url: Some(intake.url.clone()), old_events, ..Datadog::default() };
    given::config(directory.path(), &[("dd", Destination::Datadog(datadog))])
}

/// Message, tag and time of what arrived: those of the old event first.
fn hold_what_arrived(intake: &Intake) {
    let [old, young] = old_and_young();
    let accepted = intake.accepted();
    let of = |line: &str| {
        let mut items = accepted.iter().filter(|item| item["message"] == line);
        let item = items.next().unwrap();
        assert!(items.next().is_none(), "{line} arrived twice");
        (
            item["ddtags"].as_str().unwrap().ends_with(",auditrail.backfill:true"),
            item["timestamp"].as_u64().unwrap(),
        )
    };
    let (told, time) = of(&old);
    assert!(told && time > YEAR_2000_MS + 1_000_000_000, "{told} {time}");
    assert_eq!(of(&young), (false, 4_102_444_800_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_old_goes_as_one_of_now_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let running = Running::start(&minding_age(&directory, &intake, OldEvents::Backfill)).await;
    running.push(batch("dd", 1, &old_and_young())).await.unwrap();
    running.drain().await;
    hold_what_arrived(&intake);
    assert_eq!(running.status("dd").backfilled_events, 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_whose_events_became_too_old_in_the_spool_is_told_anew_before_it_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let patient = given::config(directory.path(), &[("dd", given::datadog(&intake.url))]);
    let running = Running::idle(&patient).await;
    running.push(batch("dd", 1, &old_and_young())).await.unwrap();
    running.stop().await;
    let running = Running::start(&minding_age(&directory, &intake, OldEvents::Backfill)).await;
    running.drain().await;
    hold_what_arrived(&intake);
    assert_eq!(running.status("dd").backfilled_events, 1);
    assert_eq!(count(&running.account("dd").delivered), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_old_waits_as_a_dead_letter_where_that_was_chosen() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let running = Running::start(&minding_age(&directory, &intake, OldEvents::DeadLetter)).await;
    running.push(batch("dd", 1, &old_and_young())).await.unwrap();
    running.drain().await;
    let [_, young] = old_and_young();
    assert_eq!(intake.messages(), [young]);
    let account = running.account("dd");
    assert_eq!((named(&account.dead), count(&account.delivered)), ([("too old".to_owned(), 1)].into(), 1));
    running.stop().await;
}
