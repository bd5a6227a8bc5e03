//! Requests of the OTLP dialect: their bytes, their limits, and what comes back out of them.

use std::sync::Arc;

use proptest::prelude::*;
use proto::Line;

use super::super::body::Bodies;
use super::super::protobuf::{Field, Value};
use super::*;
use crate::config::{Compression, OtlpProtocol};
use crate::intake::Repacker;
use crate::parcel::{Packer, Parcel};
use crate::record::{self as spooled, Kind, Record};

const LINE: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","auditID":"id-1","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/a/pods/b?x=y","verb":"get","user":{"username":"jane"},"sourceIPs":["6.6.6.6","10.0.0.1"],"userAgent":"kubectl/v1","objectRef":{"resource":"pods","namespace":"a","name":"b","apiVersion":"v1"},"responseStatus":{"code":403},"requestReceivedTimestamp":"2026-11-23T06:00:00.000000Z","stageTimestamp":"2026-11-23T06:00:00.000001Z"}"#;

fn otlp(max_body: usize) -> Otlp {
    let mut config = config::Otlp::at(None, OtlpProtocol::Grpc);
    config.max_body = chassis::ByteSize::bytes(max_body as u64);
    Otlp::new(&config).unwrap()
}

fn origin() -> Origin {
    Origin { cluster: "c".into(), path: "/var/log/audit.log".into(), ..Origin::default() }
}

fn record(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let entry = Entry { line, queue: [0xab; 16], number: 7, read_at_us: 5 };
    otlp(1 << 20).write(&entry, &otlp(1 << 20).frame(&origin()), &mut out);
    out
}

fn texts(record: &[u8]) -> Vec<(String, String)> {
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    let of = |attribute: &[u8]| {
        let value = bytes_in(attribute, 2).unwrap().bytes_of(2).unwrap();
        let value = match fields(value).next().unwrap().unwrap().value {
            Value::Bytes(bytes) => text(Some(bytes)),
            Value::Int(number) => number.to_string(),
        };
        (text(bytes_in(attribute, 1).unwrap().bytes_of(1)), value)
    };
    fields(record).flatten().filter_map(|field| field.bytes_of(6)).map(of).collect()
}

#[test]
fn a_request_is_exactly_these_bytes() {
    let dialect = otlp(1 << 20);
    let frame = dialect.frame(&Origin { cluster: "c".into(), ..Origin::default() });
    let mut raw = Vec::new();
    dialect.write(&Entry { line: b"{}", queue: [0; 16], number: 7, read_at_us: 5 }, &frame, &mut raw);
    dialect.close(&frame, &mut raw);
    let version = env!("CARGO_PKG_VERSION");
    let log = identity::log(&Origin { cluster: "c".into(), ..Origin::default() });
    let uid = format!("{}-{log}-7", "0".repeat(32));
    let pair = |name: &str, value: &[u8]| {
        let value = [&[0x12, value.len() as u8], value].concat();
        let both = [&[0x0a, name.len() as u8], name.as_bytes(), &value].concat();
        [&[both.len() as u8], &both[..]].concat()
    };
    let text = |value: &str| [&[0x0a, value.len() as u8], value.as_bytes()].concat();
    let record = [
        &[0x10, 9, 0x1a, 4][..],
        b"INFO",
        &[0x2a, 4, 0x0a, 2],
        b"{}",
        &[0x32],
        &pair("log.record.uid", &text(&uid)),
        &[0x32],
        &pair("auditrail.queue", &text(&uid[..32])),
        &[0x32],
        &pair("auditrail.number", &[0x18, 7]),
        &[0x59],
        &5000u64.to_le_bytes(),
    ]
    .concat();
    let scope = [&text("auditrail")[..], &[0x12, version.len() as u8], version.as_bytes()].concat();
    let cluster = pair("k8s.cluster.name", &text("c"));
    let resource = [&[0x0a], &cluster[..], &[0x0a], &pair("auditrail.log", &text(&log))].concat();
    let length = |bytes: &[u8]| {
        let mut length = Vec::new();
        super::super::protobuf::put_varint(bytes.len() as u64, &mut length);
        length
    };
    let scope_logs = [&[0x0a], &length(&scope)[..], &scope, &[0x12], &length(&record), &record].concat();
    let logs =
        [&[0x0a], &length(&resource)[..], &resource, &[0x12], &length(&scope_logs), &scope_logs].concat();
    assert_eq!(raw, [&[0x0a], &length(&logs)[..], &logs].concat());
}

