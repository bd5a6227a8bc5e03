//! Lists of events, real and invented, become the lines of the log backend.

use proptest::prelude::*;

use super::*;

const SPLICED: &str = "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\"";

fn lines(document: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, NoEventList> {
    let mut out = b"before".to_vec();
    let lines = split(document.as_ref(), &mut out);
    assert!(out.starts_with(b"before"));
    if lines.is_err() {
        assert_eq!(out, b"before");
    }
    Ok(lines?.into_iter().map(|line| out[line].to_vec()).collect())
}

/// The lines of a list with these items.
fn of_items(items: &str) -> Vec<String> {
    let document = format!(
        "{{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{{}},\"items\":[{items}]}}\n"
    );
    assert!(is_event_list(document.as_bytes()));
    let text = |line| String::from_utf8(line).unwrap();
    lines(document).unwrap().into_iter().map(text).collect()
}

fn refused(document: &str) -> String {
    lines(document).unwrap_err().to_string()
}

fn unpacked(packed: &[u8]) -> Vec<u8> {
    zstd::decode_all(packed).unwrap()
}

#[test]
fn real_bodies_become_the_lines_that_the_log_backend_of_the_same_server_wrote() {
    let bodies = unpacked(include_bytes!("../../tests/fixtures/webhook-bodies.json.zst"));
    let written = unpacked(include_bytes!("../../tests/fixtures/webhook-lines.log.zst"));
    let mut out = Vec::new();
    for body in bodies.split_inclusive(|&byte| byte == b'\n') {
        assert!(is_event_list(body));
        let begin = out.len();
        let lines = split(body, &mut out).unwrap();
        let stripped =
            lines.iter().map(|line| [b"{", &out[line.start + SPLICED.len() + 1..line.end]].concat());
        let joined = stripped.collect::<Vec<_>>().join(&b',');
        let head = b"{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{},\"items\":[";
        assert!([head, &joined[..], b"]}\n"].concat() == body, "the body does not come back");
        assert_eq!((lines[0].start, lines[lines.len() - 1].end + 1), (begin, out.len()));
    }
    assert!(out == written, "the lines are not those of the log");
    assert!(std::str::from_utf8(&out).is_err(), "no invalid UTF-8 among the bodies");
    assert!(out.split(|&byte| byte == b'\n').all(|line| !is_event_list(line)));
}

#[test]
fn what_an_item_lacks_is_spliced_in_and_what_it_has_stays() {
    let version = "\"apiVersion\":\"audit.k8s.io/v1\"";
    assert_eq!(of_items("{\"level\":\"Metadata\"}"), [format!("{SPLICED},\"level\":\"Metadata\"}}")]);
    assert_eq!(of_items("{}, { }"), [format!("{SPLICED}}}"), format!("{SPLICED}}}")]);
    assert_eq!(
        of_items("{\"kind\":\"Event\",\"a\":1}"),
        [format!("{{{version},\"kind\":\"Event\",\"a\":1}}")]
    );
    assert_eq!(
        of_items(&format!("{{\"a\":1,{version}}}")),
        [format!("{{\"kind\":\"Event\",\"a\":1,{version}}}")]
    );
    let both = format!("{{{version},\"kind\":\"Event\"}}");
    assert_eq!(of_items(&both), [both]);
    let escaped = "{\"k\\u0069nd\":\"Event\",\"apiVersi\\u006fn\":\"x\"}";
    assert_eq!(of_items(escaped), [escaped]);
}

#[test]
fn only_members_of_the_item_itself_say_what_it_has() {
    for item in [
        "{\"responseObject\":{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"items\":[{}]}}",
        "{\"verb\":\"kind\",\"annotations\":{\"kind\":\"\",\"apiVersion\":\"\"}}",
        "{\"sourceIPs\":[\"kind\",\"apiVersion\",{\"kind\":1}],\"a\":\"\\\"kind\\\":\"}",
    ] {
        assert_eq!(of_items(item), [format!("{SPLICED},{}", &item[1..])]);
    }
}

#[test]
fn blanks_between_tokens_go_and_tokens_stay() {
    let spaced =
        "\r\n { \"n\" : -0.10e+5 , \"s\" :\t\" a\\n\\u003c\\\\\" ,\"s\":[ 1 , {\r} , [ ] ] }\n,{\"t\":true}";
    let expected = ["\"n\":-0.10e+5,\"s\":\" a\\n\\u003c\\\\\",\"s\":[1,{},[]]}", "\"t\":true}"];
    assert_eq!(of_items(spaced), expected.map(|rest| format!("{SPLICED},{rest}")));
}

#[test]
fn items_that_are_no_objects_become_lines_that_are_no_events() {
    assert_eq!(
        of_items("null, [ 1,\n\"kind\" ] ,\"a b\", -1.5 ,{\"a\":1}")[..4],
        ["null", "[1,\"kind\"]", "\"a b\"", "-1.5"]
    );
    assert!(of_items("").is_empty());
}

#[test]
fn a_document_that_is_no_list_of_events_is_refused_with_why() {
    let list = |kind: &str, version: &str, rest: &str| {
        refused(&format!("{{\"kind\":\"{kind}\",\"apiVersion\":\"{version}\"{rest}}}"))
    };
    let (kind, version) = ("EventList", "audit.k8s.io/v1");
    assert_eq!(refused("{\n\"kind\": nil}"), "no JSON at byte 11: expected ident");
    assert!(refused("").starts_with("no JSON at byte 0: EOF"), "{}", refused(""));
    assert!(refused("{} x").starts_with("no JSON at byte 3: trailing characters"), "{}", refused("{} x"));
    assert_eq!(refused(" [1]"), "no JSON object, so no EventList");
    assert_eq!(refused("{}"), "kind is missing: only an EventList is read");
    assert!(list("Event", version, "").starts_with("kind is \"Event\": "));
    assert!(list(&"x".repeat(500), version, "").len() < 130);
    for old in ["audit.k8s.io/v1beta1", "audit.k8s.io/v1alpha1", "v1"] {
        let why = list(kind, old, ",\"items\":[]");
        assert!(why.starts_with(&format!("apiVersion is \"{old}\": only audit.k8s.io/v1 is read")), "{why}");
        assert!(why.contains("--audit-webhook-version"), "{why}");
    }
    assert!(list(kind, version, "").starts_with("`items` is missing"));
    assert!(list(kind, version, ",\"items\":null").starts_with("`items` is no list"));
    assert!(list(kind, version, ",\"items\":[],\"items\":[{}]").starts_with("`items` is there twice"));
}

#[test]
fn a_list_of_events_is_told_from_an_event_by_its_own_kind() {
    let yes = [
        "{\"kind\":\"EventList\",\"items\":[]}",
        " { \"items\" : [ {\"kind\":\"Event\"} ] , \"kind\" : \"EventList\" }",
        "{\"apiVersion\":\"audit.k8s.io/v1beta1\",\"kind\":\"EventList\",\"items\":[{",
    ];
    assert!(yes.iter().all(|line| is_event_list(line.as_bytes())));
    let no = [
        "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"responseObject\":{\"kind\":\"EventList\"}}",
        "{\"level\":\"Request\",\"responseObject\":{\"kind\":\"EventList\"},\"kind\":\"Event\"}",
        "{\"level\":\"Request\",\"user\":\"EventList\"}",
        "[{\"kind\":\"EventList\"}]",
        "\"EventList\"",
        "",
        "{\"kind\"",
    ];
    assert!(no.iter().all(|line| !is_event_list(line.as_bytes())));
}

#[test]
fn a_list_of_too_many_items_is_refused_as_a_whole() {
    assert_eq!(of_items(&vec!["{}"; MOST_ITEMS].join(",")).len(), MOST_ITEMS);
    let items = vec!["{}"; MOST_ITEMS + 1].join(",");
    let list = format!("{{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"items\":[{items}]}}");
    assert!(refused(&list).contains("--audit-webhook-batch-max-size"));
}

#[test]
fn deep_nesting_is_no_reason_to_refuse() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(40_000), "]".repeat(40_000));
    assert_eq!(of_items(&deep), [format!("{SPLICED},{}", &deep[1..])]);
}

