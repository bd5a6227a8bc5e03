//! A stand-in for a Kafka cluster: several brokers and one topic in memory. It holds every request against the
//! protocol, keeps each producer's sequences as Kafka does, and answers by a script.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, InitProducerIdRequest, InitProducerIdResponse, MetadataRequest,
    MetadataResponse, ProduceRequest, ProduceResponse, ResponseHeader, SaslAuthenticateRequest,
    SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::protocol::{
    Decodable, Encodable, HeaderVersion, StrBytes, decode_request_header_from_buffer,
};
use kafka_protocol::records::{Compression, Record, RecordBatchDecoder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TOPIC: &str = "audit";

/// What a topic takes by default, in bytes of a batch as it is sent.
const MOST_BATCH: usize = 1_048_588;

const OUT_OF_ORDER: i16 = 45;
const UNKNOWN_PRODUCER: i16 = 59;
const NOT_LEADER: i16 = 6;
const UNKNOWN_TOPIC: i16 = 3;
const WRONG_PASSWORD: i16 = 58;

/// What the stand-in does with a batch.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Appends it, unless it did before.
    Take,
    /// Appends it, and breaks the connection without an answer.
    TakeAndBreak,
    /// Appends nothing, and breaks the connection.
    Break,
    /// Appends nothing, and answers with a code.
    Refuse(i16),
    /// Refuses the records at these places.
    RefuseRecords(i16, Vec<i32>),
    /// Appends it, and asks for patience: milliseconds.
    Throttle(i32),
}

/// A batch that was asked to be appended.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) broker: i32,
    pub(crate) partition: i32,
    pub(crate) producer: i64,
    pub(crate) sequence: i32,
    pub(crate) bytes: usize,
    pub(crate) records: Vec<Record>,
}

impl Batch {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.records.iter().map(text).collect()
    }
}

fn text(record: &Record) -> String {
    String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap()
}

type Script = Box<dyn FnMut(&Batch) -> Reply + Send>;

/// The cluster.
#[derive(Clone)]
pub(crate) struct Broker(Arc<Mutex<State>>);

struct State {
    ports: Vec<u16>,
    leaders: Vec<i32>,
    /// None while there is no such topic.
    topic: bool,
    /// User and password where they are wanted.
    wanted: Option<(String, String)>,
    producers: BTreeSet<i64>,
    /// First sequence and count of the last batches, per producer and partition.
    appended: BTreeMap<(i64, i32), Vec<(i32, i32)>>,
    log: Vec<Vec<Record>>,
    asked: Vec<Batch>,
    repeats: usize,
    script: Script,
}

impl Broker {
    /// Brokers 0.. and partitions led by these.
    pub(crate) async fn start(
        brokers: i32,
        leaders: &[i32],
        script: impl FnMut(&Batch) -> Reply + Send + 'static,
    ) -> Broker {
        let state = State {
            ports: Vec::new(),
            leaders: leaders.to_vec(),
            topic: true,
            wanted: None,
            producers: BTreeSet::new(),
            appended: BTreeMap::new(),
            log: vec![Vec::new(); leaders.len()],
            asked: Vec::new(),
            repeats: 0,
            script: Box::new(script),
        };
        let cluster = Broker(Arc::new(Mutex::new(state)));
        for id in 0..brokers {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            cluster.0.lock().unwrap().ports.push(listener.local_addr().unwrap().port());
            let cluster = cluster.clone();
            tokio::spawn(async move {
                loop {
                    let (connection, _) = listener.accept().await.unwrap();
                    tokio::spawn(cluster.clone().serve(id, connection));
                }
            });
        }
        cluster
    }

    /// One broker that leads all of three partitions and takes everything.
    pub(crate) async fn willing() -> Broker {
        Broker::start(1, &[0, 0, 0], |_| Reply::Take).await
    }

    pub(crate) fn addresses(&self) -> Vec<String> {
        self.0.lock().unwrap().ports.iter().map(|port| format!("127.0.0.1:{port}")).collect()
    }

    /// From now on a password is wanted.
    pub(crate) fn wants(&self, user: &str, password: &str) {
        self.0.lock().unwrap().wanted = Some((user.to_owned(), password.to_owned()));
    }

    pub(crate) fn has_topic(&self, topic: bool) {
        self.0.lock().unwrap().topic = topic;
    }

    /// Makes another broker the leader of a partition.
    pub(crate) fn leads(&self, broker: i32, partition: usize) {
        self.0.lock().unwrap().leaders[partition] = broker;
    }

    pub(crate) fn now(&self, script: impl FnMut(&Batch) -> Reply + Send + 'static) {
        self.0.lock().unwrap().script = Box::new(script);
    }

    /// Forgets all producers, as a cluster does with those that were silent for long.
    pub(crate) fn forgets_producers(&self) {
        let mut state = self.0.lock().unwrap();
        state.producers.clear();
        state.appended.clear();
    }

    /// All batches that were asked to be appended.
    pub(crate) fn asked(&self) -> Vec<Batch> {
        self.0.lock().unwrap().asked.clone()
    }

