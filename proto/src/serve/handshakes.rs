//! Connections whose callers showed their certificates.
//!
//! Promises: handshakes have their time and a bounded number at once, and none waits for another; one that fails is
//! said, once a second at the most; TCP_NODELAY is set.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use crate::tls::{Side, Tls, words};

/// Handshakes at once; further callers wait in the system's backlog.
const MOST: usize = 256;
/// The time that a handshake has.
const PATIENCE: Duration = Duration::from_secs(10);
/// Least distance between two lines of the log.
const QUIET: Duration = Duration::from_secs(1);
/// For how long a refusal is shown in the status.
const LATELY: Duration = Duration::from_secs(600);
/// Pause when the system gives no connection (no file handles, for example).
const PAUSE: Duration = Duration::from_millis(100);

/// Who called, as calls see it.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) address: Option<SocketAddr>,
    pub(super) names: Arc<[String]>,
}

/// A connection after its handshake.
pub(super) struct Taken {
    stream: TlsStream<TcpStream>,
    peer: Peer,
}

/// Who was refused, for the log and the status.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Refused>);

#[derive(Debug, Default)]
struct Refused {
    count: u64,
    last: Option<(Instant, String)>,
    said: Option<Instant>,
}

impl Refusals {
    /// A caller was refused.
    pub(super) fn say(&self, who: Option<SocketAddr>, why: &str) {
        let who = who.map_or_else(|| "a caller".to_owned(), |who| who.ip().to_string());
        let words = format!("{who} was refused: {why}");
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.count += 1;
        if refused.said.is_none_or(|said| said.elapsed() >= QUIET) {
            tracing::warn!("{words}");
            refused.said = Some(Instant::now());
        }
        refused.last = Some((Instant::now(), words));
    }

    /// What the status says of it.
    pub(super) fn lately(&self) -> Option<String> {
        let refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (when, words) = refused.last.as_ref()?;
        let count = refused.count;
        (when.elapsed() < LATELY).then(|| format!("{words} ({count} refused since the start)"))
    }
}

/// Takes connections for as long as they are wanted.
pub(super) fn accept(
    listener: TcpListener,
    tls: Tls,
    refusals: Arc<Refusals>,
) -> ReceiverStream<io::Result<Taken>> {
    let (sender, taken) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut handshakes = JoinSet::new();
        loop {
            tokio::select! {
                () = sender.closed() => return,
                Some(_) = handshakes.join_next() => {}
                accepted = listener.accept(), if handshakes.len() < MOST => match accepted {
                    Ok((stream, address)) => {
                        let (tls, refusals, sender) = (tls.clone(), Arc::clone(&refusals), sender.clone());
                        handshakes.spawn(async move {
                            if let Some(taken) = handshake(stream, address, &tls, &refusals).await {
                                // Nobody takes connections any more when the server stops.
                                let _ = sender.send(Ok(taken)).await;
                            }
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection cannot be taken");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
    });
    ReceiverStream::new(taken)
}

async fn handshake(stream: TcpStream, address: SocketAddr, tls: &Tls, refusals: &Refusals) -> Option<Taken> {
    let shaken = async {
        stream.set_nodelay(true)?;
        TlsAcceptor::from(tls.serving()).accept(stream).await
    };
    let stream = match tokio::time::timeout(PATIENCE, shaken).await {
        Ok(Ok(stream)) => stream,
        // A probe of the port, or a caller that went away.
        Ok(Err(error)) if went_away(&error) => {
            tracing::debug!(%address, %error, "a caller went away in its handshake");
            return None;
        }
        Ok(Err(error)) => {
            refusals.say(Some(address), &words(Side::Called, &error));
            return None;
        }
        Err(_) => {
            refusals.say(Some(address), &format!("its handshake took more than {} s", PATIENCE.as_secs()));
            return None;
        }
    };
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let names = shown.map(|certificate| tls.names(certificate)).unwrap_or_default().into();
    Some(Taken { stream, peer: Peer { address: Some(address), names } })
}

fn went_away(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

impl Connected for Taken {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Taken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Taken {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
