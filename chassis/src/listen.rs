//! Binding the addresses that the configuration names.
//!
//! Promise: an address that cannot be had is an error that names the setting, the address and what to do; a
//! default that is taken is replaced by a free port only where the caller says so.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::Span;

/// How long a service that listens on `address` goes on when it is asked to end, so that whoever chooses between
/// replicas sees it in time: as configured, else three seconds where others than this machine may call.
#[must_use]
pub fn linger(address: SocketAddr, configured: Option<Span>) -> Duration {
    let usual = if address.ip().is_loopback() { Duration::ZERO } else { Duration::from_secs(3) };
    configured.map_or(usual, Duration::from)
}

/// Binds `address`, the value of the setting `setting` (`router.listen`).
///
/// # Errors
/// When the address is taken, not of this machine, or not allowed.
pub async fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError {
        setting: setting.to_owned(),
        address,
        advice: advice(&source),
        source,
    })
}

/// Binds `address`, which nobody configured, or a free port of the same host when it is taken. The caller
/// says which it became (`local_addr`).
///
/// # Errors
/// When not even a free port is to be had.
pub async fn bind_or_free(setting: &str, address: SocketAddr) -> Result<TcpListener, ListenError> {
    match bind(setting, address).await {
        Err(taken) if taken.source.kind() == io::ErrorKind::AddrInUse => {
            bind(setting, SocketAddr::new(address.ip(), 0)).await
        }
        answer => answer,
    }
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (setting `{setting}`): {source}; {advice}")]
pub struct ListenError {
    /// The setting that named the address.
    pub setting: String,
    /// The address.
    pub address: SocketAddr,
    /// What to do about it.
    pub advice: &'static str,
    /// What the system said.
    pub source: io::Error,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another process has it: end that one or choose another port",
        io::ErrorKind::AddrNotAvailable => {
            "no interface of this machine has it: choose an address that one has"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 need a right of their own: choose a higher one",
        _ => "choose another address",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: &str = "127.0.0.1:0";

    #[tokio::test]
    async fn a_taken_address_names_its_setting() {
        let first = bind("router.listen", ANY.parse().unwrap()).await.unwrap();
        let taken = first.local_addr().unwrap();
        let refused = bind("router.listen", taken).await.unwrap_err().to_string();
        assert!(
            refused.starts_with(&format!("cannot listen on {taken} (setting `router.listen`)")),
            "{refused}"
        );
        assert!(refused.ends_with("end that one or choose another port"), "{refused}");
    }

    #[tokio::test]
    async fn a_taken_default_is_replaced_by_a_free_port() {
        let first = bind("insight.http_listen", ANY.parse().unwrap()).await.unwrap();
        let taken = first.local_addr().unwrap();
        let second = bind_or_free("insight.http_listen", taken).await.unwrap().local_addr().unwrap();
        assert_eq!(second.ip(), taken.ip());
        assert_ne!(second.port(), taken.port());
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_refused_even_as_a_default() {
        let refused = bind_or_free("router.listen", "192.0.2.1:7102".parse().unwrap()).await.unwrap_err();
        assert!(refused.to_string().contains("router.listen"));
    }
}
