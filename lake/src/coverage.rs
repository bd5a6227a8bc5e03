//! Which files of an hour count, where some were merged into others.
//!
//! A merged file names in its metadata every file that it was made of, and those that they were made of. Promises: no
//! row is listed twice and none is missing, at whatever step a merge was interrupted, and also when a file that was
//! merged is written once more; what does not count any more is named, so that it can be removed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::{File, LakeError, Partition};

/// How the names of merged files begin.
const MERGED: &str = "merged-";
/// The entry of the metadata that names what a merged file covers, a name a line.
pub(crate) const COVERS: &str = "auditrail.covers";
/// Merged files whose covers are remembered, at about a hundred kilobytes each at the most.
const MOST_REMEMBERED: usize = 1024;

/// File names, without the hour.
pub(crate) type Names = BTreeSet<String>;

/// The covers that were read; a file's never change.
#[derive(Debug, Default)]
pub(crate) struct Covers(Mutex<HashMap<String, Names>>);

/// The files of a lake, told apart.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Those that hold the table's rows.
    pub(crate) files: Vec<File>,
    /// Those whose rows are in one of the others.
    pub(crate) covered: Vec<File>,
}

impl Covers {
    /// What a merged file covers; `read` reads it from the file.
    pub(crate) fn of(
        &self,
        file: &File,
        read: impl FnOnce(&File) -> Result<Names, LakeError>,
    ) -> Result<Names, LakeError> {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&file.path) {
            return Ok(known.clone());
        }
        let names = read(file)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        known.insert(file.path.clone(), names.clone());
        Ok(names)
    }
}

/// Whether the file was merged of others.
pub(crate) fn is_merged(file: &File) -> bool {
    name(file).starts_with(MERGED)
}

/// The name of what is merged of these: the same of the same files.
pub(crate) fn merged_name(covers: &Names) -> String {
    use sha2::{Digest, Sha256};
    let digest =
        covers.iter().fold(Sha256::new(), |digest, name| digest.chain_update(name).chain_update(b"\n"));
    let digest = digest.finalize();
    let hash: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{MERGED}{hash}.parquet")
}

/// The file's name within its hour.
pub(crate) fn name(file: &File) -> &str {
    file.path.rsplit_once('/').map_or(&*file.path, |(_, name)| name)
}

/// Tells all files apart; `covers` is asked only of merged files that are not alone in their hour. A merged file that
/// cannot be read covers nothing: whoever reads it will say so.
///
/// # Errors
/// When what a merged file covers cannot be read because of the storage.
pub(crate) fn live(
    files: Vec<File>,
    covers: impl Fn(&File) -> Result<Names, LakeError>,
) -> Result<Live, LakeError> {
    let mut hours: BTreeMap<Partition, Vec<File>> = BTreeMap::new();
    for file in files {
        hours.entry(file.partition).or_default().push(file);
    }
    let mut live = Live::default();
    for files in hours.into_values() {
        if files.len() < 2 || !files.iter().any(is_merged) {
            live.files.extend(files);
            continue;
        }
        of_hour(files, &covers, &mut live)?;
    }
    live.files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(live)
}

fn of_hour(
    files: Vec<File>,
    covers: impl Fn(&File) -> Result<Names, LakeError>,
    live: &mut Live,
) -> Result<(), LakeError> {
    let present: Names = files.iter().map(|file| name(file).to_owned()).collect();
    let (merged, plain): (Vec<File>, Vec<File>) = files.into_iter().partition(is_merged);
    let mut known = Vec::new();
    for file in merged {
        match covers(&file) {
            Ok(covers) => known.push((file, covers)),
            Err(LakeError::Damaged { .. }) => live.files.push(file),
            Err(error) => return Err(error),
        }
    }
    // What has already taken the place of others comes first; of those, the one of most files.
    known.sort_by_cached_key(|(file, covers)| {
        (covers.is_subset(&present), std::cmp::Reverse(covers.len()), file.path.clone())
    });
    let mut claimed = Names::new();
    for (file, covers) in known {
        if claimed.contains(name(&file)) || !claimed.is_disjoint(&covers) {
            live.covered.push(file);
        } else {
            claimed.extend(covers);
            live.files.push(file);
        }
    }
    let (covered, kept): (Vec<File>, Vec<File>) =
        plain.into_iter().partition(|file| claimed.contains(name(file)));
    live.covered.extend(covered);
    live.files.extend(kept);
    Ok(())
}
