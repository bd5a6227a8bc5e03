//! The entries of `logs:`, ours and the Agent's, as they are followed.

use std::path::Path;

use chassis::datadog::{LogsEntry, StartPosition, read_conf_dir};
use proto::Origin;

use crate::config::{Config, check_entry};
use crate::error::OpenError;
use crate::host;
use crate::pattern::Pattern;

/// An entry: which files, and what their lines carry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) pattern: Pattern,
    /// The origin of its lines, but for the path.
    origin: Origin,
    /// Begin at the end of files that are there at the first look.
    pub(crate) from_end: bool,
}

impl Entry {
    /// The origin of the lines of the log at `path`.
    pub(crate) fn origin(&self, path: &Path) -> Origin {
        Origin { path: path.to_string_lossy().into_owned(), ..self.origin.clone() }
    }
}

/// All entries that the configuration names.
///
/// # Errors
/// The first that cannot be followed, with its place.
pub(crate) fn entries(config: &Config) -> Result<Vec<Entry>, OpenError> {
    let base = base(config);
    let mut entries = Vec::new();
    if !config.enabled {
        return Ok(entries);
    }
    for entry in &config.logs {
        entries.push(follow(entry, &base, "collector.logs")?);
    }
    for file in config.conf_dir.as_deref().map(read_conf_dir).transpose()?.unwrap_or_default() {
        for warning in &file.warnings {
            tracing::warn!("{warning}");
        }
        for entry in &file.logs {
            entries.push(follow(entry, &base, &file.path.to_string_lossy())?);
        }
    }
    Ok(entries)
}

/// What the origins of all lines of this collector have in common.
pub(crate) fn base(config: &Config) -> Origin {
    let host = host::name();
    Origin {
        cluster: config.cluster.clone(),
        node: config.node.clone().unwrap_or_else(|| host.clone()),
        collector: config.id.clone().unwrap_or(host),
        tags: config.tags.clone(),
        ..Origin::default()
    }
}

fn follow(entry: &LogsEntry, base: &Origin, place: &str) -> Result<Entry, OpenError> {
    let refused = |(key, why)| OpenError::Entry { place: place.to_owned(), key, why };
    check_entry(entry).map_err(refused)?;
    let mut tags = [base.tags.as_slice(), &entry.tags].concat();
    if !entry.sourcecategory.is_empty() {
        tags.push(format!("sourcecategory:{}", entry.sourcecategory));
    }
    let (source, service) = (entry.source.clone(), entry.service.clone());
    Ok(Entry {
        pattern: Pattern::new(&entry.path, &entry.exclude_paths).map_err(refused)?,
        origin: Origin { source, service, tags, ..base.clone() },
        from_end: matches!(entry.start_position, Some(StartPosition::End | StartPosition::ForceEnd)),
    })
}
