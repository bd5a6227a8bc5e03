//! Datadog's logs intake, version 2: `POST <base>/api/v2/logs` with a JSON array of flat items.
//!
//! Promises: a body has at most 1000 items and 5,000,000 bytes before compression, brackets and commas counted; an
//! item has at most 1,000,000 bytes with all its fields; `message` is the line itself, `timestamp` the event's own;
//! the API key appears in one request header and nowhere else.
//!
//! Limits and headers: Datadog's "Send logs" API page and what its Agent sends.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chassis::{Revealed, Secret};
use futures_util::future::BoxFuture;

use super::{Answer, Intake};
use crate::config;
use crate::manifest::Listed;
use crate::parcel::{Packer, Parcel};
use crate::record::{Header, Record};

mod body;
mod client;
mod item;

use body::Bodies;
use client::Client;
use item::Item;

/// Most items of a body.
const MOST_ITEMS: usize = 1000;
/// Most bytes of a body before compression.
const MOST_BODY_BYTES: usize = 5_000_000;
/// Most bytes of an item, encoded.
const MOST_ITEM_BYTES: usize = 1_000_000;

/// Most buffers that are kept for the next batch.
const MOST_BUFFERS: usize = 4;

/// The `datadog` intake.
pub(crate) struct Datadog {
    client: Client,
    compression: config::Compression,
    tags: Vec<String>,
    key: Option<Secret>,
    /// Buffers that bodies are made in, used again and again.
    buffers: Mutex<Vec<Vec<u8>>>,
}

impl Datadog {
    /// From its part of the configuration; says what is wrong with it.
    pub(crate) fn new(config: &config::Datadog) -> Result<Datadog, String> {
        let key = config.key();
        if key.is_none() && !config.may_lack_key() {
            return Err("it has no API key; name a file in `api_key_file`, or set DD_API_KEY".to_owned());
        }
        if key.is_none() {
            tracing::warn!(
                url = config.base(),
                "requests go without an API key; set `api_key_file` if one is wanted"
            );
        }
        let client = Client::new(&config.base())?;
        let (compression, tags) = (config.compression, config.tags.clone());
        Ok(Datadog { client, compression, tags, key, buffers: Mutex::default() })
    }

    fn buffers(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Packer for Datadog {
    fn pack(&self, parcel: &Parcel) -> io::Result<Vec<Record>> {
        let tail = item::tail(&parcel.origin, &self.tags);
        let buffer = self.buffers().pop().unwrap_or_default();
        let mut bodies = Bodies::new(self.compression, parcel.read_at_us, buffer);
        for line in &parcel.lines {
            bodies.add(line, &tail)?;
        }
        let (records, buffer) = bodies.finish()?;
        let mut buffers = self.buffers();
        if buffers.len() < MOST_BUFFERS {
            buffers.push(buffer);
        }
        Ok(records)
    }
}

impl Intake for Datadog {
    fn send<'a>(&'a self, header: &'a Header, body: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match self.key.as_ref().map(Secret::reveal).transpose() {
                Ok(key) => self.client.post(key.as_ref(), header.read_at_us, body).await,
                Err(error) => Answer::NoKey(error.to_string()),
            }
        })
    }

    fn halve(&self, header: &Header, lines: &[Listed], body: &Bytes) -> io::Result<Vec<Record>> {
        body::halve(self.compression, header, lines, body)
    }

    fn shrink(&self, header: &Header, line: &Listed, body: &Bytes) -> io::Result<Option<Record>> {
        let raw = body::raw(header, body)?;
        let item = Item::only(&raw)?;
        let Some(smaller) = item.halved(raw.len() - 2) else { return Ok(None) };
        let line = Listed { shrunk: true, ..*line };
        body::record(self.compression, &[line], &[b"[", smaller.as_slice(), b"]"].concat(), header.read_at_us)
            .map(Some)
    }

    fn line(&self, header: &Header, body: &Bytes) -> io::Result<Bytes> {
        let raw = body::raw(header, body)?;
        Ok(Bytes::from(Item::only(&raw)?.message))
    }

    fn key(&self) -> Option<Revealed> {
        self.key.as_ref().and_then(|key| key.reveal().ok())
    }
}
