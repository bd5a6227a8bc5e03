//! What the delivery has to know about an intake: how its bodies are taken apart, and how they are sent. Everything
//! else about it stays in its own file.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use chassis::{Revealed, Secret};
use futures_util::future::BoxFuture;

use crate::config::{Compression, Destination, OldEvents};
use crate::manifest::Listed;
use crate::parcel::Packer;
use crate::record::{Header, Record};
use crate::verdict::{self, Verdict};

mod body;
mod client;
mod datadog;
mod dialect;
mod elasticsearch;
mod http;
mod identity;
mod json_array;
mod kafka;
mod loki;
mod otlp;
mod protobuf;
mod severity;
mod splunk_hec;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod validate;
mod web;

use body::Bodies;
use client::Client;
use dialect::Dialect;
use web::Web;

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
    /// The intake took the request and says of each item, in the order of the body, what became of it.
    Items {
        verdicts: Vec<Verdict>,
        /// What it says of the first that it did not take.
        words: String,
    },
    /// The intake took nothing, and says that the item at this place is why.
    Guilty { at: usize, code: u16, words: String },
    /// The intake's own words say that nothing will get through until somebody changes something: in words for them.
    Held(String),
    /// No answer came; the body may have arrived.
    Lost(String),
    /// Nothing was sent, since there is no key.
    NoKey(String),
}

/// How bodies that were packed for an intake are taken apart again. All of it blocks.
///
/// # Errors
/// Each, when the body is not what was packed.
pub(crate) trait Repacker: Packer {
    /// A body of two events or more as several, one for each of the groups, in their order: each names the events by
    /// their places in the body.
    fn split(
        &self,
        header: &Header,
        lines: &[Listed],
        body: &Bytes,
        groups: &[Vec<usize>],
    ) -> io::Result<Vec<Record>>;

    /// A body of one event as one of at most half the size, by taking fields from the event; None when that cannot
    /// be.
    fn shrink(&self, header: &Header, line: &Listed, body: &Bytes) -> io::Result<Option<Record>>;

    /// What is to become of events of a body that are too old for the intake, if it may have some; does not block.
    fn minds_age(&self, header: &Header, now_ms: i64) -> Option<OldEvents>;

    /// The events, by their places in the body, that are too old for the intake.
    fn too_old(&self, header: &Header, body: &Bytes, now_ms: i64) -> io::Result<Vec<usize>>;

    /// A body with the events at these places told as of now; several bodies where it grows over the limits.
    fn renew(
        &self,
        header: &Header,
        lines: &[Listed],
        body: &Bytes,
        old: &[usize],
        now_ms: i64,
    ) -> io::Result<Vec<Record>>;

    /// The line that a body of one event carries.
    fn line(&self, header: &Header, body: &Bytes) -> io::Result<Bytes>;
}

/// How bodies get to an intake.
pub(crate) trait Carrier: Send + Sync {
    /// Sends a body. Never fails otherwise than by its answer; takes a bounded time.
    fn send<'a>(&'a self, header: &'a Header, body: Bytes) -> BoxFuture<'a, Answer>;

    /// The key, and whatever else an operator may change to end a hold, as it is now; None where there is none.
    fn key(&self) -> Option<Revealed>;

    /// Whether bodies have to go one at a time and oldest first, also when one has to be sent again.
    fn in_order(&self) -> bool {
        false
    }

    /// What a status means; by default what it means for all that speak HTTP.
    fn verdict(&self, status: u16) -> Verdict {
        verdict::verdict(status)
    }

    /// What an operator has to do about a status that holds the destination.
    fn advice(&self, status: u16) -> &'static str {
        verdict::advice(status)
    }
}

/// How bodies for a destination are made and how they get there.
type Carried = (Arc<dyn Repacker>, Arc<dyn Carrier>);

/// The two halves of a destination that takes bodies; says what is wrong with its configuration.
pub(crate) fn carried(destination: &Destination) -> Result<Carried, String> {
    match destination {
        Destination::Datadog(config) => {
            let (dialect, client) = datadog::Datadog::new(config)?;
            Ok(over_http(dialect, config.compression, client, config.key()))
        }
        Destination::Elasticsearch(config) => {
            let url = format!("{}?{}", config.bulk_url(), elasticsearch::ASKED);
            let client = Client::new(&url, &config.reach())?;
            let dialect = elasticsearch::Elasticsearch::new(config);
            Ok(over_http(dialect, config.compression, client, config.auth.secret()))
        }
        Destination::Http(config) => {
            let client = Client::new(&config.url, &config.reach())?;
            Ok(over_http(http::Http::new(config)?, config.compression, client, config.auth.secret()))
        }
        Destination::SplunkHec(config) => splunk_hec::carried(config),
        Destination::Otlp(config) => otlp::carried(config),
        Destination::Loki(config) => loki::carried(config),
        Destination::Kafka(config) => kafka::carried(config),
        Destination::File(_) | Destination::Stdout(_) | Destination::Lake(_) => {
            Err(format!("a {} takes no bodies", destination.kind()))
        }
    }
}

fn over_http(
    dialect: impl Dialect,
    compression: Compression,
    client: Client,
    key: Option<Secret>,
) -> Carried {
    let (bodies, web) = packed_for(dialect, compression, client, key);
    (bodies, Arc::new(web))
}

fn packed_for<D: Dialect>(
    dialect: D,
    compression: Compression,
    client: Client,
    key: Option<Secret>,
) -> (Arc<dyn Repacker>, Web<D>) {
    let dialect = Arc::new(dialect);
    let bodies = Bodies::new(dialect.clone(), compression);
    (Arc::new(bodies), Web { dialect, client, key })
}
