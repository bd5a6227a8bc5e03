//! What is redacted, where, and that nothing else changes.

use super::{Key, Redactions, redact, redactions_found};
use crate::{Event, is_json_object};
use proptest::prelude::*;

const BEGIN: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"1","stage":"ResponseComplete","#;

fn line(rest: &str) -> String {
    format!("{BEGIN}{rest}}}")
}

fn about(resource: &str, rest: &str) -> String {
    line(&format!(r#""verb":"update","objectRef":{{"resource":"{resource}","namespace":"n"}},{rest}"#))
}

fn redacted(line: &str, names: &[&str]) -> String {
    let what = Redactions::of(names).unwrap();
    let (event, mut out) = (Event::scan(line.as_bytes()).unwrap(), Vec::new());
    if redact(&event, what, &Key::new(b"the key"), &mut out) {
        String::from_utf8(out).unwrap()
    } else {
        line.to_owned()
    }
}

/// The line with `SECRET` where a secret stood.
fn shown(line: &str, names: &[&str]) -> String {
    let mut shown = redacted(line, names);
    assert!(is_json_object(shown.as_bytes()), "{shown}");
    while let Some(at) = shown.find("<redacted:hmac:") {
        shown.replace_range(at..at + 32, "SECRET");
    }
    shown
}

fn assert_redacted(line: &str, names: &[&str], secrets: &[&str]) {
    let expected = secrets.iter().fold(line.to_owned(), |line, secret| line.replace(secret, "\"SECRET\""));
    assert_eq!(shown(line, names), expected);
}

#[test]
fn data_of_secrets_is_redacted_in_objects_lists_and_tables() {
    let secret = r#"{"kind":"Secret","metadata":{"name":"s"},"data":{"a":"QQ==","b":"Qg=="},"stringData":{"c":"C c"},"type":"Opaque"}"#;
    let all = [r#""QQ==""#, r#""Qg==""#, r#""C c""#];
    for object in [
        secret.to_owned(),
        format!(r#"{{"kind":"List","items":[{secret},{{"kind":"ConfigMap","data":{{"a":"seen"}}}}]}}"#),
        format!(r#"{{"kind":"Table","rows":[{{"cells":["s",2],"object":{secret}}}]}}"#),
        r#"{"items":[{"data":{"a":"QQ==","b":"Qg==","c":"C c"}}],"kind":"SecretList"}"#.to_owned(),
    ] {
        assert_redacted(&line(&format!(r#""requestObject":{object}"#)), &["secrets"], &all);
        assert_redacted(&line(&format!(r#""responseObject":{object},"x":1"#)), &["all"], &all);
    }
    let map = line(r#""requestObject":{"kind":"ConfigMap","data":{"a":"seen"}}"#);
    assert_redacted(&map, &["all"], &[]);
}

#[test]
fn patches_of_secrets_are_redacted_in_each_of_their_forms() {
    let patch = |body: &str| about("secrets", &format!(r#""requestObject":{body}"#));
    assert_redacted(&patch(r#"{"data":{"a":"QQ==","b":null},"x":"seen"}"#), &["secrets"], &[r#""QQ==""#]);
    for (path, value, secret) in [
        ("/data/a", r#""QQ==""#, r#""QQ==""#),
        ("/data", r#"{"a":"QQ=="}"#, r#""QQ==""#),
        ("", r#"{"stringData":{"a":"QQ=="},"metadata":{}}"#, r#""QQ==""#),
        ("/stringData/a~1b", r#"{"not":["a string"]}"#, r#"{"not":["a string"]}"#),
        ("/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration", r#""{}""#, r#""{}""#),
        ("/metadata/labels/a", r#""seen""#, "nothing"),
    ] {
        let operation = format!(
            r#"[{{"op":"test","value":"seen","path":"/type"}},{{"op":"add","value":{value},"path":"{path}"}}]"#
        );
        assert_redacted(&patch(&operation), &["secrets"], &[secret]);
    }
}

#[test]
fn the_last_applied_annotation_of_a_secret_is_redacted_with_it_and_of_others_when_asked() {
    let annotated = |kind: &str| {
        line(&format!(
            r#""requestObject":{{"kind":"{kind}","metadata":{{"annotations":{{"a":"seen","kubectl.kubernetes.io/last-applied-configuration":"{{\"data\":{{}}}}"}}}}}}"#
        ))
    };
    let copy = [r#""{\"data\":{}}""#];
    assert_redacted(&annotated("Secret"), &["secrets"], &copy);
    assert_redacted(&annotated("ConfigMap"), &["secrets", "tokens", "env"], &[]);
    assert_redacted(&annotated("ConfigMap"), &["lastApplied"], &copy);
}

#[test]
fn tokens_are_redacted_in_requests_and_reviews() {
    let request = r#""responseObject":{"kind":"TokenRequest","spec":{"audiences":["seen"]},"status":{"token":"eyJ","expirationTimestamp":"seen"}}"#;
    assert_redacted(&line(request), &["tokens"], &[r#""eyJ""#]);
    let review = r#""requestObject":{"spec":{"token":"eyJ"}},"responseObject":{"spec":{"token":"eyJ"},"status":{"authenticated":true}}"#;
    assert_redacted(&about("tokenreviews", review), &["tokens"], &[r#""eyJ""#]);
    assert_redacted(&about("pods", review), &["tokens"], &[]);
}

#[test]
fn values_of_environment_variables_are_redacted_wherever_a_list_is_called_env() {
    let container = r#"{"name":"c","image":"seen","env":[{"name":"A","value":"a1"},{"name":"B","valueFrom":{"secretKeyRef":{"key":"seen"}}}]}"#;
    for object in [
        format!(r#"{{"kind":"Pod","spec":{{"initContainers":[{container}]}}}}"#),
        format!(r#"{{"kind":"Deployment","spec":{{"template":{{"spec":{{"containers":[{container}]}}}}}}}}"#),
        format!(r#"{{"kind":"List","items":[{{"kind":"Rollout","spec":{{"steps":[[{container}]]}}}}]}}"#),
        r#"[{"op":"add","path":"/spec/containers/0/env/-","value":{"name":"A","value":"a1"}}]"#.to_owned(),
        r#"[{"op":"replace","path":"/spec/containers/0/env/0/value","value":"a1"}]"#.to_owned(),
        r#"{"kind":"Own","spec":{"env":[{"name":"A","sidecar":{"env":[{"value":"a1"}]}},[{"env":[{"value":"a1"}]}]]}}"#.to_owned(),
        r#"{"kind":"Pod","metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"a1"}}}"#
            .replace("a1", "env a1"),
    ] {
        let line = line(&format!(r#""requestObject":{object}"#));
        assert_redacted(&line, &["env"], &[r#""a1""#, r#""env a1""#]);
    }
}

#[test]
fn values_of_a_query_are_redacted_and_its_names_are_kept() {
    let uri = |uri: &str| line(&format!(r#""requestURI":"{uri}""#));
    for (from, to) in [
        ("/api?watch=true\\u0026x&token=a%20b", "/api?watch=SECRET\\u0026x&token=SECRET"),
        ("/api?a=b=c\\u003f&d=", "/api?a=SECRET&d="),
        ("/a=b", "/a=b"),
        ("/api?", "/api?"),
    ] {
        assert_eq!(shown(&uri(from), &["queryStrings"]), uri(to));
        assert_eq!(shown(&uri(from), &["secrets"]), uri(from));
    }
}

#[test]
fn an_object_that_cannot_be_read_is_redacted_as_a_whole() {
    let broken = line(r#""requestObject":{"kind":"Secret","data":{"a":"QQ==","b" "c"}}"#);
    let shown = redacted(&broken, &["secrets"]);
    assert!(!shown.contains("QQ==") && shown.contains(r#""requestObject":"<redacted:hmac:"#), "{shown}");
}

#[test]
fn equal_secrets_have_equal_fingerprints_under_one_key_and_others_under_another() {
    let secret = r#""requestObject":{"kind":"Secret","data":{"a":"aGVsbG8="},"stringData":{"b":"hel\u006co","c":"other"}}"#;
    let shown = redacted(&line(secret), &["secrets"]);
    let prints: Vec<&str> = shown.split('"').filter(|part| part.starts_with("<redacted:hmac:")).collect();
    assert!(prints.len() == 3 && prints[0] == prints[1] && prints[0] != prints[2], "{shown}");
    let event = line(secret);
    let mut out = Vec::new();
    assert!(redact(
        &Event::scan(event.as_bytes()).unwrap(),
        Redactions::ALL,
        &Key::new(b"another"),
        &mut out
    ));
    assert!(!String::from_utf8(out).unwrap().contains(prints[0]));
}

#[test]
fn a_million_brackets_need_no_stack() {
    let deep = "[".repeat(1 << 20) + &"]".repeat(1 << 20);
    let event = line(&format!(r#""requestObject":{{"kind":"X","a":{deep}}}"#));
    assert_eq!(redacted(&event, &["all"]), event);
}

#[test]
fn an_unknown_name_is_refused_with_the_known_ones() {
    let said = Redactions::of(["secrets", "passwords"]).unwrap_err().to_string();
    assert!(said.contains("`passwords`") && said.contains("queryStrings"), "{said}");
    assert!(Redactions::of(["all"]) == Ok(Redactions::ALL) && Redactions::default().is_none());
}

const NAMES: [&str; 4] = ["secrets", "tokens", "env", "lastApplied"];

/// JSON in which the words of redaction are frequent.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("12".to_owned()),
        "[a-zA-Z0-9=+/ ]{0,8}".prop_map(|text| format!("\"{text}\"")),
        Just(r#""\u0041\n\"""#.to_owned()),
    ];
    let key = prop::sample::select(vec![
        "kind",
        "data",
        "stringData",
        "metadata",
        "annotations",
        "items",
        "rows",
        "object",
        "spec",
        "status",
        "token",
        "env",
        "value",
        "path",
        "template",
        "containers",
        "name",
        "kubectl.kubernetes.io/last-applied-configuration",
    ]);
    leaf.prop_recursive(6, 48, 5, move |inner| {
        let member = (key.clone(), inner.clone()).prop_map(|(key, value)| format!(r#""{key}": {value}"#));
        let named = prop::sample::select(vec!["Secret", "SecretList", "TokenReview", "Pod", "List", "Table"]);
        let kinded = (named, prop::collection::vec(member, 0..5));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|list| format!("[{}]", list.join(" , "))),
            kinded.prop_map(|(kind, members)| {
                format!(
                    "{{\"kind\":\"{kind}\"{}{}}}",
                    if members.is_empty() { "" } else { "," },
                    members.join(",")
                )
            }),
        ]
    })
}

/// Whether two values are the same, but that strings of `after` may be fingerprints of what `before` has there.
fn same_but_redacted(before: &serde_json::Value, after: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (before, after) {
        (_, Value::String(text)) if text.starts_with("<redacted:hmac:") => true,
        (Value::Object(before), Value::Object(after)) => {
            before.len() == after.len()
                && before.iter().zip(after).all(|(b, a)| b.0 == a.0 && same_but_redacted(b.1, a.1))
        }
        (Value::Array(before), Value::Array(after)) => {
            before.len() == after.len() && before.iter().zip(after).all(|(b, a)| same_but_redacted(b, a))
        }
        (before, after) => before == after,
    }
}

proptest! {
    #[test]
    fn a_redacted_line_parses_differs_in_secrets_only_and_stays_when_redacted_again(
        resource in prop::sample::select(vec!["secrets", "tokenreviews", "pods"]),
        request in json(),
        response in json(),
    ) {
        let event = about(resource, &format!(r#""requestURI":"/a?b=c","requestObject": {request},"responseObject":{response}"#));
        let once = redacted(&event, &NAMES);
        let (before, after): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(&event).unwrap(), serde_json::from_str(&once).unwrap());
        prop_assert!(same_but_redacted(&before, &after), "{event}\n{once}");
        prop_assert_eq!(redacted(&once, &NAMES), once);
    }
}

#[test]
fn what_would_be_redacted_is_told_by_its_name_and_fields() {
    let secret = r#"{"kind":"Secret","data":{"a":"QQ=="}}"#;
    let line = line(&format!(
        r#""requestURI":"/x?token=a","requestObject":{secret},"responseObject":{{"spec":{{"env":[{{"value":"x"}}]}}}}"#
    ));
    let event = Event::scan(line.as_bytes()).unwrap();
    let found = |what| redactions_found(&event, what);
    let all = [
        ("secrets", vec!["requestObject"]),
        ("env", vec!["responseObject"]),
        ("queryStrings", vec!["requestURI"]),
    ];
    assert_eq!(found(Redactions::ALL), all);
    assert_eq!(found(Redactions::of(["env", "tokens"]).unwrap()), all[1..2]);
    assert!(found(Redactions::default()).is_empty());
}
