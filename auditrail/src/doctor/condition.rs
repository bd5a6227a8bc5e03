//! What is said of the condition of a queue's directory, the collector's or a spool's.
//!
//! Promise: every damaged place that is said has its segment, offset and length; a process that has it open is asked,
//! and its directory left alone.

use std::path::Path;

use proto::v1::{ServiceStatus, StoreStatus};
use queue::{Checked, Damaged, Findings};

use super::finding::Finding;
use crate::print;

/// Most damaged places that are said one by one.
const SAID: usize = 10;

/// The findings about the queue in `dir`, and how many bytes it takes, where nobody has it open.
pub(super) fn of(name: &str, dir: &Path, running: impl FnOnce() -> Vec<Finding>) -> (Vec<Finding>, u64) {
    match queue::check(dir) {
        Ok(Checked::Nothing) => (vec![Finding::ok(name, format!("{} has nothing yet", dir.display()))], 0),
        Ok(Checked::InUse) => (running(), 0),
        Ok(Checked::Idle(found)) => (idle(name, dir, &found), found.bytes),
        Err(error) => (vec![Finding::error(name, &error.to_string())], 0),
    }
}

fn idle(name: &str, dir: &Path, found: &Findings) -> Vec<Finding> {
    let mut said = Vec::new();
    let file = |place: &Damaged| {
        dir.join("segments").join(format!("{:016x}.seg", place.segment)).display().to_string()
    };
    let at =
        |place: &Damaged| format!("{} from byte {} on, {} bytes", file(place), place.offset, place.bytes);
    for place in found.damaged.iter().take(SAID) {
        let what = format!(
            "damaged: {}; the next start sets that aside and goes on with the rest: check the disk",
            at(place)
        );
        said.push(Finding::error(name, &what));
    }
    if found.damaged_places > SAID as u64 {
        let more = print::grouped(found.damaged_places - SAID as u64);
        said.push(Finding::error(name, &format!("{more} more damaged places")));
    }
    if let Some(place) = &found.missing {
        let what = format!(
            "missing: {}; they were there at the last stop: restore the file, or check the disk",
            at(place)
        );
        said.push(Finding::error(name, &what));
    } else if let Some(place) = &found.unfinished {
        let what = format!(
            "unfinished: {}; a crash leaves this, and the next start cuts it off: nothing to do after one",
            at(place)
        );
        said.push(Finding::warning(name, &what));
    }
    if !found.has_index {
        said.push(Finding::warning(
            name,
            "the index is missing; the next start builds it from the segments, which takes a while",
        ));
    }
    if found.set_aside > 0 {
        let size = print::bytes(found.set_aside);
        let what = format!(
            "{size} were found damaged earlier; they lie in {}: look at them, then remove them",
            dir.join("damaged").display()
        );
        said.push(Finding::warning(name, &what));
    }
    if said.is_empty() {
        let (records, size) = (print::grouped(found.records), print::bytes(found.bytes));
        said.push(Finding::ok(
            name,
            format!("{}: {records} whole records in {size}, none damaged", dir.display()),
        ));
    }
    said
}

/// What a running service says of a store of its own.
pub(super) fn running(name: &str, service: &ServiceStatus, store: Option<&StoreStatus>) -> Vec<Finding> {
    let who = format!("in use by the running {} {}", service.service, service.version);
    let Some(store) = store else { return vec![Finding::ok(name, who)] };
    let mut said = Vec::new();
    if store.damaged > 0 {
        let what =
            format!("{who}, which found {} damaged records; they are set aside in `damaged`", store.damaged);
        said.push(Finding::warning(name, &what));
    }
    if !store.problem.is_empty() {
        said.push(Finding::error(name, &format!("{who}, which says: {}", store.problem)));
    }
    if said.is_empty() {
        let (bytes, limit) = (print::bytes(store.bytes), print::bytes(store.limit_bytes));
        said.push(Finding::ok(
            name,
            format!("{who}: {} records, {bytes} of {limit}", print::grouped(store.records)),
        ));
    }
    said
}

/// Somebody has it open and does not answer.
pub(super) fn silent(name: &str, dir: &Path) -> Vec<Finding> {
    let what = format!(
        "{} is in use by a process that does not answer; name its configuration with --config, or its directory with --data",
        dir.display()
    );
    vec![Finding::warning(name, &what)]
}
