//! The HTTP server of every process: `/livez`, `/readyz`, `/metrics`, and what a service adds.
//!
//! Promise: `/livez` says 200 unless a part of the process is stuck ([`Alive`](crate::Alive)), then 503 with the reasons,
//! `/readyz` says 200 or 503 with the
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

use crate::alive;
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
    let _tasks = (leaving(&ready, &stop), looking(&ready));
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
    let _tasks = (leaving(&ready, &stop), looking(&ready));
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

/// Looks at the parts of the process for as long as it serves.
fn looking(ready: &Ready) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(alive::keep_looking(ready.alive().clone())))
}

/// The three paths alone.
pub fn routes(ready: Ready) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .with_state(Arc::new(ready))
}

async fn livez(State(ready): State<Arc<Ready>>) -> impl IntoResponse {
    told(&ready.alive().stuck())
}

async fn readyz(State(ready): State<Arc<Ready>>) -> impl IntoResponse {
    told(&ready.reasons())
}

fn told(reasons: &[String]) -> (StatusCode, String) {
    if reasons.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
}

async fn scrape() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::render())
}
