//! Splunk's HTTP Event Collector: its codes and its acknowledgements count.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::given::{self, Running, batch, config, count, event, events, named};
use crate::intake::{Intake, Reply};
use crate::splunk::{self, COLLECTOR, Indexers, is_read, says};

fn token(directory: &tempfile::TempDir) -> PathBuf {
    let path = directory.path().join("token");
    std::fs::write(&path, "12345678-aaaa\n").unwrap();
    path
}

fn takes() -> Reply {
    says(200, 0, "Success")
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_once_byte_for_byte_in_envelopes() {
    for (compression, encoding) in [("gzip", Some("gzip")), ("none", None)] {
        let directory = tempfile::tempdir().unwrap();
        let intake = Intake::speaking(COLLECTOR, |_| takes()).await;
        let settings = format!("index: k8s, compression: {compression}");
        let to = splunk::to(&intake.url, &token(&directory), &settings);
        let running = Running::start(&config(directory.path(), &[("sp", to)])).await;
        running.push(events("sp", 1, 1500)).await.unwrap();
        running.drain().await;
        assert_eq!(intake.messages(), given::sorted(1, 1500));
        let request = intake.requests().remove(0);
        assert_eq!(request.header("authorization").as_deref(), Some("Splunk 12345678-aaaa"));
        assert_eq!(request.header("content-encoding").as_deref(), encoding);
        assert_eq!(request.header("x-splunk-request-channel"), None);
        assert_eq!(intake.accepted()[0]["index"], "k8s");
        let mut ids: Vec<String> =
            intake.accepted().iter().map(|item| item["fields"]["auditrail_id"].to_string()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 1500);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_that_splunk_names_is_a_dead_letter_and_the_others_arrive_in_a_few_requests() {
    let directory = tempfile::tempdir().unwrap();
    let guilty = [event(7), event(23)];
    let marks = guilty.clone();
    let intake = Intake::speaking(COLLECTOR, move |request| {
        match request.lines.iter().position(|line| marks.contains(line)) {
            Some(at) => {
                let text =
                    format!(r#"{{"text":"Invalid data format","code":6,"invalid-event-number":{at}}}"#);
                Reply::Told(400, "x: y".into(), text)
            }
            None => takes(),
        }
    })
    .await;
    let to = splunk::to(&intake.url, &token(&directory), "");
    let running = Running::start(&config(directory.path(), &[("sp", to)])).await;
    running.push(events("sp", 1, 40)).await.unwrap();
    running.drain().await;
    let mut expected = given::sorted(1, 40);
    expected.retain(|line| !guilty.contains(line));
    assert_eq!(intake.messages(), expected);
    assert_eq!(named(&running.account("sp").dead), [("rejected (400)".to_owned(), 2)].into());
    assert_eq!(intake.requests().len(), 7, "whole, before, the first, behind, before, the second, behind");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_without_a_number_is_looked_for_by_halves() {
    let directory = tempfile::tempdir().unwrap();
    let guilty = event(7);
    let mark = guilty.clone();
    let intake = Intake::speaking(COLLECTOR, move |request| {
        if request.lines.contains(&mark) { says(400, 6, "Invalid data format") } else { takes() }
    })
    .await;
    let to = splunk::to(&intake.url, &token(&directory), "");
    let running = Running::start(&config(directory.path(), &[("sp", to)])).await;
    running.push(events("sp", 1, 20)).await.unwrap();
    running.drain().await;
    assert_eq!(intake.messages().len(), 19);
    assert_eq!(named(&running.account("sp").dead), [("rejected (400)".to_owned(), 1)].into());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_about_token_index_and_channel_hold_and_make_no_dead_letters() {
    for (status, code, text, advice) in [
        (403, 4, "Invalid token", "token_file"),
        (403, 1, "Token disabled", "token_file"),
        (400, 7, "Incorrect index", "`index`"),
        (400, 10, "Data channel is missing", "acknowledge: true"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let intake = Intake::speaking(COLLECTOR, move |_| says(status, code, text)).await;
        let to = splunk::to(&intake.url, &token(&directory), "");
        let running = Running::start(&config(directory.path(), &[("sp", to)])).await;
        running.push(events("sp", 1, 10)).await.unwrap();
        running.until("sp", |status| status.state == "held").await;
        let problem = running.status("sp").problem;
        assert!(problem.contains(text) && problem.contains(advice), "{problem}");
        assert!(!problem.contains("12345678"), "{problem}");
        intake.now(|_| takes());
        running.drain().await;
        assert_eq!(intake.messages(), given::sorted(1, 10));
        assert!(running.account("sp").dead.is_empty());
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_splunk_is_waited_for_and_a_request_that_is_too_large_is_halved() {
    let directory = tempfile::tempdir().unwrap();
    let mut busy = 3;
    let intake = Intake::speaking(COLLECTOR, move |request| {
        if is_read(request) && busy > 0 {
            busy -= 1;
            return says(503, 9, "Server is busy");
        }
        if request.raw > 4_000 { says(413, 27, "Request entity too large") } else { takes() }
    })
    .await;
    let to = splunk::to(&intake.url, &token(&directory), "");
    let running = Running::start(&config(directory.path(), &[("sp", to)])).await;
    let mut lines: Vec<String> = (1..=15).map(event).collect();
    lines.push(given::large_event(16, 20_000));
    running.push(batch("sp", 1, &lines)).await.unwrap();
    running.drain().await;
    let account = running.account("sp");
    assert_eq!((count(&account.delivered), count(&account.shrunk)), (16, 1));
    assert_eq!(intake.messages().iter().filter(|line| lines.contains(line)).count(), 15);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_acknowledgement_an_event_is_delivered_when_it_is_indexed_and_not_before() {
    let directory = tempfile::tempdir().unwrap();
    let indexers = Indexers::default();
    let kept = indexers.clone();
    let intake = Intake::speaking(COLLECTOR, move |request| kept.answer(request, u32::MAX)).await;
    let to = splunk::to(&intake.url, &token(&directory), "acknowledge: true");
    let running = Running::start(&config(directory.path(), &[("sp", to)])).await;
    running.push(events("sp", 1, 10)).await.unwrap();
    let asked = || intake.requests().iter().filter(|request| request.items.is_empty()).count();
    given::until("it is asked twice", || asked() >= 2).await;
    assert_eq!(count(&running.account("sp").delivered), 0);
    intake.now(move |request| match (is_read(request), request.items.is_empty()) {
        (true, true) => Reply::Told(200, "x: y".into(), r#"{"acks":{"0":true}}"#.into()),
        _ => indexers.answer(request, 1),
    });
    running.drain().await;
    assert_eq!(intake.messages(), given::sorted(1, 10), "sent once");
    assert_eq!(count(&running.account("sp").delivered), 10);
    let mut channels: Vec<String> =
        intake.requests().iter().filter_map(|request| request.header("x-splunk-request-channel")).collect();
    channels.dedup();
    assert_eq!(channels.len(), 1, "one channel as long as the process lives");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_whose_acknowledgement_does_not_come_is_sent_again_under_the_same_identity() {
    let directory = tempfile::tempdir().unwrap();
    let indexers = Indexers::default();
    let sent: Arc<Mutex<u32>> = Arc::default();
    let counter = sent.clone();
    let intake = Intake::speaking(COLLECTOR, move |request| {
        let mut sent = counter.lock().unwrap();
        if is_read(request) && !request.items.is_empty() {
            *sent += 1;
        }
        // The indexers forget the first body.
        indexers.answer(request, if *sent == 1 { u32::MAX } else { 1 })
    })
    .await;
    let to = splunk::to(&intake.url, &token(&directory), "acknowledge: true, ack_timeout: 1s");
    let running = Running::start(&config(directory.path(), &[("sp", to)])).await;
    running.push(events("sp", 1, 10)).await.unwrap();
    running.drain().await;
    let bodies: Vec<Vec<u8>> = intake
        .requests()
        .into_iter()
        .filter(|request| !request.items.is_empty())
        .map(|request| request.sent)
        .collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(count(&running.account("sp").delivered), 10);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_acknowledges_nothing_holds_where_acknowledgement_is_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::speaking(COLLECTOR, |_| takes()).await;
    let to = splunk::to(&intake.url, &token(&directory), "acknowledge: true");
    let running = Running::start(&config(directory.path(), &[("sp", to)])).await;
    running.push(events("sp", 1, 10)).await.unwrap();
    running.until("sp", |status| status.state == "held").await;
    let problem = running.status("sp").problem;
    assert!(problem.contains("acknowledge: false"), "{problem}");
    assert_eq!(count(&running.account("sp").delivered), 0);
    running.stop().await;
}
