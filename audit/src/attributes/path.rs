//! What a request's path says, read as the API server reads it.
//!
//! Promises: percent escapes are decoded once and `+` stays `+`; a broken escape stays as it is; the query is never
//! part of the path.

use crate::text;
use std::borrow::Cow;

/// The decoded path of a `requestURI`, given as its JSON value.
pub(super) fn of_request_uri(value: &[u8]) -> Cow<'_, str> {
    let inner = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or_default();
    // Most URIs have a query with an escaped `&`: cutting first keeps the path borrowed.
    let end = memchr::memchr(b'?', inner).unwrap_or(inner.len());
    match text::unescape(&inner[..end]) {
        Cow::Borrowed(path) => decode(path),
        Cow::Owned(path) => Cow::Owned(decode(path.split('?').next().unwrap_or_default()).into_owned()),
    }
}

/// The decoded path of a URI.
pub(crate) fn decoded(uri: &str) -> Cow<'_, str> {
    decode(uri.split('?').next().unwrap_or_default())
}

fn decode(path: &str) -> Cow<'_, str> {
    if memchr::memchr(b'%', path.as_bytes()).is_none() {
        return Cow::Borrowed(path);
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let byte = if *first == b'%' { hex2(after) } else { None };
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

fn hex2(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| digits.get(at).and_then(|byte| (*byte as char).to_digit(16));
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

/// Which namespace and which object a resource path names; both may be empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'p> {
    pub(super) namespace: &'p str,
    pub(super) name: &'p str,
}

/// The target of a decoded path, if it is one of a resource request.
pub(super) fn target(path: &str) -> Option<Target<'_>> {
    let mut parts = path.trim_matches('/').split('/');
    let count = parts.clone().count();
    let fixed = match parts.next()? {
        "api" if count >= 3 => 1,
        "apis" if count >= 4 => 2,
        _ => return None,
    };
    parts.nth(fixed - 1)?;
    if matches!(parts.clone().next(), Some("watch" | "proxy")) {
        parts.next();
    }
    let mut namespace = "";
    let mut resource = parts.clone();
    if let (Some("namespaces"), Some(named)) = (resource.next(), resource.next()) {
        namespace = named;
        // `namespaces/x`, `namespaces/x/status` and `namespaces/x/finalize` are about the namespace itself.
        if resource.clone().next().is_some_and(|next| !matches!(next, "status" | "finalize")) {
            parts = resource;
        }
    }
    parts.next();
    Some(Target { namespace, name: parts.next().unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::{Target, of_request_uri, target};

    #[test]
    fn the_path_is_decoded_once_and_has_no_query() {
        let path = |uri: &str| of_request_uri(format!("\"{uri}\"").as_bytes()).into_owned();
        assert_eq!(path("/a%20b+c%2525?x=%20"), "/a b+c%25");
        assert_eq!(path(r"/a\u003fb?c"), "/a");
        assert_eq!(path("/%zz%4"), "/%zz%4");
        assert_eq!(path("/%c3%a9"), "/é");
        assert_eq!(path(""), "");
    }

    #[test]
    fn resource_paths_name_their_target() {
        for (path, namespace, name) in [
            ("/api/v1/pods", "", ""),
            ("/api/v1/namespaces/a/pods", "a", ""),
            ("/api/v1/namespaces/a/pods/web/exec", "a", "web"),
            ("/apis/apps/v1/namespaces/a/deployments/d/", "a", "d"),
            ("/api/v1/namespaces", "", ""),
            ("/api/v1/namespaces/x", "x", "x"),
            ("/api/v1/namespaces/x/status", "x", "x"),
            ("/api/v1/namespaces/x/finalize", "x", "x"),
            ("/api/v1/watch/namespaces/x/pods", "x", ""),
            ("/apis/rbac.authorization.k8s.io/v1/clusterroles/view", "", "view"),
        ] {
            assert_eq!(target(path), Some(Target { namespace, name }), "{path}");
        }
    }

    #[test]
    fn other_paths_have_no_target() {
        for path in ["/", "", "/healthz", "/api/v1", "/apis/apps/v1", "/version/a/b/c"] {
            assert_eq!(target(path), None, "{path}");
        }
    }
}
