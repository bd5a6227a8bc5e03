//! A stand-in for a proxy: it passes requests on, by `CONNECT` and in absolute form, and notes what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A running stand-in.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    /// Where everything goes, whatever host was asked for; nowhere where credentials are wanted first.
    onward: Option<String>,
}

impl Proxy {
    /// Passes everything on to the host of `url`.
    pub(crate) async fn to(url: &str) -> Proxy {
        Proxy::start(Some(url.split_once("://").unwrap().1.to_owned())).await
    }

    /// Wants credentials, and takes none.
    pub(crate) async fn closed() -> Proxy {
        Proxy::start(None).await
    }

    async fn start(onward: Option<String>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy { address: listener.local_addr().unwrap(), heads: Arc::default(), onward };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(connection));
            }
        });
        proxy
    }

    /// The first head of each connection.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    async fn serve(self, mut client: TcpStream) -> Option<()> {
        let mut buffer = Vec::new();
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if client.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
        self.heads.lock().unwrap().push(head.clone());
        let Some(onward) = &self.onward else {
            let refused = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
            client.write_all(refused).await.ok()?;
            return tokio::io::copy(&mut client, &mut tokio::io::sink()).await.ok().map(|_| ());
        };
        let mut server = TcpStream::connect(onward).await.unwrap();
        if head.starts_with("CONNECT ") {
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
        } else {
            // The rest of the connection must ask for the same host: one request for each connection.
            let (method, rest) = head.split_once(' ').unwrap();
            let path = rest.split_once("://").expect("an absolute form").1;
            let path = &path[path.find('/').unwrap()..];
            let head = format!("{method} {path}").replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
            server.write_all(head.as_bytes()).await.ok()?;
            server.write_all(&buffer[end..]).await.ok()?;
        }
        tokio::io::copy_bidirectional(&mut client, &mut server).await.ok().map(|_| ())
    }
}
