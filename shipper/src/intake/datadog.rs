//! Datadog's logs intake, version 2: `POST <base>/api/v2/logs` with a JSON array of flat items.
//!
//! Promises: a body has at most 1000 items and 5,000,000 bytes before compression, brackets and commas counted; an
//! item has at most 1,000,000 bytes with all its fields; `message` is the line itself, `timestamp` the event's own;
//! the API key appears in one request header and nowhere else.
//!
//! Limits and headers: Datadog's "Send logs" API page and what its Agent sends.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use chassis::Revealed;
use proto::Origin;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::client::Client;
use super::dialect::{Dialect, Entry, Limits, Parts};
use super::json_array;
use super::web::secret_header;
use crate::config;
use crate::record::Header;

mod item;

use item::Item;

const PATH: &str = "/api/v2/logs";

const LIMITS: Limits = Limits { items: 1000, body: 5_000_000, item: 1_000_000 };

/// The `datadog` protocol.
pub(crate) struct Datadog {
    tags: Vec<String>,
}

impl Datadog {
    /// From its part of the configuration; says what is wrong with it.
    pub(crate) fn new(config: &config::Datadog) -> Result<(Datadog, Client), String> {
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
        let client = Client::new(&format!("{}{PATH}", config.base()), &config.reach())?;
        Ok((Datadog { tags: config.tags.clone() }, client))
    }
}

impl Dialect for Datadog {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn frame(&self, origin: &Origin) -> Vec<u8> {
        item::tail(origin, &self.tags)
    }

    fn write(&self, entry: &Entry<'_>, tail: &[u8], out: &mut Vec<u8>) -> bool {
        item::write(entry, tail, out)
    }

    fn open(&self) -> &'static [u8] {
        b"["
    }

    fn between(&self) -> &'static [u8] {
        b","
    }

    fn close(&self, _frame: &[u8], out: &mut Vec<u8>) {
        out.push(b']');
    }

    fn closing(&self, _frame: &[u8]) -> usize {
        1
    }

    fn parts(&self, raw: &[u8]) -> io::Result<Parts> {
        json_array::parts(raw)
    }

    fn line(&self, item: &[u8]) -> io::Result<Vec<u8>> {
        Ok(Item::read(item)?.message.into_bytes())
    }

    fn with_line(&self, item: &[u8], line: &[u8]) -> io::Result<Vec<u8>> {
        Ok(Item::read(item)?.with_line(line))
    }

    fn headers(&self, header: &Header, key: Option<&Revealed>, _body: &Bytes) -> Result<HeaderMap, String> {
        let number = |number: u128| HeaderValue::from_str(&number.to_string()).expect("digits are a header");
        let read_at_ms = u128::try_from(header.read_at_us.div_euclid(1000)).unwrap_or_default();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("dd-protocol", HeaderValue::from_static("agent-json"));
        headers.insert("dd-evp-origin", HeaderValue::from_static("auditrail"));
        headers.insert("dd-evp-origin-version", HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
        headers.insert("dd-message-timestamp", number(read_at_ms));
        headers.insert("dd-current-timestamp", number(now_ms()));
        if let Some(key) = key {
            headers.insert("dd-api-key", secret_header(key.as_str())?);
        }
        Ok(headers)
    }
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