    /// How many batches came that had been appended before, and were recognised.
    pub(crate) fn repeats(&self) -> usize {
        self.0.lock().unwrap().repeats
    }

    /// The records of each partition.
    pub(crate) fn log(&self) -> Vec<Vec<Record>> {
        self.0.lock().unwrap().log.clone()
    }

    /// The values of all records, partition by partition.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log().iter().flatten().map(text).collect()
    }

    async fn serve(self, id: i32, mut connection: TcpStream) {
        let mut proven = self.0.lock().unwrap().wanted.is_none();
        loop {
            let mut length = [0; 4];
            if connection.read_exact(&mut length).await.is_err() {
                return;
            }
            let mut frame = vec![0; u32::from_be_bytes(length) as usize];
            if connection.read_exact(&mut frame).await.is_err() {
                return;
            }
            let Some(answer) = self.answer(id, frame.into(), &mut proven) else { return };
            if connection.write_all(&answer).await.is_err() {
                return;
            }
        }
    }

    /// None where the connection breaks instead.
    fn answer(&self, id: i32, mut frame: Bytes, proven: &mut bool) -> Option<BytesMut> {
        let header = decode_request_header_from_buffer(&mut frame).unwrap();
        assert_eq!(header.client_id.as_deref(), Some("auditrail"));
        let (key, version) = (ApiKey::try_from(header.request_api_key).unwrap(), header.request_api_version);
        let free = matches!(key, ApiKey::ApiVersions | ApiKey::SaslHandshake | ApiKey::SaslAuthenticate);
        assert!(*proven || free, "{key:?} before the password");
        let mut state = self.0.lock().unwrap();
        let told = |out: BytesMut| Some(out);
        let correlation = header.correlation_id;
        let frame = &mut frame;
        match key {
            ApiKey::ApiVersions => told(framed(&versions(), correlation, version)),
            ApiKey::Metadata => {
                let request: MetadataRequest = whole(frame, version);
                assert!(!request.allow_auto_topic_creation, "a topic is not made by a slip");
                told(framed(&state.metadata(), correlation, version))
            }
            ApiKey::InitProducerId => {
                let request: InitProducerIdRequest = whole(frame, version);
                assert_eq!(request.transactional_id, None);
                let producer = 1000 + state.producers.len() as i64 + state.asked.len() as i64;
                state.producers.insert(producer);
                let answer = InitProducerIdResponse::default().with_producer_id(producer.into());
                told(framed(&answer, correlation, version))
            }
            ApiKey::Produce => {
                let request: ProduceRequest = whole(frame, version);
                let answer = state.produce(id, &request)?;
                told(framed(&answer, correlation, version))
            }
            ApiKey::SaslHandshake => {
                let request: SaslHandshakeRequest = whole(frame, version);
                let plain = StrBytes::from_static_str("PLAIN");
                let code = if request.mechanism == plain { 0 } else { 33 };
                let answer = SaslHandshakeResponse::default().with_error_code(code);
                told(framed(&answer.with_mechanisms(vec![plain]), correlation, version))
            }
            ApiKey::SaslAuthenticate => {
                let request: SaslAuthenticateRequest = whole(frame, version);
                let (user, password) = state.wanted.clone().unwrap();
                *proven = request.auth_bytes == format!("\0{user}\0{password}");
                let code = if *proven { 0 } else { WRONG_PASSWORD };
                told(framed(&SaslAuthenticateResponse::default().with_error_code(code), correlation, version))
            }
            other => panic!("{other:?} is not to be asked"),
        }
    }
}

