//! A stand-in for Datadog's intake, on loopback: takes bodies, keeps the messages.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use serde::Deserialize;
use tokio::net::TcpListener;

/// The intake's own limit, before compression.
const LARGEST_BODY: u64 = 5_000_000;

type Messages = Arc<Mutex<Vec<String>>>;

/// A running stand-in.
pub(super) struct StandIn {
    address: SocketAddr,
    messages: Messages,
}

#[derive(Deserialize)]
struct Item {
    message: String,
}

impl StandIn {
    pub(super) async fn start() -> anyhow::Result<StandIn> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port of loopback is free")?;
        let address = listener.local_addr()?;
        let messages = Messages::default();
        let app = Router::new()
            .route("/api/v2/logs", post(take))
            .layer(DefaultBodyLimit::max(LARGEST_BODY as usize))
            .with_state(messages.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(StandIn { address, messages })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Compares what came with what was written, byte for byte; says how much it was.
    pub(super) fn compare(&self, lines: &[&[u8]]) -> anyhow::Result<String> {
        let mut came = self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut written: Vec<_> =
            lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        came.sort_unstable();
        written.sort_unstable();
        if came != written {
            bail!("{} lines were written, and {} came, or not the same", written.len(), came.len());
        }
        Ok(format!("all {} lines, each once, byte for byte", crate::print::grouped(came.len() as u64)))
    }
}

async fn take(State(messages): State<Messages>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let Some(items) =
        unpacked(&headers, &body).and_then(|text| serde_json::from_slice::<Vec<Item>>(&text).ok())
    else {
        return StatusCode::BAD_REQUEST;
    };
    let mut messages = messages.lock().unwrap_or_else(PoisonError::into_inner);
    messages.extend(items.into_iter().map(|item| item.message));
    StatusCode::ACCEPTED
}

fn unpacked(headers: &HeaderMap, body: &[u8]) -> Option<Vec<u8>> {
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let mut text = Vec::new();
    let read = match encoding {
        Some("zstd") => zstd::Decoder::new(body).ok()?.take(LARGEST_BODY + 1).read_to_end(&mut text),
        Some("gzip") => flate2::read::MultiGzDecoder::new(body).take(LARGEST_BODY + 1).read_to_end(&mut text),
        _ => body.take(LARGEST_BODY + 1).read_to_end(&mut text),
    };
    read.ok().filter(|length| *length as u64 <= LARGEST_BODY).map(|_| text)
}
