//! The gRPC transport of OTLP: `LogsService/Export`, called over HTTP/2 with the body as it lies in the spool.
//!
//! Promises: gRPC's own status counts, wherever it stands, not HTTP's alone; an answer without one is none. A message
//! that the receiver finds too large is halved, whatever code it has for that.
//!
//! Source: gRPC's "gRPC over HTTP2" and "Status codes"; OTLP's table of codes that may be sent again.

use std::sync::Arc;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::{BufMut, Bytes, BytesMut};
use chassis::{Revealed, Secret};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, TE};

use super::{MOST_ANSWER, Otlp, advice};
use crate::intake::client::Client;
use crate::intake::dialect::Dialect;
use crate::intake::protobuf::{bytes_in, fields};
use crate::intake::web::words;
use crate::intake::{Answer, Carrier};
use crate::record::Header;
use crate::verdict::{self, Verdict};

/// The path of the call.
pub(crate) const PATH: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// What is before a message: whether it is packed, and its length.
const PREFIX: usize = 5;

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

const INVALID_ARGUMENT: u16 = 3;
const RESOURCE_EXHAUSTED: u16 = 8;
const OUT_OF_RANGE: u16 = 11;

/// gRPC's codes by their numbers.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// How receivers say that a message is larger than they take, in lower case.
const TOO_LARGE: [&str; 4] = ["larger than max", "exceeds maximum size", "too large", "size limit"];

/// Carries bodies over gRPC.
pub(crate) struct Grpc {
    pub(crate) dialect: Arc<Otlp>,
    pub(crate) client: Client,
    pub(crate) key: Option<Secret>,
}

impl Grpc {
    async fn export(&self, key: Option<&Revealed>, body: Bytes) -> Answer {
        let headers = match self.headers(key, &body) {
            Ok(headers) => headers,
            Err(why) => return Answer::NoKey(why),
        };
        match self.client.send(headers, framed(&body, self.dialect.encoding(&body).is_some())).await {
            Ok(response) => self.read(response.into()).await,
            Err(why) => Answer::Lost(why),
        }
    }

    fn headers(&self, key: Option<&Revealed>, body: &[u8]) -> Result<HeaderMap, String> {
        let mut headers = self.dialect.chosen(key)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
        if let Some(encoding) = self.dialect.encoding(body) {
            headers.insert(GRPC_ENCODING, HeaderValue::from_static(encoding));
        }
        Ok(headers)
    }

    async fn read(&self, response: http::Response<reqwest::Body>) -> Answer {
        let (head, mut body) = response.into_parts();
        let (mut message, mut status) = (Vec::new(), head.headers);
        while let Some(frame) = body.frame().await {
            // Where a status came already, what breaks off behind it does not matter.
            let Ok(frame) = frame else { break };
            match frame.into_data() {
                Ok(data) => {
                    let room = (MOST_ANSWER + PREFIX).saturating_sub(message.len());
                    message.extend_from_slice(&data[..data.len().min(room)]);
                }
                Err(frame) => status.extend(frame.into_trailers().unwrap_or_default()),
            }
        }
        match told(&status) {
            Some(0) => self.delivered(&message),
            Some(code) => failed(code, &status),
            None if head.status.is_success() => {
                Answer::Lost("the answer broke off before its status".to_owned())
            }
            None => {
                let retry_after = status.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let retry_after = retry_after.map(str::to_owned);
                Answer::Status { code: head.status.as_u16(), retry_after, words: words(&message) }
            }
        }
    }

    fn delivered(&self, message: &[u8]) -> Answer {
        let response = message.get(PREFIX..).filter(|_| message.first() == Some(&0));
        match response.and_then(|response| self.dialect.partial(response)) {
            Some(words) => Answer::Status { code: INVALID_ARGUMENT, retry_after: None, words },
            None => Answer::Status { code: 0, retry_after: None, words: String::new() },
        }
    }
}

