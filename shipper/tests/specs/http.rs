//! Any endpoint that takes JSON lines or a JSON array.

use serde_json::Value;
use shipper::Destination;

use crate::given::{self, Running, batch, config, count, event, events, named};
use crate::intake::{Intake, Protocol, Reply};

/// Lines, with the default limits.
pub(crate) const LINES: Protocol =
    Protocol { target: "/in", beside: None, most_bytes: 5 << 20, most_items: 1000, items: ndjson };

/// A JSON array, with the default limits.
pub(crate) const ARRAY: Protocol = Protocol { items: array, ..LINES };

fn ndjson(raw: &[u8]) -> Vec<(Value, String)> {
    assert!(raw.ends_with(b"\n"));
    let lines = raw[..raw.len() - 1].split(|&byte| byte == b'\n');
    lines.map(|line| (Value::Null, String::from_utf8_lossy(line).into_owned())).collect()
}

fn array(raw: &[u8]) -> Vec<(Value, String)> {
    let items: Vec<&serde_json::value::RawValue> = serde_json::from_slice(raw).unwrap();
    items.iter().map(|item| (Value::Null, item.get().to_owned())).collect()
}

/// An `http` destination at `url`, with these settings beside.
pub(crate) fn to(url: &str, settings: &str) -> Destination {
    given::destination(&format!("type: http, url: '{url}/in', {settings}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_and_arrays_arrive_once_in_every_compression_with_the_headers_that_were_asked_for() {
    for (format, protocol, kind) in
        [("ndjson", LINES, "application/x-ndjson"), ("json", ARRAY, "application/json")]
    {
        for (compression, encoding) in [("gzip", Some("gzip")), ("zstd", Some("zstd")), ("none", None)] {
            let directory = tempfile::tempdir().unwrap();
            let intake = Intake::speaking(protocol, |_| Reply::Status(204)).await;
            let settings =
                format!("format: {format}, compression: {compression}, headers: {{X-Stream: audit}}");
            let to = to(&intake.url, &settings);
            let running = Running::start(&config(directory.path(), &[("to", to)])).await;
            running.push(events("to", 1, 30)).await.unwrap();
            running.drain().await;
            assert_eq!(intake.messages(), given::sorted(1, 30));
            let request = intake.requests().remove(0);
            for (name, value) in
                [("content-encoding", encoding), ("content-type", Some(kind)), ("x-stream", Some("audit"))]
            {
                assert_eq!(request.header(name).as_deref(), value, "{name}");
            }
            running.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_go_as_they_were_read_also_where_they_are_no_text() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::speaking(LINES, |_| Reply::Status(200)).await;
    let running =
        Running::start(&config(directory.path(), &[("to", to(&intake.url, "compression: none"))])).await;
    let line = b"{\"kind\":\"Event\",\"verb\":\"\xff\xc3(\", \"n\":-0}".to_vec();
    running.push(batch("to", 1, &[&line])).await.unwrap();
    running.drain().await;
    let mut expected = line;
    expected.push(b'\n');
    assert_eq!(intake.requests()[0].sent, expected);
    assert_eq!(count(&running.account("to").replaced_utf8), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_sent_again_has_the_same_idempotency_key_and_another_has_another() {
    let directory = tempfile::tempdir().unwrap();
    let mut lost = 0;
    let intake = Intake::speaking(LINES, move |request| {
        if !request.items.is_empty() && lost < 2 {
            lost += 1;
            return Reply::BreakAnswer;
        }
        Reply::Status(200)
    })
    .await;
    let running = Running::start(&config(directory.path(), &[("to", to(&intake.url, ""))])).await;
    for first in [1, 11] {
        running.push(events("to", first, first + 9)).await.unwrap();
    }
    running.drain().await;
    let mut keys = std::collections::BTreeMap::new();
    for request in intake.requests() {
        let key = request.header("idempotency-key").unwrap();
        keys.entry(key).or_insert_with(Vec::new).push(request.messages());
    }
    assert_eq!((keys.len(), keys.values().map(Vec::len).sum::<usize>()), (2, 4));
    assert!(keys.values().all(|bodies| bodies.iter().all(|body| *body == bodies[0])));
    assert_eq!(intake.messages(), given::sorted(1, 20));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_the_same_lines_from_two_logs_have_two_idempotency_keys() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::speaking(LINES, |_| Reply::Status(200)).await;
    let running = Running::start(&config(directory.path(), &[("to", to(&intake.url, ""))])).await;
    let first = events("to", 1, 10);
    let mut other = first.clone();
    other.origin = Some(proto::Origin { path: "/var/log/other.log".into(), ..given::origin() });
    running.push(first).await.unwrap();
    running.push(other).await.unwrap();
    running.drain().await;
    let requests = intake.requests();
    assert_eq!((requests.len(), requests[0].messages() == requests[1].messages()), (2, true));
    assert_ne!(requests[0].header("idempotency-key"), requests[1].header("idempotency-key"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guilty_event_is_found_and_its_neighbours_arrive_from_lines_and_from_arrays() {
    for (format, protocol) in [("ndjson", LINES), ("json", ARRAY)] {
        let directory = tempfile::tempdir().unwrap();
        let guilty = event(13);
        let mark = guilty.clone();
        let intake = Intake::speaking(protocol, move |request| {
            Reply::Status(if request.messages().contains(&mark) { 422 } else { 200 })
        })
        .await;
        let to = to(&intake.url, &format!("format: {format}"));
        let running = Running::start(&config(directory.path(), &[("to", to)])).await;
        running.push(events("to", 1, 30)).await.unwrap();
        running.drain().await;
        let mut expected = given::sorted(1, 30);
        expected.retain(|line| *line != guilty);
        assert_eq!(intake.messages(), expected);
        assert_eq!(named(&running.account("to").dead), [("rejected (422)".to_owned(), 1)].into());
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_keep_to_max_body_and_max_events() {
    for (format, protocol) in [("ndjson", LINES), ("json", ARRAY)] {
        let directory = tempfile::tempdir().unwrap();
        let protocol = Protocol { most_bytes: 64 << 10, most_items: 100, ..protocol };
        let intake = Intake::speaking(protocol, |_| Reply::Status(200)).await;
        let settings = format!("format: {format}, max_body: 64KiB, max_events: 100");
        let running = Running::start(&config(directory.path(), &[("to", to(&intake.url, &settings))])).await;
        let mut events: Vec<String> = (1..=250).map(event).collect();
        events.extend((251..=260).map(|number| given::large_event(number, 30_000)));
        events.push(given::large_event(261, 200_000));
        running.push(batch("to", 1, &events)).await.unwrap();
        running.drain().await;
        let account = running.account("to");
        assert_eq!((count(&account.delivered), count(&account.shrunk)), (261, 1));
        assert_eq!(intake.requests().iter().map(|request| request.items.len()).max(), Some(100));
        assert!(intake.requests().iter().any(|request| request.raw > 60_000));
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_holds_and_goes_on_with_the_right_one() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "wrong\n").unwrap();
    let intake = Intake::speaking(LINES, |request| match request.header("authorization").as_deref() {
        Some("Bearer right") => Reply::Status(200),
        _ => Reply::Status(403),
    })
    .await;
    let to = to(&intake.url, &format!("auth: {{bearer_file: '{}'}}", token.display()));
    let running = Running::start(&config(directory.path(), &[("to", to)])).await;
    running.push(events("to", 1, 10)).await.unwrap();
    running.until("to", |status| status.state == "held").await;
    std::fs::write(&token, "right\n").unwrap();
    running.drain().await;
    assert_eq!(intake.messages(), given::sorted(1, 10));
    assert!(running.account("to").dead.is_empty());
    running.stop().await;
}
