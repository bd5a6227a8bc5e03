//! Whether the collector's queue can be opened, is whole, and has room to grow.

use super::finding::Finding;
use super::{Subject, condition, disk};

const NAME: &str = "queue";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let storage = &subject.placed.collector.queue;
    let dir = storage.dir.as_path();
    let existing = disk::existing(dir);
    if let Some(why) = disk::unwritable(existing) {
        let doing = if existing == dir { "written to" } else { "made" };
        let what = format!(
            "{} cannot be {doing}: {}: {why}; give this user rights there, or choose another `queue.dir`",
            dir.display(),
            existing.display()
        );
        return vec![Finding::error(NAME, &what)];
    }
    let running = || match subject.service("collector") {
        Some(service) => condition::running(NAME, service, service.queue.as_ref()),
        None => condition::silent(NAME, dir),
    };
    let (mut said, used) = condition::of(NAME, dir, running);
    let grows = storage.max_size.as_u64().saturating_sub(used);
    said.extend(disk::room(NAME, existing, grows, "queue.max_size"));
    said
}
