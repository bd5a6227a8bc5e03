//! Ports of services that specs start.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the services of a spec listen.
const PORTS: Range<u16> = 12_000..30_000;

/// A port that nobody listens on, below those that systems give to outgoing connections: a service that is killed
/// and started again finds its port free. No two specs of this process get the same.
///
/// # Panics
/// When all are taken.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id() * 64;
    for _ in 0..PORTS.len() {
        let offset = (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS.len() as u32;
        let port = PORTS.start + u16::try_from(offset).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port between {} and {} is free", PORTS.start, PORTS.end);
}
