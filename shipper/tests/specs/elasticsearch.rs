//! Elasticsearch and OpenSearch: what is said of each document counts.

use std::sync::{Arc, Mutex};

use crate::elastic::{self, BULK, Store};
use crate::given::{self, Running, batch, config, count, event, events, named};
use crate::intake::{Intake, Reply};

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_a_document_once_in_every_compression() {
    for (compression, encoding) in [("gzip", Some("gzip")), ("zstd", Some("zstd")), ("none", None)] {
        let directory = tempfile::tempdir().unwrap();
        let (intake, store) = elastic::start(|_| 201).await;
        let to = elastic::to(&intake.url, &format!("compression: {compression}"));
        let running = Running::start(&config(directory.path(), &[("es", to)])).await;
        running.push(events("es", 1, 1500)).await.unwrap();
        running.drain().await;
        assert_eq!(store.lines(), given::sorted(1, 1500));
        let request = intake.requests().remove(0);
        assert_eq!(request.header("content-encoding").as_deref(), encoding);
        assert_eq!(request.header("content-type").as_deref(), Some("application/x-ndjson"));
        let mut ids: Vec<String> =
            intake.accepted().iter().map(|item| item["_id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 1500);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_sent_again_have_the_same_id_and_are_there_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::default();
    let kept = store.clone();
    let mut lost = 0;
    let intake = Intake::speaking(BULK, move |request| {
        let reply = kept.bulk(request, |_| 201);
        // The first bodies arrive, and nobody hears that they did.
        if !request.items.is_empty() && lost < 3 {
            lost += 1;
            return Reply::BreakAnswer;
        }
        reply
    })
    .await;
    let running = Running::start(&config(directory.path(), &[("es", elastic::to(&intake.url, ""))])).await;
    for first in [1, 11, 21] {
        running.push(events("es", first, first + 9)).await.unwrap();
    }
    running.drain().await;
    assert_eq!(store.lines(), given::sorted(1, 30));
    let sent: usize = intake.requests().iter().map(|request| request.items.len()).sum();
    assert_eq!(sent, 60, "three bodies were sent twice");
    let account = running.account("es");
    assert_eq!((count(&account.delivered), account.dead.len()), (30, 0), "409 is delivered");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_the_same_number_in_two_logs_of_one_collector_are_two_documents() {
    let directory = tempfile::tempdir().unwrap();
    let (intake, store) = elastic::start(|_| 201).await;
    let running = Running::start(&config(directory.path(), &[("es", elastic::to(&intake.url, ""))])).await;
    let mut other = batch("es", 1, &(11..=20).map(event).collect::<Vec<_>>());
    other.origin = Some(proto::Origin { path: "/var/log/other.log".into(), ..given::origin() });
    running.push(events("es", 1, 10)).await.unwrap();
    running.push(other).await.unwrap();
    running.drain().await;
    assert_eq!(store.lines(), given::sorted(1, 20));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_not_accepted_is_a_dead_letter_and_its_neighbours_are_indexed_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let guilty = [event(7), event(23)];
    let marks = guilty.clone();
    let (intake, store) =
        elastic::start(move |line| if marks.iter().any(|mark| mark == line) { 400 } else { 201 }).await;
    let running = Running::start(&config(directory.path(), &[("es", elastic::to(&intake.url, ""))])).await;
    running.push(events("es", 1, 40)).await.unwrap();
    running.drain().await;
    let mut expected = given::sorted(1, 40);
    expected.retain(|line| !guilty.contains(line));
    assert_eq!(store.lines(), expected);
    let account = running.account("es");
    assert_eq!((named(&account.dead), count(&account.delivered)), ([("rejected".to_owned(), 2)].into(), 38));
    assert_eq!(running.status("es").dead_letters.unwrap().records, 2);
    let sent: Vec<usize> = intake.requests().iter().map(|request| request.items.len()).collect();
    assert_eq!(sent, [40, 1, 1], "what was taken is not sent again");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_the_server_has_no_room_for_are_sent_again_without_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let refused: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = refused.clone();
    let (intake, store) = elastic::start(move |line| {
        let mut refused = noted.lock().unwrap();
        if line.contains("5\"") && !refused.contains(&line.to_owned()) {
            refused.push(line.to_owned());
            return 429;
        }
        201
    })
    .await;
    let running = Running::start(&config(directory.path(), &[("es", elastic::to(&intake.url, ""))])).await;
    running.push(events("es", 1, 40)).await.unwrap();
    running.drain().await;
    assert_eq!(store.lines(), given::sorted(1, 40));
    let sent: Vec<usize> = intake.requests().iter().map(|request| request.items.len()).collect();
    assert_eq!(sent, [40, 4]);
    assert_eq!(count(&running.account("es").delivered), 40);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_is_halved_and_one_document_that_is_is_shrunk() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::default();
    let kept = store.clone();
    let intake = Intake::speaking(BULK, move |request| {
        if request.raw > 4_000 { Reply::Status(413) } else { kept.bulk(request, |_| 201) }
    })
    .await;
    let running = Running::start(&config(directory.path(), &[("es", elastic::to(&intake.url, ""))])).await;
    let mut events: Vec<String> = (1..=15).map(event).collect();
    events.push(given::large_event(16, 20_000));
    running.push(batch("es", 1, &events)).await.unwrap();
    running.drain().await;
    let account = running.account("es");
    assert_eq!((count(&account.delivered), count(&account.shrunk)), (16, 1), "{account:?}");
    assert_eq!(store.lines().iter().filter(|line| events.contains(line)).count(), 15);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_not_accepted_hold_until_their_file_changes() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    for (settings, right) in [
        (format!("auth: {{api_key_file: '{}'}}", key.display()), "ApiKey right-right"),
        (format!("auth: {{bearer_file: '{}'}}", key.display()), "Bearer right-right"),
        (format!("auth: {{user: me, password_file: '{}'}}", key.display()), "Basic bWU6cmlnaHQtcmlnaHQ="),
    ] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(&key, "wrong-wrong\n").unwrap();
        let store = Store::default();
        let kept = store.clone();
        let intake = Intake::speaking(BULK, move |request| match request.header("authorization") {
            Some(value) if value == right => kept.bulk(request, |_| 201),
            _ => Reply::Status(401),
        })
        .await;
        let config = config(directory.path(), &[("es", elastic::to(&intake.url, &settings))]);
        let running = Running::start(&config).await;
        running.push(events("es", 1, 10)).await.unwrap();
        running.until("es", |status| status.state == "held").await;
        let problem = running.status("es").problem;
        assert!(
            problem.contains("401") && problem.contains("`auth`") && !problem.contains("wrong"),
            "{problem}"
        );
        std::fs::write(&key, "right-right\n").unwrap();
        running.drain().await;
        assert_eq!(store.lines(), given::sorted(1, 10));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_up_to_max_body_and_never_over_it() {
    let directory = tempfile::tempdir().unwrap();
    let most = 64 << 10;
    let store = Store::default();
    let kept = store.clone();
    let protocol = crate::intake::Protocol { most_bytes: most, ..BULK };
    let intake = Intake::speaking(protocol, move |request| kept.bulk(request, |_| 201)).await;
    let to = elastic::to(&intake.url, "max_body: 64KiB");
    let running = Running::start(&config(directory.path(), &[("es", to)])).await;
    running.push(events("es", 1, 1000)).await.unwrap();
    running.drain().await;
    assert_eq!(store.lines(), given::sorted(1, 1000));
    let fullest = intake.requests().iter().map(|request| request.raw).max().unwrap();
    assert!(fullest > most - 1000, "the fullest body has {fullest} bytes");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_text_keep_the_line_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let protocol = crate::intake::Protocol { items: |raw| texts(raw), ..BULK };
    let intake = Intake::speaking(protocol, |request| {
        Reply::Told(
            200,
            "x: y".into(),
            if request.items.is_empty() { "" } else { r#"{"errors":false}"# }.into(),
        )
    })
    .await;
    let to = elastic::to(&intake.url, "document: message");
    let running = Running::start(&config(directory.path(), &[("es", to)])).await;
    running.push(events("es", 1, 20)).await.unwrap();
    running.drain().await;
    assert_eq!(intake.messages(), given::sorted(1, 20));
    running.stop().await;
}

/// The documents of a body, each with the text in it.
fn texts(raw: &[u8]) -> Vec<(serde_json::Value, String)> {
    let text = std::str::from_utf8(raw).unwrap();
    let documents = text.lines().skip(1).step_by(2).map(|line| {
        let document: serde_json::Value = serde_json::from_str(line).unwrap();
        let message = document["message"].as_str().unwrap().to_owned();
        (document, message)
    });
    documents.collect()
}
