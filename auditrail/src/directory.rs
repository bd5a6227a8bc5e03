//! Which files of a directory are recorded events, and in which order.
//!
//! Promises: logs come in rotation order; of a backup that is there plain and packed, as while it is being packed, the
//! plain one counts; of JSON files only those are taken that begin as events do, since logs have other JSON beside them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use collector::Age;

use crate::packing;

/// What every event has.
const MARK: &[u8] = b"\"auditID\"";
/// How much of a JSON file is looked at.
const BEGINNING: u64 = 64 << 10;

/// The logs and JSON files of a directory: by base name, backups by what their names say of their age, the active file
/// last.
///
/// # Errors
/// When it cannot be listed, or has none.
pub(crate) fn events_in(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let cannot = || format!("`{}` cannot be listed", directory.display());
    for entry in std::fs::read_dir(directory).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let (base, age) = collector::in_rotation(&path);
        let is_taken = match base.extension().and_then(|extension| extension.to_str()) {
            Some("log") => path.is_file(),
            Some("json") => path.is_file() && may_be_events(&path),
            _ => false,
        };
        if is_taken {
            files.push(((base, age), path));
        }
    }
    if files.is_empty() {
        bail!(
            "`{}` holds no *.log, and no *.json with events (also .gz, .zst): name a file, or their directory",
            directory.display()
        );
    }
    files.sort();
    files.dedup_by(|(later, _), (order, _)| later == order && order.1 != Age::Active);
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// Whether a JSON file begins as events do; one that cannot be read is taken, so that whoever reads it says why.
fn may_be_events(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = File::open(path)
        .and_then(packing::unpacked)
        .and_then(|text| text.take(BEGINNING).read_to_end(&mut beginning));
    // So that UTF-16 is found, which whoever reads it names.
    beginning.retain(|byte| *byte != 0);
    read.is_err() || memchr::memmem::find(&beginning, MARK).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_events_is_named() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("stats.json"), "{\"lines\": 7}").unwrap();
        let error = events_in(directory.path()).unwrap_err();
        assert!(format!("{error:#}").contains("holds no *.log, and no *.json"), "{error:#}");
    }

    #[test]
    fn json_files_are_taken_by_what_they_begin_with() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(directory.path().join(name), bytes).unwrap();
        write("batch-2.json", b"{\"items\":[{\"auditID\":\"2\"}]}");
        write("batch-1.json.zst", &zstd::encode_all(&b"{\"items\":[{\"auditID\":\"1\"}]}"[..], 1).unwrap());
        write("batch-3.json.gz", &[0x1f, 0x8b, 8]);
        let wide = "{\"auditID\":\"4\"}".encode_utf16().flat_map(u16::to_le_bytes);
        write("batch-4.json", &wide.collect::<Vec<u8>>());
        write("roles.json", b"{\"items\":[{\"kind\":\"Role\"}]}");
        let names: Vec<_> = events_in(directory.path())
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["batch-1.json.zst", "batch-2.json", "batch-3.json.gz", "batch-4.json"]);
    }
}
