//! What the Dockerfile builds from is in what it is given.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::manifests::rendered::root;

/// The first parts of the paths that `.dockerignore` lets through.
fn given() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(".dockerignore")).unwrap();
    assert!(text.starts_with("*\n"), "nothing is given but what is named");
    text.lines().filter_map(|line| line.strip_prefix('!')).map(str::to_owned).collect()
}

/// A path below the root, without its `..`, in its first part.
fn first_part(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            _ => {}
        }
    }
    parts.remove(0)
}

/// The files that a source has put into the program, as it names them.
fn included(text: &str) -> impl Iterator<Item = &str> {
    let calls = ["include_str!(\"", "include_bytes!(\""];
    let found = calls.into_iter().flat_map(|call| text.split(call).skip(1));
    found.filter_map(|rest| rest.split('"').next())
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn what_the_dockerfile_builds_from_is_given_to_it() {
    let given = given();
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.len() > 8 && members.iter().all(|member| given.contains(*member)), "{members:?}");

    let mut files = Vec::new();
    members.iter().for_each(|member| sources(&root().join(member).join("src"), &mut files));
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let here = file.parent().unwrap().strip_prefix(root()).unwrap();
        for name in included(&text) {
            let part = first_part(&here.join(name));
            assert!(given.contains(&part), "{}: {name} is not in .dockerignore", file.display());
        }
    }
    assert!(["Cargo.toml", "Cargo.lock", "packaging"].iter().all(|name| given.contains(*name)));
}
