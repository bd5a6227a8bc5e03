//! How a file is called: after the rows in it, so that the same rows always go to the same file.
//!
//! `READABLE-HASH-QUEUE-FIRST-LAST.parquet`: the end of the origin for people, a hash of the whole origin,
//! the queue's id, and the range of numbers, padded so that names sort as numbers do. Queue ids are random
//! 128-bit numbers; the hash only keeps apart the sources that share a queue.

use crate::Rows;

/// Longest readable part, in bytes.
const READABLE: usize = 40;

/// The file name for these rows.
pub(crate) fn of(rows: &Rows<'_>) -> String {
    format!(
        "{}-{:016x}-{:032x}-{:020}-{:020}.parquet",
        readable(rows.origin),
        fnv1a(rows.origin.as_bytes()),
        u128::from_be_bytes(rows.queue),
        rows.first,
        rows.last
    )
}

/// The end of the origin in letters, digits and hyphens: safe on every file system and in every URL.
/// What a name says of the rows in the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    origin: u64,
    queue: [u8; 16],
    first: u64,
    last: u64,
}

impl Named {
    /// None for names that were not made by [`of`].
    pub(crate) fn read(name: &str) -> Option<Named> {
        let mut parts = name.strip_suffix(".parquet")?.rsplit('-');
        let (last, first) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let queue = parts.next().filter(|queue| queue.len() == 32)?;
        let queue = u128::from_str_radix(queue, 16).ok()?.to_be_bytes();
        let origin = parts.next().filter(|origin| origin.len() == 16)?;
        Some(Named { origin: u64::from_str_radix(origin, 16).ok()?, queue, first, last })
    }

    /// The queue that gave the origin's row its number, when it is one of these rows.
    pub(crate) fn queue(&self, origin: &str, number: u64) -> Option<[u8; 16]> {
        let is_here = self.origin == fnv1a(origin.as_bytes()) && (self.first..=self.last).contains(&number);
        is_here.then_some(self.queue)
    }
}

fn readable(origin: &str) -> String {
    let mut kept = String::new();
    for part in origin.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
        if !kept.is_empty() {
            kept.push('-');
        }
        kept.push_str(&part.to_ascii_lowercase());
    }
    let end = &kept[kept.len().saturating_sub(READABLE)..];
    let end = end.trim_start_matches('-');
    if end.is_empty() { "events".into() } else { end.into() }
}

/// FNV-1a, 64 bits: fixed for ever, which `std`'s hasher is not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(origin: &str, first: u64, last: u64) -> String {
        of(&Rows {
            origin,
            cluster: "",
            node: "",
            queue: *b"0123456789abcdef",
            first,
            last,
            received_us: 0,
            lines: &[],
        })
    }

    #[test]
    fn a_name_shows_origin_queue_and_range() {
        assert_eq!(
            name("prod/cp-1:/var/log/audit.log", 7, 1_000),
            "prod-cp-1-var-log-audit-log-c6b5177108f8ec29-30313233343536373839616263646566\
             -00000000000000000007-00000000000000001000.parquet"
        );
    }

    #[test]
    fn a_name_that_was_made_tells_the_queue_of_its_rows() {
        let named = Named::read(&name("prod/cp-1", 7, 1_000)).unwrap();
        assert_eq!(named.queue("prod/cp-1", 7), Some(*b"0123456789abcdef"));
        assert_eq!([named.queue("prod/cp-1", 6), named.queue("prod/cp-2", 7)], [None, None]);
        for other in ["merged-0123.parquet", "a.parquet", "1-2-3-4.parquet", "x"] {
            assert_eq!(Named::read(other), None, "{other}");
        }
    }

    #[test]
    fn names_sort_as_their_numbers_do() {
        assert!(name("a", 9, 9) < name("a", 10, 10));
    }

    #[test]
    fn any_origin_gives_a_short_name_of_safe_letters() {
        for origin in ["", "ключ", "../../etc", &"x/".repeat(500), "Ä:\\b\n#1?%"] {
            let name = name(origin, 0, u64::MAX);
            assert!(name.len() < 160, "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)), "{name}");
        }
    }

    #[test]
    fn origins_that_read_alike_get_different_names() {
        assert_ne!(name("a/b", 0, 1), name("a-b", 0, 1));
    }
}
