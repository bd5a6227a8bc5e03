//! One connection to one broker: greeted, proven, and one call at a time.
//!
//! Promises: every wait is bounded; an answer has a bound; a connection on which a call was broken off is never used
//! again.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, InitProducerIdRequest, InitProducerIdResponse,
    MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader,
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::sasl::{self, Scram};
use super::{tls, verdicts};
use crate::attempt::blocking;
use crate::config::{self, KafkaProtocol, Sasl};
use crate::dead::MOST_WORDS;
use crate::intake::Answer;

/// Bytes of an answer, at most.
const MOST_ANSWER: u32 = 16 << 20;

/// A connection that nobody used for so long may be closed by the broker at any moment.
const IDLE: Duration = Duration::from_secs(60);

/// Time to reach a broker.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

const UNSUPPORTED_VERSION: i16 = 35;
const SASL_AUTHENTICATION_FAILED: i16 = 58;

/// Why there is no good answer.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// None came.
    Lost(String),
    /// The broker refuses by an error code.
    Refused { code: i16, words: String },
    /// There is no password.
    NoKey(String),
}

impl Trouble {
    /// Refused by a code, with what the broker says to it.
    pub(super) fn refused(code: i16, message: Option<&StrBytes>) -> Trouble {
        let message = message.map(|text| text.trim()).filter(|text| !text.is_empty());
        let mut words = verdicts::name(code);
        if let Some(message) = message {
            words = format!("{words}: {message}");
        }
        let end = (0..=words.len().min(MOST_WORDS)).rev().find(|&at| words.is_char_boundary(at));
        words.truncate(end.unwrap_or_default());
        Trouble::Refused { code, words }
    }
}

impl From<Trouble> for Answer {
    fn from(trouble: Trouble) -> Answer {
        match trouble {
            Trouble::Lost(why) => Answer::Lost(why),
            Trouble::NoKey(why) => Answer::NoKey(why),
            Trouble::Refused { code, words } => {
                Answer::Status { code: code.cast_unsigned(), retry_after: None, words }
            }
        }
    }
}

/// A request, and what answers it.
pub(super) trait Call: Encodable + HeaderVersion + Sync {
    const KEY: ApiKey;
    /// The versions that we speak.
    const VERSIONS: (i16, i16);
    type Answer: Decodable + HeaderVersion;
}

macro_rules! call {
    ($request:ty, $answer:ty, $key:ident, $versions:expr) => {
        impl Call for $request {
            const KEY: ApiKey = ApiKey::$key;
            const VERSIONS: (i16, i16) = $versions;
            type Answer = $answer;
        }
    };
}

call!(ApiVersionsRequest, ApiVersionsResponse, ApiVersions, (0, 0));
call!(MetadataRequest, MetadataResponse, Metadata, (4, 9));
call!(InitProducerIdRequest, InitProducerIdResponse, InitProducerId, (0, 4));
call!(ProduceRequest, ProduceResponse, Produce, (3, 9));
call!(SaslHandshakeRequest, SaslHandshakeResponse, SaslHandshake, (1, 1));
call!(SaslAuthenticateRequest, SaslAuthenticateResponse, SaslAuthenticate, (0, 2));

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection that may be called on.
pub(super) struct Connection {
    stream: Box<dyn Duplex>,
    /// Where it leads, for messages.
    address: String,
    timeout: Duration,
    versions: BTreeMap<i16, (i16, i16)>,
    correlation: i32,
    /// A call was begun and not ended.
    busy: bool,
    used: Instant,
    /// When the broker ends it, since the credentials have to be shown again.
    expires: Option<Instant>,
}

impl Connection {
    /// Connects to `host` and `port`, and shows who we are.
    pub(super) async fn open(host: &str, port: u16, config: &config::Kafka) -> Result<Connection, Trouble> {
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let opening = stream(host, port, config);
        let opened = timeout(CONNECT_TIMEOUT.min(config.timeout.duration()), opening).await;
        let stream = opened.unwrap_or_else(|_| Err("no connection in time".to_owned()));
        let stream = stream.map_err(|why| Trouble::Lost(format!("broker {address}: {why}")))?;
        let mut connection = Connection {
            stream,
            address,
            timeout: config.timeout.duration(),
            versions: BTreeMap::new(),
            correlation: 0,
            busy: false,
            used: Instant::now(),
            expires: None,
        };
        connection.greet().await?;
        if let Some(sasl) = &config.sasl {
            connection.prove(sasl).await?;
        }
        Ok(connection)
    }

    /// Whether it can be called on.
    pub(super) fn is_good(&self) -> bool {
        !self.busy
            && self.used.elapsed() < IDLE
            && self.expires.is_none_or(|expires| Instant::now() < expires)
    }

