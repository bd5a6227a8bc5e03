//! Batches, held against another program's decoder.

use kafka_protocol::records::{Compression as Named, RecordBatchDecoder, RecordSet};
use proptest::prelude::*;

use super::*;
use crate::intake::Repacker;
use crate::manifest::Listed;
use crate::parcel::{Packer, Parcel};
use crate::record;

const ALL: [KafkaCompression; 5] = [
    KafkaCompression::Zstd,
    KafkaCompression::Gzip,
    KafkaCompression::Snappy,
    KafkaCompression::Lz4,
    KafkaCompression::None,
];

const SEAL: record_batch::Seal = record_batch::Seal { producer: 4711, epoch: 3, sequence: 17 };

fn bodies(codec: KafkaCompression, key: KafkaKey, body: usize) -> Bodies<Kafka> {
    let limits = Limits { items: MOST_RECORDS, body, item: body };
    Bodies::new(Arc::new(Kafka { key, codec, limits }), Compression::None)
}

fn event(number: u64) -> Vec<u8> {
    let stage = format!("2026-11-23T06:00:{:02}.5{:05}Z", (number * 7) % 60, number);
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"{number}","stage":"ResponseComplete","requestURI":"/","verb":"get","user":{{}},"requestReceivedTimestamp":"{stage}","stageTimestamp":"{stage}"}}"#
    )
    .into_bytes()
}

fn parcel(lines: &[Vec<u8>]) -> Parcel {
    let origin = Origin { cluster: "c".into(), node: "n".into(), path: "/a.log".into(), ..Origin::default() };
    let line = |(at, bytes): (usize, &Vec<u8>)| proto::Line {
        number: at as u64 + 5,
        read_bytes: bytes.len() as u64 + 1,
        bytes: bytes.clone().into(),
    };
    let lines = lines.iter().enumerate().map(line).collect();
    Parcel { origin, queue: [7; 16], read_at_us: 1_000_000_123_456, lines, block: None }
}

/// What another program reads in a body as it is sent.
fn decoded(body: &[u8]) -> RecordSet {
    let unpack = |packed: &mut Bytes, codec: Named| {
        Ok(Bytes::from(codec::decompress(codec as i8 as u8, packed, 10 << 20)?))
    };
    let mut sealed = record_batch::seal(body, SEAL);
    let set = RecordBatchDecoder::decode_with_custom_compression(&mut sealed, Some(unpack)).unwrap();
    assert!(sealed.is_empty(), "something follows the batch");
    set
}

#[test]
fn a_record_is_the_line_with_its_identity_its_time_and_its_origin_as_key() {
    let lines: Vec<Vec<u8>> = vec![event(1), b"\xff no event".to_vec(), event(2)];
    for codec in ALL {
        let records = bodies(codec, KafkaKey::Origin, 1 << 20).pack(&parcel(&lines)).unwrap();
        let (listed, body) = record::open(&records[0].payload).unwrap();
        assert_eq!((records.len(), listed.len()), (1, 3));
        let set = decoded(&body);
        for (at, (record, line)) in set.records.iter().zip(&lines).enumerate() {
            assert_eq!(record.value.as_ref().unwrap(), line, "{codec:?}");
            assert_eq!((record.producer_id, record.producer_epoch, record.offset), (4711, 3, at as i64));
            assert_eq!(record.key.as_ref().unwrap(), &b"c:n:/a.log"[..]);
            let headers: Vec<(&str, &[u8])> =
                record.headers.iter().map(|(name, value)| (&**name, &**value.as_ref().unwrap())).collect();
            assert_eq!(
                headers,
                [
                    ("auditrail-cluster", &b"c"[..]),
                    ("auditrail-node", b"n"),
                    ("auditrail-queue", b"07070707070707070707070707070707"),
                    ("auditrail-number", (at + 5).to_string().as_bytes()),
                ]
            );
        }
        let times: Vec<i64> = set.records.iter().map(|record| record.timestamp).collect();
        assert_eq!(times, [1_795_413_607_500, 1_000_000_123, 1_795_413_614_500]);
    }
}

