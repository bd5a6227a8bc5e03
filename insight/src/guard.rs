//! Who is spoken to: only those who know where they are and, where it is needed, have the token or a certificate.
//!
//! Promises: the token is never told, and how long a comparison takes says nothing of it but its length; a web page of somebody else cannot read the console through the browser of who may (DNS rebinding): a
//! request is answered only when it names this host by an address, as `localhost`, or by a name of the configuration.

use std::fmt::Write;
use std::net::{IpAddr, Ipv6Addr};

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chassis::http::Caller;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Shorter tokens could be guessed, in bytes.
pub(crate) const SHORTEST_TOKEN: usize = 16;

/// Whether who asks showed a certificate with a name of `readers`.
pub(crate) fn is_reader(request: &Request, readers: Option<&[String]>) -> bool {
    let caller = request.extensions().get::<ConnectInfo<Caller>>();
    let names = caller.map_or(&[][..], |ConnectInfo(caller)| &caller.names);
    let mut readers = readers.unwrap_or_default().iter();
    readers.any(|reader| names.iter().any(|name| name.eq_ignore_ascii_case(reader)))
}

/// The cookie of who signed in.
pub(crate) const COOKIE: &str = "auditrail";

/// What stands for the token in a cookie: only who has the token can make it, and nobody can make the token of it.
pub(crate) fn pass(token: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).expect("a key may have any length");
    mac.update(b"auditrail console 1");
    mac.finalize().into_bytes().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether this is the token; spaces around it do not matter.
pub(crate) fn is_token(brought: &str, token: &str) -> bool {
    is_same(brought.trim().as_bytes(), token.as_bytes())
}

/// Whether the request brings the token: as `Bearer`, as the password of whatever user, or as the cookie that stands
/// for it.
pub(crate) fn has_token(headers: &HeaderMap, token: &str) -> bool {
    has_cookie(headers, token) || has_authorization(headers, token)
}

fn has_cookie(headers: &HeaderMap, token: &str) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut own = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    });
    let pass = pass(token);
    own.any(|value| is_same(value.as_bytes(), pass.as_bytes()))
}

fn has_authorization(headers: &HeaderMap, token: &str) -> bool {
    let brought = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((kind, value)) = brought.and_then(|brought| brought.split_once(' ')) else { return false };
    if kind.eq_ignore_ascii_case("bearer") {
        return is_same(value.trim().as_bytes(), token.as_bytes());
    }
    let pair = STANDARD.decode(value.trim()).unwrap_or_default();
    let password = pair.iter().position(|byte| *byte == b':').map(|colon| &pair[colon + 1..]);
    kind.eq_ignore_ascii_case("basic") && password.is_some_and(|password| is_same(password, token.as_bytes()))
}

/// Looks at every byte, wherever the first difference is.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differences =
        one.iter().zip(other).fold(0, |all, (one, other)| std::hint::black_box(all | (one ^ other)));
    one.len() == other.len() && differences == 0 && !other.is_empty()
}

/// Whether the request's `Host` is one of ours. Without one (no browser leaves it out), it is.
pub(crate) fn is_host(headers: &HeaderMap, names: &[String]) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next().map(|host| host.to_str()), hosts.next()) {
        (None, _) => true,
        (Some(Ok(host)), None) => {
            let name = without_port(host);
            is_address(name)
                || name.eq_ignore_ascii_case("localhost")
                || names.iter().any(|known| known.eq_ignore_ascii_case(name))
        }
        _ => false,
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// An address cannot be bound to another one later, as a name can.
fn is_address(name: &str) -> bool {
    let v6 = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    v6.map_or_else(|| name.parse::<IpAddr>().is_ok(), |name| name.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ours(host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        is_host(&headers, &["audit.example.org".to_owned()])
    }

    #[test]
    fn addresses_localhost_and_names_of_the_configuration_are_ours() {
        for host in [
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
            "localhost",
            "LOCALHOST:1",
            "10.0.0.7:80",
            "Audit.example.org:8080",
        ] {
            assert!(is_ours(host), "{host}");
        }
        assert!(is_host(&HeaderMap::new(), &[]));
    }

    #[test]
    fn only_the_whole_token_opens_the_console() {
        let token = "0123456789abcdef";
        let brings = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            has_token(&headers, token)
        };
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        assert!(brings("Bearer 0123456789abcdef") && brings("bearer 0123456789abcdef"));
        assert!(brings(&basic("anybody:0123456789abcdef")) && brings(&basic(":0123456789abcdef")));
        for wrong in
            ["", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Bearer 0123456789abcdef0", "Basic !", token]
        {
            assert!(!brings(wrong), "{wrong}");
        }
        assert!(!brings(&basic("0123456789abcdef")) && !brings(&basic("0123456789abcdef:")));
        assert!(!has_token(&HeaderMap::new(), token));
    }

    #[test]
    fn a_cookie_opens_the_console_as_long_as_its_token_is_the_same() {
        let brings = |cookie: &str, token: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, cookie.parse().unwrap());
            has_token(&headers, token)
        };
        let (token, pass) = ("0123456789abcdef", pass("0123456789abcdef"));
        assert!(pass.len() == 64 && !pass.contains(token));
        assert!(
            brings(&format!("auditrail={pass}"), token)
                && brings(&format!("a=b; auditrail={pass}; c"), token)
        );
        for wrong in [
            "",
            "auditrail=",
            "auditrail=0123456789abcdef",
            &format!("other={pass}"),
            &format!("auditrail={pass}0"),
        ] {
            assert!(!brings(wrong, token), "{wrong}");
        }
        assert!(!brings(&format!("auditrail={pass}"), "fedcba9876543210"));
    }

    #[test]
    fn a_name_that_somebody_bound_to_our_address_is_not() {
        for host in
            ["evil.example", "localhost.evil.example:8080", "127.0.0.1.evil.example", "", "a:b", "[::1"]
        {
            assert!(!is_ours(host), "{host}");
        }
        let mut two = HeaderMap::new();
        two.append(header::HOST, "localhost".parse().unwrap());
        two.append(header::HOST, "evil.example".parse().unwrap());
        assert!(!is_host(&two, &[]));
    }
}
