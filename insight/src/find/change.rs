//! What a write changed, in a few words: `image web nginx:1 -> nginx:2`, `replicas 1 -> 3`.
//!
//! Promises: only what was written is told, the value before only where an earlier event of the same object told it and
//! none between them is missing; what was only tried is no value before; of secrets no value is ever told; the words are
//! few and short, whatever was written.

use std::collections::{BTreeMap, HashMap};

use audit::Event as Logged;
use serde_json::Value;

use super::Event;
use crate::filter::resource_name;

/// Most words of one event.
const MOST: usize = 8;
/// Most characters of a value.
const VALUE: usize = 80;
/// Most fields that are named where nothing better can be told.
const FIELDS: usize = 3;

/// What is known of an object: its facts by their names.
type Facts = BTreeMap<String, String>;

/// Tells what events changed, which are in the order of time; `is_whole` says that no write of their objects is missing
/// between them. What was only tried changes nothing of what comes after it.
pub(super) fn tell(events: &mut [Event], is_whole: bool) {
    let mut known: HashMap<[String; 5], Facts> = HashMap::new();
    for event in events {
        if !event.code.is_some_and(|code| (200..300).contains(&code)) {
            continue;
        }
        let Event { cluster, api_group, resource, namespace, name, .. } = &*event;
        let object = [cluster, api_group, resource, namespace, name].map(String::clone);
        if event.verb == "delete" && event.subresource.is_empty() && !event.dry_run {
            known.remove(&object);
        }
        if matches!(event.verb.as_str(), "create" | "update" | "patch") {
            let mut facts = known.remove(&object).unwrap_or_default();
            let before = (event.dry_run || !is_whole).then(|| facts.clone());
            event.changed = changed(event, &mut facts);
            known.insert(object, before.unwrap_or(facts));
        }
    }
}

fn changed(event: &Event, known: &mut Facts) -> Vec<String> {
    let Ok(logged) = Logged::scan(&event.line) else { return Vec::new() };
    let body = |bytes: Option<&[u8]>| -> Option<Value> {
        serde_json::from_str(&String::from_utf8_lossy(bytes?)).ok()
    };
    // What comes of bindings, evictions and tokens is no object of this kind.
    if !matches!(event.subresource.as_str(), "" | "scale" | "status" | "ephemeralcontainers") {
        return Vec::new();
    }
    let (request, response) = (body(logged.request_object()), body(logged.response_object()));
    let is_secret = resource_name(&event.api_group, &event.resource, "") == "secrets";
    let facts = |value: &Option<Value>| value.as_ref().map(|value| facts(value, is_secret));
    let (asked, now) = (facts(&request).unwrap_or_default(), facts(&response).unwrap_or_default());
    let mut told = Vec::new();
    for (name, value) in &asked {
        // What is stored is what came of it.
        let value = now.get(name).unwrap_or(value);
        match known.get(name) {
            Some(before) if before == value => {}
            Some(before) if !is_hidden(before) => told.push(format!("{name} {before} -> {value}")),
            Some(_) => told.push(name.clone()),
            // An update writes everything, so that a value alone is no change.
            None if event.verb == "update" => {}
            None if is_hidden(value) => told.push(name.clone()),
            None => told.push(format!("{name} {value}")),
        }
    }
    if event.verb == "patch" && told.is_empty() && asked.is_empty() {
        told = request.iter().flat_map(fields).collect();
    }
    known.extend(asked);
    known.extend(now);
    let more = told.len().saturating_sub(MOST);
    told.truncate(MOST);
    told.extend((more > 0).then(|| format!("{more} more")));
    told
}

/// Values that are compared, but not told.
fn is_hidden(value: &str) -> bool {
    value.starts_with('\u{0}')
}

fn hidden(value: &Value) -> String {
    let mut hasher = crate::shares::Fnv::default();
    std::hash::Hasher::write(&mut hasher, value.to_string().as_bytes());
    format!("\u{0}{:x}", std::hash::Hasher::finish(&hasher))
}

