//! OpenTelemetry's log protocol: an `ExportLogsServiceRequest` a body, over gRPC or HTTP.
//!
//! Promises: a body is the canonical encoding of one resource with one scope, its records in the order of the lines;
//! the body of a record is the line itself; what a receiver says to have rejected is not taken for delivered.
//!
//! Source: the OTLP specification, its `.proto` files, and OpenTelemetry's semantic conventions.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use chassis::Revealed;
use proto::Origin;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::body::Bodies;
use super::client::{Client, Reply};
use super::dialect::{Dialect, Entry, Limits, Parts};
use super::identity;
use super::protobuf::{MOST_HEAD, bytes_in, bytes_size, fields, put_bytes, put_head, varint_size};
use super::web::{header_map, secret_header, words};
use super::{Answer, Carried, over_http};
use crate::config::{self, Auth, OtlpProtocol};
use crate::record::Header;
use crate::verdict;

mod grpc;
mod record;

use grpc::Grpc;
use record::attribute;

/// Most records of a request.
const MOST_RECORDS: usize = 1000;

/// Bytes of the resource and the scope, at most.
const MOST_ADDED: usize = 16 << 10;

/// Bytes of the resource's tags, at most; more are left out.
const MOST_TAGS: usize = 8 << 10;

/// Bytes of an answer that are read.
const MOST_ANSWER: usize = 64 << 10;

/// The `otlp` protocol.
pub(crate) struct Otlp {
    limits: Limits,
    headers: HeaderMap,
    auth: Auth,
    /// The field `ScopeLogs.scope`.
    scope: Vec<u8>,
    /// Whether a warning of the receiver was told already.
    warned: AtomicBool,
}

/// The two halves of an `otlp` destination; says what is wrong with its configuration.
pub(crate) fn carried(config: &config::Otlp) -> Result<Carried, String> {
    let (dialect, key) = (Otlp::new(config)?, config.auth.secret());
    if config.protocol == OtlpProtocol::Http {
        let client = Client::new(&config.logs_url(), &config.reach())?;
        return Ok(over_http(dialect, config.compression, client, key));
    }
    let client = Client::http2(&format!("{}{}", config.base(), grpc::PATH), &config.reach())?;
    let dialect = Arc::new(dialect);
    let bodies = Bodies::new(dialect.clone(), config.compression);
    Ok((Arc::new(bodies), Arc::new(Grpc { dialect, client, key })))
}

impl Otlp {
    /// From its part of the configuration; says what is wrong with it.
    pub(crate) fn new(config: &config::Otlp) -> Result<Otlp, String> {
        let body = config.max_body.as_usize();
        let limits = Limits { items: MOST_RECORDS, body, item: body.saturating_sub(MOST_ADDED) };
        let headers = header_map(&config.headers)?;
        Ok(Otlp {
            limits,
            headers,
            auth: config.auth.clone(),
            scope: scope(),
            warned: AtomicBool::new(false),
        })
    }

    /// The headers that the operator chose, with the credentials.
    fn chosen(&self, key: Option<&Revealed>) -> Result<HeaderMap, String> {
        let mut headers = self.headers.clone();
        if let Some(key) = key {
            headers.insert(AUTHORIZATION, secret_header(&self.auth.header(key))?);
        }
        Ok(headers)
    }

    /// What an `ExportLogsServiceResponse` says of rejected records; None when it has taken all. Which ones it
    /// does not say, so the whole body counts as rejected, and is halved until the guilty one is alone.
    fn partial(&self, response: &[u8]) -> Option<String> {
        let partial = bytes_in(response, 1).ok()?.bytes_of(1)?;
        let (mut rejected, mut told) = (0, "");
        for field in fields(partial).flatten() {
            rejected = field.int_of(1).unwrap_or(rejected);
            told = field.bytes_of(2).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or(told);
        }
        if i64::try_from(rejected).is_ok_and(|rejected| rejected > 0) {
            return Some(words(format!("{rejected} log records rejected: {told}").as_bytes()));
        }
        if !told.is_empty() && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(told, "the receiver takes the records and warns");
        }
        None
    }
}

impl Dialect for Otlp {
    fn limits(&self) -> Limits {
        self.limits
    }