/// A value as text: its tokens, with a mark wherever blanks may stand.
fn value() -> impl Strategy<Value = String> {
    let string = prop::sample::select(vec![
        "\"\"",
        "\"kind\"",
        "\"a b\"",
        "\"\\\"\"",
        "\"\\\\\"",
        "\"{[,:\"",
        "\"\\u00e9\\n\"",
        "\"é<\"",
        "\"]}\"",
    ]);
    let scalar = prop::sample::select(vec!["0", "-0", "1.50", "2e+7", "true", "false", "null"]);
    let leaf = prop_oneof![string.clone(), scalar].prop_map(str::to_owned);
    leaf.prop_recursive(4, 40, 4, move |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4);
        let members = prop::collection::vec((string.clone(), inner), 0..4);
        let object = members
            .prop_map(|members| members.iter().map(|(key, value)| format!("{key}~:~{value}")).collect());
        prop_oneof![
            list.prop_map(|list| enclosed('[', &list, ']')),
            object.prop_map(|members: Vec<_>| enclosed('{', &members, '}'))
        ]
    })
}

fn enclosed(open: char, inner: &[String], close: char) -> String {
    format!("{open}~{}~{close}", inner.join("~,~"))
}

/// Every mark becomes the next of `blanks`.
fn with_blanks(text: &str, blanks: &[&str]) -> String {
    let mut next = blanks.iter().cycle();
    text.split('~').fold(String::new(), |text, part| text + part + next.next().unwrap_or(&""))
}

