//! A stream of one entry: `PushRequest.streams`, with the line, its time and what goes along with it.

use std::io;

use audit::Event;

use crate::intake::dialect::Entry;
use crate::intake::protobuf::{bytes_in, bytes_size, fields, int_size, put_bytes, put_head, put_int};
use crate::intake::severity::severity;

/// `PushRequest.streams`.
pub(super) const STREAM: u64 = 1;

/// `StreamAdapter.labels` and `StreamAdapter.entries`.
pub(super) const LABELS: u64 = 1;
pub(super) const ENTRY: u64 = 2;

/// `EntryAdapter.timestamp`, `EntryAdapter.line` and `EntryAdapter.structuredMetadata`.
const TIME: u64 = 1;
const LINE: u64 = 2;
const METADATA: u64 = 3;

/// The line's number in its queue.
const NUMBER: &str = "auditrail_number";

/// Appends an event's stream, with metadata where the name of its log is given. True when invalid UTF-8 was replaced.
pub(super) fn write(
    entry: &Entry<'_>,
    event: Option<&Event<'_>>,
    labels: &[u8],
    log: Option<&str>,
    out: &mut Vec<u8>,
) -> bool {
    let micros = event.and_then(Event::stage_micros).unwrap_or(entry.read_at_us).max(0);
    let mut before = Vec::with_capacity(16);
    put_time(micros.unsigned_abs(), &mut before);
    let mut after = Vec::with_capacity(if log.is_some() { 1024 } else { 0 });
    if let Some(log) = log {
        if let Some(event) = event {
            about(event, &mut after);
        }
        pair("auditrail_queue", &format!("{:032x}", u128::from_be_bytes(entry.queue)), &mut after);
        pair("auditrail_log", log, &mut after);
        pair(NUMBER, &entry.number.to_string(), &mut after);
    }
    put(labels, &before, entry.line, &after, out)
}

fn put(labels: &[u8], before: &[u8], line: &[u8], after: &[u8], out: &mut Vec<u8>) -> bool {
    let text = String::from_utf8_lossy(line);
    let entry = before.len() + bytes_size(LINE, text.len()) + after.len();
    put_head(STREAM, bytes_size(LABELS, labels.len()) + bytes_size(ENTRY, entry), out);
    put_bytes(LABELS, labels, out);
    put_head(ENTRY, entry, out);
    out.extend_from_slice(before);
    put_bytes(LINE, text.as_bytes(), out);
    out.extend_from_slice(after);
    text.as_bytes() != line
}

fn put_time(micros: u64, out: &mut Vec<u8>) {
    let (seconds, nanos) = (micros / 1_000_000, micros % 1_000_000 * 1000);
    let parts = [(1, seconds), (2, nanos)].into_iter().filter(|(_, value)| *value > 0);
    put_head(TIME, parts.clone().map(|(field, value)| int_size(field, value)).sum(), out);
    parts.for_each(|(field, value)| put_int(field, value, out));
}

/// What people ask for by name.
fn about(event: &Event<'_>, out: &mut Vec<u8>) {
    pair("audit_id", &event.audit_id(), out);
    pair("audit_level", event.level().name(), out);
    pair("stage", event.stage().name(), out);
    pair("level", &severity(event.code()).name.to_ascii_lowercase(), out);
    pair("verb", &event.verb(), out);
    pair("user", &event.user().map(|user| user.username()).unwrap_or_default(), out);
    if let Some(code) = event.code() {
        pair("code", &code.to_string(), out);
    }
    let Some(object) = event.object_ref() else { return };
    pair("api_group", &object.api_group, out);
    pair("resource", &object.resource, out);
    pair("subresource", &object.subresource, out);
    pair("namespace", &object.namespace, out);
    pair("name", &object.name, out);
}

/// Appends a pair of the structured metadata, where it has a value.
fn pair(name: &str, value: &str, out: &mut Vec<u8>) {
    if value.is_empty() {
        return;
    }
    put_head(METADATA, bytes_size(1, name.len()) + bytes_size(2, value.len()), out);
    put_bytes(1, name.as_bytes(), out);
    put_bytes(2, value.as_bytes(), out);
}

/// Labels and entry of a stream of one.
fn taken_apart(item: &[u8]) -> io::Result<(&[u8], &[u8])> {
    let stream = bytes_in(item, STREAM)?.bytes_of(STREAM).unwrap_or_default();
    let labels = bytes_in(stream, LABELS)?.bytes_of(LABELS).unwrap_or_default();
    Ok((labels, bytes_in(stream, ENTRY)?.bytes_of(ENTRY).unwrap_or_default()))
}

/// The line in a stream of one.
pub(super) fn line(item: &[u8]) -> io::Result<Vec<u8>> {
    let (_, entry) = taken_apart(item)?;
    Ok(bytes_in(entry, LINE)?.bytes_of(LINE).unwrap_or_default().to_vec())
}

/// The stream with another line.
pub(super) fn with_line(item: &[u8], line: &[u8]) -> io::Result<Vec<u8>> {
    let (labels, entry) = taken_apart(item)?;
    let place = bytes_in(entry, LINE)?.place;
    let mut out = Vec::with_capacity(item.len() + line.len());
    put(labels, &entry[..place.start], line, &entry[place.end..], &mut out);
    Ok(out)
}

/// Seconds and nanoseconds of an entry.
pub(super) fn time(entry: &[u8]) -> (u64, u64) {
    let time = bytes_in(entry, TIME).ok().and_then(|time| time.bytes_of(TIME)).unwrap_or_default();
    let part = |number| fields(time).flatten().find_map(|field| field.int_of(number)).unwrap_or_default();
    (part(1), part(2))
}

/// The line's number, where the entry has it.
pub(super) fn number(entry: &[u8]) -> Option<u64> {
    fields(entry).map_while(Result::ok).filter_map(|field| field.bytes_of(METADATA)).find_map(|pair| {
        let name = bytes_in(pair, 1).ok()?.bytes_of(1)?;
        let value = bytes_in(pair, 2).ok()?.bytes_of(2)?;
        (name == NUMBER.as_bytes()).then(|| std::str::from_utf8(value).ok()?.parse().ok())?
    })
}

/// An entry without its metadata.
pub(super) fn without(entry: &[u8]) -> Vec<u8> {
    let kept = fields(entry).flatten().filter(|field| field.number != METADATA);
    kept.flat_map(|field| &entry[field.place]).copied().collect()
}
