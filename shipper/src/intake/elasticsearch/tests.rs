//! Documents as they are sent, and answers as they are read.

use super::*;

const LINE: &str = r#"{ "kind":"Event","level":"Metadata","stage":"ResponseComplete","stageTimestamp":"2026-11-23T06:09:52.773000Z","auditID":"a,\"auditrail\":{"}"#;

fn dialect(document: Document) -> Elasticsearch {
    let limits = Limits { items: 10, body: 1 << 20, item: 1 << 19 };
    Elasticsearch { document, auth: Auth::default(), limits }
}

fn origin() -> Origin {
    Origin { cluster: "prod".into(), node: "cp-\"1\"".into(), ..Origin::default() }
}

fn written(dialect: &Elasticsearch, line: &[u8]) -> Vec<u8> {
    let origin = origin();
    let mut out = Vec::new();
    let entry = Entry { line, queue: [0xab; 16], number: 7, read_at_us: 5_000 };
    dialect.write(&entry, &dialect.frame(&origin), &mut out);
    out
}

#[test]
fn a_document_is_the_event_with_its_time_and_its_identity_in_front() {
    let item = String::from_utf8(written(&dialect(Document::Event), LINE.as_bytes())).unwrap();
    let (action, document) = item.split_once('\n').unwrap();
    assert_eq!(
        action,
        format!(r#"{{"create":{{"_id":"{}-{}-7"}}}}"#, "ab".repeat(16), identity::log(&origin()))
    );
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    assert_eq!(document["@timestamp"], "2026-11-23T06:09:52.773000Z");
    assert_eq!(
        (&document["auditrail"]["node"], &document["auditrail"]["number"]),
        (&"cp-\"1\"".into(), &7.into())
    );
    assert_eq!(document["level"], "Metadata");
}

#[test]
fn the_line_comes_back_out_of_a_document_and_can_be_exchanged() {
    for document in [Document::Event, Document::Message] {
        let dialect = dialect(document);
        for line in [LINE, "{}", r#"{"a":1}"#, "{ }"] {
            let item = written(&dialect, line.as_bytes());
            assert_eq!(dialect.line(&item).unwrap(), line.as_bytes(), "{document:?}");
            let other = dialect.with_line(&item, br#"{"b":2}"#).unwrap();
            assert_eq!(other.split(|&byte| byte == b'\n').next(), item.split(|&byte| byte == b'\n').next());
            assert_eq!(dialect.line(&other).unwrap(), br#"{"b":2}"#);
        }
        let two = [written(&dialect, LINE.as_bytes()), written(&dialect, b"{}")].concat();
        assert_eq!(dialect.parts(&two).unwrap().items.len(), 2);
        assert!(dialect.parts(&two[..two.len() - 2]).is_err());
    }
}

fn read(text: &str) -> Option<Answer> {
    let reply = Reply { code: 200, retry_after: None, text: text.as_bytes().to_vec() };
    dialect(Document::Event).read(&reply)
}

#[test]
fn every_document_has_its_own_verdict_and_one_that_is_there_already_is_delivered() {
    assert!(read(r#"{"errors":false}"#).is_none());
    let answer = read(
        r#"{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"x"}}},
        {"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"no date"}}},{"create":{"status":429}}]}"#,
    );
    let Some(Answer::Items { verdicts, words }) = answer else { panic!("{answer:?}") };
    assert_eq!(verdicts, [Verdict::Delivered, Verdict::Delivered, Verdict::Reject, Verdict::Again]);
    assert_eq!(words, "400 document_parsing_exception: no date");
}

#[test]
fn a_success_that_is_no_bulk_answer_is_none() {
    assert!(matches!(read("<html>welcome</html>"), Some(Answer::Lost(why)) if why.contains("welcome")));
}

#[test]
fn what_is_wrong_with_the_index_holds_and_is_no_document_s_fault() {
    for (status, kind, reason) in [
        (404, "index_not_found_exception", "no such index [x]"),
        (400, "index_closed_exception", "closed"),
        (400, "illegal_argument_exception", "no write index is defined for alias [x]."),
        (403, "security_exception", "action is unauthorized"),
    ] {
        let error = format!(r#"{{"type":"{kind}","reason":"{reason}"}}"#);
        let answer = read(&format!(
            r#"{{"errors":true,"items":[{{"create":{{"status":{status},"error":{error}}}}}]}}"#
        ));
        let Some(Answer::Items { verdicts, words }) = answer else { panic!("{answer:?}") };
        assert!(verdicts == [Verdict::Hold] && words.contains("check `index`"), "{words}");
    }
    let other = r#"{"errors":true,"items":[{"create":{"status":409,"error":{"type":"x","reason":"y"}}}]}"#;
    assert!(matches!(read(other), Some(Answer::Items { verdicts, .. }) if verdicts == [Verdict::Again]));
}

#[test]
fn an_answer_that_is_too_long_to_be_read_asks_for_smaller_bodies() {
    let long = format!(r#"{{"errors":true,"items":["{}"#, "x".repeat(MOST_ANSWER));
    assert!(matches!(read(&long[..MOST_ANSWER]), Some(Answer::Status { code: 413, .. })));
}
