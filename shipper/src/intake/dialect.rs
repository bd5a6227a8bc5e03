//! What is special about one intake's protocol: how an event becomes an item, items a body, and a body a request.
//!
//! Everything that protocols have in common is made of this: packing to exact size, taking apart, shrinking
//! ([`super::body`]), and sending over HTTP ([`super::web`]).

use std::io;
use std::ops::Range;

use bytes::Bytes;
use chassis::Revealed;
use proto::Origin;
use reqwest::header::HeaderMap;

use super::Answer;
use super::client::Reply;
use crate::config::{Compression, OldEvents};
use crate::encode::{compression_of, content_encoding, decode, encode};
use crate::record::Header;
use crate::verdict;

/// What a body may be at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Items of a body.
    pub(crate) items: usize,
    /// Bytes of a body before compression.
    pub(crate) body: usize,
    /// Bytes of an item; a body of one such item is within `body`.
    pub(crate) item: usize,
}

/// An event on its way into a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) line: &'a [u8],
    /// The collector's queue and the line's number in it: what no other line has.
    pub(crate) queue: [u8; 16],
    pub(crate) number: u64,
    /// When it was read: microseconds since 1970.
    pub(crate) read_at_us: i64,
}

/// A body taken apart.
pub(crate) struct Parts {
    /// What is the same for all of its items, as [`Dialect::frame`] gave it; empty where each item has its own.
    pub(crate) frame: Vec<u8>,
    /// Where the items are.
    pub(crate) items: Vec<Range<usize>>,
}

/// The protocol of an intake.
pub(crate) trait Dialect: Send + Sync + 'static {
    fn limits(&self) -> Limits;

    /// What is the same for all items of a batch.
    fn frame(&self, origin: &Origin) -> Vec<u8>;

    /// Appends an event's item. True when invalid UTF-8 had to be replaced.
    fn write(&self, entry: &Entry<'_>, frame: &[u8], out: &mut Vec<u8>) -> bool;

    /// The time that an item tells of its event, in milliseconds since 1970, where the intake minds its age; quickly
    /// where the frame that it was written with is known.
    fn time_ms(&self, _item: &[u8], _frame: Option<&[u8]>) -> Option<i64> {
        None
    }

    /// The oldest time that the intake takes now.
    fn oldest_ms(&self, _now_ms: i64) -> Option<i64> {
        None
    }

    /// Whether an item tells an event that was too old as one of now.
    fn is_renewed(&self, _item: &[u8]) -> bool {
        false
    }

    /// What becomes of events that are too old.
    fn old_events(&self) -> OldEvents {
        OldEvents::default()
    }

    /// An item of an event that is too old, as one of now.
    ///
    /// # Errors
    /// When the item is not of this dialect.
    fn renewed(&self, item: &[u8], _now_ms: i64) -> io::Result<Vec<u8>> {
        Ok(item.to_vec())
    }

    /// What a body begins with, where it is known before the items are.
    fn open(&self) -> &'static [u8] {
        b""
    }

    /// What stands between two items.
    fn between(&self) -> &'static [u8] {
        b""
    }

    /// Ends the body that is in `out`.
    fn close(&self, _frame: &[u8], _out: &mut Vec<u8>) {}

    /// Most bytes that [`Dialect::close`] adds.
    fn closing(&self, _frame: &[u8]) -> usize {
        0
    }

    /// Takes apart a body that was made by the above.
    ///
    /// # Errors
    /// When it was not.
    fn parts(&self, raw: &[u8]) -> io::Result<Parts>;

    /// The event's line in an item.
    ///
    /// # Errors
    /// When the item is not of this dialect.
    fn line(&self, item: &[u8]) -> io::Result<Vec<u8>>;

    /// The same item with another line.
    ///
    /// # Errors
    /// When the item is not of this dialect.
    fn with_line(&self, item: &[u8], line: &[u8]) -> io::Result<Vec<u8>>;

    /// Appends the body `raw` as it is sent.
    ///
    /// # Errors
    /// When compression fails.
    fn pack(&self, compression: Compression, raw: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        encode(compression, raw, out)
    }

    /// What [`Dialect::pack`] packed, of `length` bytes.
    ///
    /// # Errors
    /// When it was not packed so.
    fn unpack(&self, body: &Bytes, length: usize) -> io::Result<Bytes> {
        decode(body, length)
    }

    /// The `Content-Encoding` of a body, if it has one.
    fn encoding(&self, body: &[u8]) -> Option<&'static str> {
        content_encoding(compression_of(body))
    }

    /// The headers of a request over HTTP, but for `Content-Encoding`.
    ///
    /// # Errors
    /// Says why the key can be in no header, without showing it.
    fn headers(&self, header: &Header, key: Option<&Revealed>, body: &Bytes) -> Result<HeaderMap, String>;

    /// What an operator has to do about a status that holds the destination.
    fn advice(&self, status: u16) -> &'static str {
        verdict::advice(status)
    }

    /// Bytes of a successful answer's text that [`Dialect::read`] wants to see.
    fn wants(&self) -> usize {
        0
    }

    /// What an answer says beyond its status; None when the status says all.
    fn read(&self, _reply: &Reply) -> Option<Answer> {
        None
    }
}
