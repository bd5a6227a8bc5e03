//! Bodies of the Datadog dialect: every limit to its last byte.

use proptest::prelude::*;
use proto::{Line, Origin};

use super::super::datadog::Datadog;
use super::*;
use crate::config;
use crate::record;

fn origin() -> Origin {
    Origin {
        node: "n".into(),
        service: "audit".into(),
        source: "kubernetes.audit".into(),
        path: "/var/log/audit.log".into(),
        ..Origin::default()
    }
}

fn bodies(compression: Compression) -> Bodies<Datadog> {
    let config = config::Datadog { url: Some("http://127.0.0.1:1".into()), ..config::Datadog::default() };
    Bodies::new(Arc::new(Datadog::new(&config).unwrap().0), compression)
}

fn line(number: u64, bytes: Vec<u8>) -> Line {
    Line { number, read_bytes: bytes.len() as u64 + 1, bytes: bytes.into() }
}

fn pack(lines: &[Line]) -> Vec<Record> {
    let parcel =
        Parcel { origin: origin(), queue: [7; 16], read_at_us: 5_000, lines: lines.to_vec(), block: None };
    let bodies = bodies(Compression::Zstd);
    bodies.pack(&parcel).unwrap(); // leaves a used buffer behind
    bodies.pack(&parcel).unwrap()
}

/// The numbers and messages of all bodies, after each was held against the limits.
fn read_back(records: &[Record]) -> Vec<(u64, String)> {
    let bodies = bodies(Compression::Zstd);
    let limits = bodies.dialect.limits();
    let mut all = Vec::new();
    for Record { header, payload } in records.iter().filter(|record| record.header.kind == Kind::Body) {
        let (lines, body) = record::open(payload).unwrap();
        let raw = bodies.raw(header, &body).unwrap();
        let items = bodies.dialect.parts(&raw).unwrap().items;
        assert!(raw.len() <= limits.body && items.len() <= limits.items, "{} {}", raw.len(), items.len());
        assert_eq!(items.len(), lines.len());
        for (item, line) in items.into_iter().zip(lines) {
            assert!(item.len() <= limits.item);
            all.push((line.number, String::from_utf8(bodies.dialect.line(&raw[item]).unwrap()).unwrap()));
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
    let left = 5_000_000 - 2 - 4 * 1_000_000;
    lines.push(line(5, vec![b'x'; left - frame]));
    let exact = pack(&lines);
    assert_eq!((exact.len(), exact[0].header.raw), (1, 5_000_000));
    lines[4] = line(5, vec![b'x'; left - frame + 1]);
    assert_eq!(pack(&lines).len(), 2);
    lines[4] = line(5, vec![]);
    lines.push(line(6, vec![b'x'; left - 2 * frame]));
    assert_eq!(pack(&lines).len(), 2);
}

#[test]
fn a_line_that_cannot_be_shrunk_is_kept_whole_and_marked_as_unsendable() {
    let records = pack(&[line(1, b"{}".to_vec()), line(2, vec![b'x'; 2_000_000]), line(3, b"{}".to_vec())]);
    let unsendable = &records[0];
    assert_eq!(unsendable.header.kind, Kind::Unsendable(TOO_LARGE.into()));
    let (lines, body) = record::open(&unsendable.payload).unwrap();
    assert_eq!(lines[0].number, 2);
    assert_eq!(crate::block::line(&unsendable.header, &body).unwrap().len(), 2_000_000);
    assert_eq!(read_back(&records), [(1, "{}".into()), (3, "{}".into())]);
}

#[test]
fn halves_hold_the_same_items_byte_for_byte() {
    let lines: Vec<Line> =
        (1..=5).map(|n| line(n * 2, format!("{{\"n\":\"\\u00e9 {n}\"}}").into_bytes())).collect();
    let whole = pack(&lines).remove(0);
    let (listed, body) = record::open(&whole.payload).unwrap();
    for compression in [Compression::Zstd, Compression::Gzip, Compression::None] {
        let bodies = bodies(compression);
        let halves = bodies.split(&whole.header, &listed, &body, &[vec![0, 1], vec![2, 3, 4]]).unwrap();
        assert_eq!(halves.iter().map(|half| half.header.all.events).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(read_back(&halves), read_back(std::slice::from_ref(&whole)));
    }
    assert!(bodies(Compression::None).split(&whole.header, &listed[..1], &body, &[vec![0]]).is_err());
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
