//! Kafka: a record for each event, a record batch for each body.
//!
//! Promises: a record's value is the line, byte for byte, and its timestamp the event's own; the headers
//! `auditrail-queue` and `auditrail-number` are the event's identity, the same however often it is sent; all records of
//! a body have one key, so that they go to one partition; a batch has never more than `max_body` bytes.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use chassis::Revealed;
use proto::Origin;
use reqwest::header::HeaderMap;

use super::body::Bodies;
use super::dialect::{Dialect, Entry, Limits, Parts};
use crate::config::{self, Compression, KafkaCompression, KafkaKey};
use crate::record::Header;

mod cluster;
mod codec;
mod connection;
mod murmur2;
mod producer;
mod record_batch;
mod sasl;
mod sequences;
mod tls;
mod varint;
mod verdicts;

use producer::Producer;

/// Most records of a batch.
const MOST_RECORDS: usize = 1000;

/// Bytes before an item's key: its length and its time.
const HEAD: usize = 12;

/// The `kafka` protocol's records.
pub(crate) struct Kafka {
    key: KafkaKey,
    codec: KafkaCompression,
    limits: Limits,
}

/// How bodies are made, and how they get to the brokers.
///
/// # Errors
/// Says what is wrong with the configuration.
pub(super) fn carried(config: &config::Kafka) -> Result<super::Carried, String> {
    let bodies = Bodies::new(Arc::new(Kafka::new(config)), Compression::None);
    Ok((Arc::new(bodies), Arc::new(Producer::new(config)?)))
}

impl Kafka {
    fn new(config: &config::Kafka) -> Kafka {
        let spare = record_batch::HEADER + MOST_RECORDS * record_batch::MOST_GROWTH;
        let body = config.max_body.as_usize().saturating_sub(spare);
        let limits = Limits { items: MOST_RECORDS, body, item: body };
        Kafka { key: config.key, codec: config.compression, limits }
    }
}

impl Dialect for Kafka {
    fn limits(&self) -> Limits {
        self.limits
    }

    /// The key as a record has it, behind its length; and the headers that all records have.
    fn frame(&self, origin: &Origin) -> Vec<u8> {
        let mut key = Vec::new();
        match self.key {
            KafkaKey::Origin => varint::put_bytes(origin.to_string().as_bytes(), &mut key),
            KafkaKey::None => varint::put(-1, &mut key),
        }
        let mut frame = (key.len() as u32).to_be_bytes().to_vec();
        frame.extend_from_slice(&key);
        varint::put(4, &mut frame);
        put_header("auditrail-cluster", origin.cluster.as_bytes(), &mut frame);
        put_header("auditrail-node", origin.node.as_bytes(), &mut frame);
        frame
    }

    fn write(&self, entry: &Entry<'_>, frame: &[u8], out: &mut Vec<u8>) -> bool {
        let (length, rest) = frame.split_first_chunk().expect("a frame begins with a length");
        let (key, headers) = rest.split_at(u32::from_be_bytes(*length) as usize);
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&timestamp(entry).to_be_bytes());
        out.extend_from_slice(key);
        varint::put_bytes(entry.line, out);
        out.extend_from_slice(headers);
        put_header("auditrail-queue", format!("{:032x}", u128::from_be_bytes(entry.queue)).as_bytes(), out);
        put_header("auditrail-number", entry.number.to_string().as_bytes(), out);
        set_length(&mut out[start..]);
        false
    }

    fn parts(&self, raw: &[u8]) -> io::Result<Parts> {
        let (mut at, mut items) = (0, Vec::new());
        while at < raw.len() {
            let item = item_at(raw, at).ok_or_else(not_ours)?;
            at = item.end;
            items.push(item);
        }
        Ok(Parts { frame: Vec::new(), items })
    }

    fn line(&self, item: &[u8]) -> io::Result<Vec<u8>> {
        taken_apart(item).map(|(_, line, _)| line.to_vec()).ok_or_else(not_ours)
    }

    fn with_line(&self, item: &[u8], line: &[u8]) -> io::Result<Vec<u8>> {
        let (head, _, headers) = taken_apart(item).ok_or_else(not_ours)?;
        let mut out = head.to_vec();
        varint::put_bytes(line, &mut out);
        out.extend_from_slice(headers);
        set_length(&mut out);
        Ok(out)
    }

    fn pack(&self, _compression: Compression, raw: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        record_batch::write(raw, self.codec, out)
    }

    fn unpack(&self, body: &Bytes, length: usize) -> io::Result<Bytes> {
        record_batch::read(body, length).map(Bytes::from)
    }

    /// None: nothing goes over HTTP.
    fn headers(&self, _header: &Header, _key: Option<&Revealed>, _body: &Bytes) -> Result<HeaderMap, String> {
        Ok(HeaderMap::new())
    }
}

/// Where the item at `at` lies; None when there is none.
fn item_at(raw: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    let length = u32::from_be_bytes(*raw.get(at..)?.first_chunk()?) as usize;
    let end = at.checked_add(4)?.checked_add(length)?;
    (length >= HEAD - 4 && end <= raw.len()).then_some(at..end)
}

/// What lies before the line, the line, and the headers.
fn taken_apart(item: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut rest = item.get(HEAD..)?;
    varint::take_bytes(&mut rest)?;
    let head = &item[..item.len() - rest.len()];
    let line = varint::take_bytes(&mut rest)?;
    Some((head, line.unwrap_or_default(), rest))
}

fn set_length(item: &mut [u8]) {
    let length = (item.len() - 4) as u32;
    item[..4].copy_from_slice(&length.to_be_bytes());
}

fn put_header(name: &str, value: &[u8], out: &mut Vec<u8>) {
    varint::put_bytes(name.as_bytes(), out);
    varint::put_bytes(value, out);
}

/// The event's own time in milliseconds since 1970; the time of reading where it tells none.
fn timestamp(entry: &Entry<'_>) -> i64 {
    let own = audit::Event::scan(entry.line).ok().and_then(|event| event.stage_micros());
    own.unwrap_or(entry.read_at_us).div_euclid(1000).max(0)
}

fn not_ours() -> io::Error {
    io::Error::other("a record is not as this program writes it")
}

#[cfg(test)]
mod tests;
