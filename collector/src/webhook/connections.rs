//! The connections of the webhook.
//!
//! Promises: never more than [`MOST`] at a time, further ones wait in the system's backlog; a handshake, the headers
//! of a request and a connection as a whole have their time; at a stop, requests that were begun are answered and
//! nothing new is accepted.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::certificates::Certificates;
use super::desk::Desk;
use crate::metrics;

/// Connections that are open at a time.
const MOST: usize = 256;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the headers of the next request may take, the silence before them included.
const SILENCE: Duration = Duration::from_secs(75);
/// How long a connection is used; clients then make a new one.
const AGE: Duration = Duration::from_secs(600);
/// How long requests that were begun are waited for, at a stop and at that age.
const GRACE: Duration = Duration::from_secs(45);
/// At a stop of the process, which has a grace of its own.
const LAST: Duration = Duration::from_secs(10);
/// Bytes of the headers of a request.
const MOST_HEAD: usize = 64 << 10;
/// Pause after the system had no connection to give.
const AGAIN: Duration = Duration::from_millis(100);

/// Serves until `stop`, then answers what was begun.
pub(super) async fn serve(
    listener: TcpListener,
    certificates: Option<Arc<Certificates>>,
    desk: Desk,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(MOST));
    let mut open = JoinSet::new();
    loop {
        metrics::connections(open.len());
        let accepted = async {
            let room = Arc::clone(&room).acquire_owned().await.expect("the semaphore is never closed");
            (listener.accept().await, room)
        };
        let (accepted, room) = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = open.join_next() => continue,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (certificates, desk, stop) = (certificates.clone(), desk.clone(), stop.clone());
                open.spawn(async move {
                    connection(stream, certificates, desk, stop).await;
                    drop(room);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the webhook could not accept a connection; it goes on");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    drop(listener);
    let rest = async { while open.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(LAST, rest).await; // those that are left are cut
    metrics::connections(0);
}

async fn connection(
    stream: TcpStream,
    certificates: Option<Arc<Certificates>>,
    desk: Desk,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    let Some(certificates) = certificates else { return requests(stream, desk, stop).await };
    let Ok(config) = tokio::task::spawn_blocking(move || certificates.now()).await else { return };
    let handshake = tokio::time::timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream));
    let shaken = tokio::select! {
        () = stop.cancelled() => return,
        shaken = handshake => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => requests(stream, desk, stop).await,
        // Whoever only looks whether the port is open goes away without a word.
        Ok(Err(error)) if error.kind() != io::ErrorKind::InvalidData => {
            tracing::debug!(%error, "a client of the webhook went away in its handshake");
        }
        Ok(Err(error)) => desk.refused.handshake(&error),
        Err(_) => tracing::debug!("a client of the webhook did not finish its handshake"),
    }
}

/// Answers the requests of one connection.
async fn requests<S>(stream: S, desk: Desk, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = service_fn(move |request| desk.clone().answer(request));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(SILENCE).max_buf_size(MOST_HEAD);
    let mut serving = std::pin::pin!(server.serve_connection(TokioIo::new(stream), answer));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = old_or_stopped(&stop) => {
            serving.as_mut().graceful_shutdown();
            tokio::time::timeout(GRACE, serving).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection of the webhook ended early");
    }
}

async fn old_or_stopped(stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(AGE) => {}
    }
}