    async fn greet(&mut self) -> Result<(), Trouble> {
        let told = self.call(&ApiVersionsRequest::default()).await?;
        if told.error_code != 0 {
            return Err(Trouble::refused(told.error_code, None));
        }
        let versions = told.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version)));
        self.versions = versions.collect();
        Ok(())
    }

    async fn prove(&mut self, sasl: &Sasl) -> Result<(), Trouble> {
        let password = sasl.password().reveal().map_err(|error| Trouble::NoKey(error.to_string()))?;
        let mechanism = StrBytes::from_static_str(sasl::name(sasl.mechanism));
        let agreed = self.call(&SaslHandshakeRequest::default().with_mechanism(mechanism)).await?;
        if agreed.error_code != 0 {
            let theirs: Vec<&str> = agreed.mechanisms.iter().map(|name| &**name).take(8).collect();
            let theirs = StrBytes::from_string(format!("the broker has {}", theirs.join(", ")));
            return Err(Trouble::refused(agreed.error_code, Some(&theirs)));
        }
        let Some(scram) = Scram::new(sasl.mechanism, &sasl.user) else {
            self.say(sasl::plain(&sasl.user, password.as_str())).await?;
            return Ok(());
        };
        let answer = self.say(scram.first()).await?;
        let hashed = blocking(move || scram.last(&answer, password.as_str())).await;
        let distrusted =
            |why: String| Trouble::refused(SASL_AUTHENTICATION_FAILED, Some(&StrBytes::from_string(why)));
        let (last, proven) = hashed.map_err(distrusted)?;
        let answer = self.say(last).await?;
        if proven.accepts(&answer) {
            return Ok(());
        }
        Err(distrusted("the broker does not show that it knows the password".to_owned()))
    }

    /// One message of the proof, and the broker's answer.
    async fn say(&mut self, message: Vec<u8>) -> Result<Bytes, Trouble> {
        let told = self.call(&SaslAuthenticateRequest::default().with_auth_bytes(message.into())).await?;
        if told.error_code != 0 {
            return Err(Trouble::refused(told.error_code, told.error_message.as_ref()));
        }
        if let Ok(lifetime @ 1..) = u64::try_from(told.session_lifetime_ms) {
            // Before its end, so that no call meets it.
            self.expires = Instant::now().checked_add(Duration::from_millis(lifetime / 5 * 4));
        }
        Ok(told.auth_bytes)
    }

    /// The version of a request that both sides speak.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn version<C: Call>(&self) -> Result<i16, Trouble> {
        let (least, most) = C::VERSIONS;
        let key = C::KEY as i16;
        if key == ApiKey::ApiVersions as i16 {
            return Ok(most); // which tells the others
        }
        let both = self.versions.get(&key).map(|&(from, to)| (from.max(least), to.min(most)));
        let both = both.filter(|(from, to)| from <= to).map(|(_, to)| to);
        both.ok_or_else(|| Trouble::refused(UNSUPPORTED_VERSION, None))
    }

    /// One request and its answer.
    pub(super) async fn call<C: Call>(&mut self, call: &C) -> Result<C::Answer, Trouble> {
        let version = self.version::<C>()?;
        self.correlation = self.correlation.wrapping_add(1);
        let frame = self.frame(call, version)?;
        self.busy = true;
        let answered = match timeout(self.timeout, exchange(&mut self.stream, &frame)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(self.lost(&error.to_string())),
            Err(_) => return Err(self.lost("no answer in time")),
        };
        let answer = self
            .read::<C>(answered, version)
            .ok_or_else(|| self.lost("the answer is none of Kafka's; check the port and `protocol`"))?;
        (self.busy, self.used) = (false, Instant::now());
        Ok(answer)
    }

    fn frame<C: Call>(&self, call: &C, version: i16) -> Result<BytesMut, Trouble> {
        let header = RequestHeader::default()
            .with_request_api_key(C::KEY as i16)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(StrBytes::from_static_str("auditrail")));
        let mut frame = BytesMut::new();
        frame.put_u32(0);
        let encoded = header.encode(&mut frame, C::header_version(version));
        encoded
            .and_then(|()| call.encode(&mut frame, version))
            .map_err(|error| self.lost(&error.to_string()))?;
        let length = (frame.len() - 4) as u32;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        Ok(frame)
    }

    fn read<C: Call>(&self, mut answer: Bytes, version: i16) -> Option<C::Answer> {
        let header = ResponseHeader::decode(&mut answer, C::Answer::header_version(version)).ok()?;
        // What does not answer our call is not looked into any further.
        let ours = header.correlation_id == self.correlation;
        ours.then(|| C::Answer::decode(&mut answer, version).ok())?
    }

    fn lost(&self, why: &str) -> Trouble {
        Trouble::Lost(format!("broker {}: {why}", self.address))
    }
}

async fn stream(host: &str, port: u16, config: &config::Kafka) -> Result<Box<dyn Duplex>, String> {
    let tcp = TcpStream::connect((host, port)).await.map_err(|error| error.to_string())?;
    tcp.set_nodelay(true).map_err(|error| error.to_string())?;
    if config.protocol == KafkaProtocol::Plaintext {
        return Ok(Box::new(tcp));
    }
    let settings = config.tls.clone();
    let connector = blocking(move || tls::connector(&settings)).await?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let tls = connector.connect(name, tcp).await.map_err(|error| format!("TLS: {error}"))?;
    Ok(Box::new(tls))
}

async fn exchange(stream: &mut Box<dyn Duplex>, frame: &[u8]) -> std::io::Result<Bytes> {
    stream.write_all(frame).await?;
    stream.flush().await?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.map_err(ended)?;
    let length = u32::from_be_bytes(length);
    if length > MOST_ANSWER {
        let why = format!("an answer of {length} bytes is none of Kafka's; check the port and `protocol`");
        return Err(std::io::Error::other(why));
    }
    let mut answer = BytesMut::with_capacity(length as usize);
    while answer.len() < length as usize {
        let left = length as usize - answer.len();
        if (&mut *stream).take(left as u64).read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(answer.freeze())
}

/// Brokers end connections on which they hear what they do not expect, without a word.
fn ended(error: std::io::Error) -> std::io::Error {
    if error.kind() != std::io::ErrorKind::UnexpectedEof {
        return error;
    }
    std::io::Error::other(
        "it ended the connection without an answer; check `protocol` and `sasl` if it always does",
    )
}