    /// The field `ResourceLogs.resource`.
    fn frame(&self, origin: &Origin) -> Vec<u8> {
        let name = origin.path.rsplit(['/', '\\']).next().unwrap_or_default();
        let mut resource = Vec::new();
        for (key, value) in [
            ("k8s.cluster.name", origin.cluster.as_str()),
            ("host.name", &origin.node),
            ("k8s.node.name", &origin.node),
            ("service.name", &origin.service),
            ("log.file.path", &origin.path),
            ("log.file.name", name),
            ("auditrail.source", &origin.source),
        ] {
            if !value.is_empty() {
                attribute(1, key, value, &mut resource);
            }
        }
        let tags = origin.tags.join(",");
        if !tags.is_empty() && tags.len() <= MOST_TAGS {
            attribute(1, "auditrail.tags", &tags, &mut resource);
        }
        // The last, where `write` looks for it.
        attribute(1, "auditrail.log", &identity::log(origin), &mut resource);
        let mut frame = Vec::with_capacity(resource.len() + MOST_HEAD);
        put_bytes(1, &resource, &mut frame);
        frame
    }

    fn write(&self, entry: &Entry<'_>, frame: &[u8], out: &mut Vec<u8>) -> bool {
        let log = &frame[frame.len().saturating_sub(identity::LOG)..];
        record::write(entry, &String::from_utf8_lossy(log), out)
    }

    /// Puts in front of the records what encloses them.
    fn close(&self, frame: &[u8], out: &mut Vec<u8>) {
        let inner = self.scope.len() + out.len();
        let mut head = Vec::with_capacity(self.closing(frame));
        put_head(1, frame.len() + bytes_size(2, inner), &mut head);
        head.extend_from_slice(frame);
        put_head(2, inner, &mut head);
        head.extend_from_slice(&self.scope);
        out.splice(0..0, head);
    }

    fn closing(&self, frame: &[u8]) -> usize {
        let most = 1 + varint_size(self.limits.body as u64);
        2 * most + frame.len() + self.scope.len()
    }

    fn parts(&self, raw: &[u8]) -> io::Result<Parts> {
        let (logs, at) = inside(raw, 1)?;
        let frame = logs[bytes_in(logs, 1)?.place].to_vec();
        let (scope, from) = inside(logs, 2)?;
        let mut items = Vec::new();
        for field in fields(scope) {
            let field = field?;
            if field.number == 2 {
                items.push(at + from + field.place.start..at + from + field.place.end);
            }
        }
        Ok(Parts { frame, items })
    }

    fn line(&self, item: &[u8]) -> io::Result<Vec<u8>> {
        record::line(item)
    }

    fn with_line(&self, item: &[u8], line: &[u8]) -> io::Result<Vec<u8>> {
        record::with_line(item, line)
    }

    fn headers(&self, _header: &Header, key: Option<&Revealed>, _body: &Bytes) -> Result<HeaderMap, String> {
        let mut headers = self.chosen(key)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        Ok(headers)
    }

    fn wants(&self) -> usize {
        MOST_ANSWER
    }

    fn read(&self, reply: &Reply) -> Option<Answer> {
        if (200..300).contains(&reply.code) {
            let words = self.partial(&reply.text)?;
            return Some(Answer::Status { code: 400, retry_after: None, words });
        }
        // A `google.rpc.Status`, where it is one: its message is for people.
        let told = fields(&reply.text).map_while(Result::ok).find_map(|field| field.bytes_of(2))?;
        let words = words(std::str::from_utf8(told).ok()?.as_bytes());
        // The Collector's words, for which it has no status of its own.
        let large = reply.code == 400 && words.contains("request body too large");
        let code = if large { 413 } else { reply.code };
        Some(Answer::Status { code, retry_after: reply.retry_after.clone(), words })
    }

    fn advice(&self, status: u16) -> &'static str {
        advice(status)
    }
}

/// What an operator has to do about an HTTP status that holds the destination.
fn advice(status: u16) -> &'static str {
    match status {
        401 | 403 => "the credentials are not accepted; put valid ones into the file that `auth` names",
        404 | 405 => "no OTLP receiver for logs is there; check `url` and `protocol`",
        300..=399 => "the receiver moved; set `url` to its new address",
        _ => verdict::advice(status),
    }
}

/// Our name and version, as the field `ScopeLogs.scope`.
fn scope() -> Vec<u8> {
    let mut inner = Vec::with_capacity(32);
    put_bytes(1, b"auditrail", &mut inner);
    put_bytes(2, env!("CARGO_PKG_VERSION").as_bytes(), &mut inner);
    let mut scope = Vec::with_capacity(40);
    put_bytes(1, &inner, &mut scope);
    scope
}

/// What is in the first field `number` of a message, and where it begins.
fn inside(message: &[u8], number: u64) -> io::Result<(&[u8], usize)> {
    let field = bytes_in(message, number)?;
    let inside = field.bytes_of(number).unwrap_or_default();
    Ok((inside, field.place.end - inside.len()))
}

#[cfg(test)]
mod tests;
