//! What insight says of itself to operators.
//!
//! Promise: `problems` is empty when the whole lake can be read; else it says what cannot, and what to do.

use lake::LakeError;
use proto::v1::{LakeStatus, ServiceStatus};

use crate::overview::Overview;

/// The status after a look at the lake.
pub(crate) fn of(url: &str, seen: Result<Overview, LakeError>, started_us: i64) -> ServiceStatus {
    let (lake, problems) = match seen {
        Ok(overview) => (lake(&overview), problems(&overview)),
        Err(error) => (LakeStatus { url: url.to_owned(), ..LakeStatus::default() }, vec![error.to_string()]),
    };
    ServiceStatus {
        service: "insight".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_us,
        problems,
        lake: Some(lake),
        ..ServiceStatus::default()
    }
}

fn lake(overview: &Overview) -> LakeStatus {
    LakeStatus {
        url: overview.url.clone(),
        files: overview.files,
        rows: overview.rows,
        bytes: overview.bytes,
        oldest_us: overview.extent_us.0.unwrap_or_default(),
        newest_us: overview.extent_us.1.unwrap_or_default(),
    }
}

fn problems(overview: &Overview) -> Vec<String> {
    let named = overview.unreadable.iter().map(|file| file.why.clone());
    let unnamed = overview.unreadable_files - overview.unreadable.len() as u64;
    let more = (unnamed > 0).then(|| format!("{unnamed} more lake files cannot be read"));
    named.chain(more).collect()
}
