//! A migration from the Datadog Agent: reading goes on where its registry says, with no line skipped or repeated.

use std::path::{Path, PathBuf};

use collector::{ImportError, Imported, import_registry};

use crate::next::Next;
use crate::world::{World, append, events, expected, gzip, zstd};

/// A registry with one entry for `path`, written when the Agent had read `offset` bytes.
fn registry(world: &World, path: &Path, offset: usize, time: &str) -> PathBuf {
    let file = world.path("registry.json");
    let entry = serde_json::json!({"LastUpdated": time, "Offset": offset.to_string(), "TailingMode": "end", "IngestionTimestamp": 0});
    let key = format!("file:{}", path.display());
    let text = serde_json::json!({"Version": 2, "Registry": {key: entry, "journald:default": {}}});
    std::fs::write(&file, text.to_string()).unwrap();
    file
}

async fn import(world: &World, registry: &Path) -> Result<Imported, ImportError> {
    let (config, registry) = (world.config.clone(), registry.to_owned());
    tokio::task::spawn_blocking(move || import_registry(&config, &registry)).await.unwrap()
}

/// Before the first rotation of a world, which is at 06:10:01.938.
const BEFORE: &str = "2026-11-23T06:10:00.5Z";
/// After its ninth.
const AFTER: &str = "2026-11-23T06:11:00.5Z";

/// A log of which the Agent has read five events of ten, with older siblings that it has read whole.
fn half_read() -> (World, usize) {
    let world = World::new(Next::takes_all());
    std::fs::write(world.path("audit-2026-11-23T05-00-00.000.log"), events(100..110)).unwrap();
    std::fs::write(world.path("audit-2026-11-22T05-00-00.000.log"), events(200..210)).unwrap();
    gzip(&world.path("audit-2026-11-22T05-00-00.000.log"));
    world.append(events(0..10));
    (world, events(0..5).len())
}

async fn remaining(world: &World) -> Vec<String> {
    world.append(events(10..12));
    world.run_once().await.unwrap();
    world.next.text_of(&world.log())
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_behind_the_last_line_that_the_agent_sent() {
    let (world, offset) = half_read();
    let imported = import(&world, &registry(&world, &world.log(), offset, AFTER)).await.unwrap();
    let [taken] = &imported.taken[..] else { panic!("{imported:?}") };
    assert_eq!((&taken.file, taken.offset, taken.notes.len()), (&world.log(), offset as u64, 0));
    assert!(imported.passed_over[0].starts_with("journald:default is not taken"), "{imported:?}");
    assert_eq!(remaining(&world).await, expected(5..12));
    world.run_once().await.unwrap();
    assert_eq!(world.next.count(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_rotated_since_goes_on_in_its_sibling_plain_or_compressed() {
    type Pack = fn(&Path);
    let packs: [Pack; 3] = [|_| {}, gzip, zstd];
    for pack in packs {
        let (world, offset) = half_read();
        let registry = registry(&world, &world.log(), offset, BEFORE);
        pack(&world.rotate(1));
        world.append(events(20..25));
        world.rotate(2);
        let imported = import(&world, &registry).await.unwrap();
        assert_eq!(imported.taken[0].offset, offset as u64, "{imported:?}");
        assert!(imported.taken[0].file.to_str().unwrap().contains("06-10-01.938"));
        assert_eq!(remaining(&world).await, expected((5..10).chain(20..25).chain(10..12)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_between_import_and_start_is_no_trouble() {
    let (world, offset) = half_read();
    import(&world, &registry(&world, &world.log(), offset, BEFORE)).await.unwrap();
    gzip(&world.rotate(1));
    assert_eq!(remaining(&world).await, expected(5..12));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_read_from_a_renamed_file_before_the_agent_noticed_belongs_to_that_file() {
    let (world, offset) = half_read();
    world.rotate(1);
    world.append(events(20..21));
    let registry = registry(&world, &world.log(), offset, "2026-11-23T06:10:03Z");
    let imported = import(&world, &registry).await.unwrap();
    assert!(imported.taken[0].file.to_str().unwrap().contains("06-10-01.938"));
    assert_eq!(remaining(&world).await, expected((5..10).chain(20..21).chain(10..12)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_one_line_end_short_skips_and_repeats_nothing_and_one_within_a_line_repeats_it() {
    let (world, offset) = half_read();
    import(&world, &registry(&world, &world.log(), offset - 1, AFTER)).await.unwrap();
    assert_eq!(remaining(&world).await, expected(5..12));

    let world = World::new(Next::takes_all());
    world.append(events(0..10).replace('\n', "\r\n"));
    let offset = events(0..5).len() + 5;
    import(&world, &registry(&world, &world.log(), offset - 1, AFTER)).await.unwrap();
    assert_eq!(remaining(&world).await, expected(5..12));

    let (world, offset) = half_read();
    let imported = import(&world, &registry(&world, &world.log(), offset - 9, AFTER)).await.unwrap();
    assert!(imported.taken[0].notes[0].contains("within a line"), "{imported:?}");
    assert_eq!(remaining(&world).await, expected(4..12));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_has_a_position_already_keeps_it() {
    let (world, offset) = half_read();
    world.run_once().await.unwrap();
    let imported = import(&world, &registry(&world, &world.log(), offset, AFTER)).await.unwrap();
    assert!(imported.taken.is_empty() && imported.passed_over[1].contains("has a position here already"));
    world.run_once().await.unwrap();
    assert_eq!(world.next.count(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_the_place_where_the_agent_stopped_is_named_and_not_taken() {
    let (world, _) = half_read();
    let imported = import(&world, &registry(&world, &world.log(), 1 << 20, AFTER)).await.unwrap();
    assert!(imported.taken.is_empty() && imported.passed_over[1].contains("beyond the end"), "{imported:?}");
    let nowhere = world.path("nowhere.log");
    let imported = import(&world, &registry(&world, &nowhere, 1, AFTER)).await.unwrap();
    assert!(imported.taken.is_empty() && imported.passed_over[1].contains("does not exist"), "{imported:?}");
    assert_eq!(remaining(&world).await.len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_damaged_or_of_another_version_writes_nothing() {
    let (world, _) = half_read();
    for text in ["{\"Version\":2,\"Regis", "{\"Version\":1,\"Registry\":{}}"] {
        let file = world.path("registry.json");
        std::fs::write(&file, text).unwrap();
        let refused = import(&world, &file).await.unwrap_err();
        assert!(matches!(refused, ImportError::Registry { .. }), "{refused}");
        assert!(!world.queue_dir().exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_collector_is_not_imported_under() {
    let (world, offset) = half_read();
    append(&world.log(), events(50..51));
    let running = world.run().await;
    let refused = import(&world, &registry(&world, &world.log(), offset, AFTER)).await.unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    running.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_the_agent_reached_by_a_link_goes_on_under_the_path_that_is_configured() {
    let (world, offset) = half_read();
    let link = world.path("link.log");
    std::os::unix::fs::symlink(world.log(), &link).unwrap();
    let imported = import(&world, &registry(&world, &link, offset, AFTER)).await.unwrap();
    assert_eq!(imported.taken[0].path, world.log());
    assert_eq!(remaining(&world).await, expected(5..12));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_no_entry_asks_for_is_taken_and_that_is_said() {
    let (world, _) = half_read();
    append(&world.path("other.log"), events(0..3));
    let imported = import(&world, &registry(&world, &world.path("other.log"), 0, AFTER)).await.unwrap();
    assert!(imported.taken[0].notes[0].contains("no entry of the configuration asks for it"), "{imported:?}");
}
