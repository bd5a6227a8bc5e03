//! The destination `loki`.

use std::path::Path;

use shipper::{Destination, Loki};

use crate::given::{self, Running, as_text, batch, config, count, event, events, named, recorded, sorted};
use crate::receiver::{Receiver, Reply};

fn loki(receiver: &Receiver) -> Loki {
    Loki::at(receiver.url.clone())
}

async fn running(directory: &Path, loki: Loki) -> Running {
    Running::start(&config(directory, &[("loki", Destination::Loki(loki))])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_in_streams_of_few_labels_with_all_else_as_structured_metadata() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| Reply::http(204, "")).await;
    let mut to = loki(&receiver);
    to.tenant = Some("team-a".into());
    to.labels = [("env".to_owned(), "test \"1\"".to_owned())].into();
    to.event_labels = vec!["verb".into(), "stage".into()];
    let running = running(directory.path(), to).await;
    let odd = event(7).replace("\"verb\":\"list\"", "\"verb\":\"made-up\"");
    running
        .push(batch("loki", 5, &[&event(5), &event(6), &odd, &"{\"kind\":\"Other\"}".to_owned()]))
        .await
        .unwrap();
    running.drain().await;
    running.stop().await;
    let [request] = &receiver.requests()[..] else { panic!("one request") };
    assert_eq!(request.header("x-scope-orgid"), Some("team-a"));
    let streams = &request.loki.as_ref().unwrap().streams;
    let base =
        r#"{cluster="test", node="cp-1", source="kubernetes.audit", service_name="audit", env="test \"1\"""#;
    let labels: Vec<&str> = streams.iter().map(|stream| stream.labels.strip_prefix(base).unwrap()).collect();
    let stage = r#", stage="ResponseComplete"}"#;
    let expected = [format!(r#", verb="list"{stage}"#), format!(r#", verb="other"{stage}"#), "}".to_owned()];
    assert_eq!(labels, expected);
    let entry = &streams[0].entries[1];
    assert_eq!((entry.line.as_str(), entry.time()), (event(6).as_str(), (1_795_413_600, 6_000)));
    for (name, value) in [
        ("audit_id", "id-00000006"),
        ("audit_level", "Metadata"),
        ("level", "info"),
        ("user", "u \"quoted\" \\ é"),
        ("auditrail_queue", "07070707070707070707070707070707"),
        ("auditrail_number", "6"),
    ] {
        assert_eq!(entry.metadata(name), Some(value), "{name}");
    }
    assert_eq!(streams[1].entries[0].metadata("verb"), Some("made-up"));
    assert_eq!(streams[2].entries[0].time(), (1_795_000_000, 123_456_000), "no event: when it was read");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_ask_for_patience_and_lost_answers_lose_nothing_and_repeat_nothing() {
    for reply in [
        Reply::http(429, "ingestion rate limit"),
        Reply::http(500, "no"),
        Reply::http(503, "no"),
        Reply::lost(),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (mut left, answer) = (3, reply.clone());
        let receiver = Receiver::start(move |_| {
            left -= 1;
            if left >= 0 { answer.clone() } else { Reply::http(204, "") }
        })
        .await;
        let running = running(directory.path(), loki(&receiver)).await;
        for first in [1, 11] {
            running.push(events("loki", first, first + 9)).await.unwrap();
        }
        running.drain().await;
        assert_eq!(receiver.lines(), sorted(1, 20), "{reply:?}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_too_old_becomes_a_dead_letter_and_its_neighbours_arrive() {
    for metadata in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let guilty = [event(7), event(23)];
        let marks = guilty.clone();
        let receiver = Receiver::start(move |request| {
            let old = request.lines.iter().any(|line| marks.contains(line));
            if old { Reply::http(400, "entry has timestamp too old") } else { Reply::http(204, "") }
        })
        .await;
        let mut to = loki(&receiver);
        to.structured_metadata = metadata;
        to.event_labels = vec!["code_class".into()];
        let running = running(directory.path(), to).await;
        running.push(events("loki", 1, 40)).await.unwrap();
        running.drain().await;
        let mut expected = sorted(1, 40);
        expected.retain(|line| !guilty.contains(line));
        assert_eq!(receiver.lines(), expected);
        let account = running.account("loki");
        assert_eq!(count(&account.delivered), 38);
        assert_eq!(named(&account.dead), [("rejected (400)".to_owned(), 2)].into());
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_too_long_is_shrunk_before_it_is_sent_or_when_loki_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|request| {
        let long = request.lines.iter().any(|line| line.len() > 3_000);
        let words = "Max entry size '3000' bytes exceeded for stream '{}' while adding an entry with length";
        if long { Reply::http(400, words) } else { Reply::http(204, "") }
    })
    .await;
    let running = running(directory.path(), loki(&receiver)).await;
    let lines = [event(1), given::large_event(2, 20_000), given::large_event(3, 300_000), event(4)];
    running.push(batch("loki", 1, &lines)).await.unwrap();
    running.drain().await;
    let account = running.account("loki");
    assert_eq!((count(&account.delivered), count(&account.shrunk)), (4, 2), "{account:?}");
    assert!(receiver.requests().iter().flat_map(|request| &request.lines).all(|line| line.len() < 256 << 10));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_hold_the_destination_until_their_file_changes() {
    let directory = tempfile::tempdir().unwrap();
    let password = directory.path().join("password");
    std::fs::write(&password, "wrong").unwrap();
    let receiver = Receiver::start(|request| match request.header("authorization") {
        Some("Basic bWU6cmlnaHQ=") => Reply::http(204, ""),
        _ => Reply::http(401, "no"),
    })
    .await;
    let mut to = loki(&receiver);
    to.auth.user = Some("me".into());
    to.auth.password_file = Some(password.clone());
    let mut config = config(directory.path(), &[("loki", Destination::Loki(to))]);
    // Probes alone would take longer than this test waits.
    config.retry.first = chassis::Span::secs(600);
    config.retry.longest = chassis::Span::secs(600);
    config.retry.hold = chassis::Span::secs(600);
    let running = Running::start(&config).await;
    running.push(events("loki", 1, 10)).await.unwrap();
    running.until("loki", |status| status.state == "held").await;
    let problem = running.status("loki").problem;
    assert!(problem.contains("`tenant`") && !problem.contains("wrong"), "{problem}");
    std::fs::write(&password, "right").unwrap();
    running.drain().await;
    assert_eq!(receiver.lines(), sorted(1, 10));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loki_without_structured_metadata_holds_until_it_is_switched_off_and_then_takes_what_was_spooled_too()
 {
    let directory = tempfile::tempdir().unwrap();
    let words = "stream '{}' includes structured metadata, but this feature is disallowed";
    let receiver = Receiver::start(move |request| {
        let streams = &request.loki.as_ref().unwrap().streams;
        let mut entries = streams.iter().flat_map(|stream| &stream.entries);
        let refused = entries.any(|entry| !entry.structured_metadata.is_empty());
        if refused { Reply::http(400, words) } else { Reply::http(204, "") }
    })
    .await;
    let mut to = loki(&receiver);
    let first = running(directory.path(), to.clone()).await;
    first.push(events("loki", 1, 10)).await.unwrap();
    first.until("loki", |status| status.state == "held").await;
    let problem = first.status("loki").problem;
    assert!(problem.contains("structured_metadata: false"), "{problem}");
    assert!(first.account("loki").dead.is_empty());
    first.stop().await;
    to.structured_metadata = false;
    let second = running(directory.path(), to).await;
    second.push(events("loki", 11, 20)).await.unwrap();
    second.drain().await;
    assert_eq!(receiver.lines(), sorted(1, 20));
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_real_logs_are_within_the_limits_and_arrive_line_by_line() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| Reply::http(204, "")).await;
    let mut to = loki(&receiver);
    to.event_labels = vec!["verb".into(), "code_class".into()];
    let running = running(directory.path(), to).await;
    let mut expected = Vec::new();
    for (at, name) in ["real", "small", "twin-datadog", "twin-rnd-1", "twin-superset"].iter().enumerate() {
        let lines = recorded(name);
        running.push(batch("loki", at as u64 * 10_000 + 1, &lines)).await.unwrap();
        expected.extend(as_text(&lines));
    }
    running.drain().await;
    assert_eq!(running.status("loki").retries, 0, "no request was refused");
    running.stop().await;
    expected.sort();
    assert!(receiver.lines() == expected);
    let labels = |request: crate::receiver::Request| {
        request.loki.unwrap().streams.into_iter().map(|stream| stream.labels)
    };
    let all: std::collections::BTreeSet<String> = receiver.requests().into_iter().flat_map(labels).collect();
    assert!(all.len() < 60, "{} streams", all.len());
}

#[test]
fn what_has_many_values_is_refused_as_a_label_and_says_where_it_is_instead() {
    for name in ["user", "auditID", "namespace", "name", "resource"] {
        let why = given::refused(&format!("type: loki, url: 'http://h:1', event_labels: [{name}]"));
        assert!(why.contains("can be no label") && why.contains("structured metadata"), "{why}");
    }
    for (yaml, expected) in [
        ("event_labels: [verb, verb]", "twice"),
        ("labels: {cluster: x}", "set by auditrail"),
        ("labels: {a-b: x}", "no name"),
        ("labels: {a: ''}", "1 to"),
        ("tenant: 'a b'", "tenant"),
        ("max_line: 4MiB", "smaller than max_line"),
    ] {
        let why = given::refused(&format!("type: loki, url: 'http://h:1', {yaml}"));
        assert!(why.contains(expected), "{yaml}: {why}");
    }
}