#[test]
fn a_body_says_where_its_key_belongs_and_nothing_where_it_has_none() {
    for (key, expected) in
        [(KafkaKey::Origin, Some(murmur2::positive(b"c:n:/a.log"))), (KafkaKey::None, None)]
    {
        let records = bodies(KafkaCompression::Zstd, key, 1 << 20).pack(&parcel(&[event(1)])).unwrap();
        let (_, body) = record::open(&records[0].payload).unwrap();
        assert_eq!(record_batch::key_hash(&body), expected);
        assert_eq!(decoded(&body).records[0].key.is_some(), expected.is_some());
    }
}

#[test]
fn a_body_is_split_and_shrunk_into_batches_of_their_own() {
    for codec in ALL {
        let bodies = bodies(codec, KafkaKey::Origin, 1 << 20);
        let mut large = event(3);
        large.truncate(large.len() - 1);
        large.extend_from_slice(format!(r#","responseObject":{{"x":"{}"}}}}"#, "y".repeat(9000)).as_bytes());
        let lines = vec![event(1), event(2), large];
        let records = bodies.pack(&parcel(&lines)).unwrap();
        let (listed, body) = record::open(&records[0].payload).unwrap();
        let parts =
            bodies.split(&records[0].header, &listed, &body, &[vec![1], vec![0, 2], vec![2]]).unwrap();
        let expected = [vec![&lines[1]], vec![&lines[0], &lines[2]], vec![&lines[2]]];
        for (part, expected) in parts.iter().zip(expected) {
            let (_, body) = record::open(&part.payload).unwrap();
            let set = decoded(&body);
            let values: Vec<&[u8]> =
                set.records.iter().map(|record| &**record.value.as_ref().unwrap()).collect();
            assert_eq!(values, expected, "{codec:?}");
        }
        let (listed, body) = record::open(&parts[2].payload).unwrap();
        assert_eq!(bodies.line(&parts[2].header, &body).unwrap(), lines[2]);
        let shrunk = bodies.shrink(&parts[2].header, &listed[0], &body).unwrap().unwrap();
        let (listed, body) = record::open(&shrunk.payload).unwrap();
        assert!(listed[0].shrunk);
        let record = decoded(&body).records.remove(0);
        let value = record.value.unwrap();
        assert!(value.len() < 5000 && value.starts_with(br#"{"kind":"Event""#));
        assert_eq!((record.timestamp, record.headers.len()), (1_795_413_621_500, 4));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_batch_is_over_the_limit_and_every_line_is_in_one(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 1..60),
        codec in prop::sample::select(ALL.to_vec()),
    ) {
        let limit = 9_000;
        let spare = record_batch::HEADER + MOST_RECORDS * record_batch::MOST_GROWTH;
        let bodies = bodies(codec, KafkaKey::Origin, limit);
        let records = bodies.pack(&parcel(&lines)).unwrap();
        let mut found = Vec::new();
        for record in &records {
            let (listed, body) = record::open(&record.payload).unwrap();
            prop_assert!(body.len() <= limit + spare);
            let raw = record_batch::read(&body, record.header.raw as usize).unwrap();
            prop_assert!(record_batch::read(&body, raw.len() - 1).is_err());
            found.extend(decoded(&body).records.into_iter().map(|record| record.value.unwrap().to_vec()));
            let numbers: Vec<u64> = listed.iter().map(|line: &Listed| line.number).collect();
            prop_assert!(numbers.is_sorted());
        }
        prop_assert_eq!(found, lines);
    }

    #[test]
    fn arbitrary_bytes_are_no_batch_and_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = record_batch::read(&bytes, 1000);
        if let Some(magic) = bytes.get_mut(16) {
            *magic = 2;
        }
        let _ = record_batch::read(&bytes, 1000);
        let _ = (record_batch::count(&bytes), record_batch::key_hash(&bytes), record_batch::is_zstd(&bytes));
    }
}
