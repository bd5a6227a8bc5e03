//! Items become bodies: JSON arrays of exact size, packed once.
//!
//! Invariant: no body leaves here over the intake's limits, and every line that came in is in exactly one record.

use std::io;

use bytes::Bytes;
use proto::{Encoding, Line};
use serde_json::value::RawValue;

use super::{MOST_BODY_BYTES, MOST_ITEMS, item};
use crate::config::Compression;
use crate::dead::TOO_LARGE;
use crate::encode::{decode, encode};
use crate::manifest::Listed;
use crate::parcel::listed;
use crate::record::{Header, Kind, Record};

/// Bodies in the making.
pub(super) struct Bodies {
    compression: Compression,
    read_at_us: i64,
    /// The body that is being filled: `[` or a comma before each item.
    raw: Vec<u8>,
    lines: Vec<Listed>,
    records: Vec<Record>,
}

impl Bodies {
    /// Fills `raw`, a buffer that may have been used before.
    pub(super) fn new(compression: Compression, read_at_us: i64, mut raw: Vec<u8>) -> Bodies {
        raw.clear();
        Bodies { compression, read_at_us, raw, lines: Vec::new(), records: Vec::new() }
    }

    /// Adds a line, and begins another body where this one is full.
    pub(super) fn add(&mut self, line: &Line, tail: &[u8]) -> io::Result<()> {
        let start = self.raw.len();
        self.raw.push(if start == 0 { b'[' } else { b',' });
        let Some(written) = item::write(&line.bytes, self.read_at_us, tail, &mut self.raw) else {
            self.raw.truncate(start);
            self.records.push(unsendable(line, self.read_at_us)?);
            return Ok(());
        };
        if start > 0 && (self.raw.len() + 1 > MOST_BODY_BYTES || self.lines.len() == MOST_ITEMS) {
            let item = self.raw.split_off(start);
            self.close()?;
            self.raw.push(b'[');
            self.raw.extend_from_slice(&item[1..]);
        }
        self.lines.push(Listed { shrunk: written.shrunk, replaced: written.replaced, ..listed(line) });
        Ok(())
    }

    /// All records, in the order of their lines but for unsendable ones, which may come earlier; and the buffer.
    pub(super) fn finish(mut self) -> io::Result<(Vec<Record>, Vec<u8>)> {
        self.close()?;
        Ok((self.records, self.raw))
    }

    fn close(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        self.raw.push(b']');
        self.records.push(record(self.compression, &self.lines, &self.raw, self.read_at_us)?);
        self.raw.clear();
        self.lines.clear();
        Ok(())
    }
}

/// A whole body as a record.
pub(super) fn record(
    compression: Compression,
    lines: &[Listed],
    raw: &[u8],
    read_at_us: i64,
) -> io::Result<Record> {
    Record::new(Kind::Body, lines, raw.len() as u64, read_at_us, |out| encode(compression, raw, out))
}

fn unsendable(line: &Line, read_at_us: i64) -> io::Result<Record> {
    let kind = Kind::Unsendable(TOO_LARGE.to_owned());
    Record::new(kind, &[listed(line)], line.bytes.len() as u64, read_at_us, |out| {
        out.extend_from_slice(&proto::encode_block(&line.bytes, Encoding::Zstd)?);
        Ok(())
    })
}

/// A body as it was before it was packed.
pub(super) fn raw(header: &Header, body: &Bytes) -> io::Result<Bytes> {
    decode(body, usize::try_from(header.raw).map_err(io::Error::other)?)
}

