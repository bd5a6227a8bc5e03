//! Elasticsearch and OpenSearch: `POST <url>/<index>/_bulk`, a document each.
//!
//! Promises: a document's `_id` is its event's identity (the collector's queue, the log, and the line's number in it),
//! so that what is sent again changes nothing; what the bulk answer says of each document counts, not its status alone.
//!
//! Source: Elasticsearch's reference, "Bulk API".

use std::io::{self, Write};

use bytes::Bytes;
use chassis::Revealed;
use proto::Origin;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Answer;
use super::client::Reply;
use super::dialect::{Dialect, Entry, Limits, Parts};
use super::identity;
use super::web::{secret_header, words};
use crate::config::{self, Auth, Document};
use crate::escape::escape;
use crate::record::Header;
use crate::verdict::{Verdict, advice_on_auth, verdict};

/// Most documents of a request.
const MOST_DOCUMENTS: usize = 1000;

/// Bytes of an answer that are read: some hundred for each document.
const MOST_ANSWER: usize = 4 << 20;

/// What is said of a document with an `_id` that is there already.
const SENT_BEFORE: &str = "version_conflict_engine_exception";

/// What is answered with 400 though no document can help it.
const OF_THE_INDEX: [&str; 2] = ["index_closed_exception", "invalid_index_name_exception"];

/// Bytes of the action's line and of the fields that are put into a document, at most.
const MOST_ADDED: usize = 16 << 10;

/// What is asked of the answer: nothing else of it is read.
pub(crate) const ASKED: &str = "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason";

/// The bulk protocol.
pub(crate) struct Elasticsearch {
    document: Document,
    auth: Auth,
    limits: Limits,
}

impl Elasticsearch {
    /// From its part of the configuration.
    pub(crate) fn new(config: &config::Elasticsearch) -> Elasticsearch {
        let body = config.max_body.as_usize();
        let limits = Limits { items: MOST_DOCUMENTS, body, item: body.saturating_sub(MOST_ADDED) };
        Elasticsearch { document: config.document, auth: config.auth.clone(), limits }
    }

    /// Appends a document: our fields, then the event's own, or its line as text. True when bytes were replaced.
    fn document(&self, head: &[u8], line: &[u8], out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(head);
        if self.document == Document::Message {
            out.extend_from_slice(br#","message":""#);
            let replaced = escape(line, out);
            out.extend_from_slice(b"\"}\n");
            return replaced;
        }
        let text = String::from_utf8_lossy(line);
        let inside = text.trim_ascii_start().strip_prefix('{').unwrap_or_default();
        out.extend_from_slice(if inside.trim_ascii_start().starts_with('}') { b"" } else { b"," });
        out.extend_from_slice(inside.as_bytes());
        out.push(b'\n');
        text.as_bytes() != line
    }
}

impl Dialect for Elasticsearch {
    fn limits(&self) -> Limits {
        self.limits
    }

