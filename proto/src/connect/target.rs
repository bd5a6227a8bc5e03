//! Where to connect to: the hosts of an address.
//!
//! Promise: what cannot be an address is refused with the right form before anything is connected.

use std::io;
use std::net::SocketAddr;

use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tonic::transport::{Channel, Endpoint};

use super::{BadAddress, CONNECT_TIMEOUT, PUSH_TIMEOUT, secured};
use crate::Tls;

/// Most hosts in an address.
const MOST: usize = 16;

/// A host with its port, as an address names it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// A name or an address, without brackets.
    host: String,
    port: u16,
    endpoint: Endpoint,
}

impl Target {
    /// All hosts of `SCHEME://HOST:PORT[,HOST:PORT...]`, at least one.
    pub(super) fn all(address: &str, tls: Option<&Tls>) -> Result<Vec<Target>, BadAddress> {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let bad = |why: &str| BadAddress { address: address.to_owned(), why: why.to_owned(), scheme };
        let (given, rest) = address.split_once("://").ok_or_else(|| bad("the scheme is missing"))?;
        match (given, tls) {
            ("http", None) | ("https", Some(_)) => {}
            ("http", Some(_)) => {
                return Err(bad("it would go in plain text, and the configuration has a section `tls`"));
            }
            ("https", None) => {
                let why =
                    "there is no section `tls` in the configuration, with certificate, key and authority";
                return Err(bad(why));
            }
            _ => return Err(bad("the scheme is another one")),
        }
        if rest.split(',').count() > MOST {
            return Err(bad(&format!(
                "it has more than {MOST} hosts; one name may stand for many addresses"
            )));
        }
        rest.split(',').map(|one| Target::one(scheme, one).map_err(|why| bad(&why))).collect()
    }

    fn one(scheme: &str, one: &str) -> Result<Target, String> {
        // Certificates are the connector's matter: to the layers above, every connection is a plain one.
        let endpoint = Endpoint::from_shared(format!("http://{one}")).map_err(|error| error.to_string())?;
        let (Some(host), Some(port)) = (endpoint.uri().host(), endpoint.uri().port_u16()) else {
            return Err("the port is missing".to_owned());
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        let origin = format!("{scheme}://{one}").parse();
        let endpoint = endpoint
            .origin(origin.map_err(|_| "it has a part that it must not have".to_owned())?)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(PUSH_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(std::time::Duration::from_secs(15))
            .initial_connection_window_size(Some(4 << 20))
            .initial_stream_window_size(Some(2 << 20));
        Ok(Target { host, port, endpoint })
    }

    /// Where the name leads: to one place, which connecting finds by itself (None), or to several, each with its address.
    /// Where a name has addresses of both kinds, those of version 4 stand for all: the others are the same places.
    pub(super) async fn places(&self) -> io::Result<Vec<Option<SocketAddr>>> {
        let found = tokio::time::timeout(CONNECT_TIMEOUT, lookup_host((&*self.host, self.port))).await;
        let (mut v4, mut v6): (Vec<_>, Vec<_>) = found??.partition(SocketAddr::is_ipv4);
        for found in [&mut v4, &mut v6] {
            found.sort_unstable();
            found.dedup();
        }
        match (v4.len(), v6.len()) {
            (0, 0) => Err(io::Error::new(io::ErrorKind::NotFound, "it has no address")),
            (0..=1, 0..=1) => Ok(vec![None]),
            (0, _) => Ok(v6.into_iter().map(Some).collect()),
            _ => Ok(v4.into_iter().map(Some).collect()),
        }
    }

    /// A channel to wherever the host's name leads, or to one of its addresses; connected when it is used.
    pub(super) fn channel(&self, tls: Option<&Tls>, name: Option<&str>, at: Option<SocketAddr>) -> Channel {
        let host = at.map_or_else(|| self.host.clone(), |at| at.ip().to_string());
        let to = (host, self.port);
        let Some(tls) = tls.cloned() else {
            return match at {
                None => self.endpoint.connect_lazy(),
                Some(at) => self.endpoint.connect_with_connector_lazy(tower::service_fn(move |_| plain(at))),
            };
        };
        let name = name.unwrap_or(&self.host).to_owned();
        self.endpoint.connect_with_connector_lazy(tower::service_fn(move |_| {
            secured::connect(tls.clone(), to.clone(), name.clone(), CONNECT_TIMEOUT)
        }))
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

async fn plain(at: SocketAddr) -> io::Result<TokioIo<TcpStream>> {
    let stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(stream))
}
