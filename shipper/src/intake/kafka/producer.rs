//! Sends bodies to the leaders of their partitions, one at a time, so that the order of each origin stays.
//!
//! Promises: `acks=all`, and idempotent: a body without a certain answer is sent again under the same sequence, which
//! the broker recognises; where a broker knows the producer no more, a new one begins, and what that may repeat has
//! the same identity in its headers; the password is read anew for each connection, and shown nowhere.

use std::time::Duration;

use bytes::Bytes;
use chassis::{Revealed, Secret};
use futures_util::future::BoxFuture;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

use super::cluster::Cluster;
use super::connection::Trouble;
use super::sequences::Sequences;
use super::{record_batch, verdicts};
use crate::config::{self, KafkaProtocol, SaslMechanism};
use crate::intake::{Answer, Carrier};
use crate::record::Header;
use crate::verdict::Verdict;

/// Tries within one sending, where what stood in the way is mended at once.
const TRIES: usize = 3;

/// Longest pause that a broker may ask for.
const LONGEST_THROTTLE: Duration = Duration::from_secs(60);

/// Answers of a broker that a sending may wait for one after the other.
const WAITS: u32 = 4;

const LEADER_NOT_AVAILABLE: i16 = 5;
const CORRUPT_MESSAGE: i16 = 2;
const UNSUPPORTED_COMPRESSION_TYPE: i16 = 76;

/// The first version of `Produce` that carries zstd.
const ZSTD_SINCE: i16 = 7;

/// The way to a topic.
pub(super) struct Producer {
    password: Option<Secret>,
    longest: Duration,
    state: Mutex<State>,
}

struct State {
    topic: TopicName,
    timeout: Duration,
    cluster: Cluster,
    sequences: Sequences,
    /// The partition for the next body without a key.
    turn: usize,
    /// The brokers asked for patience until then.
    not_before: Option<Instant>,
}

/// What came of a try.
enum Tried {
    Ended(Answer),
    /// Something was mended, so that another try makes sense.
    Mended(Answer),
}

impl Producer {
    /// From its part of the configuration; asks nobody yet.
    pub(super) fn new(config: &config::Kafka) -> Result<Producer, String> {
        let in_the_clear = |sasl: &config::Sasl| sasl.mechanism == SaslMechanism::Plain;
        if config.protocol == KafkaProtocol::Plaintext && config.sasl.as_ref().is_some_and(in_the_clear) {
            tracing::warn!(
                topic = config.topic,
                "the password travels as it is; set `protocol: tls` or a `sasl.mechanism` of SCRAM"
            );
        }
        let timeout = config.timeout.duration();
        let state = State {
            topic: TopicName(StrBytes::from_string(config.topic.clone())),
            timeout,
            cluster: Cluster::new(config)?,
            sequences: Sequences::default(),
            turn: 0,
            not_before: None,
        };
        let password = config.sasl.as_ref().map(config::Sasl::password);
        let longest = timeout.saturating_mul(WAITS);
        Ok(Producer { password, longest, state: Mutex::new(state) })
    }
}

impl Carrier for Producer {
    fn send<'a>(&'a self, header: &'a Header, body: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let mut state = self.state.lock().await;
            if let Some(not_before) = state.not_before.take() {
                sleep_until(not_before).await;
            }
            match timeout(self.longest, state.send(header, &body)).await {
                Ok(answer) => answer,
                Err(_) => {
                    state.cluster.disconnect();
                    Answer::Lost("the brokers do not answer in time".to_owned())
                }
            }
        })
    }

    fn key(&self) -> Option<Revealed> {
        self.password.as_ref().and_then(|password| password.reveal().ok())
    }

    fn in_order(&self) -> bool {
        true
    }

    fn verdict(&self, status: u16) -> Verdict {
        verdicts::verdict(status.cast_signed())
    }

    fn advice(&self, status: u16) -> &'static str {
        verdicts::advice(status.cast_signed())
    }
}

impl State {
    async fn send(&mut self, header: &Header, body: &Bytes) -> Answer {
        let mut last = Answer::Lost("nothing was tried".to_owned());
        for _ in 0..TRIES {
            let tried = self.attempt(header, body).await.unwrap_or_else(|trouble| self.troubled(trouble));
            match tried {
                Tried::Ended(answer) => return answer,
                Tried::Mended(answer) => last = answer,
            }
        }
        last
    }

    /// What to do about a trouble before the body was judged.
    fn troubled(&mut self, trouble: Trouble) -> Tried {
        if let Trouble::Refused { code, .. } = trouble {
            if verdicts::moved(code) {
                self.cluster.doubt();
            }
            if verdicts::verdict(code) == Verdict::Hold {
                self.cluster.disconnect();
            }
        }
        Tried::Ended(trouble.into())
    }

