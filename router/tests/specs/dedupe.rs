//! What came before is left out; what comes again because nobody answered is not.

use proto::{Batch, Refusal};

use crate::given::{Given, TOLD, Told, batch, left_out, lines};

const ON: &str = "  dedupe_window: 100\n  routes: [{name: all, to: [lake]}]";

fn event(id: &str) -> String {
    let told = Told { verb: "get", ..TOLD }.whole();
    let stamped = r#""stageTimestamp":"2026-01-01T00:00:00.000001Z","auditID":"#;
    told.replace(r#""auditID":"7d5a""#, &format!("{stamped}\"{id}\""))
}

/// A batch of another API server.
fn of_another(lines: &[String]) -> Batch {
    Batch { queue: vec![8; 16], ..batch(lines) }
}

fn last(given: &Given) -> Batch {
    given.shipper.taken("lake").pop().unwrap()
}

#[tokio::test]
async fn an_event_of_two_api_servers_is_delivered_once_and_counted_for_both() {
    let given = Given::router(ON, &[]);
    given.push(batch(&[event("a"), event("b")])).await.unwrap();
    given.push(of_another(&[event("b"), event("c")])).await.unwrap();
    let taken = last(&given);
    assert_eq!(lines(&taken), [event("c")]);
    assert_eq!(left_out(&taken), [("dedupe".to_owned(), vec![0])]);
    assert_eq!(taken.filtered[0].read_bytes, [event("b").len() as u32 + 1]);
}

#[tokio::test]
async fn an_event_that_is_twice_in_a_batch_is_delivered_once() {
    let given = Given::router(ON, &[]);
    given.push(batch(&[event("a"), event("a"), "{}".to_owned(), "{}".to_owned()])).await.unwrap();
    assert_eq!(lines(&last(&given)), [event("a"), "{}".to_owned(), "{}".to_owned()]);
}

#[tokio::test]
async fn a_batch_that_comes_again_is_no_repeat_of_itself() {
    let given = Given::router("  dedupe_window: 100\n  routes: [{name: all, to: [lake, datadog]}]", &[]);
    let refusal = Refusal::Unavailable { why: "not now".into() };
    given.shipper.refuse("datadog", refusal);
    given.push(batch(&[event("a"), event("b")])).await.unwrap_err();
    given.shipper.recover("datadog");
    given.push(batch(&[event("a"), event("b")])).await.unwrap();
    assert_eq!(lines(&given.shipper.only("datadog")), [event("a"), event("b")]);
    // In halves, after its receipt: the same lines under the same numbers.
    let half = Batch { last: 100, ..batch(&[event("a")]) };
    given.push(half).await.unwrap();
    assert_eq!(lines(&last(&given)), [event("a")]);
}

#[tokio::test]
async fn nothing_is_left_out_for_an_event_that_nobody_has_yet() {
    let given = Given::router(ON, &[]);
    given.shipper.refuse("lake", Refusal::Unavailable { why: "not now".into() });
    given.push(batch(&[event("a")])).await.unwrap_err();
    given.shipper.recover("lake");
    given.push(of_another(&[event("a")])).await.unwrap();
    assert_eq!(lines(&last(&given)), [event("a")]);
}

#[tokio::test]
async fn what_is_behind_the_window_is_delivered_again() {
    let given = Given::router("  dedupe_window: 1\n  routes: [{name: all, to: [lake]}]", &[]);
    given.push(batch(&[event("a"), event("b")])).await.unwrap();
    given.push(of_another(&[event("a"), event("b")])).await.unwrap();
    assert_eq!(lines(&last(&given)), [event("a")]);
}

#[tokio::test]
async fn an_event_with_a_chosen_audit_id_is_no_repeat_of_another() {
    let given = Given::router(ON, &[]);
    given.push(batch(&[event("a")])).await.unwrap();
    let other = event("a").replace("alice", "mallory");
    given.push(of_another(std::slice::from_ref(&other))).await.unwrap();
    assert_eq!(lines(&last(&given)), [other]);
}

#[tokio::test]
async fn without_a_window_everything_is_delivered() {
    let given = Given::router("  routes: [{name: all, to: [lake]}]", &[]);
    given.push(batch(&[event("a"), event("a")])).await.unwrap();
    assert_eq!(lines(&last(&given)).len(), 2);
}
