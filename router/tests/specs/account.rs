//! The law of the account: whatever policies and routes say, every incoming line is for each destination exactly
//! once either kept or left out by name, under its own number and with its own size.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proto::{Batch, Encoding};

use crate::given::{Given, TOLD, Told, batch, policy};
use crate::model::expected;

const RULES: [&str; 8] = [
    "level: None, users: [bob]",
    "level: None, verbs: [get]",
    "level: Metadata, resources: [{group: '', resources: [secrets]}]",
    "level: Request, verbs: [create], omitStages: [ResponseStarted]",
    "level: RequestResponse, users: [alice]",
    "level: Metadata",
    "level: RequestResponse, omitManagedFields: true",
    "level: None",
];

const CONDITIONS: [&str; 6] = [
    "verbs: [create]",
    "users: [bob]",
    "codes: [4xx]",
    "levels: [Metadata]",
    "not: {stages: [RequestReceived]}",
    "namespaces: [nowhere]",
];

/// Patterns without a special character, so that the model needs no engine.
const PROCESSING: [&str; 6] = [
    "type: exclude_at_match, name: no bob, pattern: '\"bob\"'",
    "type: exclude_at_match, name: no carol, pattern: carol",
    "type: include_at_match, name: with verbs, pattern: '\"verb\"'",
    "type: mask_sequences, name: alice, pattern: alice, replace_placeholder: carol",
    "type: mask_sequences, name: shop, pattern: shop, replace_placeholder: nowhere",
    "type: mask_sequences, name: quotes, pattern: 'Metadata\",', replace_placeholder: ','",
];

const DESTINATIONS: [&str; 3] = ["lake", "datadog", "file"];

