//! `import datadog-registry`: a migration from the Agent, as an operator does it.

use super::*;

/// A registry of an Agent that has sent so many bytes of the log.
fn registry(directory: &Path, log: &Path, offset: usize, read_at: &str) -> std::path::PathBuf {
    let file = directory.join("registry.json");
    let entry =
        serde_json::json!({"LastUpdated": read_at, "Offset": offset.to_string(), "TailingMode": "end"});
    let text = serde_json::json!({"Version": 2, "Registry": {format!("file:{}", log.display()): entry}});
    std::fs::write(&file, text.to_string()).unwrap();
    file
}

fn import(registry: &Path, data: &Path) -> Output {
    let mut command = command("auditrail");
    command.args(["import", "datadog-registry"]).arg(registry).arg("--data").arg(data).output().unwrap()
}

#[test]
fn after_an_import_up_delivers_exactly_the_lines_that_the_agent_did_not() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let mut server = ApiServer::in_directory(scratch.path());
    let lines = superset();
    server.write_all(slices(&lines[..40]));
    let registry = registry(scratch.path(), server.path(), text(&lines[..25]).len(), "2020-01-01T00:00:00Z");
    server.rotate();
    server.write_all(slices(&lines[40..60]));
    let run = import(&registry, &data);
    assert!(run.status.success(), "{}", said(&run));
    assert!(printed(&run).contains("goes on at byte"), "{}", printed(&run));
    let run = once(server.path(), &data, &["--to", "stdout"]);
    assert_eq!(counted(&run.stdout), counted(&text(&lines[25..60])), "{}", said(&run));

    let run = import(&registry, &data);
    assert_eq!(run.status.code(), Some(1));
    assert!(said(&run).contains("has a position here already"), "{}", said(&run));
}

#[test]
fn a_registry_that_is_none_is_refused_and_no_directory_is_made() {
    let scratch = tempfile::tempdir().unwrap();
    let (file, data) = (scratch.path().join("registry.json"), scratch.path().join("data"));
    std::fs::write(&file, "{\"Version\":3}").unwrap();
    let run = import(&file, &data);
    assert_eq!(run.status.code(), Some(64));
    assert!(said(&run).contains("registry.json has the version 3"), "{}", said(&run));
    assert!(!data.exists());
}
