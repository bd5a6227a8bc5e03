//! Splunk's HTTP Event Collector: `POST <url>/services/collector/event`, an envelope around each event.
//!
//! Promises: the event in the envelope is the line as it was read; every envelope names its event in the indexed field
//! `auditrail_id`, so that a search can count what came twice; what Splunk's own codes say counts, not the status
//! alone.
//!
//! Source: Splunk's manual, "Format events for HTTP Event Collector" and "Troubleshoot HTTP Event Collector".

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use chassis::{Revealed, Secret};
use proto::Origin;
use rand::RngExt;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;

use super::client::{Client, Reply};
use super::dialect::{Dialect, Entry, Limits, Parts};
use super::web::{secret_header, words};
use super::{Answer, Carried, identity, packed_for};
use crate::config;
use crate::escape::escape;
use crate::record::Header;
use crate::verdict;

mod acks;

use acks::Acknowledged;

/// Most events of a request.
const MOST_EVENTS: usize = 1000;

/// Bytes of an answer that are read.
const MOST_ANSWER: usize = 4 << 10;

/// What stands between our fields and the event; no escaped value can have it in it.
const EVENT: &[u8] = br#""},"event":"#;

const CHANNEL: &str = "x-splunk-request-channel";

/// The protocol of the event collector.
pub(crate) struct SplunkHec {
    config: config::SplunkHec,
    limits: Limits,
    /// Where acknowledgements are wanted, what they are asked under: the same as long as this process lives.
    channel: Option<String>,
}

/// The two halves of a destination; says what is wrong with its configuration.
pub(crate) fn carried(config: &config::SplunkHec) -> Result<Carried, String> {
    let body = config.max_body.as_usize();
    let limits = Limits { items: MOST_EVENTS, body, item: body };
    let channel = config.acknowledge.then(guid);
    let dialect = SplunkHec { config: config.clone(), limits, channel: channel.clone() };
    let client = Client::new(&config.service("event"), &config.reach())?;
    let key = Some(Secret::from_file(&config.token_file));
    let (bodies, web) = packed_for(dialect, config.compression, client, key);
    let Some(channel) = channel else { return Ok((bodies, Arc::new(web))) };
    let asked = Client::new(&format!("{}?channel={channel}", config.service("ack")), &config.reach())?;
    Ok((bodies, Arc::new(Acknowledged { web, asked, patience: config.ack_timeout.duration() })))
}

