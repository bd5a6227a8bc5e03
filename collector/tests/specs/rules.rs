//! Processing rules: what they leave out is counted by their names, what they mask goes nowhere.

use chassis::ByteSize;
use chassis::datadog::{ProcessingRule, RuleType};
use proto::v1::SourceStatus;

use crate::next::Next;
use crate::world::{World, append, event, events, gzip, real_log};

fn rule(kind: RuleType, name: &str, pattern: &str) -> ProcessingRule {
    ProcessingRule { kind, name: name.into(), pattern: pattern.into(), replace_placeholder: None }
}

fn mask(name: &str, pattern: &str, placeholder: &str) -> ProcessingRule {
    let replace_placeholder = Some(placeholder.into());
    ProcessingRule { replace_placeholder, ..rule(RuleType::MaskSequences, name, pattern) }
}

/// The world with these rules of its only entry.
fn world(rules: Vec<ProcessingRule>) -> World {
    let mut world = World::new(Next::takes_all());
    world.config.logs[0].log_processing_rules = rules;
    world
}

/// Follows until all lines have their receipts; fails when the account is not settled then.
async fn followed(world: &World, lines: u64) -> SourceStatus {
    let running = world.run().await;
    let read = |source: &SourceStatus| source.read.as_ref().map_or(0, |read| read.events);
    running.until("all read", |status| status.sources.first().map_or(0, read) == lines).await;
    let status = running.until_empty().await;
    running.stop().await;
    let source = status.sources.into_iter().next().unwrap();
    let taken = world.next.batches().iter().flat_map(|batch| batch.lines().unwrap()).collect::<Vec<_>>();
    let delivered = (taken.len() as u64, taken.iter().map(|line| line.read_bytes).sum::<u64>());
    let named = source.filtered.iter().chain(&source.dead).map(|named| named.count.unwrap());
    let (events, bytes) = named.fold(delivered, |sum, count| (sum.0 + count.events, sum.1 + count.bytes));
    let read = source.read.unwrap();
    assert_eq!((read.events, read.bytes), (events, bytes), "{source:?}");
    source
}

fn filtered(source: &SourceStatus) -> Vec<(&str, u64)> {
    source.filtered.iter().map(|named| (named.name.as_str(), named.count.unwrap().events)).collect()
}

/// What the next stage took, in order of numbers.
fn taken(world: &World) -> Vec<String> {
    let lines = world.next.batches().into_iter().flat_map(|batch| batch.lines().unwrap());
    let lines: std::collections::BTreeMap<_, _> = lines.map(|line| (line.number, line.bytes)).collect();
    lines.into_values().map(|line| String::from_utf8_lossy(&line).into_owned()).collect()
}