    /// The log's name, then `"auditrail":{...`, to which each document adds its number.
    fn frame(&self, origin: &Origin) -> Vec<u8> {
        let mut frame = identity::log(origin).into_bytes();
        frame.extend_from_slice(br#""auditrail":{"#);
        for (name, value) in [("cluster", &origin.cluster), ("node", &origin.node), ("path", &origin.path)] {
            frame.extend_from_slice(format!("\"{name}\":\"").as_bytes());
            escape(value.as_bytes(), &mut frame);
            frame.extend_from_slice(b"\",");
        }
        frame
    }

    fn write(&self, entry: &Entry<'_>, frame: &[u8], out: &mut Vec<u8>) -> bool {
        let (log, frame) = frame.split_at(identity::LOG);
        let (queue, number) = (u128::from_be_bytes(entry.queue), entry.number);
        let id = identity::event(entry.queue, &String::from_utf8_lossy(log), number);
        let event = audit::Event::scan(entry.line).ok();
        let time = event.map(|event| event.stage_timestamp().into_owned()).filter(|time| !time.is_empty());
        let mut head = Vec::with_capacity(frame.len() + 128);
        match time {
            Some(time) => {
                head.extend_from_slice(br#"{"@timestamp":""#);
                escape(time.as_bytes(), &mut head);
                head.push(b'"');
            }
            None => head.extend_from_slice(
                format!("{{\"@timestamp\":{}", entry.read_at_us.div_euclid(1000)).as_bytes(),
            ),
        }
        head.push(b',');
        head.extend_from_slice(frame);
        let told = write!(head, "\"queue\":\"{queue:032x}\",\"number\":{number}}}");
        told.and_then(|()| writeln!(out, r#"{{"create":{{"_id":"{id}"}}}}"#))
            .expect("memory takes what is written");
        self.document(&head, entry.line, out)
    }

    fn parts(&self, raw: &[u8]) -> io::Result<Parts> {
        let (mut start, mut items) = (0, Vec::new());
        for (at, end) in memchr::memchr_iter(b'\n', raw).enumerate() {
            if at % 2 == 1 {
                items.push(start..end + 1);
                start = end + 1;
            }
        }
        if start != raw.len() {
            return Err(io::Error::other("a bulk body ends in the middle of a document"));
        }
        Ok(Parts { frame: Vec::new(), items })
    }

    fn line(&self, item: &[u8]) -> io::Result<Vec<u8>> {
        let (_, head, rest) = taken_apart(item)?;
        if self.document == Document::Message {
            #[derive(Deserialize)]
            struct Text {
                message: String,
            }
            let whole = [head, rest].concat();
            return Ok(serde_json::from_slice::<Text>(&whole)
                .map_err(io::Error::other)?
                .message
                .into_bytes());
        }
        let rest = rest.strip_suffix(b"\n").unwrap_or(rest);
        Ok([b"{", rest.strip_prefix(b",").unwrap_or(rest)].concat())
    }

    fn with_line(&self, item: &[u8], line: &[u8]) -> io::Result<Vec<u8>> {
        let (action, head, _) = taken_apart(item)?;
        let mut out = action.to_vec();
        self.document(head, line, &mut out);
        Ok(out)
    }

    fn headers(&self, _header: &Header, key: Option<&Revealed>, _body: &Bytes) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        if let Some(key) = key {
            headers.insert(AUTHORIZATION, secret_header(&self.auth.header(key))?);
        }
        Ok(headers)
    }

    fn advice(&self, status: u16) -> &'static str {
        advice_on_auth(status)
    }

    fn wants(&self) -> usize {
        MOST_ANSWER
    }

    fn read(&self, reply: &Reply) -> Option<Answer> {
        if !(200..300).contains(&reply.code) {
            return None;
        }
        let told: Told = match serde_json::from_slice(&reply.text) {
            Ok(told) => told,
            // Halves have shorter answers; what was indexed of this body changes nothing when it comes again.
            Err(_) if reply.text.len() >= MOST_ANSWER => {
                let words = "the answer is longer than is read of it".to_owned();
                return Some(Answer::Status { code: 413, retry_after: None, words });
            }
            Err(error) => {
                return Some(Answer::Lost(format!(
                    "the answer is none of a bulk request ({error}): {}",
                    words(&reply.text)
                )));
            }
        };
        if !told.errors {
            return None;
        }
        let outcomes: Vec<Outcome> = told.items.into_iter().map(|item| item.create).collect();
        let verdicts: Vec<Verdict> = outcomes.iter().map(Outcome::verdict).collect();
        let first = verdicts.iter().position(|verdict| *verdict != Verdict::Delivered);
        let words = first.and_then(|at| outcomes.get(at)).map(Outcome::words).unwrap_or_default();
        Some(Answer::Items { verdicts, words })
    }
}

/// The action's line, our fields without the closing brace of the document, and what follows them.
fn taken_apart(item: &[u8]) -> io::Result<(&[u8], &[u8], &[u8])> {
    const NAME: &[u8] = br#","auditrail":"#;
    let action = memchr::memchr(b'\n', item).ok_or_else(|| io::Error::other("a document has no action"))? + 1;
    let document = &item[action..];
    let at = memchr::memmem::find(document, NAME)
        .ok_or_else(|| io::Error::other("a document is not ours"))?
        + NAME.len();
    let mut values = serde_json::Deserializer::from_slice(&document[at..]).into_iter::<&RawValue>();
    values.next().ok_or_else(|| io::Error::other("a document is not ours"))?.map_err(io::Error::other)?;
    let (head, rest) = document.split_at(at + values.byte_offset());
    Ok((&item[..action], head, rest))
}

/// What a bulk request is answered.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    errors: bool,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    reason: String,
}

impl Outcome {
    /// A document that is there already was sent before. What is said of the index says nothing of the document.
    fn verdict(&self) -> Verdict {
        let (fault, reason) =
            self.error.as_ref().map_or(("", ""), |fault| (fault.r#type.as_str(), fault.reason.as_str()));
        match (self.status, fault) {
            (409, SENT_BEFORE) => Verdict::Delivered,
            (409, _) => Verdict::Again,
            (400, fault) if OF_THE_INDEX.contains(&fault) || reason.contains("write index") => Verdict::Hold,
            (status, _) => verdict(status),
        }
    }

    fn words(&self) -> String {
        let fault = self.error.as_ref().map(|fault| format!(" {}: {}", fault.r#type, fault.reason));
        let advice = match self.verdict() {
            Verdict::Hold => "; check `index`, and what the credentials may do there",
            _ => "",
        };
        words(format!("{}{}", self.status, fault.unwrap_or_default()).as_bytes()) + advice
    }
}

#[cfg(test)]
mod tests;
