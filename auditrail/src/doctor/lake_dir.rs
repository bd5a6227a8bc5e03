//! Whether a lake on a disk of this machine can be written, and has room to grow. A bucket has no disk to look at.

use lake::Place;
use shipper::Lake;

use super::disk;
use super::finding::Finding;

pub(super) fn check(name: &str, lake: &Lake) -> Vec<Finding> {
    let Ok(Place::Directory(dir)) = lake.location().place() else { return Vec::new() };
    let existing = disk::existing(&dir);
    if let Some(why) = disk::unwritable(existing) {
        let doing = if existing == dir { "written to" } else { "made" };
        let what = format!(
            "{} cannot be {doing}: {}: {why}; give this user rights there, or choose another `url`",
            dir.display(),
            existing.display()
        );
        return vec![Finding::error(name, &what)];
    }
    let grows = lake.max_size.map_or(0, |most| most.as_u64().saturating_sub(size(&dir)));
    disk::room(name, existing, grows, "max_size").into_iter().collect()
}

/// Bytes of the lake's files; 0 where it cannot be listed, which others say.
fn size(dir: &std::path::Path) -> u64 {
    let files = dir.to_str().and_then(|dir| lake::Lake::open_existing(dir).ok()?.files().ok());
    files.iter().flatten().map(|file| file.bytes).sum()
}