    async fn attempt(&mut self, header: &Header, body: &Bytes) -> Result<Tried, Trouble> {
        let partition = self.partition(header, body).await?;
        let Some(leader) = self.cluster.leader(partition) else {
            self.cluster.doubt();
            return Err(Trouble::refused(LEADER_NOT_AVAILABLE, None));
        };
        let version = self.cluster.broker(leader).await?.version::<ProduceRequest>()?;
        if record_batch::is_zstd(body) && version < ZSTD_SINCE {
            return Err(Trouble::refused(UNSUPPORTED_COMPRESSION_TYPE, None));
        }
        if self.sequences.needs_producer(partition, header) {
            self.begin(leader).await?;
        }
        let seal = self.sequences.seal(partition, header);
        let seal = seal.ok_or_else(|| Trouble::Lost("there is no producer id".to_owned()))?;
        let records = record_batch::seal(body, seal);
        let topic = TopicProduceData::default().with_name(self.topic.clone()).with_partition_data(vec![
            PartitionProduceData::default().with_index(partition).with_records(Some(records)),
        ]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(i32::try_from((self.timeout / 2).as_millis()).unwrap_or(i32::MAX))
            .with_topic_data(vec![topic]);
        let told = self.cluster.call(leader, &request).await?;
        self.throttle(told.throttle_time_ms);
        let mut partitions = told.responses.iter().flat_map(|topic| &topic.partition_responses);
        match partitions.find(|told| told.index == partition) {
            Some(told) => Ok(self.judge(partition, body, told)),
            None => Err(Trouble::Lost("the broker says nothing of the partition".to_owned())),
        }
    }

    /// The partition for a body: where it may be already, or where its key belongs.
    async fn partition(&mut self, header: &Header, body: &Bytes) -> Result<i32, Trouble> {
        let partitions = self.cluster.partitions().await?;
        let known = self.sequences.partition_of(header);
        if let Some(known) = known.filter(|&known| usize::try_from(known).is_ok_and(|at| at < partitions)) {
            return Ok(known);
        }
        let hash = match record_batch::key_hash(body) {
            Some(hash) => hash as usize,
            None => {
                self.turn = self.turn.wrapping_add(1);
                self.turn
            }
        };
        let place = hash.checked_rem(partitions).and_then(|place| i32::try_from(place).ok());
        place.ok_or_else(|| Trouble::refused(LEADER_NOT_AVAILABLE, None))
    }

    /// Begins a new producer.
    async fn begin(&mut self, broker: i32) -> Result<(), Trouble> {
        self.sequences.forget();
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(60_000)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let told = self.cluster.call(broker, &request).await?;
        if told.error_code != 0 {
            return Err(Trouble::refused(told.error_code, None));
        }
        tracing::debug!(producer = told.producer_id.0, "a new producer begins");
        self.sequences.begin(told.producer_id.0, told.producer_epoch);
        Ok(())
    }

    fn throttle(&mut self, milliseconds: i32) {
        if let Ok(wish @ 1..) = u64::try_from(milliseconds) {
            self.not_before = Some(Instant::now() + Duration::from_millis(wish).min(LONGEST_THROTTLE));
        }
    }

    fn judge(&mut self, partition: i32, body: &Bytes, told: &PartitionProduceResponse) -> Tried {
        let code = told.error_code;
        let answer = Trouble::refused(code, told.error_message.as_ref()).into();
        if verdicts::forgotten(code) {
            self.sequences.forget();
            return Tried::Mended(answer);
        }
        if verdicts::moved(code) {
            self.cluster.doubt();
            return Tried::Mended(answer);
        }
        match verdicts::verdict(code) {
            Verdict::Delivered => {
                self.sequences.appended(partition, record_batch::count(body).unwrap_or_default());
                Tried::Ended(Answer::Status { code: 0, retry_after: None, words: String::new() })
            }
            // A byte may have changed on the way; that is told from a bad record by a second look.
            Verdict::Reject if code == CORRUPT_MESSAGE => Tried::Mended(answer),
            Verdict::Reject | Verdict::Split => {
                self.sequences.refused(partition);
                Tried::Ended(items(body, told).unwrap_or(answer))
            }
            Verdict::Hold => {
                self.cluster.disconnect();
                Tried::Ended(answer)
            }
            Verdict::Again => Tried::Ended(answer),
        }
    }
}

/// What is said of single records; None where nothing is. The broker took none of a batch with a bad record.
fn items(body: &Bytes, told: &PartitionProduceResponse) -> Option<Answer> {
    let count = record_batch::count(body)? as usize;
    let mut verdicts = vec![Verdict::Again; count];
    let mut words = None;
    for error in &told.record_errors {
        let bad = usize::try_from(error.batch_index).ok().and_then(|at| verdicts.get_mut(at))?;
        *bad = Verdict::Reject;
        words = words.or(error.batch_index_error_message.as_ref());
    }
    let Trouble::Refused { words, .. } = Trouble::refused(told.error_code, words) else { return None };
    (!told.record_errors.is_empty() && count > 1).then_some(Answer::Items { verdicts, words })
}
