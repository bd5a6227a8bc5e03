//! What the columns say is what the events say, as an independent JSON reader sees them.

use crate::sample::{RECEIVED_US, filled, lines};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch, StructArray};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Every row as JSON, by its number.
fn table(lines: &[Vec<u8>]) -> BTreeMap<i64, Value> {
    let open = filled(lines);
    let schema = lake::schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let mut table = BTreeMap::new();
    for file in open.lake.files().unwrap() {
        for batch in open.lake.read(&file, &names).unwrap() {
            let batch = batch.unwrap();
            assert_eq!(batch.schema(), schema, "types changed on the way through the file");
            table.extend(
                (0..batch.num_rows())
                    .map(|row| row_of(&batch, row))
                    .map(|row| (row["seq"].as_i64().unwrap(), row)),
            );
        }
    }
    table
}

fn row_of(batch: &RecordBatch, row: usize) -> Value {
    let schema = batch.schema();
    let cells = schema.fields().iter().zip(batch.columns());
    Value::Object(cells.map(|(field, cells)| (field.name().clone(), cell(cells, row))).collect())
}

fn cell(cells: &dyn Array, row: usize) -> Value {
    if cells.is_null(row) {
        return Value::Null;
    }
    if let Some(texts) = cells.as_string_opt::<i32>() {
        return texts.value(row).into();
    }
    if let Some(numbers) = cells.as_primitive_opt::<Int64Type>() {
        return numbers.value(row).into();
    }
    if let Some(numbers) = cells.as_primitive_opt::<Int32Type>() {
        return numbers.value(row).into();
    }
    if let Some(times) = cells.as_primitive_opt::<TimestampMicrosecondType>() {
        return times.value(row).into();
    }
    if let Some(list) = cells.as_list_opt::<i32>() {
        return list.value(row).as_string::<i32>().iter().collect::<Vec<_>>().into();
    }
    if let Some(map) = cells.as_map_opt() {
        return pairs(&map.value(row));
    }
    String::from_utf8_lossy(cells.as_binary::<i32>().value(row)).into()
}

fn pairs(pairs: &StructArray) -> Value {
    let (keys, values) = (pairs.column(0).as_string::<i32>(), pairs.column(1).as_string::<i32>());
    let pairs = keys.iter().zip(values.iter());
    Value::Object(pairs.map(|(key, value)| (key.unwrap().into(), value.unwrap().into())).collect())
}

#[test]
fn every_column_tells_what_the_event_tells() {
    let lines = lines();
    let table = table(&lines);
    assert_eq!(table.len(), lines.len());
    for (row, line) in table.values().zip(&lines) {
        let line = String::from_utf8_lossy(line);
        let event: Value = serde_json::from_str(&line).unwrap();
        let at = |path: &str| event.pointer(path).cloned().unwrap_or(Value::Null);
        for (column, path) in [
            ("audit_id", "/auditID"),
            ("stage", "/stage"),
            ("level", "/level"),
            ("verb", "/verb"),
            ("user", "/user/username"),
            ("impersonated_user", "/impersonatedUser/username"),
            ("api_group", "/objectRef/apiGroup"),
            ("api_version", "/objectRef/apiVersion"),
            ("resource", "/objectRef/resource"),
            ("subresource", "/objectRef/subresource"),
            ("namespace", "/objectRef/namespace"),
            ("name", "/objectRef/name"),
            ("code", "/responseStatus/code"),
            ("reason", "/responseStatus/reason"),
            ("decision", "/annotations/authorization.k8s.io~1decision"),
            ("authz_reason", "/annotations/authorization.k8s.io~1reason"),
            ("user_agent", "/userAgent"),
            ("request_uri", "/requestURI"),
            ("annotations", "/annotations"),
            ("impersonated_groups", "/impersonatedUser/groups"),
            ("impersonated_uid", "/impersonatedUser/uid"),
        ] {
            assert_eq!(row[column], at(path), "{column} of {line}");
        }
        let last_ip = at("/sourceIPs").as_array().and_then(|ips| ips.last().cloned()).unwrap_or(Value::Null);
        assert_eq!(row["source_ip"], last_ip, "{line}");
        let groups = at("/user/groups");
        let nobody = at("/user/username").is_null();
        assert_eq!(row["groups"], if groups.is_null() && !nobody { json!([]) } else { groups }, "{line}");
        let extra = row["impersonated_extra"].as_str().map(|extra| serde_json::from_str(extra).unwrap());
        assert_eq!(extra.unwrap_or(Value::Null), at("/impersonatedUser/extra"), "{line}");
        let own = if at("/responseStatus/code").as_u64() >= Some(400) {
            at("/responseObject/message")
        } else {
            Value::Null
        };
        let answer = Some(at("/responseStatus/message")).filter(|answer| !answer.is_null()).unwrap_or(own);
        assert_eq!(row["message"], answer, "{line}");
        assert_eq!(row["raw"], *line);
    }
}

