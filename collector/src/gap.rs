//! What went away before it was read.
//!
//! Promise: a loss is never success: it stays in the source's state with the range that is missing, until the content
//! comes back under another name; the oldest of [`MOST_GAPS`] give way to new ones.

use std::path::PathBuf;

use proto::v1::GapStatus;
use serde::{Deserialize, Serialize};

/// Gaps of a source that are remembered.
pub(crate) const MOST_GAPS: usize = 64;

/// Bytes of a file that nobody can read any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gap {
    /// Number of the file.
    pub(crate) file: u32,
    /// Where it was seen last.
    pub(crate) path: PathBuf,
    /// The first (unpacked) byte that was not read.
    pub(crate) from: u64,
    /// Its size when it was seen last; none when that says nothing: it may have grown since, or was compressed.
    pub(crate) to: Option<u64>,
    /// When it was noticed: microseconds since 1970-01-01 UTC.
    pub(crate) noticed_us: i64,
}

impl Gap {
    pub(crate) fn status(&self) -> GapStatus {
        GapStatus {
            path: self.path.to_string_lossy().into_owned(),
            from: self.from,
            to: self.to.unwrap_or_default(),
            noticed_us: self.noticed_us,
        }
    }
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Gap { path, from, .. } = self;
        write!(f, "{} was removed before it was read, or overwritten in place: ", path.display())?;
        match self.to {
            Some(to) => write!(f, "bytes {from} to {to} at least are lost")?,
            None => write!(f, "what was written behind byte {from}, if anything, is lost")?,
        }
        write!(f, "; raise --audit-log-maxbackup and --audit-log-maxage of the API server")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_names_the_file_and_the_range_that_is_missing() {
        let gap = Gap { file: 1, path: "/l/audit.log".into(), from: 10, to: Some(90), noticed_us: 0 };
        assert!(gap.to_string().starts_with("/l/audit.log was removed before it was read"), "{gap}");
        assert!(gap.to_string().contains("bytes 10 to 90 at least are lost"), "{gap}");
        let unknown = Gap { to: None, ..gap };
        assert!(unknown.to_string().contains("behind byte 10, if anything"), "{unknown}");
    }
}
