//! Grafana Loki: `POST <url>/loki/api/v1/push`, a `PushRequest` packed with Snappy.
//!
//! Promises: a request has one stream for each set of labels; labels have few values, none of which a client chooses;
//! an entry is the line itself, with the event's own time.
//!
//! In a body that is being made, each item is a stream of one entry, so that it can be taken apart without its
//! neighbours; as it is packed the streams with the same labels become one.
//!
//! Source: Loki's HTTP API reference and its `push.proto`.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use chassis::Revealed;
use futures_util::future::BoxFuture;
use proto::Origin;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::client::{Client, Reply};
use super::dialect::{Dialect, Entry, Limits, Parts};
use super::identity;
use super::protobuf::fields;
use super::web::{Web, secret_header, words};
use super::{Answer, Carried, Carrier, packed_for};
use crate::attempt::blocking;
use crate::config::{self, Auth, Compression};
use crate::record::Header;
use crate::verdict;

mod entry;
mod labels;
mod streams;

use labels::EventLabel;

/// Most entries of a request.
const MOST_ENTRIES: usize = 1000;

const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");

/// The `loki` protocol.
pub(crate) struct Loki {
    limits: Limits,
    labels: Vec<(String, String)>,
    event_labels: Vec<EventLabel>,
    metadata: bool,
    tenant: Option<HeaderValue>,
    auth: Auth,
}

/// The two halves of a `loki` destination; says what is wrong with its configuration.
pub(crate) fn carried(config: &config::Loki) -> Result<Carried, String> {
    let client = Client::new(&config.push_url(), &config.reach())?;
    let (bodies, web) = packed_for(Loki::new(config), Compression::None, client, config.auth.secret());
    if config.structured_metadata {
        return Ok((bodies, Arc::new(web)));
    }
    Ok((bodies, Arc::new(Bare { web })))
}

/// Sends bodies without the metadata that those have which were spooled while it was wanted still: a Loki that takes
/// none would hold them for ever.
struct Bare {
    web: Web<Loki>,
}

impl Carrier for Bare {
    fn send<'a>(&'a self, header: &'a Header, body: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let raw = usize::try_from(header.raw).unwrap_or(usize::MAX);
            let bare = blocking({
                let body = body.clone();
                move || streams::without_metadata(&body, raw)
            });
            match bare.await {
                Ok(bare) => self.web.send(header, bare.unwrap_or(body)).await,
                Err(error) => Answer::Lost(format!("a body cannot be made ready: {error}")),
            }
        })
    }

    fn key(&self) -> Option<Revealed> {
        self.web.key()
    }

    fn advice(&self, status: u16) -> &'static str {
        self.web.advice(status)
    }
}

impl Loki {
    /// From its part of the configuration, which was found valid.
    pub(crate) fn new(config: &config::Loki) -> Loki {
        let (body, item) = (config.max_body.as_usize(), config.max_line.as_usize());
        let tenant = config.tenant.as_ref().and_then(|tenant| HeaderValue::from_str(tenant).ok());
        Loki {
            limits: Limits { items: MOST_ENTRIES, body, item },
            labels: config.labels.clone().into_iter().collect(),
            event_labels: config.event_labels.iter().filter_map(|name| EventLabel::named(name)).collect(),
            metadata: config.structured_metadata,
            tenant,
            auth: config.auth.clone(),
        }
    }
}

impl Dialect for Loki {
    fn limits(&self) -> Limits {
        self.limits
    }

    /// The log's name, then the labels that all events of a batch have.
    fn frame(&self, origin: &Origin) -> Vec<u8> {
        [identity::log(origin).into_bytes(), labels::of(origin, &self.labels)].concat()
    }

    fn write(&self, entry: &Entry<'_>, frame: &[u8], out: &mut Vec<u8>) -> bool {
        let event = audit::Event::scan(entry.line).ok();
        let (log, frame) = frame.split_at(identity::LOG);
        let labels = labels::with(frame, &self.event_labels, event.as_ref());
        let log = self.metadata.then(|| String::from_utf8_lossy(log));
        entry::write(entry, event.as_ref(), &labels, log.as_deref(), out)
    }

    fn parts(&self, raw: &[u8]) -> io::Result<Parts> {
        let items = fields(raw).map(|stream| stream.map(|stream| stream.place)).collect::<io::Result<_>>()?;
        Ok(Parts { frame: Vec::new(), items })
    }

    fn line(&self, item: &[u8]) -> io::Result<Vec<u8>> {
        entry::line(item)
    }

    fn with_line(&self, item: &[u8], line: &[u8]) -> io::Result<Vec<u8>> {
        entry::with_line(item, line)
    }

    fn pack(&self, _compression: Compression, raw: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        streams::pack(raw, out)
    }

    fn unpack(&self, body: &Bytes, length: usize) -> io::Result<Bytes> {
        streams::unpack(body, length)
    }

    /// The protocol knows one encoding only, and names it nowhere.
    fn encoding(&self, _body: &[u8]) -> Option<&'static str> {
        None
    }

    fn headers(&self, _header: &Header, key: Option<&Revealed>, _body: &Bytes) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if let Some(tenant) = &self.tenant {
            headers.insert(TENANT, tenant.clone());
        }
        if let Some(key) = key {
            headers.insert(AUTHORIZATION, secret_header(&self.auth.header(key))?);
        }
        Ok(headers)
    }

    /// Two of the many things for which Loki has the one status 400 say nothing against the event.
    fn read(&self, reply: &Reply) -> Option<Answer> {
        let told = words(&reply.text);
        let lower = told.to_ascii_lowercase();
        if reply.code != 400 {
            return None;
        }
        if lower.contains("structured metadata") && lower.contains("disallowed") {
            return Some(Answer::Held(format!(
                "Loki takes no structured metadata ({told}); set its `allow_structured_metadata`, or \
                 `structured_metadata: false` here"
            )));
        }
        let large = lower.contains("max entry size");
        large.then_some(Answer::Status { code: 413, retry_after: None, words: told })
    }

    fn advice(&self, status: u16) -> &'static str {
        match status {
            401 | 403 => {
                "the credentials or the tenant are not accepted; check the file that `auth` names, and `tenant`"
            }
            404 | 405 => "Loki's push API is not there; check `url`",
            300..=399 => "Loki moved; set `url` to its new address",
            _ => verdict::advice(status),
        }
    }
}

#[cfg(test)]
mod tests;
