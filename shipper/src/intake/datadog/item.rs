//! One item: the seven fields, flat, in a fixed order.
//!
//! The line is escaped straight into the body's buffer; what is the same for all events of a batch is made once.

use std::io;

use proto::Origin;
use serde::Deserialize;

use super::MOST_ITEM_BYTES;
use crate::escape::{escape, escaped_len};

const HEAD: &[u8] = br#"{"message":""#;
const MIDDLE: &[u8] = br#"","status":"info","timestamp":"#;

/// What had to be done so that an item fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) shrunk: bool,
    pub(super) replaced: bool,
}

/// The fields behind `timestamp`, with the closing brace: the same for all events of a batch.
pub(super) fn tail(origin: &Origin, tags: &[String]) -> Vec<u8> {
    tail_of([&origin.node, &origin.service, &origin.source, &all_tags(origin, tags)])
}

fn tail_of(values: [&str; 4]) -> Vec<u8> {
    let mut tail = Vec::new();
    for (name, value) in ["hostname", "service", "ddsource", "ddtags"].into_iter().zip(values) {
        tail.extend_from_slice(format!(",\"{name}\":\"").as_bytes());
        escape(value.as_bytes(), &mut tail);
        tail.push(b'"');
    }
    tail.push(b'}');
    tail
}

/// The Agent's order: file, directory, then the tags of the source; the cluster's and the destination's follow.
fn all_tags(origin: &Origin, tags: &[String]) -> String {
    let separator = if origin.path.contains('/') { '/' } else { '\\' };
    let (directory, base) = origin.path.rsplit_once(separator).unwrap_or(("", &origin.path));
    let mut all = vec![format!("filename:{base}"), format!("dirname:{directory}")];
    all.extend(origin.tags.iter().cloned());
    if !origin.cluster.is_empty() {
        all.push(format!("kube_cluster_name:{}", origin.cluster));
    }
    all.extend(tags.iter().cloned());
    all.join(",")
}

/// Appends the item of `line`, shrunk if it has to be; None (and nothing appended) when it cannot be made to fit.
pub(super) fn write(line: &[u8], read_at_us: i64, tail: &[u8], out: &mut Vec<u8>) -> Option<Written> {
    let timestamp = timestamp(line, read_at_us).to_string();
    let frame = HEAD.len() + MIDDLE.len() + timestamp.len() + tail.len();
    let start = out.len();
    if line.len() + frame <= MOST_ITEM_BYTES {
        let replaced = put(line, &timestamp, tail, out);
        if out.len() - start <= MOST_ITEM_BYTES {
            return Some(Written { shrunk: false, replaced });
        }
        out.truncate(start);
    }
    let room = MOST_ITEM_BYTES.checked_sub(frame)?;
    let shrunk = audit::shrink(line, |smaller| escaped_len(smaller) <= room).ok()?;
    let replaced = put(&shrunk.line, &timestamp, tail, out);
    Some(Written { shrunk: true, replaced })
}

fn put(line: &[u8], timestamp: &str, tail: &[u8], out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(HEAD);
    let replaced = escape(line, out);
    out.extend_from_slice(MIDDLE);
    out.extend_from_slice(timestamp.as_bytes());
    out.extend_from_slice(tail);
    replaced
}

/// The event's own time in milliseconds since 1970; the time of reading where it tells none.
fn timestamp(line: &[u8], read_at_us: i64) -> i64 {
    let own = audit::Event::scan(line).ok().and_then(|event| event.stage_micros());
    own.unwrap_or(read_at_us).div_euclid(1000)
}

/// An item, taken apart again.
#[derive(Deserialize)]
pub(super) struct Item {
    pub(super) message: String,
    timestamp: i64,
    hostname: String,
    service: String,
    ddsource: String,
    ddtags: String,
}

impl Item {
    /// The one item of a body.
    pub(super) fn only(raw: &[u8]) -> io::Result<Item> {
        let [item]: [Item; 1] = serde_json::from_slice(raw).map_err(io::Error::other)?;
        Ok(item)
    }

    /// The item with its event shrunk so that it has at most half of `bytes`.
    pub(super) fn halved(&self, bytes: usize) -> Option<Vec<u8>> {
        let timestamp = self.timestamp.to_string();
        let tail = self.tail();
        let frame = HEAD.len() + MIDDLE.len() + timestamp.len() + tail.len();
        let room = (bytes / 2).checked_sub(frame)?;
        let shrunk = audit::shrink(self.message.as_bytes(), |smaller| escaped_len(smaller) <= room).ok()?;
        let mut out = Vec::with_capacity(bytes / 2);
        put(&shrunk.line, &timestamp, &tail, &mut out);
        Some(out)
    }

    fn tail(&self) -> Vec<u8> {
        tail_of([&self.hostname, &self.service, &self.ddsource, &self.ddtags])
    }
}