impl Carrier for Grpc {
    fn send<'a>(&'a self, _header: &'a Header, body: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match self.key.as_ref().map(Secret::reveal).transpose() {
                Ok(key) => self.export(key.as_ref(), body).await,
                Err(error) => Answer::NoKey(error.to_string()),
            }
        })
    }

    fn key(&self) -> Option<Revealed> {
        self.key.as_ref().and_then(|key| key.reveal().ok())
    }

    fn verdict(&self, status: u16) -> Verdict {
        match status {
            0 | 408 | 413 | 425 | 429 => verdict::verdict(if status == 0 { 200 } else { status }),
            INVALID_ARGUMENT | 6 => Verdict::Reject,
            5 | 7 | 9 | 12 | 16 => Verdict::Hold,
            1..=16 => Verdict::Again,
            // What answers with a status of HTTP's is no receiver, so it says nothing about the events.
            400..=499 => Verdict::Hold,
            _ => verdict::verdict(status),
        }
    }

    fn advice(&self, status: u16) -> &'static str {
        match status {
            7 | 16 => advice(401),
            1..=16 | 400 | 402 | 406 | 408..=499 => advice(404),
            _ => advice(status),
        }
    }
}

/// A body as a message on the wire.
fn framed(body: &[u8], packed: bool) -> Bytes {
    let mut message = BytesMut::with_capacity(PREFIX + body.len());
    message.put_u8(packed.into());
    message.put_u32(u32::try_from(body.len()).expect("a body is smaller than 4 GiB"));
    message.put_slice(body);
    message.freeze()
}

/// The status, from the trailers or, where nothing else was sent, the headers.
fn told(status: &HeaderMap) -> Option<u16> {
    status.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// An answer that is no success. A message that is too large gets HTTP's status for that, since gRPC has none.
fn failed(code: u16, status: &HeaderMap) -> Answer {
    let text = status.get("grpc-message").map(|text| unescaped(text.as_bytes())).unwrap_or_default();
    let name = CODES.get(usize::from(code)).copied().unwrap_or("no code of gRPC's");
    let lower = text.to_ascii_lowercase();
    let large = matches!(code, RESOURCE_EXHAUSTED | OUT_OF_RANGE)
        && TOO_LARGE.iter().any(|phrase| lower.contains(phrase));
    let retry_after = retry_delay(status).map(|seconds| seconds.to_string());
    let words = words(format!("{name}: {text}").as_bytes());
    Answer::Status { code: if large { 413 } else { code }, retry_after, words }
}

/// `grpc-message` escapes as addresses do.
fn unescaped(text: &[u8]) -> String {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        let escaped = after
            .get(..2)
            .filter(|_| *byte == b'%')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        plain.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The seconds of `google.rpc.RetryInfo`, rounded up, where the details of the status have one.
fn retry_delay(status: &HeaderMap) -> Option<u64> {
    let coded = status.get("grpc-status-details-bin")?.as_bytes();
    let either = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let details = GeneralPurpose::new(&base64::alphabet::STANDARD, either).decode(coded).ok()?;
    let any = fields(&details).map_while(Result::ok).filter_map(|field| field.bytes_of(3));
    let info = any.filter(|any| {
        let name = bytes_in(any, 1).ok().and_then(|name| name.bytes_of(1)).unwrap_or_default();
        name.ends_with(b"/google.rpc.RetryInfo")
    });
    let info = info.filter_map(|any| bytes_in(any, 2).ok()?.bytes_of(2)).next()?;
    let (mut seconds, mut nanos) = (0, 0);
    for field in fields(bytes_in(info, 1).ok()?.bytes_of(1)?).map_while(Result::ok) {
        seconds = field.int_of(1).unwrap_or(seconds);
        nanos = field.int_of(2).unwrap_or(nanos);
    }
    i64::try_from(seconds).ok()?;
    Some(seconds + u64::from(nanos > 0))
}

#[cfg(test)]
mod tests;
