//! What is read of an event, and what is refused as none.

use super::{Event, NotAnEvent};
use crate::{Level, Stage};

const LINE: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","auditID":"a\"b","stage":"ResponseComplete","requestURI":"/api/v1/pods?x=1\u0026y","verb":"list","user":{"username":"jane","uid":"7","groups":["dev","ops"],"extra":{"k":["v"]}},"impersonatedUser":{"username":"joe"},"sourceIPs":["1.2.3.4","10.0.0.1"],"userAgent":"kubectl","objectRef":{"resource":"pods","namespace":"web","name":"n","uid":"u","apiGroup":"g","apiVersion":"v1","subresource":"log"},"responseStatus":{"metadata":{},"reason":"Forbidden","message":"no","code":403},"requestObject":{"a":1},"requestReceivedTimestamp":"2025-01-02T03:04:05.000000Z","stageTimestamp":"2025-01-02T03:04:05.000007Z","annotations":{"k":"v","k2":""}}"#;

#[test]
fn every_field_is_found_in_its_place() {
    let event = Event::scan(LINE.as_bytes()).unwrap();
    assert_eq!((event.level(), event.stage()), (Level::Request, Stage::ResponseComplete));
    assert_eq!(event.audit_id(), "a\"b");
    assert_eq!(event.request_uri(), "/api/v1/pods?x=1&y");
    let user = event.user().unwrap();
    assert_eq!(
        (user.username().as_ref(), user.uid().as_deref(), user.extra()),
        ("jane", Some("7"), Some(br#"{"k":["v"]}"#.as_slice()))
    );
    assert_eq!(user.groups().collect::<Vec<_>>(), ["dev", "ops"]);
    assert_eq!(event.impersonated_user().unwrap().username(), "joe");
    assert_eq!(event.source_ips().last().unwrap(), "10.0.0.1");
    let object = event.object_ref().unwrap();
    assert_eq!(
        [
            object.resource,
            object.namespace,
            object.name,
            object.uid,
            object.api_group,
            object.api_version,
            object.subresource
        ],
        ["pods", "web", "n", "u", "g", "v1", "log"]
    );
    assert_eq!(
        (event.code(), event.reason().as_deref(), event.message().as_deref()),
        (Some(403), Some("Forbidden"), Some("no"))
    );
    assert_eq!(event.request_object(), Some(br#"{"a":1}"#.as_slice()));
    assert_eq!(event.response_object(), None);
    assert_eq!(event.stage_micros().unwrap() - event.request_received_micros().unwrap(), 7);
    assert_eq!(event.annotation("k2").as_deref(), Some(""));
    assert_eq!(event.annotations().count(), 2);
}

#[test]
fn the_last_of_two_equal_keys_counts_and_null_counts_for_nothing() {
    let line = br#"{"level":"Metadata","stage":"Panic","verb":"get","verb":"list","\u006cevel":"Request","level":null,"user":{}}"#;
    let event = Event::scan(line).unwrap();
    assert_eq!((event.verb().as_ref(), event.level()), ("list", Level::Request));
    assert!(event.user().is_none());
    assert!(event.object_ref().is_none());
}

#[test]
fn more_members_than_any_server_writes_are_kept() {
    let many: String = (0..100).map(|n| format!(r#","x{n}":{n}"#)).collect();
    let line = format!(r#"{{"level":"None","stage":"Panic"{many},"verb":"v"}}"#);
    let event = Event::scan(line.as_bytes()).unwrap();
    assert_eq!((event.verb().as_ref(), event.spans().count()), ("v", 103));
}

#[test]
fn what_is_no_event_is_refused_with_the_reason() {
    let reason = |line: &str| Event::scan(line.as_bytes()).unwrap_err();
    assert_eq!(reason(""), NotAnEvent::NotAnObject { column: 1 });
    assert_eq!(reason("[1]"), NotAnEvent::NotAnObject { column: 1 });
    assert_eq!(reason(r#"{"level":"None","stage":"Panic"} x"#), NotAnEvent::NotAnObject { column: 34 });
    assert_eq!(reason(r#"{"level":"None","stage":"Pan"#), NotAnEvent::NotAnObject { column: 25 });
    assert_eq!(reason("{}"), NotAnEvent::Missing { field: "level" });
    assert_eq!(reason(r#"{"level":"Metadata"}"#), NotAnEvent::Missing { field: "stage" });
    assert!(matches!(
        reason(r#"{"level":"metadata","stage":"Panic"}"#),
        NotAnEvent::Wrong { field: "level", .. }
    ));
    assert!(matches!(
        reason(r#"{"kind":"EventList","level":"None","stage":"Panic"}"#),
        NotAnEvent::Wrong { field: "kind", .. }
    ));
    assert!(matches!(
        reason(r#"{"level":"None","stage":"Panic","user":1}"#),
        NotAnEvent::Wrong { field: "user", .. }
    ));
}

#[test]
fn a_nested_field_is_known_however_it_is_spelt_and_null_says_nothing() {
    let line = r#"{"kind":"Ev\u0065nt","apiVersion":"audit.k8s.io\/v1","level":"Metadata","stage":"Panic","user":{"us\u0065rname":"jane","username":null,"uid":"7","uid":null},"objectRef":{"r\u0065source":"pods","name":"x","name":null},"responseStatus":{"code":403,"code":null}}"#;
    let event = Event::scan(line.as_bytes()).unwrap();
    let (user, object) = (event.user().unwrap(), event.object_ref().unwrap());
    assert_eq!((user.username().as_ref(), user.uid().as_deref()), ("jane", Some("7")));
    assert_eq!((object.resource.as_ref(), object.name.as_ref(), event.code()), ("pods", "x", Some(403)));
}
