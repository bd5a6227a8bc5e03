//! What lies in a spool: a header for the index, and a payload that is the list of lines and the body as it is sent.
//!
//! A body holds events of one batch only: then identity, receipts and accounts need no memory of which batches share
//! a body, and a batch that comes again is recognised whatever was sent meanwhile.
//!
//! Headers are JSON with short names, so that a later version can add to them.

use bytes::Bytes;
use proto::Trace;
use serde::{Deserialize, Serialize};

use crate::account::{Entry, Tally};
use crate::canary::Canary;
use crate::manifest::{self, Listed};

/// What the index keeps of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Number of its account.
    #[serde(rename = "a")]
    pub(crate) account: u32,
    /// What the payload's body is.
    #[serde(rename = "k", default)]
    pub(crate) kind: Kind,
    /// Number of its first line.
    #[serde(rename = "f")]
    pub(crate) first: u64,
    /// Number of its last line.
    #[serde(rename = "l")]
    pub(crate) last: u64,
    /// Its lines, as read.
    #[serde(rename = "n")]
    pub(crate) all: Tally,
    /// Those that had to be shrunk.
    #[serde(rename = "s", default)]
    pub(crate) shrunk: Tally,
    /// Those whose invalid UTF-8 was replaced.
    #[serde(rename = "u", default)]
    pub(crate) replaced: Tally,
    /// Bytes of the body before compression.
    #[serde(rename = "r")]
    pub(crate) raw: u64,
    /// When the lines were read: microseconds since 1970.
    #[serde(rename = "t")]
    pub(crate) read_at_us: i64,
    /// The time of the oldest event that the body tells of: milliseconds since 1970; for intakes that mind.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub(crate) oldest_ms: Option<i64>,
    /// Events that are told as of now, since they were too old.
    #[serde(rename = "b", default, skip_serializing_if = "is_zero")]
    pub(crate) backfilled: u64,
    /// Its trace, written; none where no traces are made.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
    /// Its events matter, and go where others wait for a budget.
    #[serde(rename = "g", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) urgent: bool,
    /// Canaries among its events.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) canaries: Vec<Canary>,
}

/// What a body is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Ready to be sent.
    #[default]
    Body,
    /// One line that no request can carry, packed as a zstd block; its fate is to be a dead letter, for this cause.
    Unsendable(String),
}

/// A record before it has a place in a spool. Its account's number is set when it gets one.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) header: Header,
    pub(crate) payload: Bytes,
}

impl Record {
    /// A record of `lines` (at least one), whose body is appended by `body`; `raw` is its size before compression.
    ///
    /// # Errors
    /// What `body` says.
    pub(crate) fn new(
        kind: Kind,
        lines: &[Listed],
        raw: u64,
        read_at_us: i64,
        body: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>,
    ) -> std::io::Result<Record> {
        let header = Header {
            account: 0,
            kind,
            first: lines.first().map_or(0, |line| line.number),
            last: lines.last().map_or(0, |line| line.number),
            all: sum(lines, |_| true),
            shrunk: sum(lines, |line| line.shrunk),
            replaced: sum(lines, |line| line.replaced),
            raw,
            read_at_us,
            oldest_ms: None,
            backfilled: 0,
            trace: None,
            urgent: false,
            canaries: Vec::new(),
        };
        let mut payload = Vec::with_capacity(lines.len() * 5 + 16);
        manifest::write(lines, &mut payload);
        body(&mut payload)?;
        Ok(Record { header, payload: payload.into() })
    }

    /// The header as stored, for `account`.
    pub(crate) fn stored_header(&self, account: u32) -> Vec<u8> {
        let header = Header { account, ..self.header.clone() };
        serde_json::to_vec(&header).expect("a header has no map with keys that are no strings")
    }
}

impl Header {
    /// None when a damaged or foreign record lies there.
    pub(crate) fn read(stored: &[u8]) -> Option<Header> {
        serde_json::from_slice(stored).ok()
    }

    /// The span in which it was packed.
    pub(crate) fn trace(&self) -> Option<Trace> {
        self.trace.as_deref().and_then(Trace::read)
    }

    /// The line of the books for its delivery.
    pub(crate) fn delivered(&self) -> Entry {
        Entry::Delivered { all: self.all, shrunk: self.shrunk, replaced: self.replaced }
    }
}

/// The line of the books for the delivery of some of a body's lines.
pub(crate) fn delivered(lines: &[Listed]) -> Entry {
    Entry::Delivered {
        all: sum(lines, |_| true),
        shrunk: sum(lines, |line| line.shrunk),
        replaced: sum(lines, |line| line.replaced),
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn sum(lines: &[Listed], chosen: fn(&Listed) -> bool) -> Tally {
    let mut sum = Tally::default();
    lines.iter().filter(|line| chosen(line)).for_each(|line| sum.add(line.tally()));
    sum
}

/// The list of lines and the body of a payload; None when it is not whole.
pub(crate) fn open(payload: &Bytes) -> Option<(Vec<Listed>, Bytes)> {
    let (list, rest) = manifest::read(payload)?;
    Some((list, payload.slice(payload.len() - rest.len()..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_what_it_holds() {
        let line = |number, shrunk| Listed { number, read_bytes: 50, shrunk, replaced: false };
        let record = Record::new(Kind::Body, &[line(3, false), line(9, true)], 4, 77, |out| {
            out.extend_from_slice(b"body");
            Ok(())
        })
        .unwrap();
        let header = Header::read(&record.stored_header(5)).unwrap();
        assert_eq!((header.account, header.first, header.last, header.raw), (5, 3, 9, 4));
        assert_eq!((header.all, header.shrunk), (Tally { events: 2, bytes: 100 }, Tally::one(50)));
        let (list, body) = open(&record.payload).unwrap();
        assert_eq!((list.len(), body.as_ref()), (2, &b"body"[..]));
        assert_eq!(Header::read(b"not ours"), None);
    }

    #[test]
    fn a_header_fits_the_index_whatever_it_says() {
        let line = Listed { number: u64::MAX, read_bytes: u64::MAX >> 2, shrunk: true, replaced: true };
        let record =
            Record::new(Kind::Unsendable("too large".into()), &[line], u64::MAX, i64::MIN, |_| Ok(()));
        assert!(record.unwrap().stored_header(u32::MAX).len() <= queue::MAX_HEADER);
    }
}
