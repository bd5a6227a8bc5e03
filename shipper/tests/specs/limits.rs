//! No body is ever over its intake's limits, measured on the wire, for every kind of intake that speaks HTTP.
//!
//! The stand-ins hold each request against the limits of their protocol and answer none that is over them.

use std::path::Path;

use shipper::Destination;

use crate::elastic::{self, BULK};
use crate::given::{self, Running, batch, config, count, large_event};
use crate::http::{self, ARRAY, LINES};
use crate::intake::{DATADOG, Intake, Protocol, Reply};
use crate::splunk::{self, COLLECTOR};

/// A kind of intake, with the answer that takes a body.
struct Kind {
    protocol: Protocol,
    taken: &'static str,
    to: fn(&str, &Path) -> Destination,
}

const BULK_TAKEN: &str = r#"{"errors":false}"#;
/// Limits hold before compression, which only takes time here.
const PLAIN: &str = "compression: none";

const SMALL: usize = 64 << 10;

fn kinds() -> Vec<Kind> {
    let kind = |protocol, taken, to| Kind { protocol, taken, to };
    let small = |protocol: Protocol| Protocol { most_bytes: SMALL, most_items: 50, ..protocol };
    vec![
        kind(DATADOG, "", |url, _| given::datadog(url)),
        kind(BULK, BULK_TAKEN, |url, _| elastic::to(url, PLAIN)),
        kind(Protocol { most_bytes: SMALL, ..BULK }, BULK_TAKEN, |url, _| {
            elastic::to(url, "max_body: 64KiB, compression: none")
        }),
        kind(LINES, "", |url, _| http::to(url, PLAIN)),
        kind(small(ARRAY), "", |url, _| {
            http::to(url, "format: json, max_body: 64KiB, max_events: 50, compression: none")
        }),
        kind(COLLECTOR, r#"{"text":"Success","code":0}"#, |url, token| splunk::to(url, token, PLAIN)),
    ]
}

/// Sends lines to a kind of intake: what arrived, sorted, and how many were shrunk.
async fn sent(kind: &Kind, lines: &[Vec<u8>]) -> (Vec<String>, u64) {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "a-token").unwrap();
    let taken = kind.taken;
    let intake =
        Intake::speaking(kind.protocol, move |_| Reply::Told(200, "x: y".into(), taken.into())).await;
    let to = (kind.to)(&intake.url, &token);
    let running = Running::start(&config(directory.path(), &[("to", to)])).await;
    running.push(batch("to", 1, lines)).await.unwrap();
    running.drain().await;
    let account = running.account("to");
    assert_eq!(count(&account.delivered), lines.len() as u64, "{account:?}");
    assert_eq!(running.status("to").retries, 0, "no request was refused: {:?}", running.status("to"));
    running.stop().await;
    (intake.messages(), count(&account.shrunk))
}

/// The lines of a recorded log.
fn recorded(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name);
    let text = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_of_a_real_log_is_over_the_limits_and_every_event_arrives() {
    for name in ["real", "small", "twin-datadog", "twin-rnd-1", "twin-superset"] {
        let lines = recorded(&format!("{name}.log.zst"));
        let mut expected: Vec<String> =
            lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        expected.sort();
        for kind in kinds() {
            let (arrived, shrunk) = sent(&kind, &lines).await;
            assert_eq!((arrived == expected, shrunk), (true, 0), "{name} to {}", kind.protocol.target);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_of_events_of_three_megabytes_is_over_the_limits_and_every_event_arrives() {
    let lines: Vec<Vec<u8>> =
        (1..=5).map(|number| large_event(number, 3_000_000 + 17 * number as usize).into_bytes()).collect();
    for kind in kinds() {
        let (arrived, shrunk) = sent(&kind, &lines).await;
        let fits = kind.protocol.most_bytes > 3_100_000 && kind.protocol.target != DATADOG.target;
        assert_eq!((arrived.len(), shrunk), (5, if fits { 0 } else { 5 }), "{}", kind.protocol.target);
        let whole = arrived.iter().filter(|line| line.len() > 3_000_000).count();
        let marked = arrived.iter().filter(|line| line.contains("auditrail.dev/removed")).count();
        assert_eq!((whole, marked), if fits { (5, 0) } else { (0, 5) }, "{}", kind.protocol.target);
    }
}
