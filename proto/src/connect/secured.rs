//! A connection with certificates on both sides.
//!
//! Promises: the certificate that is shown is the one in use at that moment; the other side's name is verified; that
//! it refused ours is known before the first call, and said in words.

use std::io;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::AsyncBufReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::tls::{Side, Tls, words};

/// How long the first bytes of the other side are waited for: with TLS 1.3 only they tell that it took our
/// certificate. One that waits for us to speak first is not kept waiting for longer.
const FIRST_BYTES: Duration = Duration::from_secs(1);

/// Connects to a host's port, where `name` has to be in the certificate.
pub(super) async fn connect(
    tls: Tls,
    to: (String, u16),
    name: String,
    patience: Duration,
) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("no TLS connection within {patience:?}"));
    let connected = tokio::time::timeout(patience, handshake(&tls, to, name)).await;
    connected.map_err(late)?.map(TokioIo::new)
}

async fn handshake(tls: &Tls, to: (String, u16), name: String) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let said = |error: &io::Error| {
        let why = words(Side::Caller, error);
        io::Error::new(io::ErrorKind::ConnectionAborted, format!("no TLS with `{name}`: {why}"))
    };
    let server = ServerName::try_from(name.clone())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("`{name}` is no name of a host")))?;
    let connector = TlsConnector::from(tls.calling());
    let mut stream = connector.connect(server, stream).await.map_err(|error| said(&error))?;
    match tokio::time::timeout(FIRST_BYTES, stream.fill_buf()).await {
        Ok(Err(error)) => Err(said(&error)),
        Ok(Ok([])) => Err(said(&io::Error::from(io::ErrorKind::UnexpectedEof))),
        Ok(Ok(_)) | Err(_) => Ok(stream),
    }
}