/// A body as two.
pub(super) fn halve(
    compression: Compression,
    header: &Header,
    lines: &[Listed],
    body: &Bytes,
) -> io::Result<Vec<Record>> {
    let raw = raw(header, body)?;
    let items: Vec<&RawValue> = serde_json::from_slice(&raw).map_err(io::Error::other)?;
    if items.len() != lines.len() || items.len() < 2 {
        return Err(io::Error::other(format!("a body of {} items lists {} lines", items.len(), lines.len())));
    }
    let middle = items.len() / 2;
    let halves = [(&items[..middle], &lines[..middle]), (&items[middle..], &lines[middle..])];
    halves
        .into_iter()
        .map(|(items, lines)| {
            let items: Vec<&str> = items.iter().map(|item| item.get()).collect();
            record(compression, lines, format!("[{}]", items.join(",")).as_bytes(), header.read_at_us)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::item::{Item, tail};
    use super::super::{MOST_BODY_BYTES, MOST_ITEM_BYTES};
    use super::*;

    const TAIL: &[u8] = br#","hostname":"n","service":"audit","ddsource":"kubernetes.audit","ddtags":"a:b"}"#;

    fn line(number: u64, bytes: Vec<u8>) -> Line {
        Line { number, read_bytes: bytes.len() as u64 + 1, bytes: bytes.into() }
    }

    fn pack(lines: &[Line]) -> Vec<Record> {
        let mut bodies = Bodies::new(Compression::Zstd, 5_000, b"used before".to_vec());
        lines.iter().for_each(|line| bodies.add(line, TAIL).unwrap());
        bodies.finish().unwrap().0
    }

    /// The numbers and messages of all bodies, after each was held against the limits.
    fn read_back(records: &[Record]) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        for Record { header, payload } in records.iter().filter(|record| record.header.kind == Kind::Body) {
            let (lines, body) = crate::record::open(payload).unwrap();
            let raw = raw(header, &body).unwrap();
            let items: Vec<&RawValue> = serde_json::from_slice(&raw).unwrap();
            assert!(
                raw.len() <= MOST_BODY_BYTES && items.len() <= MOST_ITEMS,
                "{} {}",
                raw.len(),
                items.len()
            );
            assert_eq!(items.len(), lines.len());
            for (item, line) in items.into_iter().zip(lines) {
                assert!(item.get().len() <= MOST_ITEM_BYTES);
                let item = format!("[{}]", item.get());
                all.push((line.number, Item::only(item.as_bytes()).unwrap().message));
            }
        }
        all
    }

    #[test]
    fn a_thousand_items_fill_a_body() {
        let lines: Vec<Line> = (1..=2001).map(|number| line(number, b"{}".to_vec())).collect();
        let records = pack(&lines);
        let counts: Vec<u64> = records.iter().map(|record| record.header.all.events).collect();
        assert_eq!(counts, [1000, 1000, 1]);
        assert_eq!(read_back(&records).len(), 2001);
    }

    #[test]
    fn five_million_bytes_fill_a_body_to_the_last_one() {
        // Five items of 999,999 bytes and their commas, then what is left for a sixth.
        let frame = pack(&[line(1, vec![])])[0].header.raw as usize - 2;
        let large = |number| line(number, vec![b'x'; 999_999 - frame]);
        let mut lines: Vec<Line> = (1..=4).map(large).collect();
        let left = MOST_BODY_BYTES - 2 - 4 * 1_000_000;
        lines.push(line(5, vec![b'x'; left - frame]));
        let exact = pack(&lines);
        assert_eq!((exact.len(), exact[0].header.raw), (1, MOST_BODY_BYTES as u64));
        lines[4] = line(5, vec![b'x'; left - frame + 1]);
        assert_eq!(pack(&lines).len(), 2);
        lines[4] = line(5, vec![]);
        lines.push(line(6, vec![b'x'; left - 2 * frame]));
        assert_eq!(pack(&lines).len(), 2);
    }

    #[test]
    fn a_line_that_cannot_be_shrunk_is_kept_whole_and_marked_as_unsendable() {
        let records =
            pack(&[line(1, b"{}".to_vec()), line(2, vec![b'x'; 2_000_000]), line(3, b"{}".to_vec())]);
        let unsendable = &records[0];
        assert_eq!(unsendable.header.kind, Kind::Unsendable(TOO_LARGE.into()));
        let (lines, body) = crate::record::open(&unsendable.payload).unwrap();
        assert_eq!(lines[0].number, 2);
        assert_eq!(crate::block::line(&unsendable.header, &body).unwrap().len(), 2_000_000);
        assert_eq!(read_back(&records), [(1, "{}".into()), (3, "{}".into())]);
    }

    #[test]
    fn halves_hold_the_same_items_byte_for_byte() {
        let lines: Vec<Line> =
            (1..=5).map(|n| line(n * 2, format!("{{\"n\":\"\\u00e9 {n}\"}}").into_bytes())).collect();
        let whole = pack(&lines).remove(0);
        let (listed, body) = crate::record::open(&whole.payload).unwrap();
        for compression in [Compression::Zstd, Compression::Gzip, Compression::None] {
            let halves = halve(compression, &whole.header, &listed, &body).unwrap();
            assert_eq!(halves.iter().map(|half| half.header.all.events).collect::<Vec<_>>(), [2, 3]);
            assert_eq!(read_back(&halves), read_back(std::slice::from_ref(&whole)));
        }
        assert!(halve(Compression::None, &whole.header, &listed[..1], &body).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn bodies_never_exceed_the_limits_and_every_line_comes_back_once(
            sizes in prop::collection::vec((prop_oneof![8 => 0usize..3_000, 1 => 900_000usize..1_100_000], any::<u8>()), 1..40),
        ) {
            let lines: Vec<Line> = sizes
                .iter()
                .enumerate()
                .map(|(at, &(size, byte))| line(at as u64 + 1, vec![byte; size]))
                .collect();
            let records = pack(&lines);
            let mut numbers: Vec<u64> = Vec::new();
            for (number, message) in read_back(&records) {
                prop_assert_eq!(message.as_str(), String::from_utf8_lossy(&lines[number as usize - 1].bytes));
                numbers.push(number);
            }
            numbers.extend(records.iter().filter(|record| record.header.kind != Kind::Body).map(|r| r.header.first));
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (1..=lines.len() as u64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn tags_come_in_the_agent_s_order_and_names_are_escaped() {
        let origin = proto::Origin {
            cluster: "prod".into(),
            node: "cp-\"1\"".into(),
            path: "/var/log/audit.log".into(),
            source: "kubernetes.audit".into(),
            service: "audit".into(),
            tags: vec!["env:x".into()],
            ..proto::Origin::default()
        };
        let expected = concat!(
            r#","hostname":"cp-\"1\"","service":"audit","ddsource":"kubernetes.audit","#,
            r#""ddtags":"filename:audit.log,dirname:/var/log,env:x,kube_cluster_name:prod,team:a"}"#
        );
        assert_eq!(String::from_utf8(tail(&origin, &["team:a".into()])).unwrap(), expected);
    }
}
