//! `denied` as a person or a script runs it, over the log of attempts whose truth is known.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use audit::rbac::{Objects, Rbac, Request, Target, Who};
use serde_json::{Value, json};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let scratch = tempfile::tempdir().unwrap();
        let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audit/tests/fixtures/rbac/audit.log.zst");
        let packed = std::fs::read(packed).unwrap();
        std::fs::write(scratch.path().join("audit.log"), zstd::decode_all(&packed[..]).unwrap()).unwrap();
        Place(scratch)
    }

    /// Writes a log of these events.
    fn log(&self, events: &[Value]) {
        let lines: Vec<String> = events.iter().map(Value::to_string).collect();
        std::fs::write(self.0.path().join("own.log"), lines.join("\n") + "\n").unwrap();
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
        command.current_dir(self.0.path()).env("AUDITRAIL_STATES", "none").stdin(Stdio::null());
        let output = command.args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Whatever the exit code.
    fn suggested(&self, arguments: &str) -> String {
        std::fs::write(self.0.path().join("none.yaml"), "kind: List\napiVersion: v1\nitems: []\n").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
        command.current_dir(self.0.path()).env("AUDITRAIL_STATES", "none").stdin(Stdio::null());
        String::from_utf8(command.args(arguments.split(' ')).output().unwrap().stdout).unwrap()
    }

    fn json(&self, arguments: &str) -> Value {
        serde_json::from_slice(&self.run(&format!("{arguments} -o json")).stdout).unwrap()
    }
}

/// An event of a request for a resource in the core group; `what` is `resource/name/subresource`.
fn asked(second: u32, user: &str, verb: &str, what: &str, code: i32) -> Value {
    let mut words = what.split('/');
    let [resource, name, subresource] = [(); 3].map(|()| words.next().unwrap_or_default());
    let object = json!({"resource": resource, "name": name, "subresource": subresource, "namespace": "shop",
        "apiVersion": "v1"});
    let mut event = of_path(second, user, &format!("/api/v1/namespaces/shop/{what}"), code);
    event["verb"] = verb.into();
    event["objectRef"] = object;
    event
}

/// An event of a `get` of a path.
fn of_path(second: u32, user: &str, uri: &str, code: i32) -> Value {
    let time = format!("2026-11-23T06:{:02}:{:02}.000000Z", second / 60, second % 60);
    let decision = if code == 403 { "forbid" } else { "allow" };
    json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": format!("id-{second}"),
        "stage": "ResponseComplete", "requestURI": uri, "verb": "get", "user": {"username": user},
        "requestReceivedTimestamp": time, "stageTimestamp": time, "responseStatus": {"metadata": {}, "code": code},
        "annotations": {"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": ""}})
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

#[test]
fn a_star_that_was_asked_for_never_becomes_a_wildcard_in_a_role() {
    let place = Place::new();
    let mut verb = of_path(4, "bob", "/x", 403);
    verb["verb"] = "*".into();
    place.log(&[
        of_path(1, "bob", "/*", 403),
        of_path(2, "bob", "/foo*", 403),
        asked(3, "bob", "create", "*/x/exec", 403),
        verb,
        asked(5, "bob", "get", "*/x/scale", 403),
    ]);
    let report = place.json("denied own.log");
    for row in report["refused"].as_array().unwrap() {
        assert!(row["fix"].is_null(), "{row}");
        assert!(row["warnings"].to_string().contains("wildcard"), "{row}");
    }
    for mode in ["wanted", "fix"] {
        let wanted = place.suggested(&format!("rbac suggest own.log --roles none.yaml --mode {mode}"));
        assert!(wanted.contains("0/5 allowed, 0 permissions") || wanted.contains("0/5 refused"), "{wanted}");
        assert!(wanted.contains("not allowed: bob: get /*") && !wanted.contains("kind: "), "{wanted}");
    }
}

#[test]
fn the_roles_that_are_shown_can_be_applied_as_they_stand() {
    let place = Place::new();
    let mut of_one = asked(2, "alice", "list", "pods", 403);
    of_one["objectRef"]["name"] = "x".into();
    place.log(&[
        asked(1, "alice", "list", "pods", 403),
        of_one,
        of_path(3, "alice", "/logs/kube%20x.log", 403),
        of_path(4, "alice", "/m-x/y", 403),
        of_path(5, "alice", "/m/x-y", 403),
        asked(6, "alice", "get", "pods/x", 403),
    ]);
    let text = String::from_utf8(place.run("denied own.log --fix").stdout).unwrap();
    let (_, yaml) = text.split_once("\n---\n").unwrap();
    assert!(yaml.starts_with("# alice "), "{text}");
    let objects = Objects::read(yaml).unwrap();
    let names: std::collections::BTreeSet<_> =
        objects.roles.iter().map(|role| (&role.namespace, &role.name)).collect();
    assert_eq!((names.len(), objects.roles.len()), (5, 5), "{text}");
    let rbac = Rbac::new(objects);
    for request in [
        Request::resource("list", "", "pods", "shop", ""),
        Request::resource("list", "", "pods", "shop", "x"),
        Request::resource("get", "", "pods", "shop", "x"),
        Request::path("get", "/logs/kube x.log"),
        Request::path("get", "/m-x/y"),
        Request::path("get", "/m/x-y"),
    ] {
        assert!(rbac.allowed(&Who::named("alice"), &request).is_allowed(), "{request}: {text}");
    }
    let other = Request::resource("get", "", "pods", "shop", "y");
    assert!(!rbac.allowed(&Who::named("alice"), &other).is_allowed());
}