fn a_line() -> impl Strategy<Value = String> {
    let told = (
        prop::sample::select(vec!["create", "get", "delete"]),
        prop::sample::select(vec!["pods", "secrets"]),
        prop::sample::select(vec!["alice", "bob"]),
        prop::sample::select(vec!["RequestReceived", "ResponseStarted", "ResponseComplete"]),
        prop::sample::select(vec![200_u16, 403]),
        prop::sample::select(vec!["Metadata", "Request", "RequestResponse"]),
    );
    let event = told.prop_map(|(verb, resource, user, stage, code, level)| {
        Told { verb, resource, user, stage, code }.at(level)
    });
    prop_oneof![9 => event, 1 => Just(r#"{"no":"event"}"#.to_owned())]
}

fn a_policy() -> impl Strategy<Value = Option<String>> {
    let rules = prop::sample::subsequence(RULES.to_vec(), 1..=4).prop_shuffle();
    prop::option::of(rules.prop_map(|rules| policy(&rules)))
}

#[derive(Debug, Clone)]
struct ARoute {
    condition: Option<&'static str>,
    policy: Option<String>,
    to: Vec<&'static str>,
}

fn a_route() -> impl Strategy<Value = ARoute> {
    let condition = prop::option::of(prop::sample::select(CONDITIONS.to_vec()));
    let to = prop::sample::subsequence(DESTINATIONS.to_vec(), 1..=3);
    (condition, a_policy(), to).prop_map(|(condition, policy, to)| ARoute { condition, policy, to })
}

/// The configuration that says so, and its policies by name.
fn section(
    global: &Option<String>,
    processing: &[&str],
    routes: &[ARoute],
) -> (String, Vec<(String, String)>) {
    let rules: String = processing.iter().map(|rule| format!("  - {{{rule}}}\n")).collect();
    let (mut text, mut policies) = (String::new(), Vec::new());
    if !rules.is_empty() {
        text += &format!("  processing_rules:\n{rules}");
    }
    if let Some(policy) = global {
        text += "  policy: POLICY(all)\n";
        policies.push(("all".to_owned(), policy.clone()));
    }
    text += "  routes:\n";
    for (index, route) in routes.iter().enumerate() {
        text += &format!("  - name: r{index}\n    to: [{}]\n", route.to.join(", "));
        if let Some(condition) = route.condition {
            text += &format!("    match: {{{condition}}}\n");
        }
        if let Some(policy) = &route.policy {
            text += &format!("    policy: POLICY(r{index})\n");
            policies.push((format!("r{index}"), policy.clone()));
        }
    }
    (text, policies)
}

/// Lines with gaps between their numbers, of which the first was left out upstream.
fn incoming(lines: &[String]) -> Batch {
    let numbered = lines
        .iter()
        .enumerate()
        .map(|(at, line)| (number(at), line.len() as u64 + 1 + at as u64 % 2, line.as_bytes()));
    let upstream = proto::Filtered { by: "upstream".into(), numbers: vec![0], read_bytes: vec![5] };
    let frame = Batch { last: 110 + 2 * lines.len() as u64, filtered: vec![upstream], ..batch(&["{}"]) };
    frame.with_lines(numbered, Encoding::Lz4).unwrap()
}

/// The number of an incoming line.
fn number(at: usize) -> u64 {
    102 + 2 * at as u64
}

/// What became of every number: the line, or why there is none.
fn fates(batch: &Batch) -> BTreeMap<u64, Result<Vec<u8>, String>> {
    let kept = batch.lines().unwrap().into_iter().map(|line| (line.number, Ok(line.bytes.to_vec())));
    let left = batch.filtered.iter().flat_map(|left| {
        let numbers = left.numbers.iter().map(|&number| batch.first + u64::from(number));
        numbers.map(|number| (number, Err(left.by.clone())))
    });
    kept.chain(left).collect()
}

/// Number and size as read of every line, kept ones and left out ones.
fn accounted(batch: &Batch) -> Vec<(u64, u64)> {
    let kept = batch.lines().unwrap().into_iter().map(|line| (line.number, line.read_bytes));
    let left = batch.filtered.iter().flat_map(|left| {
        let numbers = left.numbers.iter().map(|&number| batch.first + u64::from(number));
        numbers.zip(left.read_bytes.iter().map(|&bytes| u64::from(bytes)))
    });
    let mut all: Vec<_> = kept.chain(left).collect();
    all.sort_unstable();
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_is_for_each_destination_exactly_once_kept_or_left_out(
        lines in prop::collection::vec(a_line(), 0..12),
        global in a_policy(),
        processing in prop::sample::subsequence(PROCESSING.to_vec(), 0..=3).prop_shuffle(),
        routes in prop::collection::vec(a_route(), 1..5),
    ) {
        let (section, policies) = section(&global, &processing, &routes);
        let policies: Vec<_> = policies.iter().map(|(name, text)| (&name[..], &text[..])).collect();
        let given = Given::router(&section, &policies);
        let sent = incoming(&lines);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(given.push(sent.clone())).unwrap();

        let named: BTreeSet<_> = routes.iter().flat_map(|route| route.to.clone()).collect();
        prop_assert_eq!(given.router.destinations().len(), named.len());
        for destination in named {
            let taken = given.shipper.only(destination);
            prop_assert_eq!(accounted(&taken), accounted(&sent));
            prop_assert_eq!((taken.first, taken.last, &taken.queue), (sent.first, sent.last, &sent.queue));
            prop_assert_eq!((&taken.origin, taken.read_at_us), (&sent.origin, sent.read_at_us));
            let fates = fates(&taken);
            prop_assert_eq!(fates.len(), lines.len() + 1);
            for (at, line) in lines.iter().enumerate() {
                let expected = expected(&given.config, line.as_bytes(), destination);
                prop_assert_eq!(&fates[&number(at)], &expected, "line {} at {}", at, destination);
            }
        }
    }
}

#[tokio::test]
async fn the_account_of_a_batch_adds_up_at_every_destination() {
    let metadata = policy(&["level: None, users: [bob]", "level: Metadata"]);
    let given = Given::router(
        "  policy: POLICY(metadata)\n  routes: [{name: a, match: {verbs: [get]}, to: [datadog]}, {name: b, to: [lake]}]",
        &[("metadata", &metadata)],
    );
    let told = [TOLD, Told { user: "bob", ..TOLD }, Told { verb: "get", ..TOLD }];
    let sent = batch(&told.map(|told| told.whole()));
    given.push(sent.clone()).await.unwrap();
    for destination in ["lake", "datadog"] {
        assert_eq!(accounted(&given.shipper.only(destination)), accounted(&sent));
    }
}
