//! Datadog's logs intake, version 2: `POST <base>/api/v2/logs` with a JSON array of flat items.
//!
//! Promises: a body has at most 1000 items and 5,000,000 bytes before compression, brackets and commas counted; an
//! item has at most 1,000,000 bytes with all its fields; `message` is the line itself, `timestamp` the event's own;
//! the API key appears in one request header and nowhere else; an event that the intake would drop for its age goes as
//! one of now, with the tag `auditrail.backfill:true`.
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
use crate::config::{self, OldEvents};
use crate::record::Header;

mod item;

use item::Item;

const PATH: &str = "/api/v2/logs";

const LIMITS: Limits = Limits { items: 1000, body: 5_000_000, item: 1_000_000 };

/// The `datadog` protocol.
pub(crate) struct Datadog {
    tags: Vec<String>,
    max_event_age_ms: i64,
    old_events: OldEvents,
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
        let url = format!("{}{PATH}", config.base());
        let client = Client::through(&url, &config.reach(), &config.agent_proxy)?;
        let age = config.max_event_age.duration().as_millis();
        let max_event_age_ms = i64::try_from(age).unwrap_or(i64::MAX);
        Ok((Datadog { tags: config.tags.clone(), max_event_age_ms, old_events: config.old_events }, client))
    }
}

impl Dialect for Datadog {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn frame(&self, origin: &Origin) -> Vec<u8> {
        let [young, old] = [false, true].map(|old| item::tail(origin, &self.tags, old));
        [young, old].join(&item::BETWEEN)
    }

    fn write(&self, entry: &Entry<'_>, frame: &[u8], out: &mut Vec<u8>) -> bool {
        let (young, old) = item::tails(frame);
        let time = item::time(entry);
        let now = i64::try_from(now_ms()).unwrap_or(i64::MAX);
        if self.old_events == OldEvents::Backfill && time < now.saturating_sub(self.max_event_age_ms) {
            return item::put(entry.line, now, old, out);
        }
        item::put(entry.line, time, young, out)
    }

    fn is_renewed(&self, item: &[u8]) -> bool {
        item::is_renewed(item)
    }

    fn time_ms(&self, item: &[u8], frame: Option<&[u8]>) -> Option<i64> {
        match frame {
            Some(frame) => item::written_time(item, frame),
            None => Item::read(item).ok().map(|item| item.timestamp),
        }
    }

    fn oldest_ms(&self, now_ms: i64) -> Option<i64> {
        Some(now_ms.saturating_sub(self.max_event_age_ms))
    }

    fn old_events(&self) -> OldEvents {
        self.old_events
    }

    fn renewed(&self, item: &[u8], now_ms: i64) -> io::Result<Vec<u8>> {
        Ok(Item::read(item)?.renewed(now_ms))
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
