//! What goes, in which order, and what never does.

use super::{REMOVED, TooSmall, shrink};
use crate::{Event, is_json_object};

const HEAD: &str = r#"{"kind":"Event","level":"RequestResponse","auditID":"x","stage":"ResponseComplete","requestURI":"/api","verb":"get""#;

fn event(rest: &str) -> String {
    format!("{HEAD}{rest}}}")
}

/// Shrinks to the most bytes that still make it lose exactly `removed`.
fn shrunk_to(line: &str, bytes: usize) -> (String, Vec<&'static str>) {
    let shrunk = shrink(line.as_bytes(), |line| line.len() <= bytes).unwrap();
    assert!(is_json_object(&shrunk.line) && Event::scan(&shrunk.line).is_ok());
    (String::from_utf8(shrunk.line.into_owned()).unwrap(), shrunk.removed)
}

#[test]
fn what_fits_is_left_alone() {
    let line = event(r#","responseObject":{"metadata":{"managedFields":[]}}"#);
    assert_eq!(shrunk_to(&line, line.len()), (line.clone(), vec![]));
}

#[test]
fn the_order_is_from_the_least_missed_to_the_most() {
    let long = "y".repeat(1000);
    let line = event(&format!(
        r#","user":{{"username":"jane","extra":{{"k":["{long}"]}}}},"userAgent":"{long}","requestObject":{{"metadata":{{"annotations":{{"kubectl.kubernetes.io/last-applied-configuration":"{long}"}},"managedFields":["{long}"]}},"spec":"{long}"}},"responseObject":{{"metadata":{{"managedFields":["{long}"]}},"spec":"{long}"}},"annotations":{{"authorization.k8s.io/decision":"allow","other":"{long}"}}"#
    ));
    let order = [
        "managedFields",
        "lastAppliedConfiguration",
        "responseObject",
        "requestObject",
        "annotations",
        "user.extra",
        "userAgent",
    ];
    for (count, _) in order.iter().enumerate() {
        let (shrunk, removed) = shrunk_to(&line, line.len() - count * 1000);
        assert!(order.starts_with(&removed), "{removed:?}");
        let event = Event::scan(shrunk.as_bytes()).unwrap();
        assert_eq!(event.annotation(REMOVED).unwrap_or_default(), removed.join(","));
        assert_eq!(event.annotation("authorization.k8s.io/decision").as_deref(), Some("allow"));
        assert_eq!(event.user().unwrap().username(), "jane");
    }
    let (shrunk, removed) = shrunk_to(&line, 700);
    assert_eq!(removed, order);
    assert!(shrunk.contains("...TRUNCATED"));
}

#[test]
fn what_is_named_once_stays_named() {
    let long = "y".repeat(1000);
    let line = event(&format!(r#","requestObject":"{long}","responseObject":"{long}""#));
    let (once, _) = shrunk_to(&line, 1400);
    assert_eq!(shrunk_to(&once, 1400).0, once);
    let (twice, removed) = shrunk_to(&once, 400);
    assert_eq!(removed, ["requestObject"]);
    assert_eq!(
        Event::scan(twice.as_bytes()).unwrap().annotation(REMOVED).as_deref(),
        Some("responseObject,requestObject")
    );
}

#[test]
fn the_last_addresses_stay() {
    let ips: Vec<String> = (0..500).map(|n| format!("\"10.0.{}.{}\"", n / 256, n % 256)).collect();
    let line = event(&format!(r#","sourceIPs":[{}]"#, ips.join(",")));
    let (shrunk, removed) = shrunk_to(&line, 1000);
    assert_eq!(removed, ["longLists"]);
    assert_eq!(Event::scan(shrunk.as_bytes()).unwrap().source_ips().last().unwrap(), "10.0.1.243");
}

#[test]
fn what_can_never_fit_is_said() {
    let line = event("");
    assert!(matches!(shrink(line.as_bytes(), |_| false), Err(TooSmall::DoesNotFit { .. })));
    assert!(matches!(shrink(b"{}", |_| false), Err(TooSmall::NotAnEvent(_))));
}

#[test]
fn what_went_is_named_in_the_annotation_that_is_there_however_it_is_spelt() {
    let long = "y".repeat(300);
    let line = event(&format!(
        r#","responseObject":"{long}","annotations":{{"auditr\u0061il.dev/removed":"managedFields"}}"#
    ));
    let (shrunk, removed) = shrunk_to(&line, 300);
    assert_eq!(removed, ["responseObject"]);
    assert_eq!(
        Event::scan(shrunk.as_bytes()).unwrap().annotation(REMOVED).unwrap(),
        "managedFields,responseObject"
    );
}
