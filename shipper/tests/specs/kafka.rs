//! What reaches a Kafka cluster, and what the shipper does with everything that a broker may say.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chassis::{ByteSize, Span};
use kafka_protocol::records::Record;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shipper::{
    Config, Destination, Kafka, KafkaCompression, KafkaKey, KafkaProtocol, Sasl, SaslMechanism, Tls,
};

use crate::broker::{Broker, Reply, TOPIC};
use crate::crash;
use crate::given::{self, Running, batch, config, count, event, events, named};

mod order;

fn kafka(broker: &Broker) -> Kafka {
    Kafka {
        brokers: broker.addresses(),
        topic: TOPIC.into(),
        key: KafkaKey::Origin,
        compression: KafkaCompression::Zstd,
        protocol: KafkaProtocol::Plaintext,
        tls: Tls::default(),
        sasl: None,
        max_body: ByteSize::bytes(1_000_000),
        timeout: Span::secs(30),
    }
}

fn to(directory: &Path, kafka: Kafka) -> Config {
    config(directory, &[("k", Destination::Kafka(kafka))])
}

fn lines(first: u64, last: u64) -> Vec<String> {
    (first..=last).map(event).collect()
}

fn header(record: &Record, name: &str) -> String {
    let value = record.headers.iter().find(|(key, _)| &***key == name).and_then(|(_, value)| value.clone());
    String::from_utf8(value.unwrap().to_vec()).unwrap()
}

/// Pushes 60 events in six batches through a cluster, and gives the records in the order of the one partition.
async fn delivered_in_order(broker: &Broker) -> Vec<Record> {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&to(directory.path(), kafka(broker))).await;
    for first in (1..60).step_by(10) {
        running.push(events("k", first, first + 9)).await.unwrap();
    }
    running.drain().await;
    let account = running.account("k");
    assert_eq!((count(&account.delivered), count(&account.spooled)), (60, 0));
    assert_eq!(running.status("k").state, "idle");
    running.stop().await;
    let log: Vec<Vec<Record>> = broker.log().into_iter().filter(|log| !log.is_empty()).collect();
    assert_eq!(log.len(), 1, "one origin is in one partition");
    log.into_iter().next().unwrap()
}

fn values(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap()).collect()
}

