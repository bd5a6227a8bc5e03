//! What the documents for operators say, held against the programs: words that are quoted are said, configurations that
//! are shown pass the check.

use std::path::{Path, PathBuf};

use tests::process::command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn document(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The sources of the programs in one text, with texts that go over several lines joined as the compiler joins them.
fn sources() -> String {
    let mut joined = String::new();
    for name in
        ["auditrail", "chassis", "collector", "insight", "lake", "proto", "queue", "router", "shipper"]
    {
        collect(&root().join(name).join("src"), &mut joined);
    }
    joined
}

fn collect(directory: &Path, joined: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, joined);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut parts = text.split("\\\n");
        joined.push_str(parts.next().unwrap());
        parts.for_each(|part| joined.push_str(part.trim_start()));
    }
}

#[test]
fn the_words_that_troubleshooting_quotes_are_said_by_the_programs() {
    let (document, sources) = (document("troubleshooting.md"), sources());
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" |"));
    // A word alone is a name; what Kubernetes says stands behind `pods:` or `the pod`.
    let quoted = rows.flat_map(|(cell, _)| cell.split('`').step_by(2)).filter(|words| words.contains(' '));
    let quoted: Vec<&str> = quoted.collect();
    assert!(quoted.len() > 20, "{quoted:?}");
    let unsaid: Vec<_> = quoted.iter().filter(|words| !sources.contains(**words)).collect();
    assert!(unsaid.is_empty(), "nobody says: {unsaid:?}");
}

#[test]
fn the_configurations_of_a_migration_pass_the_check() {
    let document = document("migration.md");
    let shown: Vec<&str> =
        document.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(shown.len(), 2);
    for yaml in shown {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("auditrail.yaml");
        std::fs::write(&file, yaml).unwrap();
        let checked = command("auditrail").args(["config", "check"]).arg(&file).output().unwrap();
        assert!(checked.status.success(), "{yaml}{}", String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn documents_link_to_files_that_there_are() {
    let mut looked_at = 0;
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            looked_at += 1;
            let file = target.split('#').next().unwrap();
            assert!(root().join("docs").join(file).exists(), "{}: {target}", path.display());
        }
    }
    assert!(looked_at > 10);
}