/// The facts of an object, or of a patch.
fn facts(body: &Value, is_secret: bool) -> Facts {
    let mut facts = Facts::new();
    if let Value::Array(operations) = body {
        operations.iter().for_each(|operation| of_operation(operation, is_secret, &mut facts));
        return facts;
    }
    for field in ["data", "binaryData", "stringData"] {
        for (key, value) in body[field].as_object().into_iter().flatten() {
            facts.insert(format!("data {}", short(key)), hidden(value));
        }
    }
    if is_secret {
        return facts;
    }
    let spec = &body["spec"];
    for name in SPEC {
        add(&mut facts, name, &spec[name]);
    }
    let template = if spec["jobTemplate"].is_object() { &spec["jobTemplate"]["spec"] } else { spec };
    let pod = if template["template"].is_object() { &template["template"]["spec"] } else { spec };
    add(&mut facts, "serviceAccountName", &pod["serviceAccountName"]);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in pod[list].as_array().into_iter().flatten() {
            let name = short(container["name"].as_str().unwrap_or_default());
            add(&mut facts, format!("image {name}").trim_end(), &container["image"]);
        }
    }
    add(&mut facts, "role", &body["roleRef"]["name"]);
    if let Some(subjects) = body["subjects"].as_array() {
        let names: Vec<&str> = subjects.iter().filter_map(|subject| subject["name"].as_str()).collect();
        facts.insert("subjects".into(), short(&names.join(",")));
    }
    for (field, name) in [("rules", "rules"), ("webhooks", "webhooks")] {
        if body[field].is_array() {
            facts.insert(name.into(), hidden(&body[field]));
        }
    }
    facts
}

/// Fields of `spec` that people change by hand.
const SPEC: [&str; 8] =
    ["maxReplicas", "minReplicas", "paused", "replicas", "schedule", "suspend", "type", "unschedulable"];

/// The fact that one operation of a JSON patch sets.
fn of_operation(operation: &Value, is_secret: bool, facts: &mut Facts) {
    let path = operation["path"].as_str().unwrap_or_default();
    let (above, name) = path.rsplit_once('/').unwrap_or_default();
    match name {
        _ if above == "/data" => {
            facts.insert(format!("data {}", short(name)), hidden(&operation["value"]));
        }
        _ if is_secret => {}
        "image" | "serviceAccountName" => add(facts, name, &operation["value"]),
        name if above == "/spec" && SPEC.contains(&name) => add(facts, name, &operation["value"]),
        _ => {}
    }
}

fn add(facts: &mut Facts, name: &str, value: &Value) {
    let value = match value {
        Value::String(text) => short(text),
        Value::Number(number) => number.to_string(),
        Value::Bool(is) => is.to_string(),
        _ => return,
    };
    facts.insert(name.to_owned(), value);
}

/// The fields that a patch names, without their values.
fn fields(patch: &Value) -> Vec<String> {
    let mut named = Vec::new();
    match patch {
        Value::Array(operations) => {
            named.extend(operations.iter().filter_map(|operation| operation["path"].as_str()).map(short))
        }
        patch => leaves(patch, "", &mut named),
    }
    let more = named.len().saturating_sub(FIELDS);
    named.truncate(FIELDS);
    named.extend((more > 0).then(|| format!("{more} more fields")));
    named
}

