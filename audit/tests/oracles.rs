//! What the fuzzers hold to be true, over their seeds, real lines and invented bytes.
//!
//! Promise: whoever has a stable compiler sees what a fuzzer would see first. `docs/fuzzing.md` has the rest.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, unreachable_pub, dead_code)] // tests may read files

#[path = "../../fuzz/oracles/choices.rs"]
mod choices;
#[path = "../../fuzz/oracles/condition.rs"]
mod condition;
#[path = "../../fuzz/oracles/decide.rs"]
mod decide;
#[path = "../../fuzz/oracles/event_line.rs"]
mod event_line;
#[path = "recorded/lines.rs"]
mod fixtures;
#[path = "../../fuzz/oracles/hidden.rs"]
mod hidden;
#[path = "../../fuzz/oracles/lowered.rs"]
mod lowered;
#[path = "../../fuzz/oracles/policy_text.rs"]
mod policy_text;
#[path = "../../fuzz/oracles/splice.rs"]
mod splice;
#[path = "../../fuzz/oracles/tree.rs"]
mod tree;

use audit::{Attributes, Event, Level, Lowered, Policy, lower};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::path::Path;
use std::sync::LazyLock;

/// The seeds of a target, each with its name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let seeds: Vec<_> =
        files.map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect();
    assert!(seeds.len() >= 5, "{target} has {} seeds", seeds.len());
    seeds
}

#[test]
fn every_seed_of_the_fuzzers_holds() {
    type Oracle = fn(&[u8]);
    let targets: [(&str, Oracle); 5] = [
        ("condition", condition::holds),
        ("decide", decide::holds),
        ("event_line", event_line::holds),
        ("policy_text", policy_text::holds),
        ("splice", splice::holds),
    ];
    for (target, holds) in targets {
        for (name, bytes) in seeds(target) {
            println!("{name}"); // which one it was, when one fails
            holds(&bytes);
        }
    }
}

/// Lines of real servers, and some written as none writes them.
static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let cases = fixtures::lines("events.jsonl.zst").into_iter().chain(fixtures::lines("twins.jsonl.zst"));
    let mut lines: Vec<Vec<u8>> = cases
        .filter(|line| line.starts_with(br#"{"type": "case""#))
        .map(|line| fixtures::event_case(&line).1.to_vec())
        .filter(|line| line.len() < 8000)
        .chain(seeds("event_line").into_iter().map(|(_, line)| line))
        .collect();
    lines.sort();
    lines.dedup();
    lines
});

fn line() -> impl Strategy<Value = Vec<u8>> {
    any::<Index>().prop_map(|index| index.get(&LINES).clone())
}

/// A line with some places written over.
fn damaged_line() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![select(br#""\{}[]:,u0 "#.to_vec()), any::<u8>()];
    (line(), vec((any::<Index>(), bytes), 1..6)).prop_map(|(mut line, changes)| {
        for (place, byte) in changes {
            let at = place.index(line.len());
            line[at] = byte;
        }
        line
    })
}

/// A line in which words of events stand in the place of others, so that fields come twice and objects change kind.
fn confused_line() -> impl Strategy<Value = Vec<u8>> {
    let names = vec![
        "level",
        "metadata",
        "managedFields",
        "items",
        "rows",
        "kind",
        "annotations",
        "requestObject",
        "data",
        "env",
        "value",
        "l\\u0065vel",
        "met\\u0061data",
        "managedFi\\u0065lds",
        "d\\u0061ta",
        "null",
    ];
    (line(), vec((any::<Index>(), select(names)), 1..6)).prop_map(|(line, changes)| {
        let mut text = String::from_utf8_lossy(&line).into_owned();
        for (place, name) in changes {
            let quotes: Vec<usize> = text.match_indices('"').map(|(at, _)| at).collect();
            let first = place.index(quotes.len() - 1);
            text.replace_range(quotes[first] + 1..quotes[first + 1], name);
        }
        text.into_bytes()
    })
}

proptest! {
    #[test]
    fn an_event_is_what_serde_json_says_of_its_line(line in prop_oneof![line(), damaged_line(), confused_line()]) {
        event_line::holds(&line);
    }

    #[test]
    fn what_is_lowered_redacted_or_shrunk_differs_only_where_it_must(
        line in prop_oneof![2 => line(), 1 => damaged_line(), 2 => confused_line()],
        choices in any::<[u8; splice::CHOICES]>(),
    ) {
        splice::holds(&[&line[..], &choices].concat());
    }

    #[test]
    fn the_index_the_rules_and_the_api_servers_words_name_the_same_rule(bytes in vec(any::<u8>(), 0..600)) {
        decide::holds(&bytes);
    }

    #[test]
    fn a_route_takes_what_all_its_keys_take(text in select(seeds("condition")), other in select(seeds("condition"))) {
        let [mut first, second]: [serde_json::Value; 2] =
            [text, other].map(|(_, text)| serde_json::from_slice(&text).unwrap());
        first.as_object_mut().unwrap().extend(second.as_object().unwrap().clone());
        condition::holds(first.to_string().as_bytes());
    }

    #[test]
    fn a_policy_with_a_line_gone_or_given_twice_is_looked_at_and_mended_all_the_same(
        text in select(seeds("policy_text")), place in any::<Index>(), twice in any::<bool>()
    ) {
        let text = String::from_utf8(text.1).unwrap();
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let at = place.index(lines.len());
        if twice { lines.insert(at, lines[at]) } else { lines.remove(at); }
        policy_text::holds(lines.concat().as_bytes());
    }
}

#[test]
fn an_event_below_the_policys_level_stays_byte_for_byte_and_the_decision_names_the_policys_level() {
    let mut met = 0;
    for asked in [Level::Metadata, Level::Request, Level::RequestResponse] {
        let text = format!("apiVersion: audit.k8s.io/v1\nrules:\n- level: {asked}\n");
        let policy = Policy::load(&text).unwrap().policy;
        for line in LINES.iter() {
            let event = Event::scan(line).unwrap();
            let decision = policy.decide(&Attributes::of(&event));
            assert_eq!(decision.level, asked);
            if event.level() <= asked {
                let mut out = Vec::new();
                assert_eq!((lower(&event, &decision, &mut out), out.len()), (Lowered::Whole, 0));
                met += usize::from(event.level() < asked);
            }
        }
    }
    assert!(met > 0, "no event was below the level");
}

#[test]
fn names_of_parts_are_known_however_they_are_spelt() {
    let line = br#"{"level":"RequestResponse","stage":"Panic","responseObject":{"m\u0065tadata":{"managedFi\u0065lds":[],"a":1}},"annotations":{"p\u0061tch.webhook.admission.k8s.io/x":"y","b":"c"}}"#;
    let event = Event::scan(line).unwrap();
    let lowered = |level: Level| {
        let text =
            format!("apiVersion: audit.k8s.io/v1\nomitManagedFields: true\nrules:\n- level: {level}\n");
        let mut out = Vec::new();
        let decision = Policy::load(&text).unwrap().policy.decide(&Attributes::of(&event));
        assert_eq!(lower(&event, &decision, &mut out), Lowered::Spliced);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        lowered(Level::RequestResponse),
        r#"{"level":"RequestResponse","stage":"Panic","responseObject":{"m\u0065tadata":{"a":1}},"annotations":{"p\u0061tch.webhook.admission.k8s.io/x":"y","b":"c"}}"#
    );
    assert_eq!(lowered(Level::Metadata), r#"{"level":"Metadata","stage":"Panic","annotations":{"b":"c"}}"#);
}
