//! Canaries: requests to an API server whose `Audit-ID` says what they are, made to be seen on their way.
//!
//! Promises: lines without one cost a search for a few bytes; whoever writes such an ID can make nothing grow, and what is
//! found is short and plain.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// How the `Audit-ID` of a canary begins.
pub const PREFIX: &str = "auditrail-canary-";

/// The longest ID that counts: a run and the largest number.
pub const LONGEST: usize = PREFIX.len() + 8 + 1 + 20;

static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(PREFIX));

/// The ID of a canary: of one run of whoever makes them, and with its number in it.
#[must_use]
pub fn id(run: u32, number: u64) -> String {
    format!("{PREFIX}{run:08x}-{number}")
}

/// The IDs of canaries that lines have as an `auditID`, in their order.
pub fn ids_in(lines: &[u8]) -> impl Iterator<Item = &str> {
    FINDER.find_iter(lines).filter_map(|at| {
        let is_id = is_behind_its_key(&lines[..at]);
        let text = &lines[at..lines.len().min(at + LONGEST + 1)];
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let end = text.iter().position(|byte| !plain(byte)).filter(|&end| text[end] == b'"')?;
        let id = is_id && end > PREFIX.len();
        id.then(|| std::str::from_utf8(&text[..end]).ok()).flatten()
    })
}

/// Whether `"auditID": "` stands at the end.
fn is_behind_its_key(before: &[u8]) -> bool {
    let key = before.strip_suffix(b"\"").map(<[u8]>::trim_ascii_end).and_then(|text| text.strip_suffix(b":"));
    key.is_some_and(|text| text.trim_ascii_end().ends_with(b"\"auditID\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &str) -> Vec<&str> {
        ids_in(lines.as_bytes()).collect()
    }

    #[test]
    fn an_id_is_found_where_lines_have_it_as_their_audit_id() {
        let longest = id(u32::MAX, u64::MAX);
        assert_eq!(longest.len(), LONGEST);
        let lines = format!(
            "{{\"auditID\":\"{}\"}}\n{{\"a\":1, \"auditID\" : \"{longest}\" }}\n{{\"auditID\":\"b\"}}\n",
            id(0xab, 1)
        );
        assert_eq!(found(&lines), ["auditrail-canary-000000ab-1", &longest]);
    }

    #[test]
    fn what_is_no_audit_id_too_long_or_broken_is_none() {
        let long = format!("{{\"auditID\":\"{}1\"}}", id(u32::MAX, u64::MAX));
        for line in [
            r#"{"userAgent":"auditrail-canary-000000ab-1"}"#,
            r#"{"auditID":"auditrail-canary-"}"#,
            r#"{"auditID":"auditrail-canary-1\n"}"#,
            r#"{"auditID":"auditrail-canary-1"#,
            r#"{"auditID":"x auditrail-canary-1"}"#,
            r#"auditrail-canary-1""#,
            &long,
        ] {
            assert!(found(line).is_empty(), "{line}");
        }
    }
}