/// A random GUID (version 4).
fn guid() -> String {
    let random: u128 = rand::rng().random();
    let versioned = random & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{versioned:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

impl SplunkHec {
    /// What every request to Splunk carries.
    pub(super) fn headers(&self, key: Option<&Revealed>) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(channel) = &self.channel {
            headers.insert(CHANNEL, HeaderValue::try_from(channel).expect("a GUID is a header"));
        }
        if let Some(key) = key {
            headers.insert(AUTHORIZATION, secret_header(&format!("Splunk {}", key.as_str()))?);
        }
        Ok(headers)
    }
}

impl Dialect for SplunkHec {
    fn limits(&self) -> Limits {
        self.limits
    }

    /// `"host":...,"fields":{"auditrail_id":"`, and behind it the log's name, which the number follows.
    fn frame(&self, origin: &Origin) -> Vec<u8> {
        let mut frame = Vec::new();
        let mut field = |name: &str, value: &str| {
            if !value.is_empty() {
                frame.extend_from_slice(format!("\"{name}\":\"").as_bytes());
                escape(value.as_bytes(), &mut frame);
                frame.extend_from_slice(b"\",");
            }
        };
        field("host", &origin.node);
        field("source", self.config.source.as_deref().unwrap_or(&origin.path));
        field("sourcetype", &self.config.sourcetype);
        field("index", self.config.index.as_deref().unwrap_or_default());
        frame.extend_from_slice(b"\"fields\":{");
        if !origin.cluster.is_empty() {
            frame.extend_from_slice(b"\"cluster\":\"");
            escape(origin.cluster.as_bytes(), &mut frame);
            frame.extend_from_slice(b"\",");
        }
        frame.extend_from_slice(b"\"auditrail_id\":\"");
        frame.extend_from_slice(identity::log(origin).as_bytes());
        frame
    }

    fn write(&self, entry: &Entry<'_>, frame: &[u8], out: &mut Vec<u8>) -> bool {
        let (frame, log) = frame.split_at(frame.len() - identity::LOG);
        let own = audit::Event::scan(entry.line).ok().and_then(|event| event.stage_micros());
        let micros = own.unwrap_or(entry.read_at_us);
        let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        write!(out, "{{\"time\":{seconds}.{rest:06},").expect("memory takes what is written");
        out.extend_from_slice(frame);
        let id = identity::event(entry.queue, &String::from_utf8_lossy(log), entry.number);
        out.extend_from_slice(id.as_bytes());
        put(entry.line, out)
    }

    fn parts(&self, raw: &[u8]) -> io::Result<Parts> {
        if raw.last().is_some_and(|&last| last != b'\n') {
            return Err(io::Error::other("a body ends in the middle of an event"));
        }
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', raw).map(|at| at + 1);
        let items = ends.map(|end| std::mem::replace(&mut start, end)..end).collect();
        Ok(Parts { frame: Vec::new(), items })
    }

    fn line(&self, item: &[u8]) -> io::Result<Vec<u8>> {
        let line = &item[event_at(item)? + EVENT.len()..];
        line.strip_suffix(b"}\n").map(<[u8]>::to_vec).ok_or_else(not_ours)
    }

    fn with_line(&self, item: &[u8], line: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = item[..event_at(item)?].to_vec();
        put(line, &mut out);
        Ok(out)
    }

    fn headers(&self, _header: &Header, key: Option<&Revealed>, _body: &Bytes) -> Result<HeaderMap, String> {
        self.headers(key)
    }

    fn advice(&self, status: u16) -> &'static str {
        match status {
            401 | 403 => "the token is not accepted; put a valid one into `token_file`",
            _ => verdict::advice_on_auth(status),
        }
    }

    fn wants(&self) -> usize {
        MOST_ANSWER
    }

    fn read(&self, reply: &Reply) -> Option<Answer> {
        let success = (200..300).contains(&reply.code);
        let told: Told = match serde_json::from_slice(&reply.text) {
            Ok(told) => told,
            Err(_) if success => {
                let why = format!("the answer is none of Splunk's: {}", words(&reply.text));
                return Some(Answer::Lost(why));
            }
            Err(_) => return None,
        };
        told.answer(reply)
    }
}

/// Appends the event and the end of its envelope. True when bytes were replaced.
fn put(line: &[u8], out: &mut Vec<u8>) -> bool {
    let text = String::from_utf8_lossy(line);
    out.extend_from_slice(EVENT);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"}\n");
    text.as_bytes() != line
}

fn event_at(item: &[u8]) -> io::Result<usize> {
    memchr::memmem::find(item, EVENT).ok_or_else(not_ours)
}

fn not_ours() -> io::Error {
    io::Error::other("an envelope is not ours")
}

/// What Splunk answers.
#[derive(Deserialize)]
struct Told {
    code: u32,
    #[serde(default)]
    text: String,
    #[serde(default, rename = "invalid-event-number")]
    guilty: Option<usize>,
}

impl Told {
    /// What it says beyond its status.
    fn answer(&self, reply: &Reply) -> Option<Answer> {
        let held = |what: &str| Some(Answer::Held(format!("Splunk says `{}`: {what}", self.shown())));
        match self.code {
            0 => None,
            1..=4 | 16 | 21 | 22 => held("put a token that is switched on into `token_file`"),
            7 => held("allow the token this `index`, or write another"),
            10 => held("the token wants acknowledgement; write `acknowledge: true`, or switch it off there"),
            11 => held("Splunk does not accept the channel; start again"),
            14 => held(acks::SWITCHED_OFF),
            5 | 6 | 12 | 13 | 15 => {
                let at = self.guilty?;
                Some(Answer::Guilty { at, code: reply.code, words: self.shown() })
            }
            _ if (200..300).contains(&reply.code) => {
                Some(Answer::Lost(format!("Splunk says {}", self.shown())))
            }
            _ => None,
        }
    }

    fn shown(&self) -> String {
        words(format!("{} (code {})", self.text, self.code).as_bytes())
    }
}

#[cfg(test)]
mod tests;
