//! The HTTP server of every process: `/livez`, `/readyz`, `/metrics`, and what a service adds.
//!
//! Promise: `/livez` says 200 as long as the process can answer at all, `/readyz` says 200 or 503 with the
//! reasons as text, and 503 before anything else changes when the process is asked to end, `/metrics` is OpenMetrics text. At most [`MOST_CONNECTIONS`] connections are open at a time,
//! further ones wait in the system's backlog; one on which nothing moves for [`LONGEST_SILENCE`] is closed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::health::Ready;
use crate::metrics;
use crate::stop::Stop;
use crate::tls::Certificates;

mod bounded;
mod secured;

pub use secured::Caller;

/// The framework of the routes that [`serve`] takes.
pub use axum;

/// Connections that are open at a time.
pub const MOST_CONNECTIONS: usize = 256;

/// How long a connection may be open with nothing read from it or written to it.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(75);

/// Serves the three paths and `more` on `listener` until `stop` is requested; then answers what was begun.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: TcpListener, ready: Ready, more: Router, stop: Stop) -> io::Result<()> {
    let _leaving = leaving(&ready, &stop);
    let listener = bounded::Bounded::new(listener, MOST_CONNECTIONS, LONGEST_SILENCE);
    axum::serve(listener, routes(ready).merge(more))
        .with_graceful_shutdown(async move { stop.wait().await })
        .await
}

/// As [`serve`], over TLS with the certificates of this process. Callers may show one, too: whose it is stands in the
/// requests' extensions, as `ConnectInfo<Caller>`.
///
/// # Errors
/// When the listener breaks.
pub async fn serve_secured(
    listener: TcpListener,
    certificates: Arc<Certificates>,
    ready: Ready,
    more: Router,
    stop: Stop,
) -> io::Result<()> {
    let listener = bounded::Bounded::new(listener, MOST_CONNECTIONS, LONGEST_SILENCE);
    let listener = secured::Secured::new(listener, certificates)?;
    let _leaving = leaving(&ready, &stop);
    let service = routes(ready).merge(more).into_make_service_with_connect_info::<Caller>();
    axum::serve(listener, service).with_graceful_shutdown(async move { stop.wait().await }).await
}

/// A process that will end is not ready any more, from before it stops to take anything.
fn leaving(ready: &Ready, stop: &Stop) -> AbortOnDropHandle<()> {
    let (ready, stop) = (ready.clone(), stop.clone());
    AbortOnDropHandle::new(tokio::spawn(async move {
        stop.left().await;
        ready.set_not_ready("stop", "this process is asked to end");
    }))
}

/// The three paths alone, for a service that has its own server.
pub fn routes(ready: Ready) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .with_state(Arc::new(ready))
}

async fn readyz(State(ready): State<Arc<Ready>>) -> impl IntoResponse {
    let reasons = ready.reasons();
    if reasons.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
}

async fn scrape() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::render())
}
