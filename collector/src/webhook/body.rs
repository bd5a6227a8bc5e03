//! The body of a request, within its bounds.
//!
//! Promises: a body takes memory only when there is room for all of it; it is never longer than the limit, packed or
//! unpacked; one that comes slowly is given up; a body that is not wanted is read past, within bounds, so that its
//! sender sees the answer.

use std::io::Read;
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// How long a body that is not wanted is read.
const PAST: Duration = Duration::from_secs(10);

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoBody {
    /// Beyond the limit.
    #[error("the body has more than {0} bytes")]
    TooLong(usize),
    /// Not whole in time.
    #[error("the body was not there within {} s (collector.webhook.timeout)", .0.as_secs())]
    Slow(Duration),
    /// The client went away, or broke the protocol.
    #[error("the body broke off: {0}")]
    Broken(String),
    /// A packing that is not known.
    #[error("Content-Encoding `{0}` is not read: post plain JSON, or gzip")]
    Encoding(String),
    /// It is no gzip.
    #[error("the body is no gzip: {0}")]
    NoGzip(String),
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
}

impl Packing {
    /// What the headers say.
    pub(super) fn of(headers: &HeaderMap) -> Result<Packing, NoBody> {
        let said = headers.get(header::CONTENT_ENCODING).map(|said| said.as_bytes().to_ascii_lowercase());
        match said.as_deref() {
            None | Some(b"" | b"identity") => Ok(Packing::Plain),
            Some(b"gzip" | b"x-gzip") => Ok(Packing::Gzip),
            Some(other) => {
                Err(NoBody::Encoding(String::from_utf8_lossy(&other[..other.len().min(32)]).into_owned()))
            }
        }
    }

    /// The memory that a body takes at the most, `limit` being the longest.
    pub(super) fn memory(self, body: &Incoming, limit: usize) -> usize {
        let said = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        match self {
            Packing::Plain => said.map_or(limit, |bytes| bytes.min(limit)),
            Packing::Gzip => limit + said.unwrap_or(limit).min(limit),
        }
    }
}

/// Reads all of a body, of at most `limit` bytes, within `slowest`.
pub(super) async fn read(body: &mut Incoming, limit: usize, slowest: Duration) -> Result<Vec<u8>, NoBody> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if expected > limit {
        return Err(NoBody::TooLong(limit));
    }
    let whole = async {
        let mut bytes = Vec::with_capacity(expected);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| NoBody::Broken(error.to_string()))?;
            let Some(data) = frame.data_ref() else { continue };
            if bytes.len() + data.len() > limit {
                return Err(NoBody::TooLong(limit));
            }
            bytes.extend_from_slice(data);
        }
        Ok(bytes)
    };
    tokio::time::timeout(slowest, whole).await.unwrap_or(Err(NoBody::Slow(slowest)))
}

/// Reads past at most `most` bytes.
pub(super) async fn read_past(body: &mut Incoming, most: usize) {
    let past = async {
        let mut left = most;
        while let Some(Ok(frame)) = body.frame().await {
            let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, |data| data.len())) else { break };
            left = rest;
        }
    };
    // What is left unread then closes the connection.
    let _ = tokio::time::timeout(PAST, past).await;
}

/// Unpacks a body to at most `limit` bytes. Blocking.
pub(super) fn unpacked(packing: Packing, body: Vec<u8>, limit: usize) -> Result<Vec<u8>, NoBody> {
    if packing == Packing::Plain {
        return Ok(body);
    }
    let mut bytes = Vec::new();
    let read = MultiGzDecoder::new(&body[..]).take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| NoBody::NoGzip(error.to_string()))?;
    if bytes.len() > limit { Err(NoBody::TooLong(limit)) } else { Ok(bytes) }
}
