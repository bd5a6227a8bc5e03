//! Envelopes as they are sent, and codes as they are read.

use super::*;

fn dialect() -> SplunkHec {
    let yaml =
        "shipper: {destinations: {a: {type: splunk_hec, url: 'http://h:8088', token_file: /t, index: k8s}}}";
    let file = chassis::Configuration::parse("shipper.yaml".as_ref(), yaml.into(), []).unwrap();
    let mut section: config::Config = file.section().unwrap();
    let Some(config::Destination::SplunkHec(config)) = section.destinations.remove("a") else { panic!() };
    SplunkHec { config, limits: Limits { items: 10, body: 1 << 20, item: 1 << 20 }, channel: None }
}

fn origin() -> Origin {
    let (cluster, node) = ("a\"},\"event\":".into(), "cp-1".into());
    Origin { cluster, node, path: "/var/log/audit.log".into(), ..Origin::default() }
}

fn written(line: &[u8]) -> Vec<u8> {
    let (dialect, mut out) = (dialect(), Vec::new());
    let entry = Entry { line, queue: [0xab; 16], number: 7, read_at_us: 5_000_001 };
    dialect.write(&entry, &dialect.frame(&origin()), &mut out);
    out
}

#[test]
fn an_envelope_says_when_where_and_which_and_holds_the_line_as_it_is() {
    let line = br#"{ "kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"ResponseComplete","stageTimestamp":"2026-11-23T06:09:52.773001Z", "n":-0}"#;
    let item = written(line);
    let envelope: serde_json::Value = serde_json::from_slice(&item).unwrap();
    assert_eq!(envelope["host"], "cp-1");
    assert_eq!(envelope["source"], "/var/log/audit.log");
    assert_eq!(envelope["sourcetype"], "kube:apiserver-audit");
    assert_eq!(envelope["index"], "k8s");
    assert_eq!(envelope["fields"]["cluster"], origin().cluster);
    let id = format!("{}-{}-7", "ab".repeat(16), identity::log(&origin()));
    assert_eq!(envelope["fields"]["auditrail_id"], id);
    assert!(item.starts_with(br#"{"time":1795414192.773001,"#), "{}", String::from_utf8_lossy(&item));
    assert!(written(b"{}").starts_with(br#"{"time":5.000001,"#), "no event: when it was read");
    assert_eq!(dialect().line(&item).unwrap(), line);
}

#[test]
fn the_line_can_be_exchanged_and_bodies_taken_apart() {
    let dialect = dialect();
    let (one, two) = (written(br#"{"a":"\"},\"event\":"}"#), written(b"{}"));
    let other = dialect.with_line(&one, b"{\"b\":2}").unwrap();
    assert_eq!(dialect.line(&other).unwrap(), b"{\"b\":2}");
    let body = [one.clone(), two].concat();
    let parts = dialect.parts(&body).unwrap().items;
    assert_eq!((parts.len(), &body[parts[0].clone()]), (2, &one[..]));
    assert!(dialect.parts(&body[..body.len() - 1]).is_err());
}

#[test]
fn every_code_of_splunk_has_its_meaning() {
    let read = |code: u16, text: &str| {
        let reply = Reply { code, retry_after: None, text: text.as_bytes().to_vec() };
        dialect().read(&reply)
    };
    assert!(read(200, r#"{"text":"Success","code":0}"#).is_none());
    for (status, code) in [(403, 1), (401, 2), (401, 3), (403, 4), (400, 7), (400, 10), (400, 11), (400, 14)]
    {
        let answer = read(status, &format!(r#"{{"text":"words","code":{code}}}"#));
        assert!(matches!(&answer, Some(Answer::Held(why)) if why.contains("words")), "{code}: {answer:?}");
    }
    for code in [5, 6, 12, 13, 15] {
        let answer = read(400, &format!(r#"{{"text":"no","code":{code},"invalid-event-number":3}}"#));
        assert!(matches!(answer, Some(Answer::Guilty { at: 3, code: 400, .. })), "{code}: {answer:?}");
        assert!(read(400, &format!(r#"{{"text":"no","code":{code}}}"#)).is_none(), "the status says it");
    }
    for (status, code) in [(500, 8), (503, 9), (503, 18), (429, 24), (413, 27)] {
        assert!(read(status, &format!(r#"{{"text":"busy","code":{code}}}"#)).is_none(), "{code}");
    }
    assert!(matches!(read(200, "<html>"), Some(Answer::Lost(_))));
}

#[test]
fn a_channel_is_a_guid_and_no_two_are_the_same() {
    let (one, two) = (guid(), guid());
    assert_ne!(one, two);
    let lengths: Vec<usize> = one.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
    assert!(one.as_bytes()[14] == b'4' && b"89ab".contains(&one.as_bytes()[19]), "{one}");
}
