//! The probes of our processes, asked as a kubelet asks them.
//!
//! Promise: an answer is the whole text of it, status line and all.

use std::io::{Read, Write};
use std::net::TcpStream;

/// The answer of a probe; none where nobody listens.
pub fn probed(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// Whether it says yes.
pub fn says_yes(address: &str, path: &str) -> bool {
    probed(address, path).is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
