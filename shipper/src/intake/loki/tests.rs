//! Requests of the Loki dialect: their bytes, their labels, and what comes back out of them.

use std::sync::Arc;

use proptest::prelude::*;
use proto::Line;

use super::super::body::Bodies;
use super::super::protobuf::bytes_in;
use super::*;
use crate::intake::Repacker;
use crate::parcel::{Packer, Parcel};
use crate::record::{self as spooled, Kind, Record};

fn line(verb: &str, second: u64) -> String {
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"id-{second}","stage":"ResponseComplete","requestURI":"/","verb":"{verb}","user":{{"username":"jane"}},"responseStatus":{{"code":404}},"requestReceivedTimestamp":"2026-11-23T06:00:00.000000Z","stageTimestamp":"2026-11-23T06:00:{second:02}.500000Z"}}"#
    )
}

fn loki(chosen: &[&str], metadata: bool) -> Loki {
    let mut config = config::Loki::at("http://127.0.0.1:1".into());
    config.event_labels = chosen.iter().map(|&name| name.to_owned()).collect();
    config.structured_metadata = metadata;
    config.max_body = chassis::ByteSize::kib(256);
    config.max_line = chassis::ByteSize::kib(64);
    Loki::new(&config)
}

fn written(dialect: &Loki, lines: &[String]) -> Vec<u8> {
    let frame = dialect.frame(&Origin { cluster: "a \"b\"\\\n".into(), ..Origin::default() });
    let mut out = Vec::new();
    for (number, line) in (1..).zip(lines) {
        dialect.write(
            &Entry { line: line.as_bytes(), queue: [0; 16], number, read_at_us: 5 },
            &frame,
            &mut out,
        );
    }
    out
}

/// Labels and number of entries of each stream that is sent.
fn streams(packed: &[u8]) -> Vec<(String, usize)> {
    let request = snap::raw::Decoder::new().decompress_vec(packed).unwrap();
    let of = |stream: &[u8]| {
        let labels = bytes_in(stream, 1).unwrap().bytes_of(1).unwrap().to_vec();
        (
            String::from_utf8(labels).unwrap(),
            fields(stream).flatten().filter(|field| field.number == 2).count(),
        )
    };
    fields(&request).flatten().filter_map(|stream| stream.bytes_of(1)).map(of).collect()
}

#[test]
fn a_request_is_exactly_these_bytes() {
    let raw = written(&loki(&[], false), &["{}".into()]);
    let labels = br#"{cluster="a \"b\"\\\n"}"#;
    let entry = [&[0x0a, 3, 0x10, 0x88, 0x27, 0x12, 2][..], b"{}"].concat(); // 5000 nanoseconds
    let stream = [&[0x0a, labels.len() as u8][..], labels, &[0x12, entry.len() as u8], &entry].concat();
    assert_eq!(raw, [&[0x0a, stream.len() as u8][..], &stream].concat());
}