#[test]
fn what_only_the_pipe_knows_is_in_every_row() {
    let lines = lines();
    for ((seq, row), line) in table(&lines).iter().zip(&lines) {
        assert_eq!(row["received"], RECEIVED_US);
        assert_eq!((&row["cluster"], &row["node"]), (&json!("prod"), &json!("cp-1")));
        assert_eq!(row["origin"], "prod/cp-1:/var/log/kubernetes/apiserver/audit.log");
        assert_eq!((&row["bytes"], &row["seq"]), (&json!(line.len()), &json!(seq)));
    }
}

/// One event with what the sample's old API server did not write yet.
fn slow(stage: &str, annotations: &Value) -> Vec<u8> {
    let event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": stage,
        "verb": "update", "userAgent": "kubectl/v1.36.1 (linux/amd64) kubernetes/abc",
        "requestReceivedTimestamp": "2026-11-23T06:59:59.900000Z", "stageTimestamp": "2026-11-23T07:00:01.400001Z",
        "annotations": annotations,
    });
    event.to_string().into_bytes()
}

#[test]
fn latency_is_counted_at_the_end_of_a_request_and_the_servers_own_part_leaves_webhooks_and_queueing_out() {
    let annotations = json!({
        "apiserver.latency.k8s.io/total": "1.500001s", "apiserver.latency.k8s.io/etcd": "12.3ms",
        "apiserver.latency.k8s.io/mutating-webhook": "250ms", "apiserver.latency.k8s.io/validating-webhook": "1s",
        "apiserver.latency.k8s.io/apf-queue-wait": "1.5µs",
    });
    let broken = json!({"apiserver.latency.k8s.io/mutating-webhook": "soon"});
    let lines = [
        slow("ResponseComplete", &annotations),
        slow("Panic", &json!({})),
        slow("ResponseComplete", &broken),
        slow("RequestReceived", &annotations),
        slow("ResponseStarted", &annotations),
    ];
    let table = table(&lines);
    let latencies: Vec<_> =
        table.values().map(|row| (row["latency_us"].as_i64(), row["sli_latency_us"].as_i64())).collect();
    assert_eq!(
        latencies,
        [
            (Some(1_500_001), Some(250_000)),
            (Some(1_500_001), Some(1_500_001)),
            (Some(1_500_001), Some(1_500_001)),
            (None, None),
            (None, None)
        ]
    );
    assert_eq!(table[&100]["time"], 1_795_417_201_400_001_i64);
    assert_eq!(table[&100]["client"], "kubectl");
    assert_eq!(table[&100]["scope"], "nonresource");
}

#[test]
fn a_repeated_annotation_is_there_once_with_its_last_value() {
    let line = br#"{"level":"Metadata","stage":"Panic","annotations":{"b":"1","a":"2","b":"3"}}"#.to_vec();
    assert_eq!(table(&[line])[&100]["annotations"], json!({"a": "2", "b": "3"}));
}

#[test]
fn an_answer_that_only_the_body_of_a_failure_tells_is_told() {
    let event = |code: u16, status: &str, body: &str| {
        let status = format!(r#"{{"code":{code}{status}}}"#);
        let body =
            format!(r#""responseStatus":{status},"responseObject":{{"kind":"Status","message":"{body}"}}"#);
        format!(r#"{{"level":"RequestResponse","stage":"ResponseComplete",{body}}}"#).into_bytes()
    };
    let own = r#","message":"own""#;
    let lines = [
        event(403, "", "of body"),
        event(403, own, "of body"),
        event(200, "", "of body"),
        event(404, "", ""),
    ];
    let answers: Vec<_> = table(&lines).into_values().map(|row| row["message"].clone()).collect();
    assert_eq!(answers, [json!("of body"), json!("own"), Value::Null, Value::Null]);
}