fn leaves(value: &Value, path: &str, named: &mut Vec<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() && path.matches('.').count() < 5 => {
            for (name, value) in fields {
                let is_of_the_form = path.is_empty() && matches!(name.as_str(), "apiVersion" | "kind");
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let names_the_object = matches!(path.as_str(), "metadata.name" | "metadata.namespace");
                if !is_of_the_form && !names_the_object && !name.starts_with('$') {
                    leaves(value, &path, named);
                }
            }
        }
        _ => named.push(short(path)),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(VALUE) {
        None => text.replace('\u{0}', " "),
        Some((end, _)) => format!("{}...", text[..end].replace('\u{0}', " ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(verb: &str, resource: &str, below: &str, request: &str, response: &str) -> Event {
        let objects = [("requestObject", request), ("responseObject", response)];
        let objects: String = objects
            .iter()
            .filter(|(_, body)| !body.is_empty())
            .map(|(name, body)| format!(r#","{name}":{body}"#))
            .collect();
        let line = format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"1","stage":"ResponseComplete","requestURI":"/x","verb":"{verb}","user":{{"username":"jane"}},"objectRef":{{"resource":"{resource}","subresource":"{below}","namespace":"shop","name":"web","apiVersion":"v1"}},"responseStatus":{{"metadata":{{}},"code":200}}{objects},"requestReceivedTimestamp":"2026-11-23T06:00:00.000000Z","stageTimestamp":"2026-11-23T06:00:00.000000Z"}}"#
        );
        let mut found = super::super::Found::default();
        let query = super::super::Query { reads: true, newest: 1, ..super::super::Query::default() };
        found.take_lines(&query, "a.log", &[line.as_bytes()], None).unwrap();
        found.events.pop().unwrap()
    }

    fn told(mut events: Vec<Event>) -> Vec<String> {
        tell(&mut events, true);
        events.iter().map(|event| event.changed.join("; ")).collect()
    }

    fn deployment(replicas: u32, image: &str) -> String {
        format!(
            r#"{{"metadata":{{"name":"web"}},"spec":{{"replicas":{replicas},"template":{{"spec":{{"containers":[{{"name":"web","image":"{image}"}}]}}}}}}}}"#
        )
    }

    #[test]
    fn what_changed_is_told_with_the_value_before_where_the_log_has_it() {
        let image = r#"{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"nginx:3"}]}}}}"#;
        let events = vec![
            event("create", "deployments", "", &deployment(1, "nginx:1"), ""),
            event("update", "deployments", "", &deployment(1, "nginx:2"), ""),
            event("patch", "deployments", "scale", r#"{"spec":{"replicas":3}}"#, ""),
            event("update", "deployments", "", &deployment(3, "nginx:2"), ""),
            event("patch", "deployments", "", image, &deployment(3, "registry/nginx:3")),
            event("patch", "deployments", "", r#"[{"op":"replace","path":"/spec/replicas","value":0}]"#, ""),
            event("delete", "deployments", "", "", ""),
            event("update", "deployments", "", &deployment(9, "nginx:9"), ""),
            event("patch", "deployments", "", r#"{"metadata":{"labels":{"a":"b"}}}"#, ""),
        ];
        assert_eq!(
            told(events),
            [
                "image web nginx:1; replicas 1",
                "image web nginx:1 -> nginx:2",
                "replicas 1 -> 3",
                "",
                "image web nginx:2 -> registry/nginx:3",
                "replicas 3 -> 0",
                "",
                "",
                "metadata.labels.a",
            ]
        );
    }

    #[test]
    fn no_value_of_a_secret_or_a_config_map_is_told() {
        let events = vec![
            event("create", "secrets", "", r#"{"data":{"password":"aHVudGVyMg=="},"type":"Opaque"}"#, ""),
            event("patch", "secrets", "", r#"{"data":{"password":"b3RoZXI="}}"#, ""),
            event("patch", "secrets", "", r#"[{"op":"replace","path":"/data/password","value":"Yg=="}]"#, ""),
            event("patch", "secrets", "", r#"{"stringData":{"token":"hunter2"}}"#, ""),
        ];
        let told = told(events);
        assert_eq!(told, ["data password", "data password", "data password", "data token"]);
    }

    #[test]
    fn however_much_was_written_little_is_told() {
        let many: Vec<String> = (0..100).map(|key| format!(r#""k{key}":"v""#)).collect();
        let labels = format!(r#"{{"metadata":{{"labels":{{{}}}}}}}"#, many.join(","));
        let data = format!(r#"{{"data":{{{}}}}}"#, many.join(","));
        let long = format!(r#"{{"spec":{{"type":"{}"}}}}"#, "ö".repeat(5_000));
        let mut events = vec![
            event("patch", "pods", "", &labels, ""),
            event("patch", "configmaps", "", &data, ""),
            event("patch", "services", "", &long, ""),
        ];
        tell(&mut events, true);
        assert_eq!(events[0].changed.last().unwrap(), "97 more fields");
        assert_eq!((events[1].changed.len(), events[1].changed[8].as_str()), (9, "92 more"));
        assert!(events[2].changed[0].chars().count() < 100);
    }
}