fn quarantined(world: &World) -> Vec<serde_json::Value> {
    let kept = std::fs::read_to_string(world.queue_dir().join("quarantine/quarantine.jsonl")).unwrap();
    kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_a_rule_excludes_or_does_not_include_are_counted_by_its_name() {
    let world = world(vec![
        rule(RuleType::ExcludeAtMatch, "no health checks", r#""requestURI":"/(healthz|livez|readyz)"#),
        rule(RuleType::IncludeAtMatch, "only changes", r#""verb":"(create|update|patch|delete)""#),
    ]);
    let log = real_log();
    world.append(&log);
    let text = String::from_utf8_lossy(&log);
    let is_health = |line: &&str| {
        ["healthz", "livez", "readyz"].iter().any(|path| line.contains(&format!("\"requestURI\":\"/{path}")))
    };
    let is_change = |line: &&str| {
        ["create", "update", "patch", "delete"]
            .iter()
            .any(|verb| line.contains(&format!("\"verb\":\"{verb}\"")))
    };
    let health = text.lines().filter(is_health).count() as u64;
    let kept: Vec<&str> = text.lines().filter(|line| !is_health(line) && is_change(line)).collect();
    let all = text.lines().count() as u64;

    let source = followed(&world, all).await;

    assert!(!kept.is_empty() && (kept.len() as u64) < all);
    let others = all - health - kept.len() as u64;
    let expected = [("no health checks", health), ("only changes", others)];
    assert_eq!(filtered(&source), expected.into_iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>());
    assert!(taken(&world) == kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_masked_line_goes_on_masked_and_counts_with_the_bytes_that_were_read() {
    let world = world(vec![mask("agents", r#"("userAgent":)"(?:[^"\\]|\\.)*""#, r#"$1"***""#)]);
    let log = real_log();
    world.append(&log);
    let text = String::from_utf8_lossy(&log);
    let source = followed(&world, text.lines().count() as u64).await;
    assert!(source.dead.is_empty(), "{source:?}");
    let (mut masked, taken) = (0, taken(&world));
    assert_eq!(taken.len(), text.lines().count());
    for (line, read) in taken.iter().zip(text.lines()) {
        let (line, mut read): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(line).unwrap(), serde_json::from_str(read).unwrap());
        if let Some(agent) = read.get_mut("userAgent") {
            *agent = "***".into();
            masked += 1;
        }
        assert!(line == read, "{line}");
    }
    assert!(masked > 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_all_entries_come_first_and_each_sees_what_the_one_before_left() {
    let mut world = world(vec![
        rule(RuleType::ExcludeAtMatch, "secrets", "secret"),
        mask("again", "hidden", "gone"),
        rule(RuleType::ExcludeAtMatch, "gone ones", r#"gone":2"#),
    ]);
    world.config.processing_rules =
        vec![mask("first", "secret", "hidden"), rule(RuleType::ExcludeAtMatch, "all", "\"a\"")];
    append(&world.path("other.log"), "{\"secret\":3}\n");
    world.config.logs.push(chassis::datadog::LogsEntry::audit_log(world.path("other.log")));
    world.append("{\"secret\":1}\n{\"a\":\"secret\"}\n{\"secret\":2}\n");
    world.run_once().await.unwrap();
    let lines = world.next.batches().into_iter().flat_map(|batch| batch.lines().unwrap());
    let mut arrived: Vec<_> = lines.map(|line| line.bytes).collect();
    arrived.sort();
    assert_eq!(arrived, [r#"{"gone":1}"#, r#"{"hidden":3}"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_filtered_by_rules_first_and_kept_masked() {
    let mut world = world(vec![
        rule(RuleType::ExcludeAtMatch, "startup", "^I[0-9]{4} "),
        mask("tokens", r#"token=\w+|"token":"[^"]*""#, "token"),
        mask("breaks", "\\}$", ""),
        mask("grows", "x", &"y".repeat(1 << 10)),
    ]);
    world.config.max_line_size = ByteSize::kib(64);
    let long = format!("{{\"token\":\"secret\",\"x-y\":\"{}\"}}", "secret".repeat(50_000));
    world.append(format!(
        "I1123 06:10 starting\nE1123 token=secret\n\n{{\"token\":\"secret\"}}\n{long}\n{{\"grow\":\"{}\"}}\n",
        "x".repeat(100)
    ));
    let source = followed(&world, 6).await;
    assert_eq!(filtered(&source), [("blank", 1), ("startup", 1)]);
    assert_eq!(source.dead[0].count.unwrap().events, 4);
    let kept = quarantined(&world);
    assert_eq!(kept.len(), 4);
    assert!(kept.iter().all(|held| !held.to_string().contains("secret")), "{kept:#?}");
    assert_eq!(kept[0]["line"], "E1123 token");
    assert_eq!(kept[1]["line"], "{token");
    assert!(kept[1]["why"].as_str().unwrap().contains("the rule `breaks` masked it"));
    assert_eq!(kept[2]["bytes"], long.len());
    assert!(kept[3]["why"].as_str().unwrap().contains("the rule `grows`"));
    assert_eq!(kept[3]["line"], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn masks_that_make_lines_longer_lose_none_in_plain_and_compressed_files() {
    let mut world = world(vec![mask("longer", "Event", &"e".repeat(700))]);
    world.config.max_line_size = ByteSize::kib(1);
    world.config.chunk_size = ByteSize::kib(4);
    world.append(events(0..300));
    gzip(&world.rotate(1));
    world.append(events(300..600));
    followed(&world, 600).await;
    let expected: Vec<String> =
        (0..600).map(|number| event(number).replace("Event", &"e".repeat(700))).collect();
    assert!(taken(&world) == expected);
    assert!(world.next.batches().iter().all(|batch| batch.block_bytes <= 4 << 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_masked_line_that_the_next_stage_never_takes_is_dead_with_the_bytes_that_were_read() {
    let world = world(vec![mask("ids", "auditID", "id")]);
    world.next.answers_now(|batch| {
        match batch.lines().unwrap().iter().any(|line| line.bytes.ends_with(b"\"13\"}")) {
            true => Err(proto::Refusal::Invalid { why: "thirteen".into() }),
            false => Ok(()),
        }
    });
    world.append(events(0..40));
    let source = followed(&world, 40).await;
    assert_eq!(source.dead[0].count.unwrap().bytes, event(13).len() as u64 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_cannot_be_applied_is_refused_before_anything_is_opened() {
    let world =
        world(vec![rule(RuleType::ExcludeAtMatch, "good", "a"), rule(RuleType::IncludeAtMatch, "bad", "(")]);
    let (config, stage) = (world.config.clone(), world.next.stage());
    let refused =
        tokio::task::spawn_blocking(|| collector::Collector::open(config, stage).err()).await.unwrap();
    let said = refused.unwrap().to_string();
    assert!(said.starts_with("collector.logs.0: `log_processing_rules` "), "{said}");
    assert!(said.contains("number 1, `bad`") && said.contains("unclosed group"), "{said}");
    assert!(!world.queue_dir().exists());
}