impl State {
    fn metadata(&self) -> MetadataResponse {
        let broker = |(id, &port): (usize, &u16)| {
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(id as i32))
                .with_host(StrBytes::from_static_str("127.0.0.1"))
                .with_port(i32::from(port))
        };
        let partition = |(index, &leader): (usize, &i32)| {
            MetadataResponsePartition::default()
                .with_partition_index(index as i32)
                .with_leader_id(leader.into())
        };
        let mut topic = MetadataResponseTopic::default()
            .with_name(Some(StrBytes::from_static_str(TOPIC).into()))
            .with_partitions(self.leaders.iter().enumerate().map(partition).collect());
        if !self.topic {
            topic = topic.with_error_code(UNKNOWN_TOPIC).with_partitions(Vec::new());
        }
        let brokers = self.ports.iter().enumerate().map(broker).collect();
        MetadataResponse::default().with_brokers(brokers).with_topics(vec![topic])
    }

    fn produce(&mut self, broker: i32, request: &ProduceRequest) -> Option<ProduceResponse> {
        assert_eq!((request.acks, request.topic_data.len()), (-1, 1), "all replicas, one topic");
        assert_eq!(&*request.topic_data[0].name, &StrBytes::from_static_str(TOPIC));
        assert_eq!(request.topic_data[0].partition_data.len(), 1, "one partition");
        let data = &request.topic_data[0].partition_data[0];
        let batch = checked(broker, data.index, data.records.clone().unwrap());
        self.asked.push(batch.clone());
        let mut patience = 0;
        let mut answer = PartitionProduceResponse::default().with_index(data.index);
        match (self.script)(&batch) {
            _ if self.leaders[data.index as usize] != broker => answer.error_code = NOT_LEADER,
            Reply::Take => answer.error_code = self.append(&batch),
            Reply::TakeAndBreak => {
                assert_eq!(self.append(&batch), 0);
                return None;
            }
            Reply::Break => return None,
            Reply::Refuse(code) => answer.error_code = code,
            Reply::RefuseRecords(code, places) => {
                answer.error_code = code;
                let errors = places.into_iter().map(|place| {
                    let words = Some(StrBytes::from_static_str("not this one"));
                    BatchIndexAndErrorMessage::default()
                        .with_batch_index(place)
                        .with_batch_index_error_message(words)
                });
                answer.record_errors = errors.collect();
            }
            Reply::Throttle(milliseconds) => {
                patience = milliseconds;
                answer.error_code = self.append(&batch);
            }
        }
        let name = request.topic_data[0].name.clone();
        let topic = TopicProduceResponse::default().with_name(name).with_partition_responses(vec![answer]);
        Some(ProduceResponse::default().with_responses(vec![topic]).with_throttle_time_ms(patience))
    }

    /// As Kafka appends for an idempotent producer.
    fn append(&mut self, batch: &Batch) -> i16 {
        if !self.producers.contains(&batch.producer) {
            return UNKNOWN_PRODUCER;
        }
        let count = batch.records.len() as i32;
        let before = self.appended.entry((batch.producer, batch.partition)).or_default();
        if before.contains(&(batch.sequence, count)) {
            self.repeats += 1;
            return 0;
        }
        let next = before.last().map_or(0, |(first, count)| first + count);
        if batch.sequence != next {
            return OUT_OF_ORDER;
        }
        before.push((batch.sequence, count));
        if before.len() > 5 {
            before.remove(0);
        }
        self.log[batch.partition as usize].extend(batch.records.iter().cloned());
        0
    }
}

fn whole<R: Decodable>(frame: &mut Bytes, version: i16) -> R {
    let request = R::decode(frame, version).unwrap();
    assert!(!frame.has_remaining(), "something follows the request");
    request
}

fn framed<A: Encodable + HeaderVersion>(answer: &A, correlation: i32, version: i16) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_u32(0);
    let header = ResponseHeader::default().with_correlation_id(correlation);
    header.encode(&mut out, A::header_version(version)).unwrap();
    answer.encode(&mut out, version).unwrap();
    let length = out.len() as u32 - 4;
    out[..4].copy_from_slice(&length.to_be_bytes());
    out
}

/// The ranges of Kafka 4.
fn versions() -> ApiVersionsResponse {
    let ranges = [(0, 3, 12), (3, 0, 13), (17, 0, 1), (18, 0, 4), (22, 0, 5), (36, 0, 2)];
    let ranges = ranges.map(|(key, least, most)| {
        ApiVersion::default().with_api_key(key).with_min_version(least).with_max_version(most)
    });
    ApiVersionsResponse::default().with_api_keys(ranges.to_vec())
}

/// The batch, after it was held against format and limits; its checksum too.
fn checked(broker: i32, partition: i32, mut sent: Bytes) -> Batch {
    let bytes = sent.len();
    assert!(bytes <= MOST_BATCH, "a batch of {bytes} bytes");
    let unpack = |packed: &mut Bytes, codec: Compression| {
        Ok(match codec {
            Compression::None => packed.clone(),
            Compression::Zstd => zstd::bulk::decompress(packed, MOST_BATCH).unwrap().into(),
            Compression::Snappy => snap::raw::Decoder::new().decompress_vec(packed).unwrap().into(),
            Compression::Gzip => read(flate2::read::GzDecoder::new(&packed[..])),
            Compression::Lz4 => read(lz4_flex::frame::FrameDecoder::new(&packed[..])),
        })
    };
    let info = RecordBatchDecoder::decode_batch_info(&mut sent.clone()).unwrap();
    assert_eq!((info.len(), info[0].min_offset, info[0].version), (1, 0, 2), "one batch, format 2, at 0");
    let set = RecordBatchDecoder::decode_with_custom_compression(&mut sent, Some(unpack)).unwrap();
    let keys: BTreeSet<_> = set.records.iter().map(|record| record.key.clone()).collect();
    assert_eq!(keys.len(), 1, "one key");
    assert!(set.records.iter().enumerate().all(|(at, record)| record.offset == at as i64));
    let (producer, sequence) = (info[0].producer_id, info[0].base_sequence);
    assert!(producer >= 0 && sequence >= 0);
    Batch { broker, partition, producer, sequence, bytes, records: set.records }
}

fn read(mut from: impl std::io::Read) -> Bytes {
    let mut out = Vec::new();
    from.read_to_end(&mut out).unwrap();
    out.into()
}