#[test]
fn an_event_has_its_times_its_severity_and_its_attributes() {
    let item = record(LINE.as_bytes());
    let record = bytes_in(&item, 2).unwrap().bytes_of(2).unwrap();
    let number = |wanted: u64| fields(record).flatten().find_map(|field: Field<'_>| field.int_of(wanted));
    assert_eq!(number(1), Some(1_795_413_600_000_001_000), "the event's own time");
    assert_eq!((number(11), number(2)), (Some(5000), Some(13)), "read at, and a refusal is a warning");
    let name = fields(record).flatten().find_map(|field| field.bytes_of(12)).unwrap();
    assert_eq!(name, b"k8s.audit");
    let queue = "ab".repeat(16);
    let expected = [
        ("log.record.uid", format!("{queue}-{}-7", identity::log(&origin()))),
        ("auditrail.queue", queue),
        ("auditrail.number", "7".into()),
        ("auditrail.audit_id", "id-1".into()),
        ("auditrail.level", "Request".into()),
        ("auditrail.stage", "ResponseComplete".into()),
        ("auditrail.verb", "get".into()),
        ("user.name", "jane".into()),
        ("user_agent.original", "kubectl/v1".into()),
        ("client.address", "10.0.0.1".into()),
        ("url.path", "/api/v1/namespaces/a/pods/b".into()),
        ("url.query", "x=y".into()),
        ("http.response.status_code", "403".into()),
        ("k8s.namespace.name", "a".into()),
        ("k8s.pod.name", "b".into()),
        ("auditrail.resource", "pods".into()),
        ("auditrail.name", "b".into()),
    ];
    assert_eq!(texts(record), expected.map(|(name, value)| (name.to_owned(), value)));
}

#[test]
fn the_line_comes_back_out_of_a_record_and_can_be_exchanged() {
    let dialect = otlp(1 << 20);
    for line in [LINE, "{}", "", "no event, but 2 lines\nof text"] {
        let item = record(line.as_bytes());
        assert_eq!(dialect.line(&item).unwrap(), line.as_bytes());
        let other = dialect.with_line(&item, b"{\"b\":2}").unwrap();
        assert_eq!(dialect.line(&other).unwrap(), b"{\"b\":2}");
        assert_eq!(dialect.with_line(&other, line.as_bytes()).unwrap(), item, "all else stays");
    }
    assert!(dialect.line(b"\x12\x05").is_err() && dialect.parts(b"{}").is_err());
}

#[test]
fn what_a_receiver_says_beside_its_status_counts() {
    let dialect = otlp(1 << 20);
    let response = |rejected: u64, told: &str| {
        let (mut partial, mut response) = (Vec::new(), Vec::new());
        super::super::protobuf::put_int(1, rejected, &mut partial);
        put_bytes(2, told.as_bytes(), &mut partial);
        put_bytes(1, &partial, &mut response);
        response
    };
    assert_eq!(dialect.partial(b""), None);
    assert_eq!(dialect.partial(&response(0, "soon deprecated")), None);
    assert_eq!(dialect.partial(&response(2, "no")).unwrap(), "2 log records rejected: no");
    let reply = |code, text| Reply { code, retry_after: None, text };
    let Some(Answer::Status { code: 400, .. }) = dialect.read(&reply(200, response(1, "no"))) else {
        panic!("taken for delivered")
    };
    let mut status = Vec::new();
    put_bytes(2, b"no such tenant", &mut status);
    let Some(Answer::Status { code: 403, words, .. }) = dialect.read(&reply(403, status)) else { panic!() };
    assert_eq!(words, "no such tenant");
    let mut status = Vec::new();
    put_bytes(2, b"http: request body too large", &mut status);
    let large = dialect.read(&reply(400, status));
    assert!(matches!(large, Some(Answer::Status { code: 413, .. })), "{large:?}");
    assert!(dialect.read(&reply(502, b"<html>bad gateway</html>".to_vec())).is_none());
}

fn pack(bodies: &Bodies<Otlp>, lines: &[Line]) -> Vec<Record> {
    let (origin, lines) = (origin(), lines.to_vec());
    bodies.pack(&Parcel { origin, queue: [7; 16], read_at_us: 5_000, lines, block: None }).unwrap()
}

#[test]
fn the_limit_is_reached_to_within_what_its_lengths_may_take() {
    const LIMIT: usize = 200 << 10;
    let bodies = Bodies::new(Arc::new(otlp(LIMIT)), Compression::None);
    let line = |number, size| Line { number, read_bytes: 1, bytes: vec![b'x'; size].into() };
    let two = |size| pack(&bodies, &[line(1, 100_000), line(2, size)]);
    let room = LIMIT - two(100_000)[0].header.raw as usize;
    let fitting = (room - 20..room + 20).map(|more| two(100_000 + more)).filter(|records| records.len() == 1);
    let most = fitting.map(|records| records[0].header.raw as usize).max().unwrap();
    assert!(most <= LIMIT && LIMIT - most < 8, "{most}");
}

#[test]
fn a_thousand_records_fill_a_request() {
    let bodies = Bodies::new(Arc::new(otlp(1 << 20)), Compression::Gzip);
    let lines: Vec<Line> =
        (1..=1001).map(|number| Line { number, read_bytes: 3, bytes: b"{}"[..].into() }).collect();
    let counts: Vec<u64> = pack(&bodies, &lines).iter().map(|record| record.header.all.events).collect();
    assert_eq!(counts, [1000, 1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn requests_never_exceed_the_limits_and_every_line_comes_back_once(
        sizes in prop::collection::vec((prop_oneof![8 => 0usize..3_000, 1 => 60_000usize..120_000], any::<u8>()), 1..80),
    ) {
        const LIMIT: usize = 128 << 10;
        let bodies = Bodies::new(Arc::new(otlp(LIMIT)), Compression::Gzip);
        let lines: Vec<Line> = (1..)
            .zip(&sizes)
            .map(|(number, &(size, byte))| Line { number, read_bytes: 1, bytes: vec![byte; size].into() })
            .collect();
        let mut numbers = Vec::new();
        for Record { header, payload } in pack(&bodies, &lines) {
            let (listed, body) = spooled::open(&payload).unwrap();
            if header.kind != Kind::Body {
                numbers.push(listed[0].number);
                continue;
            }
            prop_assert!(header.raw as usize <= LIMIT && listed.len() <= MOST_RECORDS);
            let alone: Vec<Vec<usize>> = (0..listed.len()).map(|at| vec![at]).collect();
            for (single, line) in bodies.split(&header, &listed, &body, &alone).unwrap().iter().zip(&listed) {
                let (_, body) = spooled::open(&single.payload).unwrap();
                let back = bodies.line(&single.header, &body).unwrap();
                let sent = String::from_utf8_lossy(&lines[line.number as usize - 1].bytes).into_owned();
                prop_assert_eq!(&back[..], sent.as_bytes());
                numbers.push(line.number);
            }
        }
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (1..=lines.len() as u64).collect::<Vec<_>>());
    }
}
