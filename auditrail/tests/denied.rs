//! `denied` as a person or a script runs it, over the log of attempts whose truth is known.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use audit::rbac::{Objects, Rbac, Request, Target, Who};
use serde_json::Value;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let scratch = tempfile::tempdir().unwrap();
        let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audit/tests/fixtures/rbac/audit.log.zst");
        let packed = std::fs::read(packed).unwrap();
        std::fs::write(scratch.path().join("audit.log"), zstd::decode_all(&packed[..]).unwrap()).unwrap();
        Place(scratch)
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
        command.current_dir(self.0.path()).env("AUDITRAIL_STATES", "none").stdin(Stdio::null());
        let output = command.args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn json(&self, arguments: &str) -> Value {
        serde_json::from_slice(&self.run(&format!("{arguments} -o json")).stdout).unwrap()
    }
}

fn counts(report: &Value) -> u64 {
    report["refused"].as_array().unwrap().iter().map(|row| row["count"].as_u64().unwrap()).sum()
}

#[test]
fn files_and_the_lake_tell_the_same_refusals() {
    let place = Place::new();
    place.run("up --once --path audit.log --to lake --data data");
    let of_files = place.json("denied audit.log");
    assert_eq!(of_files, place.json("denied --lake data/lake"));
    assert_eq!(counts(&of_files), 42);
    for kind in ["not-allowed", "refused-later", "undecided"] {
        assert!(of_files["refused"].as_array().unwrap().iter().any(|row| row["kind"] == kind), "{kind}");
    }
}

#[test]
fn every_role_that_is_proposed_allows_what_was_refused() {
    let report = Place::new().json("denied audit.log");
    let mut proposed = 0;
    for row in report["refused"].as_array().unwrap() {
        let Some(yaml) = row["fix"].as_str() else { continue };
        let text = |field: &str| row[field].as_str().unwrap().to_owned();
        let rbac = Rbac::new(Objects::read(yaml).unwrap());
        let target = match row["path"].as_str() {
            Some("") => Target::Resource {
                group: text("api_group"),
                resource: text("resource"),
                subresource: text("subresource"),
                namespace: text("namespace"),
                name: row["names"][0].as_str().unwrap_or_default().to_owned(),
            },
            path => Target::Path(path.unwrap().to_owned()),
        };
        let request = Request { verb: text("verb"), target };
        assert!(rbac.allowed(&Who::named(&text("subject")), &request).is_allowed(), "{row}");
        proposed += 1;
    }
    assert!(proposed > 5, "{proposed}");
}

#[test]
fn filters_ask_for_some_and_the_limit_says_how_many_more() {
    let place = Place::new();
    let all = place.json("denied audit.log");
    let user = all["refused"][0]["subject"].as_str().unwrap();
    let some = place.json(&format!("denied audit.log --user {user}"));
    assert!(counts(&some) < counts(&all) && counts(&some) > 0);
    assert!(some["refused"].as_array().unwrap().iter().all(|row| row["subject"] == user));
    let of_reader = place.json("denied audit.log --user *:reader --resource secrets -n shop --verb list");
    assert_eq!((counts(&of_reader), of_reader["refused"].as_array().unwrap().len()), (2, 1));
    let named = place.json("denied audit.log --name pod-*");
    assert!(counts(&named) > 0 && counts(&named) < counts(&all));
    let table = String::from_utf8(place.run("denied audit.log --limit 1 --fix").stdout).unwrap();
    let more = all["refused"].as_array().unwrap().len() - 1;
    assert!(table.contains(&format!("{more} more rows")), "{table}");
}
