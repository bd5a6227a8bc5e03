//! What the shipper does with every answer, and with none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use shipper::{Compression, Datadog, Destination};

use crate::given::{self, Running, batch, config, count, event, events, named, sorted};
use crate::intake::{Intake, Reply};

/// Runs 20 events through an intake that answers by `script`, and says what was asked and what arrived.
async fn delivered_in_the_end(
    script: impl FnMut(&crate::intake::Request) -> Reply + Send + 'static,
) -> Intake {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::start(script).await;
    let running = Running::start(&config(directory.path(), &[("dd", given::datadog(&intake.url))])).await;
    for first in [1, 11] {
        running.push(events("dd", first, first + 9)).await.unwrap();
    }
    running.drain().await;
    let account = running.account("dd");
    assert_eq!((count(&account.delivered), count(&account.spooled)), (20, 0));
    assert_eq!(running.status("dd").state, "idle");
    running.stop().await;
    intake
}

/// Answers `failures` times with `reply`, then takes everything.
fn at_first(failures: usize, reply: Reply) -> impl FnMut(&crate::intake::Request) -> Reply + Send + 'static {
    let mut left = failures;
    move |request| {
        // The question before the body does not count, unless the body is what breaks.
        if request.items.is_empty() && !matches!(reply, Reply::BreakBody) || left == 0 {
            return Reply::Status(202);
        }
        left -= 1;
        reply.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_ask_for_patience_lose_nothing_and_repeat_nothing() {
    for code in [408, 429, 500, 502, 503, 504] {
        let intake = delivered_in_the_end(at_first(3, Reply::Status(code))).await;
        assert_eq!(intake.messages(), sorted(1, 20), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_in_the_body_or_before_the_answer_costs_nothing() {
    for reply in [Reply::BreakBody, Reply::BreakAnswer] {
        let intake = delivered_in_the_end(at_first(3, reply.clone())).await;
        assert_eq!(intake.messages(), sorted(1, 20), "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_whose_text_breaks_off_is_a_success() {
    let intake = delivered_in_the_end(at_first(2, Reply::BreakText)).await;
    assert_eq!(intake.messages(), sorted(1, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured() {
    let mut script = at_first(1, Reply::Told(429, "retry-after: 1".into(), "slow down".into()));
    let directory = tempfile::tempdir().unwrap();
    let asked: Arc<std::sync::Mutex<Vec<Instant>>> = Arc::default();
    let noted = asked.clone();
    let intake = Intake::start(move |request| {
        if !request.items.is_empty() {
            noted.lock().unwrap().push(Instant::now());
        }
        script(request)
    })
    .await;
    let mut config = config(directory.path(), &[("dd", given::datadog(&intake.url))]);
    config.retry.hold = chassis::Span::secs(10);
    let running = Running::start(&config).await;
    running.push(events("dd", 1, 3)).await.unwrap();
    running.until("dd", |status| status.state == "retrying").await;
    assert!(running.status("dd").problem.contains("429 (slow down)"), "{:?}", running.status("dd"));
    running.drain().await;
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    assert!(asked[1] - asked[0] >= Duration::from_millis(990), "{:?}", asked[1] - asked[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_holds_the_destination_until_its_file_changes() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    std::fs::write(&key, "wrong-wrong-wrong-wrong-wrong\n").unwrap();
    let intake = Intake::start(|request| match request.header("dd-api-key").as_deref() {
        Some("right-right-right-right-right") => Reply::Status(202),
        _ => Reply::Told(403, "x: y".into(), r#"{"errors":["Forbidden"]}"#.into()),
    })
    .await;
    let to = Datadog { url: Some(intake.url.clone()), api_key_file: Some(key.clone()), ..Datadog::default() };
    let mut config = config(directory.path(), &[("dd", Destination::Datadog(to))]);
    // Probes alone would take longer than this test waits.
    config.retry.first = chassis::Span::secs(600);
    config.retry.longest = chassis::Span::secs(600);
    config.retry.hold = chassis::Span::secs(600);
    let running = Running::start(&config).await;
    for first in [1, 11, 21, 31, 41, 51] {
        running.push(events("dd", first, first + 9)).await.unwrap();
    }
    running.until("dd", |status| status.state == "held").await;
    let status = running.shipper.status();
    assert!(status.problems[0].contains("api_key_file") && status.problems[0].contains("403"), "{status:?}");
    assert!(!format!("{status:?}").contains("wrong-wrong"));
    let stuck = running.shipper.progress().stuck;
    assert!(stuck[0].held && stuck[0].destination == "dd");
    assert!(intake.requests().len() <= 4, "a held destination is left alone");
    std::fs::write(&key, "right-right-right-right-right").unwrap();
    running.drain().await;
    assert_eq!(intake.messages(), sorted(1, 60));
    assert!(running.shipper.status().problems.is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_destination_goes_on_by_itself_when_the_intake_takes_a_probe() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::start(|_| Reply::Status(401)).await;
    let running = Running::start(&config(directory.path(), &[("dd", given::datadog(&intake.url))])).await;
    for first in [1, 11, 21, 31, 41, 51] {
        running.push(events("dd", first, first + 9)).await.unwrap();
    }
    running.until("dd", |status| status.state == "held" && status.retries > 6).await;
    let probes = intake.requests();
    let probed: std::collections::BTreeSet<_> =
        probes[probes.len() - 2..].iter().map(|request| request.messages()).collect();
    assert_eq!(probed.len(), 1, "the oldest body is the probe");
    assert_eq!(probed.first().unwrap()[0], event(1));
    intake.now(|_| Reply::Status(202));
    running.drain().await;
    assert_eq!(intake.messages(), sorted(1, 60));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_holds_and_makes_no_dead_letters() {
    for code in [301, 404, 405] {
        let directory = tempfile::tempdir().unwrap();
        let intake = Intake::start(move |_| Reply::Status(code)).await;
        let running = Running::start(&config(directory.path(), &[("dd", given::datadog(&intake.url))])).await;
        running.push(events("dd", 1, 10)).await.unwrap();
        running.until("dd", |status| status.state == "held" && status.retries > 1).await;
        assert!(running.status("dd").problem.contains("`site`"), "{:?}", running.status("dd").problem);
        assert!(running.account("dd").dead.is_empty());
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_event_becomes_a_dead_letter_and_its_neighbours_arrive() {
    let directory = tempfile::tempdir().unwrap();
    let guilty = [event(7), event(23)];
    let marks = guilty.clone();
    let intake = Intake::start(move |request| {
        if request.messages().iter().any(|message| marks.contains(message)) {
            return Reply::Told(400, "x: y".into(), "no such field".into());
        }
        Reply::Status(202)
    })
    .await;
    let running = Running::start(&config(directory.path(), &[("dd", given::datadog(&intake.url))])).await;
    running.push(events("dd", 1, 40)).await.unwrap();
    running.drain().await;
    let mut expected = sorted(1, 40);
    expected.retain(|line| !guilty.contains(line));
    assert_eq!(intake.messages(), expected);
    let account = running.account("dd");
    assert_eq!(named(&account.dead), [("rejected (400)".to_owned(), 2)].into());
    assert_eq!(count(&account.delivered), 38);
    assert_eq!(running.status("dd").dead_letters.unwrap().records, 2);
    assert_eq!(running.status("dd").state, "idle");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_halved_down_to_the_event_and_the_event_is_shrunk() {
    let directory = tempfile::tempdir().unwrap();
    let intake =
        Intake::start(|request| if request.raw > 3_000 { Reply::Status(413) } else { Reply::Status(202) })
            .await;
    let running = Running::start(&config(directory.path(), &[("dd", given::datadog(&intake.url))])).await;
    let mut lines: Vec<String> = (1..=15).map(event).collect();
    lines.push(given::large_event(16, 20_000));
    running.push(batch("dd", 1, &lines)).await.unwrap();
    running.drain().await;
    let account = running.account("dd");
    assert_eq!((count(&account.delivered), count(&account.shrunk)), (16, 1), "{account:?}");
    let messages = intake.messages();
    let arrived = messages.iter().find(|message| message.contains("id-00000016")).unwrap();
    assert!(arrived.len() < 3_000 && arrived.contains("auditrail.dev/removed"), "{arrived}");
    assert_eq!(messages.iter().filter(|message| lines.contains(message)).count(), 15);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_stays_too_large_becomes_a_dead_letter() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::start(|request| {
        let large = request.messages().iter().any(|message| message.contains("n=3\""));
        Reply::Status(if large { 413 } else { 202 })
    })
    .await;
    let running = Running::start(&config(directory.path(), &[("dd", given::datadog(&intake.url))])).await;
    running.push(events("dd", 1, 5)).await.unwrap();
    running.drain().await;
    assert_eq!(named(&running.account("dd").dead), [("too large".to_owned(), 1)].into());
    assert_eq!(intake.messages().len(), 4);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sick_destination_harms_no_other_and_a_body_that_never_gets_through_no_other_body() {
    let directory = tempfile::tempdir().unwrap();
    let (sick, well) = (Intake::start(|_| Reply::Status(500)).await, Intake::willing().await);
    let destinations = [("sick", given::datadog(&sick.url)), ("well", given::datadog(&well.url))];
    let running = Running::start(&config(directory.path(), &destinations)).await;
    for first in (1..100).step_by(10) {
        running.push(events("sick", first, first + 9)).await.unwrap();
        running.push(events("well", first, first + 9)).await.unwrap();
    }
    running.until("well", |status| count(&status.accounts[0].delivered) == 100).await;
    assert_eq!(running.status("sick").state, "retrying");
    sick.now(|request| {
        let poison = request.messages().iter().any(|message| message.contains("n=1\""));
        Reply::Status(if poison { 500 } else { 202 })
    });
    running.until("sick", |status| count(&status.accounts[0].delivered) == 90).await;
    assert_eq!(count(&running.account("sick").spooled), 10);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_stop_what_is_in_flight_is_finished_and_the_rest_stays_spooled() {
    let directory = tempfile::tempdir().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    let intake = Intake::start(move |request| {
        if !request.items.is_empty() {
            counter.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(100)); // a slow intake
        }
        Reply::Status(202)
    })
    .await;
    let config = config(directory.path(), &[("dd", given::datadog(&intake.url))]);
    let running = Running::start(&config).await;
    for first in (1..200).step_by(10) {
        running.push(events("dd", first, first + 9)).await.unwrap();
    }
    while seen.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    running.stop().await;
    let before = intake.messages().len() as u64;
    let running = Running::start(&config).await;
    assert_eq!(count(&running.account("dd").received), 200);
    running.drain().await;
    assert_eq!(intake.messages(), sorted(1, 200), "a clean stop repeats nothing ({before} had arrived)");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_look_as_the_intake_wants_them_in_every_compression() {
    for (compression, encoding) in
        [(Compression::Zstd, Some("zstd")), (Compression::Gzip, Some("gzip")), (Compression::None, None)]
    {
        let directory = tempfile::tempdir().unwrap();
        let intake = Intake::willing().await;
        let key = directory.path().join("key");
        std::fs::write(&key, "0123456789abcdef\n").unwrap();
        let to = Datadog {
            url: Some(intake.url.clone() + "/"),
            api_key_file: Some(key),
            compression,
            tags: vec!["team:a".into()],
            max_event_age: chassis::Span::secs(1000 * 365 * 86_400),
            ..Datadog::default()
        };
        let running = Running::start(&config(directory.path(), &[("dd", Destination::Datadog(to))])).await;
        running.push(batch("dd", 1, &[event(5).as_str(), "{\"kind\":\"Other\"}"])).await.unwrap();
        running.drain().await;
        let request = intake.requests().remove(0);
        for (name, value) in [
            ("dd-api-key", Some("0123456789abcdef")),
            ("content-type", Some("application/json")),
            ("dd-protocol", Some("agent-json")),
            ("dd-message-timestamp", Some("1795000000123")),
            ("user-agent", Some(concat!("auditrail/", env!("CARGO_PKG_VERSION")))),
            ("content-encoding", encoding),
        ] {
            assert_eq!(request.header(name).as_deref(), value, "{name}");
        }
        let expected = serde_json::json!({
            "message": event(5),
            "status": "info",
            "timestamp": 1_795_413_600_000_i64,
            "hostname": "cp-1",
            "service": "audit",
            "ddsource": "kubernetes.audit",
            "ddtags": "filename:audit.log,dirname:/var/log/kubernetes/apiserver,env:test,kube_cluster_name:test,team:a",
        });
        assert_eq!(intake.accepted()[0], expected);
        assert_eq!(intake.accepted()[1]["timestamp"], 1_795_000_000_123_i64, "no event: when it was read");
        running.stop().await;
    }
}
