//! A listener that speaks TLS.
//!
//! Promises: a handshake has its time and none waits for another; how many are under way is bounded by the connections
//! of the listener below; who called is known by the certificate alone.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::bounded::{Bounded, Connection};
use crate::tls::{Certificates, names};

/// The time that a handshake has.
const PATIENCE: Duration = Duration::from_secs(10);

type Taken = (TlsStream<Connection>, SocketAddr);

/// Who opened a connection: the names of the certificate that was shown, an authority of ours having signed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// DNS names and common names; none without a certificate.
    pub names: Arc<[String]>,
}

/// See the module.
pub(super) struct Secured {
    taken: mpsc::Receiver<Taken>,
    address: SocketAddr,
}

impl Secured {
    /// Takes connections of `listener` until it is dropped. Must be called on a runtime.
    pub(super) fn new(listener: Bounded, certificates: Arc<Certificates>) -> io::Result<Secured> {
        let address = listener.local_addr()?;
        let (sender, taken) = mpsc::channel(1);
        tokio::spawn(take(listener, certificates, sender));
        Ok(Secured { taken, address })
    }
}

async fn take(mut listener: Bounded, certificates: Arc<Certificates>, sender: mpsc::Sender<Taken>) {
    let mut handshakes = JoinSet::new();
    loop {
        tokio::select! {
            () = sender.closed() => return,
            Some(_) = handshakes.join_next() => {}
            (connection, peer) = listener.accept() => {
                let acceptor = TlsAcceptor::from(certificates.browsing());
                let sender = sender.clone();
                handshakes.spawn(async move {
                    match tokio::time::timeout(PATIENCE, acceptor.accept(connection)).await {
                        // Nobody takes connections any more when the server stops.
                        Ok(Ok(stream)) => drop(sender.send((stream, peer)).await),
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "a handshake failed"),
                        Err(_) => tracing::debug!(%peer, "a handshake took too long"),
                    }
                });
            }
        }
    }
}

impl Listener for Secured {
    type Io = TlsStream<Connection>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Taken {
        self.taken.recv().await.expect("whoever takes connections does so for as long as they are wanted")
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, Secured>> for Caller {
    fn connect_info(stream: IncomingStream<'_, Secured>) -> Caller {
        let shown = stream.io().get_ref().1.peer_certificates().and_then(|chain| chain.first());
        Caller { names: shown.map(|certificate| names(certificate)).unwrap_or_default().into() }
    }
}
