//! One item: the seven fields, flat, in a fixed order.
//!
//! The line is escaped straight into the body's buffer; what is the same for all events of a batch is made once.

use std::io;

use proto::Origin;
use serde::Deserialize;

use crate::escape::escape;
use crate::intake::dialect::Entry;

const HEAD: &[u8] = br#"{"message":""#;
const MIDDLE: &[u8] = br#"","status":"info","timestamp":"#;

/// Tells that an event is older than its item says.
const BACKFILL: &str = "auditrail.backfill:true";

/// Stands between the two tails of a frame, and in neither.
pub(super) const BETWEEN: u8 = 0;

/// The fields behind `timestamp`, with the closing brace: the same for all events of a batch that are old, and for
/// all that are not.
pub(super) fn tail(origin: &Origin, tags: &[String], old: bool) -> Vec<u8> {
    let mut tags = all_tags(origin, tags);
    if old {
        tags.push_str(&format!(",{BACKFILL}"));
    }
    tail_of([&origin.node, &origin.service, &origin.source, &tags])
}

/// The two tails of a frame: for young events, and for old ones.
pub(super) fn tails(frame: &[u8]) -> (&[u8], &[u8]) {
    let between = memchr::memchr(BETWEEN, frame).unwrap_or(frame.len());
    (&frame[..between], frame.get(between + 1..).unwrap_or_default())
}

fn tail_of(values: [&str; 4]) -> Vec<u8> {
    let mut tail = Vec::new();
    for (name, value) in ["hostname", "service", "ddsource", "ddtags"].into_iter().zip(values) {
        tail.extend_from_slice(format!(",\"{name}\":\"").as_bytes());
        escape(value.as_bytes(), &mut tail);
        tail.push(b'"');
    }
    tail.push(b'}');
    tail
}

/// The Agent's order: file, directory, then the tags of the source; the cluster's and the destination's follow.
fn all_tags(origin: &Origin, tags: &[String]) -> String {
    let separator = if origin.path.contains('/') { '/' } else { '\\' };
    let (directory, base) = origin.path.rsplit_once(separator).unwrap_or(("", &origin.path));
    let mut all = vec![format!("filename:{base}"), format!("dirname:{directory}")];
    all.extend(origin.tags.iter().cloned());
    if !origin.cluster.is_empty() {
        all.push(format!("kube_cluster_name:{}", origin.cluster));
    }
    all.extend(tags.iter().cloned());
    all.join(",")
}

/// Appends an item. True when invalid UTF-8 was replaced.
pub(super) fn put(line: &[u8], timestamp: i64, tail: &[u8], out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(HEAD);
    let replaced = escape(line, out);
    out.extend_from_slice(MIDDLE);
    out.extend_from_slice(timestamp.to_string().as_bytes());
    out.extend_from_slice(tail);
    replaced
}

/// The event's own time in milliseconds since 1970; the time of reading where it tells none.
pub(super) fn time(entry: &Entry<'_>) -> i64 {
    let own = audit::Event::scan(entry.line).ok().and_then(|event| event.stage_micros());
    own.unwrap_or(entry.read_at_us).div_euclid(1000)
}

/// Whether an item tells an old event as one of now.
pub(super) fn is_renewed(item: &[u8]) -> bool {
    item.strip_suffix(b"\"}").is_some_and(|item| item.ends_with(BACKFILL.as_bytes()))
}

/// The timestamp of an item that was just written with this frame.
pub(super) fn written_time(item: &[u8], frame: &[u8]) -> Option<i64> {
    let (young, old) = tails(frame);
    let before = item.strip_suffix(old).or_else(|| item.strip_suffix(young))?;
    let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit() || **byte == b'-').count();
    std::str::from_utf8(&before[before.len() - digits..]).ok()?.parse().ok()
}

/// An item, taken apart again.
#[derive(Deserialize)]
pub(super) struct Item {
    pub(super) message: String,
    pub(super) timestamp: i64,
    hostname: String,
    service: String,
    ddsource: String,
    ddtags: String,
}

impl Item {
    /// An item of a body.
    pub(super) fn read(item: &[u8]) -> io::Result<Item> {
        serde_json::from_slice(item).map_err(io::Error::other)
    }

    /// The item as one of now, which its tags say.
    pub(super) fn renewed(&self, now_ms: i64) -> Vec<u8> {
        let tags = format!("{},{BACKFILL}", self.ddtags);
        let tail = tail_of([&self.hostname, &self.service, &self.ddsource, &tags]);
        let mut out = Vec::new();
        put(self.message.as_bytes(), now_ms, &tail, &mut out);
        out
    }

    /// The item with another line.
    pub(super) fn with_line(&self, line: &[u8]) -> Vec<u8> {
        let tail = tail_of([&self.hostname, &self.service, &self.ddsource, &self.ddtags]);
        let mut out = Vec::new();
        put(line, self.timestamp, &tail, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_in_the_agent_s_order_and_names_are_escaped() {
        let origin = Origin {
            cluster: "prod".into(),
            node: "cp-\"1\"".into(),
            path: "/var/log/audit.log".into(),
            source: "kubernetes.audit".into(),
            service: "audit".into(),
            tags: vec!["env:x".into()],
            ..Origin::default()
        };
        let expected = concat!(
            r#","hostname":"cp-\"1\"","service":"audit","ddsource":"kubernetes.audit","#,
            r#""ddtags":"filename:audit.log,dirname:/var/log,env:x,kube_cluster_name:prod,team:a"}"#
        );
        assert_eq!(String::from_utf8(tail(&origin, &["team:a".into()], false)).unwrap(), expected);
    }
}
