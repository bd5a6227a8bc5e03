//! Who is spoken to: only those who know where they are.
//!
//! Promise: a web page of somebody else cannot read the console through the browser of who may (DNS rebinding): a
//! request is answered only when it names this host by an address, as `localhost`, or by a name of the configuration.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, header};

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
