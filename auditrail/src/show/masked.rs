//! A value without the secrets that somebody may have written into it.
//!
//! Promise: values of headers, user info and queries of addresses, and whatever a key calls a secret that is not the
//! name of a file, are never shown.

use serde_json::Value;

/// What stands for a secret.
pub(crate) const MASK: &str = "*****";

/// The value of the setting at `path`, to be shown.
pub(super) fn value(path: &[String], value: Value) -> Value {
    let in_headers = path.iter().rev().skip(1).any(|name| name == "headers");
    if in_headers || path.last().is_some_and(|name| is_secret(name)) {
        return if value.is_null() { value } else { MASK.into() };
    }
    match value {
        Value::String(text) => Value::String(address(&text)),
        Value::Array(items) => items.into_iter().map(|item| self::value(&[], item)).collect(),
        other => other,
    }
}

/// Keys that hold a secret itself; those that name a file with one end in `_file`, or are paths.
fn is_secret(key: &str) -> bool {
    ["password", "token", "secret", "api_key", "apikey", "credentials"].iter().any(|word| key.ends_with(word))
}

/// An address without what its user info and its query hold; any other text as it is.
fn address(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, _)) => (rest, format!("?{MASK}")),
        None => (rest, String::new()),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{MASK}@{host}"),
        None => authority.to_owned(),
    };
    format!("{scheme}://{host}{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(path: &[&str], said: &str) -> String {
        let path: Vec<String> = path.iter().map(ToString::to_string).collect();
        value(&path, said.into()).as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn what_may_be_a_secret_is_never_shown() {
        assert_eq!(shown(&["proxy"], "http://user:hunter2@proxy:3128"), "http://*****@proxy:3128");
        assert_eq!(shown(&["url"], "https://a.example/in?token=hunter2"), "https://a.example/in?*****");
        assert_eq!(shown(&["headers", "x-auth"], "hunter2"), MASK);
        assert_eq!(shown(&["sasl", "password"], "hunter2"), MASK);
        let brokers = value(&["brokers".into()], serde_json::json!(["kafka://u:hunter2@b:1"]));
        assert_eq!(brokers, serde_json::json!(["kafka://*****@b:1"]));
    }

    #[test]
    fn names_of_files_and_plain_addresses_are_shown() {
        for (key, said) in
            [("api_key_file", "/etc/key"), ("url", "https://a.example:8088/x"), ("id", "a@b?c")]
        {
            assert_eq!(shown(&[key], said), said);
        }
    }
}
