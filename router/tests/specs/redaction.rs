//! What a route redacts is redacted there and nowhere else, and counted as before.

use proto::Batch;

use crate::given::{Given, TOLD, Told, batch, config, left_out, lines, policy};

const TOLD_SECRET: Told = Told { resource: "secrets", ..TOLD };

fn secret() -> String {
    TOLD_SECRET
        .whole()
        .replace(r#""kind":"Pod","metadata""#, r#""kind":"Secret","data":{"a":"QQ=="},"metadata""#)
}

#[tokio::test]
async fn a_route_redacts_its_own_destination_alone() {
    let given = Given::router(
        "  routes: [{name: plain, to: [lake]}, {name: hidden, redact: [secrets], to: [datadog]}]",
        &[],
    );
    let receipt = given.push(batch(&[secret(), TOLD.whole()])).await.unwrap();
    assert_eq!(receipt, batch(&[secret(), TOLD.whole()]).receipt());
    assert_eq!(lines(&given.shipper.only("lake")), [secret(), TOLD.whole()]);
    let hidden = lines(&given.shipper.only("datadog"));
    assert_eq!(hidden[1], TOLD.whole());
    let (before, after) =
        secret().split_once(r#""QQ==""#).map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert!(hidden[0].starts_with(&before) && hidden[0].ends_with(&after), "{}", hidden[0]);
    assert!(hidden[0].contains(r#""a":"<redacted:hmac:"#));
    let sizes = |name: &str| {
        given.shipper.only(name).lines().unwrap().iter().map(|line| line.read_bytes).collect::<Vec<_>>()
    };
    assert_eq!(sizes("datadog"), sizes("lake"));
}

#[tokio::test]
async fn what_policies_left_is_redacted_after_them() {
    let request = policy(&["level: Request"]);
    for section in [
        "  policy: POLICY(it)\n  routes: [{name: all, redact: all, to: [lake]}]",
        "  routes: [{name: all, policy: POLICY(it), redact: all, to: [lake]}]",
    ] {
        let given = Given::router(section, &[("it", &request)]);
        given.push(batch(&[secret()])).await.unwrap();
        let line = lines(&given.shipper.only("lake")).remove(0);
        assert!(line.contains("redacted:hmac") && line.contains(r#""level":"Request""#), "{line}");
        assert!(!line.contains("QQ==") && !line.contains("responseObject"), "{line}");
    }
}

#[tokio::test]
async fn a_line_that_is_no_event_is_left_out_where_it_cannot_be_redacted() {
    let given = Given::router(
        "  routes: [{name: plain, to: [lake]}, {name: hidden, redact: [secrets], to: [datadog]}]",
        &[],
    );
    given.push(batch(&["{}"])).await.unwrap();
    assert_eq!(lines(&given.shipper.only("lake")), ["{}"]);
    assert_eq!(left_out(&given.shipper.only("datadog")), [("cannot be redacted".to_owned(), vec![0])]);
}

#[tokio::test]
async fn a_configured_key_gives_the_same_fingerprints_in_every_router() {
    let section = "  redact_key_file: POLICY(key)\n  routes: [{name: all, redact: [secrets], to: [lake]}]";
    let shown = async |key: &str| {
        let given = Given::router(section, &[("key", key)]);
        given.push(batch(&[secret()])).await.unwrap();
        let taken: Batch = given.shipper.only("lake");
        lines(&taken).remove(0)
    };
    let first = shown("a key of many characters").await;
    assert_eq!(shown("a key of many characters").await, first);
    assert_ne!(shown("another key of characters").await, first);
}

#[test]
fn a_key_that_is_too_short_is_refused_without_being_shown() {
    let section = "  redact_key_file: POLICY(key)\n  routes: [{name: all, redact: all, to: [lake]}]";
    let said = config(section, &[("key", "hunter2")]).0.unwrap_err();
    assert!(said.starts_with("auditrail.yaml:2:") && said.contains("16"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn what_cannot_be_redacted_or_sampled_is_refused_at_its_place() {
    for (section, word) in [
        ("  routes:\n  - {name: a, to: [b], redact: [passwords]}", "passwords"),
        ("  routes:\n  - {name: a, to: [b], sample: 1.5}", "0.1"),
        ("  routes:\n  - {name: a, to: [b], sample: -1}", "0.1"),
    ] {
        let said = config(section, &[]).0.unwrap_err();
        assert!(said.starts_with("auditrail.yaml:3:") && said.contains(word), "{said}");
    }
}