#[test]
fn a_request_has_one_stream_for_each_set_of_labels_and_comes_apart_again() {
    let lines: Vec<String> = ["get", "list", "get", "frobnicate", "list", "xyzzy"]
        .iter()
        .zip((0..6).rev())
        .map(|(verb, s)| line(verb, s))
        .collect();
    for (metadata, expected) in [(true, &[2, 2, 2][..]), (false, &[1, 1, 1, 1, 1, 1])] {
        let dialect = loki(&["verb", "code_class"], metadata);
        let raw = written(&dialect, &lines);
        let mut packed = Vec::new();
        dialect.pack(Compression::None, &raw, &mut packed).unwrap();
        let streams = streams(&packed);
        assert_eq!(streams.iter().map(|(_, count)| *count).collect::<Vec<_>>(), expected);
        assert_eq!(streams[0].0, r#"{cluster="a \"b\"\\\n", verb="get", code_class="4xx"}"#);
        assert_eq!(
            streams
                .iter()
                .filter(|(labels, _)| labels.contains("verb=\"other\""))
                .map(|(_, count)| count)
                .sum::<usize>(),
            2
        );
        let packed = Bytes::from(packed);
        assert_eq!(dialect.unpack(&packed, raw.len()).unwrap(), raw);
        assert!(dialect.unpack(&packed, raw.len() - 1).is_err() && dialect.unpack(&packed, 10).is_err());
    }
}

#[test]
fn entries_of_a_stream_are_in_the_order_of_their_times() {
    let dialect = loki(&[], true);
    let raw = written(&dialect, &[line("get", 9), line("get", 3)]);
    let mut packed = Vec::new();
    dialect.pack(Compression::None, &raw, &mut packed).unwrap();
    let request = snap::raw::Decoder::new().decompress_vec(&packed).unwrap();
    let stream = bytes_in(&request, 1).unwrap().bytes_of(1).unwrap();
    let times: Vec<_> =
        fields(stream).flatten().filter_map(|field| field.bytes_of(2)).map(entry::time).collect();
    assert_eq!(times, [(1_795_413_603, 500_000_000), (1_795_413_609, 500_000_000)]);
}

#[test]
fn the_line_comes_back_out_of_an_entry_and_can_be_exchanged() {
    for dialect in [loki(&["verb"], true), loki(&[], false)] {
        for line in [line("get", 1), "{}".into(), String::new()] {
            let item = written(&dialect, std::slice::from_ref(&line));
            assert_eq!(dialect.line(&item).unwrap(), line.as_bytes());
            let other = dialect.with_line(&item, b"{\"b\":2}").unwrap();
            assert_eq!(dialect.line(&other).unwrap(), b"{\"b\":2}");
            assert_eq!(dialect.with_line(&other, line.as_bytes()).unwrap(), item, "all else stays");
        }
    }
}

#[test]
fn of_loki_s_many_causes_for_400_two_say_nothing_against_the_event() {
    let read = |code, text: &str| {
        loki(&[], true).read(&Reply { code, retry_after: None, text: text.as_bytes().to_vec() })
    };
    let hold = read(
        400,
        "stream '{a=\"b\"}' includes structured metadata, but this feature is disallowed. Please see",
    );
    assert!(matches!(hold, Some(Answer::Held(why)) if why.contains("structured_metadata: false")));
    let large = read(400, "Max entry size '262144' bytes exceeded for stream '{}' while adding an entry");
    assert!(matches!(large, Some(Answer::Status { code: 413, .. })));
    assert!(read(400, "entry for stream '{}' has timestamp too old").is_none() && read(204, "").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn requests_never_exceed_the_limits_and_every_line_comes_back_once(
        sizes in prop::collection::vec((prop_oneof![8 => 0usize..3_000, 1 => 30_000usize..80_000], any::<u8>()), 1..150),
        metadata in any::<bool>(),
    ) {
        let dialect = Arc::new(loki(&["verb"], metadata));
        let (most, limit) = (dialect.limits().body, dialect.limits().item);
        let bodies = Bodies::new(dialect, Compression::None);
        let lines: Vec<Line> = (1..)
            .zip(&sizes)
            .map(|(number, &(size, byte))| Line { number, read_bytes: 1, bytes: vec![byte; size].into() })
            .collect();
        let parcel = Parcel { origin: Origin::default(), queue: [7; 16], read_at_us: 5_000, lines: lines.clone(), block: None };
        let mut numbers = Vec::new();
        for Record { header, payload } in bodies.pack(&parcel).unwrap() {
            let (listed, body) = spooled::open(&payload).unwrap();
            if header.kind != Kind::Body {
                numbers.push(listed[0].number);
                continue;
            }
            prop_assert!(snap::raw::decompress_len(&body).unwrap() <= most && listed.len() <= MOST_ENTRIES);
            let alone: Vec<Vec<usize>> = (0..listed.len()).map(|at| vec![at]).collect();
            for (single, line) in bodies.split(&header, &listed, &body, &alone).unwrap().iter().zip(&listed) {
                let (_, body) = spooled::open(&single.payload).unwrap();
                let back = bodies.line(&single.header, &body).unwrap();
                let sent = String::from_utf8_lossy(&lines[line.number as usize - 1].bytes).into_owned();
                prop_assert_eq!(&back[..], sent.as_bytes());
                prop_assert!(back.len() <= limit);
                numbers.push(line.number);
            }
        }
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (1..=lines.len() as u64).collect::<Vec<_>>());
    }
}
