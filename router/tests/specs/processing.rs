//! Processing rules of the router: named in the account of every destination, seen by everything behind them.

use proto::{Batch, Refusal};

use crate::given::{Given, TOLD, Told, batch, config, left_out, lines, policy};

const BOB: Told = Told { user: "bob", ..TOLD };

/// A section with these rules, each in YAML's flow form, and two routes.
fn section(rules: &[&str]) -> String {
    let rules: String = rules.iter().map(|rule| format!("  - {{{rule}}}\n")).collect();
    format!(
        "  processing_rules:\n{rules}  routes:\n  - {{name: all, to: [lake]}}\n  \
         - {{name: bobs, match: {{users: [bob]}}, to: [siem]}}"
    )
}

fn given(rules: &[&str]) -> Given {
    Given::router(&section(rules), &[])
}

const NO_BOB: &str = r#"type: exclude_at_match, name: no bob, pattern: '"username":"bob"'"#;
const ONLY_PODS: &str = r#"type: include_at_match, name: only pods, pattern: '"resource":"pods"'"#;
const HIDE_USERS: &str = r#"type: mask_sequences, name: users, pattern: '("username":)"[^"]*"', replace_placeholder: '$1"someone"'"#;

#[tokio::test]
async fn what_a_rule_leaves_out_is_named_to_every_destination() {
    let given = given(&[NO_BOB, ONLY_PODS]);
    let other = Told { resource: "services", ..TOLD };
    let sent = batch(&[TOLD.whole(), BOB.whole(), other.whole()]);
    let receipt = given.push(sent.clone()).await.unwrap();
    assert_eq!(receipt, sent.receipt());
    let by = |name: &str, number| (format!("processing rule {name}"), vec![number]);
    let lake = given.shipper.only("lake");
    assert_eq!(lines(&lake), [TOLD.whole()]);
    assert_eq!(left_out(&lake), [by("no bob", 1), by("only pods", 2)]);
    assert_eq!(lake.filtered[0].read_bytes, [BOB.whole().len() as u32 + 1]);
    let siem = given.shipper.only("siem");
    assert!(lines(&siem).is_empty());
    assert_eq!(left_out(&siem), [by("no bob", 1), by("only pods", 2), ("no route".to_owned(), vec![0])]);
}

#[tokio::test]
async fn a_batch_that_no_rule_touches_is_forwarded_as_it_came() {
    let given = given(&[NO_BOB, HIDE_USERS.replace("username", "nobody").as_str()]);
    let sent = batch(&[TOLD.whole(), "{}".to_owned()]);
    given.push(sent.clone()).await.unwrap();
    assert_eq!(given.shipper.only("lake").block, sent.block);
}

