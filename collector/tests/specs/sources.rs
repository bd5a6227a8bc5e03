//! Which files are a log, and whose.

use chassis::datadog::{LogsEntry, StartPosition};

use crate::next::Next;
use crate::world::{World, append, events, expected};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_several_entries_reach_is_read_once() {
    let mut world = World::new(Next::takes_all());
    world.append(events(0..5));
    append(&world.path("other.log"), events(5..8));
    world.config.logs.push(LogsEntry::audit_log(world.path("*.log")));
    world.config.logs.push(LogsEntry::audit_log(world.path("hard.link")));
    std::fs::hard_link(world.log(), world.path("hard.link")).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(world.log(), world.path("soft.link")).unwrap();
        world.config.logs.push(LogsEntry::audit_log(world.path("soft.link")));
    }
    world.run_once().await.unwrap();
    assert_eq!(world.next.count(), 8);
    assert_eq!(world.next.text_of(&world.log()), expected(0..5));
    assert_eq!(world.next.text_of(&world.path("other.log")), expected(5..8));
}

#[tokio::test(flavor = "multi_thread")]
async fn siblings_that_a_pattern_matches_belong_to_their_log() {
    let mut world = World::new(Next::takes_all());
    world.config.logs = vec![LogsEntry::audit_log(world.path("*.log"))];
    world.append(events(0..5));
    world.rotate(1);
    world.append(events(5..10));
    world.run_once().await.unwrap();
    assert_eq!(world.next.text_of(&world.log()), expected(0..10));
    assert_eq!(world.next.count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sibling_that_is_given_alone_is_a_log_of_its_own() {
    let mut world = World::new(Next::takes_all());
    world.append(events(0..5));
    let rotated = world.rotate(1);
    world.append(events(5..10));
    world.config.logs = vec![LogsEntry::audit_log(&rotated)];
    world.run_once().await.unwrap();
    assert_eq!(world.next.text_of(&rotated), expected(0..5));
    assert_eq!(world.next.count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn excluded_paths_are_left_out() {
    let mut world = World::new(Next::takes_all());
    let mut entry = LogsEntry::audit_log(world.path("*.log"));
    entry.exclude_paths = vec![world.path("secret*.log").to_str().unwrap().to_owned()];
    world.config.logs = vec![entry];
    world.append(events(0..5));
    append(&world.path("secret-1.log"), events(5..10));
    world.run_once().await.unwrap();
    assert_eq!(world.next.count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_begins_at_the_end_reads_what_is_written_from_then_on() {
    let mut world = World::new(Next::takes_all());
    world.config.logs[0].start_position = Some(StartPosition::End);
    world.append(events(0..5));
    world.rotate(1);
    world.append(events(5..10));
    world.append(&events(10..11)[..5]);
    let running = world.run().await;
    running
        .until("two files", |status| status.sources.first().is_some_and(|source| source.files.len() == 2))
        .await;
    world.append(&events(10..11)[5..]);
    world.next.until_count(1).await;
    running.stop().await;
    world.append(events(11..12));
    world.catch_up(2).await;
    assert_eq!(world.next.text_of(&world.log()), expected(10..12));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_position_is_taken_at_every_start_and_a_plain_one_once() {
    let mut world = World::new(Next::takes_all());
    world.append(events(0..5));
    world.config.logs[0].start_position = Some(StartPosition::ForceBeginning);
    world.run_once().await.unwrap();
    world.run_once().await.unwrap();
    assert_eq!(world.next.count(), 10);
    assert!(world.next.lines_of(&world.log()).into_keys().eq(1..=10), "numbers go on");
    world.config.logs[0].start_position = Some(StartPosition::ForceEnd);
    world.append(events(5..8));
    world.run_once().await.unwrap();
    assert_eq!(world.next.count(), 10);
    world.config.logs[0].start_position = Some(StartPosition::End);
    world.append(events(8..9));
    world.run_once().await.unwrap();
    assert_eq!(world.next.count(), 11, "a position that is known holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn origins_carry_what_the_entry_says() {
    let mut world = World::new(Next::takes_all());
    world.config.cluster = "prod".into();
    world.config.node = Some("cp-1.prod".into());
    world.config.logs[0].tags = vec!["team:a".into()];
    world.append(events(0..1));
    world.run_once().await.unwrap();
    let origin = world.next.batches()[0].origin.clone().unwrap();
    assert_eq!(
        (origin.cluster.as_str(), origin.node.as_str(), origin.collector.as_str()),
        ("prod", "cp-1.prod", "cp-1")
    );
    assert_eq!((origin.source.as_str(), origin.service.as_str()), ("kubernetes.audit", "audit"));
    assert_eq!(origin.tags, ["team:a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_conf_dir_is_followed_and_its_rules_apply() {
    let mut world = World::new(Next::takes_all());
    let conf = world.path("conf.d/kubernetes_audit.d");
    std::fs::create_dir_all(&conf).unwrap();
    let entry = format!(
        "  - type: file\n    path: {:?}\n    source: kubernetes.audit\n    service: audit\n",
        world.log()
    );
    std::fs::write(conf.join("conf.yaml"), format!("logs:\n{entry}")).unwrap();
    (world.config.logs, world.config.conf_dir) = (Vec::new(), Some(world.path("conf.d")));
    world.append(events(0..3));
    world.run_once().await.unwrap();
    assert_eq!(world.next.text_of(&world.log()), expected(0..3));
    let rule =
        "    log_processing_rules: [{type: exclude_at_match, name: n, pattern: '{\"kind\":.*\"4\"}'}]\n";
    std::fs::write(conf.join("conf.yaml"), format!("logs:\n{entry}{rule}")).unwrap();
    world.append(events(3..6));
    world.run_once().await.unwrap();
    assert_eq!(world.next.text_of(&world.log()), expected([0, 1, 2, 3, 5]));
    std::fs::write(conf.join("conf.yaml"), format!("logs:\n{entry}{}", rule.replace(".*", "("))).unwrap();
    let (config, stage) = (world.config.clone(), world.next.stage());
    let refused =
        tokio::task::spawn_blocking(|| collector::Collector::open(config, stage).err()).await.unwrap();
    let said = refused.unwrap().to_string();
    assert!(said.contains("conf.yaml: logs.0: `log_processing_rules`") && said.contains("`n`"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_does_not_starve_a_short_one() {
    let mut world = World::new(Next::takes_all());
    world.config.chunk_size = crate::world::SMALL;
    world.append(events(0..20_000));
    append(&world.path("short.log"), events(0..1));
    world.config.logs.push(LogsEntry::audit_log(world.path("short.log")));
    world.run_once().await.unwrap();
    let batches = world.next.batches();
    let short = world.path("short.log");
    let at = batches.iter().position(|batch| batch.origin.as_ref().unwrap().path == short.to_str().unwrap());
    assert!(at.unwrap() < batches.len() / 10, "{at:?} of {}", batches.len());
    assert_eq!(world.next.count(), 20_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn collection_that_is_switched_off_reads_nothing_and_says_so() {
    let mut world = World::new(Next::takes_all());
    world.config.enabled = false;
    world.append(events(0..5));
    let running = world.run().await;
    let status = running.until("the reason", |status| !status.problems.is_empty()).await;
    assert!(status.problems[0].contains("switched off"), "{:?}", status.problems);
    running.stop().await;
    assert_eq!(world.next.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sibling_that_was_found_before_its_log_stays_a_log_of_its_own() {
    let mut world = World::new(Next::takes_all());
    world.config.logs = vec![LogsEntry::audit_log(world.path("*.log"))];
    let sibling = world.rotated(1);
    append(&sibling, events(0..5)); // between the renaming and the making of the new file
    world.catch_up(5).await;
    world.append(events(5..10));
    world.catch_up(10).await;
    world.append(events(10..11));
    world.run_once().await.unwrap();
    assert_eq!(world.next.count(), 11, "nothing is read twice");
    std::fs::hard_link(world.log(), world.path("hard.link")).unwrap();
    world.config.logs.insert(0, LogsEntry::audit_log(world.path("hard.link")));
    world.run_once().await.unwrap();
    assert_eq!(world.next.count(), 11, "nor by a name that was not known before");
    assert_eq!(world.next.text_of(&sibling), expected(0..5));
}
