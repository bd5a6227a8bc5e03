//! What the delivery has to know about an intake that speaks HTTP. Everything else about it stays in its own file.

use std::io;

use bytes::Bytes;
use chassis::Revealed;
use futures_util::future::BoxFuture;

use crate::manifest::Listed;
use crate::parcel::Packer;
use crate::record::{Header, Record};

pub(crate) mod datadog;

/// What came of a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The intake answered.
    Status {
        code: u16,
        /// `Retry-After`, as it stood there.
        retry_after: Option<String>,
        /// The beginning of the answer's text; empty for a success.
        words: String,
    },
    /// No answer came; the body may have arrived.
    Lost(String),
    /// Nothing was sent, since there is no key.
    NoKey(String),
}

/// An intake that speaks HTTP.
pub(crate) trait Intake: Packer {
    /// Sends a body. Never fails otherwise than by its answer; takes a bounded time.
    fn send<'a>(&'a self, header: &'a Header, body: Bytes) -> BoxFuture<'a, Answer>;

    /// A body of two events or more as two. Blocking.
    ///
    /// # Errors
    /// When the body is not what was packed.
    fn halve(&self, header: &Header, lines: &[Listed], body: &Bytes) -> io::Result<Vec<Record>>;

    /// A body of one event as one of at most half the size, by taking fields from the event; None when that cannot
    /// be. Blocking.
    ///
    /// # Errors
    /// When the body is not what was packed.
    fn shrink(&self, header: &Header, line: &Listed, body: &Bytes) -> io::Result<Option<Record>>;

    /// The line that a body of one event carries. Blocking.
    ///
    /// # Errors
    /// When the body is not what was packed.
    fn line(&self, header: &Header, body: &Bytes) -> io::Result<Bytes>;

    /// The key as it is now, to notice that it changed; None where there is none.
    fn key(&self) -> Option<Revealed>;
}