#[tokio::test]
async fn a_masked_event_is_masked_for_routes_policies_and_redaction_and_counts_as_it_was_read() {
    let text = section(&[HIDE_USERS]).replace("name: all,", "name: all, policy: POLICY(own), redact: all,");
    let own = policy(&["level: Request, users: [someone]"]);
    let given = Given::router(&text, &[("own", &own)]);
    let secret = BOB
        .whole()
        .replace(r#""kind":"Pod","metadata""#, r#""kind":"Secret","data":{"a":"QQ=="},"metadata""#);
    given.push(batch(&[BOB.whole(), secret.clone()])).await.unwrap();
    let lake = given.shipper.only("lake");
    let taken = lines(&lake);
    assert_eq!(taken[0], BOB.at("Request").replace("\"bob\"", "\"someone\""));
    assert!(taken[1].contains("redacted:hmac") && taken[1].contains("someone"), "{}", taken[1]);
    let read: Vec<_> = lake.lines().unwrap().iter().map(|line| line.read_bytes).collect();
    assert_eq!(read, [BOB.whole().len() as u64 + 1, secret.len() as u64 + 1]);
    assert_eq!(left_out(&given.shipper.only("siem")), [("no route".to_owned(), vec![0, 1])]);
}

#[tokio::test]
async fn rules_see_what_the_policy_of_all_routes_left() {
    let rule = "type: include_at_match, name: with objects, pattern: requestObject";
    let text = format!("  policy: POLICY(it)\n{}", section(&[rule]));
    let it = policy(&["level: Metadata, users: [bob]", "level: None, verbs: [get]", "level: Request"]);
    let given = Given::router(&text, &[("it", &it)]);
    let read = Told { verb: "get", ..TOLD };
    given.push(batch(&[TOLD.whole(), BOB.whole(), read.whole()])).await.unwrap();
    let lake = given.shipper.only("lake");
    assert_eq!(lines(&lake), [TOLD.at("Request")]);
    let causes = [("policy rule 1", 2), ("processing rule with objects", 1)];
    assert_eq!(left_out(&lake), causes.map(|(by, number)| (by.to_owned(), vec![number])));
}

#[tokio::test]
async fn each_rule_sees_what_the_one_before_left() {
    let given = given(&[HIDE_USERS, NO_BOB, &NO_BOB.replace("bob", "someone")]);
    given.push(batch(&[BOB.whole()])).await.unwrap();
    let by = "processing rule no someone".to_owned();
    assert_eq!(left_out(&given.shipper.only("lake")), [(by, vec![0])]);
}

#[tokio::test]
async fn a_line_that_is_no_event_is_left_out_and_masked_too() {
    let given = given(&[NO_BOB, HIDE_USERS]);
    given.push(batch(&[r#"{"username":"bob"}"#, r#"{"username":"eve"}"#])).await.unwrap();
    let lake = given.shipper.only("lake");
    assert_eq!(lines(&lake), [r#"{"username":"someone"}"#]);
    assert_eq!(left_out(&lake), [("processing rule no bob".to_owned(), vec![0])]);
}

#[tokio::test]
async fn what_a_mask_makes_no_event_of_goes_nowhere_and_status_says_so() {
    let cut = r#"type: mask_sequences, name: cut, pattern: '"username":"bob".*', replace_placeholder: ''"#;
    let no_id = r#"type: mask_sequences, name: kinds, pattern: '"kind":"Event",', replace_placeholder: ''"#;
    let given = given(&[cut, &no_id.replace("kind\":", "level\":").replace("Event", "Metadata")]);
    assert!(given.router.status().problems.is_empty());
    let no_level = TOLD.at("Metadata");
    given.push(batch(&[BOB.whole(), TOLD.whole(), no_level])).await.unwrap();
    let lake = given.shipper.only("lake");
    assert_eq!(lines(&lake), [TOLD.whole()]);
    let spoiled = |name: &str, number| (format!("spoiled by processing rule {name}"), vec![number]);
    assert_eq!(left_out(&lake), [spoiled("cut", 0), spoiled("kinds", 2)]);
    let problems = given.router.status().problems.join("\n");
    assert!(problems.contains("`cut`") && problems.contains("`kinds`"), "{problems}");
    assert!(!problems.contains("bob"), "{problems}");
}

#[tokio::test]
async fn a_batch_that_masks_make_too_large_is_halved_and_none_of_it_is_lost() {
    let long = "x".repeat(1 << 20);
    let grow = format!("type: mask_sequences, name: grow, pattern: alice, replace_placeholder: {long}");
    let given = given(&[&grow]);
    let events: Vec<_> = (0..18).map(|_| TOLD.whole()).collect();
    let refused = given.push(batch(&events)).await.unwrap_err();
    assert!(matches!(refused, Refusal::TooLarge { .. }), "{refused}");
    given.push(batch(&events[..9])).await.unwrap();
    given.push(Batch { first: 109, last: 117, ..batch(&events[9..]) }).await.unwrap();
    let taken: Vec<_> = given.shipper.taken("lake").iter().flat_map(lines).collect();
    assert_eq!(taken.len(), 18);
    assert!(taken.iter().all(|line| line.contains(&long)));
}

#[tokio::test]
async fn a_rule_without_an_effect_is_told() {
    let given = given(&["type: exclude_truncated, name: whole ones"]);
    let problems = given.router.status().problems.join("\n");
    assert!(problems.contains("router.processing_rules: the rule `whole ones` has no effect"), "{problems}");
}

#[test]
fn a_rule_that_cannot_be_applied_is_refused_at_its_place() {
    for (rule, said) in [
        ("type: exclude_at_match, name: open, pattern: '('", "number 0, `open`, has a `pattern`"),
        ("type: multi_line, name: joined, pattern: a", "multi_line"),
        ("type: mask_sequences, name: bare, pattern: a", "replace_placeholder"),
        ("type: exclude_at_match, name: odd, pattern: a, colour: red", "colour"),
    ] {
        let error = config(&section(&[rule]), &[]).0.unwrap_err();
        assert!(error.starts_with("auditrail.yaml:") && error.contains(said), "{error}");
    }
}
