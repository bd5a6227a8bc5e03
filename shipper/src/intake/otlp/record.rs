//! One event as a `LogRecord`: the line as its body, the fields that people ask for as attributes.
//!
//! Names are those of OpenTelemetry's semantic conventions where these have one, else `auditrail.` and a name.

use std::io;

use audit::Event;

use crate::intake::dialect::Entry;
use crate::intake::identity;
use crate::intake::protobuf::{bytes_in, bytes_size, int_size, put_bytes, put_fixed64, put_head, put_int};
use crate::intake::severity::severity;

/// `ScopeLogs.log_records`.
const RECORDS: u64 = 2;

/// `LogRecord.body`.
const BODY: u64 = 5;

/// `LogRecord.attributes`.
const ATTRIBUTES: u64 = 6;

/// The resources whose name has an attribute of its own.
const NAMED: [(&str, &str); 10] = [
    ("pods", "k8s.pod.name"),
    ("deployments", "k8s.deployment.name"),
    ("replicasets", "k8s.replicaset.name"),
    ("statefulsets", "k8s.statefulset.name"),
    ("daemonsets", "k8s.daemonset.name"),
    ("jobs", "k8s.job.name"),
    ("cronjobs", "k8s.cronjob.name"),
    ("replicationcontrollers", "k8s.replicationcontroller.name"),
    ("horizontalpodautoscalers", "k8s.hpa.name"),
    ("resourcequotas", "k8s.resourcequota.name"),
];

/// Appends the record of an event of the log with this name. True when invalid UTF-8 was replaced.
pub(super) fn write(entry: &Entry<'_>, log: &str, out: &mut Vec<u8>) -> bool {
    let event = Event::scan(entry.line).ok();
    let severity = severity(event.as_ref().and_then(Event::code));
    let mut before = Vec::with_capacity(32);
    if let Some(time) = event.as_ref().and_then(Event::stage_micros) {
        put_fixed64(1, nanos(time), &mut before);
    }
    put_int(2, severity.number, &mut before);
    put_bytes(3, severity.name.as_bytes(), &mut before);
    let mut after = Vec::with_capacity(1024);
    identity(entry, log, &mut after);
    if let Some(event) = &event {
        request(event, &mut after);
        object(event, &mut after);
    }
    put_fixed64(11, nanos(entry.read_at_us), &mut after);
    if event.is_some() {
        put_bytes(12, b"k8s.audit", &mut after);
    }
    put(&before, entry.line, &after, out)
}

/// A record of the fields before the body, the body, and the fields behind it.
fn put(before: &[u8], line: &[u8], after: &[u8], out: &mut Vec<u8>) -> bool {
    let text = String::from_utf8_lossy(line);
    let value = bytes_size(1, text.len());
    put_head(RECORDS, before.len() + bytes_size(BODY, value) + after.len(), out);
    out.extend_from_slice(before);
    put_head(BODY, value, out);
    put_bytes(1, text.as_bytes(), out);
    out.extend_from_slice(after);
    text.as_bytes() != line
}

/// The line in a record.
pub(super) fn line(item: &[u8]) -> io::Result<Vec<u8>> {
    let record = bytes_in(item, RECORDS)?;
    let body = bytes_in(record.bytes_of(RECORDS).unwrap_or_default(), BODY)?;
    let text = bytes_in(body.bytes_of(BODY).unwrap_or_default(), 1)?;
    Ok(text.bytes_of(1).unwrap_or_default().to_vec())
}

/// The record with another line.
pub(super) fn with_line(item: &[u8], line: &[u8]) -> io::Result<Vec<u8>> {
    let record = bytes_in(item, RECORDS)?.bytes_of(RECORDS).unwrap_or_default();
    let body = bytes_in(record, BODY)?.place;
    let mut out = Vec::with_capacity(record.len() + line.len());
    put(&record[..body.start], line, &record[body.end..], &mut out);
    Ok(out)
}

fn nanos(micros: i64) -> u64 {
    u64::try_from(micros).unwrap_or_default().saturating_mul(1000)
}

/// Which line this is: two records with one `log.record.uid` are one.
fn identity(entry: &Entry<'_>, log: &str, out: &mut Vec<u8>) {
    said("log.record.uid", &identity::event(entry.queue, log, entry.number), out);
    said("auditrail.queue", &format!("{:032x}", u128::from_be_bytes(entry.queue)), out);
    number("auditrail.number", entry.number, out);
}

/// Who asked for what, and what the answer was.
fn request(event: &Event<'_>, out: &mut Vec<u8>) {
    said("auditrail.audit_id", &event.audit_id(), out);
    said("auditrail.level", event.level().name(), out);
    said("auditrail.stage", event.stage().name(), out);
    some("auditrail.verb", &event.verb(), out);
    if let Some(user) = event.user() {
        some("user.name", &user.username(), out);
    }
    if let Some(user) = event.impersonated_user() {
        some("auditrail.impersonated_user", &user.username(), out);
    }
    some("user_agent.original", &event.user_agent(), out);
    // All addresses but the last may be written by the client.
    if let Some(address) = event.source_ips().last() {
        some("client.address", &address, out);
    }
    let uri = event.request_uri();
    let (path, query) = uri.split_once('?').unwrap_or((&uri, ""));
    some("url.path", path, out);
    some("url.query", query, out);
    if let Some(code) = event.code() {
        number("http.response.status_code", code.into(), out);
    }
    if let Some(decision) = event.annotation("authorization.k8s.io/decision") {
        some("auditrail.decision", &decision, out);
    }
}

/// The object that was asked for.
fn object(event: &Event<'_>, out: &mut Vec<u8>) {
    let Some(object) = event.object_ref() else { return };
    some("k8s.namespace.name", &object.namespace, out);
    let own = NAMED.iter().find(|(resource, _)| *resource == object.resource);
    if let Some((_, name)) = own {
        some(name, &object.name, out);
    }
    some("auditrail.api_group", &object.api_group, out);
    some("auditrail.resource", &object.resource, out);
    some("auditrail.subresource", &object.subresource, out);
    some("auditrail.name", &object.name, out);
}

fn said(key: &str, value: &str, out: &mut Vec<u8>) {
    attribute(ATTRIBUTES, key, value, out);
}

/// An attribute, where there is something to say.
fn some(key: &str, value: &str, out: &mut Vec<u8>) {
    if !value.is_empty() {
        said(key, value, out);
    }
}

/// Appends an attribute, a `KeyValue` with a text, as field `field` of a message.
pub(super) fn attribute(field: u64, key: &str, value: &str, out: &mut Vec<u8>) {
    let any = bytes_size(1, value.len());
    put_head(field, bytes_size(1, key.len()) + bytes_size(2, any), out);
    put_bytes(1, key.as_bytes(), out);
    put_head(2, any, out);
    put_bytes(1, value.as_bytes(), out);
}

fn number(key: &str, value: u64, out: &mut Vec<u8>) {
    let any = int_size(3, value);
    put_head(ATTRIBUTES, bytes_size(1, key.len()) + bytes_size(2, any), out);
    put_bytes(1, key.as_bytes(), out);
    put_head(2, any, out);
    put_int(3, value, out);
}