proptest! {
    #[test]
    fn any_blanks_between_tokens_give_the_line_without_them(
        items in prop::collection::vec(value(), 0..5),
        blanks in prop::collection::vec(prop::sample::select(vec!["", "", " ", "\n", "\r\n\t "]), 1..30),
    ) {
        let list = enclosed('[', &items, ']');
        let marked = format!("~{{~\"items\"~:~{list}~,~\"kind\"~:~\"EventList\"~,~\"apiVersion\"~:~\"audit.k8s.io/v1\"~}}~");
        let document = with_blanks(&marked, &blanks);
        prop_assert!(is_event_list(document.as_bytes()));
        let found = lines(&document).unwrap();
        prop_assert_eq!(found.len(), items.len());
        for (item, line) in items.iter().zip(found) {
            let item = item.replace('~', "");
            let line = String::from_utf8(line).unwrap();
            let had_kind: bool = serde_json::from_str::<serde_json::Value>(&item).unwrap().get("kind").is_some();
            let expected = match item.strip_prefix('{') {
                None => item.clone(),
                Some("}") => format!("{SPLICED}}}"),
                Some(rest) if had_kind => format!("{{\"apiVersion\":\"audit.k8s.io/v1\",{rest}"),
                Some(rest) => format!("{SPLICED},{rest}"),
            };
            prop_assert_eq!(line, expected);
        }
    }

    #[test]
    fn no_bytes_make_it_panic_and_every_list_that_is_read_gives_lines_without_breaks(
        cut in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ \nk1\xff".to_vec()), 0..40),
    ) {
        is_event_list(&bytes);
        let _ = lines(&bytes);
        let good = b"{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"items\":[{\"a\":\"b\"},{}]}";
        let at = cut.index(good.len());
        let spoilt = [&good[..at], &bytes, &good[at..]].concat();
        is_event_list(&spoilt);
        is_event_list(&spoilt[..at]);
        if let Ok(lines) = lines(&spoilt) {
            prop_assert!(lines.iter().all(|line| !line.contains(&b'\n')));
            prop_assert!(serde_json::from_slice::<IgnoredAny>(&spoilt).is_ok());
            for line in lines {
                prop_assert!(serde_json::from_slice::<IgnoredAny>(&line).is_ok());
            }
        }
    }
}