/// Answers `failures` times with `reply`, then takes everything.
fn at_first(
    mut failures: usize,
    reply: Reply,
) -> impl FnMut(&crate::broker::Batch) -> Reply + Send + 'static {
    move |_| {
        if failures == 0 {
            return Reply::Take;
        }
        failures -= 1;
        reply.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_reaches_its_origin_s_partition_once_in_order_with_its_identity() {
    for compression in [
        KafkaCompression::Zstd,
        KafkaCompression::Gzip,
        KafkaCompression::Snappy,
        KafkaCompression::Lz4,
        KafkaCompression::None,
    ] {
        let (directory, broker) = (tempfile::tempdir().unwrap(), Broker::willing().await);
        let running = Running::start(&to(directory.path(), Kafka { compression, ..kafka(&broker) })).await;
        running.push(events("k", 1, 2500)).await.unwrap();
        running.push(events("k", 2501, 2600)).await.unwrap();
        running.drain().await;
        assert_eq!(broker.lines(), lines(1, 2600), "{compression:?}");
        assert_eq!(broker.repeats(), 0);
        for (at, record) in broker.log().iter().flatten().enumerate() {
            assert_eq!(header(record, "auditrail-number"), (at + 1).to_string());
            assert_eq!(header(record, "auditrail-queue"), "07".repeat(16));
            assert_eq!(header(record, "auditrail-cluster"), "test");
            assert_eq!(record.key.as_ref().unwrap(), given::origin().to_string().as_bytes());
        }
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_batches_go_round_the_partitions() {
    let (directory, broker) = (tempfile::tempdir().unwrap(), Broker::willing().await);
    let running =
        Running::start(&to(directory.path(), Kafka { key: KafkaKey::None, ..kafka(&broker) })).await;
    for first in (1..60).step_by(10) {
        running.push(events("k", first, first + 9)).await.unwrap();
    }
    running.drain().await;
    assert_eq!(broker.log().iter().map(Vec::len).collect::<Vec<_>>(), [20, 20, 20]);
    let arrived: BTreeSet<String> = broker.lines().into_iter().collect();
    assert_eq!(arrived, lines(1, 60).into_iter().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_answer_was_lost_is_sent_again_under_its_sequence_and_recognised() {
    let broker = Broker::start(1, &[0, 0], at_first(3, Reply::TakeAndBreak)).await;
    assert_eq!(values(&delivered_in_order(&broker).await), lines(1, 60));
    let asked = broker.asked();
    assert!(asked.iter().all(|batch| batch.producer == asked[0].producer), "one producer for all");
    assert_eq!(broker.repeats(), 3);
    for reply in [Reply::Break, Reply::Refuse(7), Reply::Refuse(20), Reply::Refuse(-1), Reply::Refuse(999)] {
        let broker = Broker::start(1, &[0, 0], at_first(3, reply.clone())).await;
        assert_eq!(values(&delivered_in_order(&broker).await), lines(1, 60), "{reply:?}");
        let tried: BTreeSet<i32> = broker.asked()[..4].iter().map(|batch| batch.sequence).collect();
        assert_eq!(tried, [0].into(), "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_the_cluster_forgot_begins_anew_and_repeats_nothing() {
    let (directory, broker) = (tempfile::tempdir().unwrap(), Broker::willing().await);
    let running = Running::start(&to(directory.path(), kafka(&broker))).await;
    running.push(events("k", 1, 10)).await.unwrap();
    running.drain().await;
    broker.forgets_producers();
    running.push(events("k", 11, 20)).await.unwrap();
    running.drain().await;
    assert_eq!(broker.lines(), lines(1, 20));
    for code in [45, 59, 47] {
        let broker = Broker::start(1, &[0], at_first(2, Reply::Refuse(code))).await;
        assert_eq!(values(&delivered_in_order(&broker).await), lines(1, 60), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_moves_is_followed_to_its_new_leader() {
    let (directory, broker) =
        (tempfile::tempdir().unwrap(), Broker::start(3, &[0, 0], |_| Reply::Take).await);
    let running = Running::start(&to(directory.path(), kafka(&broker))).await;
    for (leader, first) in [(0, 1), (2, 11), (1, 21)] {
        (0..2).for_each(|partition| broker.leads(leader, partition));
        running.push(events("k", first, first + 9)).await.unwrap();
        running.drain().await;
        assert_eq!(broker.asked().last().unwrap().broker, leader);
    }
    assert_eq!(broker.lines(), lines(1, 30));
    assert!(running.shipper.status().problems.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_without_a_leader_waits_and_one_unreachable_broker_of_the_list_is_no_matter() {
    let (directory, broker) =
        (tempfile::tempdir().unwrap(), Broker::start(2, &[-1, -1], |_| Reply::Take).await);
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let brokers = [vec![closed.to_string()], broker.addresses()].concat();
    let running = Running::start(&to(directory.path(), Kafka { brokers, ..kafka(&broker) })).await;
    running.push(events("k", 1, 10)).await.unwrap();
    running.until("k", |status| status.problem.contains("LEADER_NOT_AVAILABLE")).await;
    assert_eq!(running.status("k").state, "retrying");
    (0..2).for_each(|partition| broker.leads(1, partition));
    running.drain().await;
    assert_eq!(broker.lines(), lines(1, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_large_for_the_topic_is_halved_and_its_largest_event_shrunk() {
    for code in [10, 18] {
        let refuse = move |batch: &crate::broker::Batch| {
            if batch.bytes > 2500 { Reply::Refuse(code) } else { Reply::Take }
        };
        let (directory, broker) = (tempfile::tempdir().unwrap(), Broker::start(1, &[0], refuse).await);
        let none = Kafka { compression: KafkaCompression::None, ..kafka(&broker) };
        let running = Running::start(&to(directory.path(), none)).await;
        let large = given::large_event(16, 20_000);
        let all: Vec<String> = (1..=15).map(event).chain([large.clone()]).collect();
        running.push(batch("k", 1, &all)).await.unwrap();
        running.drain().await;
        let arrived = broker.lines();
        assert_eq!(arrived[..15], lines(1, 15), "the order stays, {code}");
        assert!(arrived.len() == 16 && arrived[15].len() < 2500);
        let account = running.account("k");
        assert_eq!((count(&account.delivered), count(&account.shrunk)), (16, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_refused_becomes_a_dead_letter_and_its_neighbours_arrive() {
    let guilty = [event(7), event(23)];
    for told in [true, false] {
        let marks = guilty.clone();
        let refuse = move |batch: &crate::broker::Batch| {
            let lines = batch.lines();
            let bad = (0..lines.len()).filter(|&at| marks.contains(&lines[at]));
            let bad: Vec<i32> = bad.map(|at| at as i32).collect();
            match bad.is_empty() {
                true => Reply::Take,
                false if told => Reply::RefuseRecords(87, bad),
                false => Reply::Refuse(2),
            }
        };
        let (directory, broker) = (tempfile::tempdir().unwrap(), Broker::start(1, &[0], refuse).await);
        let running = Running::start(&to(directory.path(), kafka(&broker))).await;
        running.push(events("k", 1, 40)).await.unwrap();
        running.drain().await;
        let expected: Vec<String> = lines(1, 40).into_iter().filter(|line| !guilty.contains(line)).collect();
        assert_eq!(broker.lines(), expected, "the order stays");
        let account = running.account("k");
        assert_eq!(named(&account.dead).values().sum::<u64>(), 2);
        assert_eq!(count(&account.delivered), 38);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_asks_for_patience_is_given_it() {
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let noted = times.clone();
    let broker = Broker::start(1, &[0], move |_| {
        noted.lock().unwrap().push(Instant::now());
        if noted.lock().unwrap().len() == 1 { Reply::Throttle(700) } else { Reply::Take }
    })
    .await;
    assert_eq!(values(&delivered_in_order(&broker).await), lines(1, 60));
    let times = times.lock().unwrap();
    assert!(times[1] - times[0] >= Duration::from_millis(690), "{:?}", times[1] - times[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_holds_the_destination_until_its_file_changes() {
    let (directory, broker) = (tempfile::tempdir().unwrap(), Broker::willing().await);
    broker.wants("me", "right-right-right-right");
    let password_file = directory.path().join("password");
    std::fs::write(&password_file, "wrong-wrong-wrong-wrong\n").unwrap();
    let sasl = |mechanism| {
        let (user, password_file) = ("me".to_owned(), password_file.clone());
        Some(Sasl { mechanism, user, password_file })
    };
    let mut config = to(directory.path(), Kafka { sasl: sasl(SaslMechanism::Plain), ..kafka(&broker) });
    // Probes alone would take longer than this test waits.
    config.retry = shipper::Retry { first: Span::secs(600), longest: Span::secs(600), hold: Span::secs(600) };
    let running = Running::start(&config).await;
    running.push(events("k", 1, 10)).await.unwrap();
    running.push(events("k", 11, 20)).await.unwrap();
    running.until("k", |status| status.state == "held").await;
    let status = running.shipper.status();
    let problem = &status.problems[0];
    assert!(
        problem.contains("sasl.password_file") && problem.contains("SASL_AUTHENTICATION_FAILED"),
        "{problem}"
    );
    assert!(!format!("{status:?}").contains("wrong-wrong"));
    assert!(broker.asked().is_empty());
    std::fs::write(&password_file, "right-right-right-right").unwrap();
    running.drain().await;
    assert_eq!(broker.lines(), lines(1, 20));
    running.stop().await;
    let other = tempfile::tempdir().unwrap();
    let kafka = Kafka { sasl: sasl(SaslMechanism::ScramSha512), ..kafka(&broker) };
    let running = Running::start(&to(other.path(), kafka)).await;
    running.push(events("k", 1, 10)).await.unwrap();
    running.until("k", |status| status.state == "held").await;
    let problem = running.status("k").problem;
    assert!(problem.contains("the broker has PLAIN") && problem.contains("sasl.mechanism"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_or_forbidden_holds_and_makes_no_dead_letters() {
    let (directory, broker) = (tempfile::tempdir().unwrap(), Broker::willing().await);
    broker.has_topic(false);
    let running = Running::start(&to(directory.path(), kafka(&broker))).await;
    running.push(events("k", 1, 10)).await.unwrap();
    running.until("k", |status| status.state == "held" && status.retries > 1).await;
    let problem = running.status("k").problem;
    assert!(problem.contains("UNKNOWN_TOPIC_OR_PARTITION") && problem.contains("create it"), "{problem}");
    broker.now(|_| Reply::Refuse(29));
    broker.has_topic(true);
    running.until("k", |status| status.problem.contains("TOPIC_AUTHORIZATION_FAILED")).await;
    assert!(running.status("k").state == "held" && running.account("k").dead.is_empty());
    broker.now(|_| Reply::Take);
    running.drain().await;
    assert_eq!(broker.lines(), lines(1, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_kafka_is_said_and_loses_nothing() {
    let (directory, broker) = (tempfile::tempdir().unwrap(), Broker::willing().await);
    let intake = crate::intake::Intake::willing().await;
    let brokers = vec![intake.url.trim_start_matches("http://").to_owned()];
    let mut kafka = Kafka { brokers, ..kafka(&broker) };
    kafka.timeout = Span::secs(1);
    let running = Running::start(&to(directory.path(), kafka)).await;
    running.push(events("k", 1, 10)).await.unwrap();
    running.until("k", |status| status.problem.contains("broker 127.0.0.1:")).await;
    assert_eq!(count(&running.account("k").spooled), 10);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_batch_is_over_the_limit_also_of_events_of_three_megabytes() {
    let (directory, broker) = (tempfile::tempdir().unwrap(), Broker::willing().await);
    let mut config = to(directory.path(), Kafka { compression: KafkaCompression::None, ..kafka(&broker) });
    config.spool.max_size = ByteSize::mib(256);
    let running = Running::start(&config).await;
    let mut all: Vec<String> = (1..=1500).map(event).collect();
    all.push(given::large_event(1501, 3_000_000));
    all.push(given::large_event(1502, 900_000));
    running.push(batch("k", 1, &all)).await.unwrap();
    running.drain().await;
    assert!(broker.asked().iter().all(|batch| batch.bytes <= 1_000_000));
    let arrived = broker.lines();
    assert_eq!(arrived[..1500], all[..1500]);
    assert!(arrived[1500].len() < 1_000_000 && arrived[1501] == all[1501]);
    assert_eq!(count(&running.account("k").shrunk), 1);
}

/// Not a test of its own: pushes batches from `NEXT` on and says on standard output which have their receipts.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of `nothing_is_lost_when_the_process_is_killed_and_repeats_have_the_same_identity`"]
async fn child() {
    let Ok(directory) = std::env::var(crash::DIRECTORY) else { return };
    let mut kafka = kafka(&Broker::willing().await);
    kafka.brokers = vec![std::env::var(crash::URL).unwrap()];
    let running = Running::start(&to(Path::new(&directory), kafka)).await;
    let mut next: u64 = std::env::var(crash::NEXT).unwrap().parse().unwrap();
    loop {
        running.push(events("k", next, next + 24)).await.unwrap();
        println!("receipt {}", next + 24);
        next += 25;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_process_is_killed_and_repeats_have_the_same_identity() {
    let (directory, broker) = (tempfile::tempdir().unwrap(), Broker::willing().await);
    let mut rng = StdRng::seed_from_u64(20_261_125);
    let mut next = 1;
    for _ in 0..6 {
        let child = crash::spawn("kafka::child", directory.path(), &broker.addresses()[0], next);
        let (receipts, moment) =
            (rng.random_range(1..15), Duration::from_micros(rng.random_range(0..30_000)));
        let killed = tokio::task::spawn_blocking(move || crash::killed_after(child, receipts, moment));
        next = killed.await.unwrap().map_or(next, |last| last + 1);
    }
    assert!(next > 1, "no child gave a receipt");
    let running = Running::start(&to(directory.path(), kafka(&broker))).await;
    running.drain().await;
    let numbers = running.account("k").watermark;
    assert!(numbers >= next - 1);
    let records: Vec<Record> = broker.log().into_iter().flatten().collect();
    let mut arrived = BTreeSet::new();
    for (record, line) in records.iter().zip(values(&records)) {
        let number: u64 = header(record, "auditrail-number").parse().unwrap();
        assert_eq!(line, event(number), "a number stands for its line, however often it comes");
        arrived.insert(number);
    }
    assert_eq!(arrived, (1..=numbers).collect());
    running.stop().await;
}
