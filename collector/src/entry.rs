//! The entries of `logs:`, ours and the Agent's, as they are followed.

use std::path::Path;

use chassis::datadog::{LogsEntry, Rules, StartPosition, read_conf_dir, rules_without_effect};
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
    /// Where its logs are read from.
    pub(crate) start: Start,
    /// What happens to its lines first.
    pub(crate) rules: Rules,
}

/// Where a log is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// At the end of the files that are there at the first look, not at their beginning.
    pub(crate) at_end: bool,
    /// At every start of this process, whatever was read before.
    pub(crate) always: bool,
}

impl From<Option<StartPosition>> for Start {
    fn from(position: Option<StartPosition>) -> Start {
        use StartPosition::{Beginning, End, ForceBeginning, ForceEnd};
        let position = position.unwrap_or(Beginning);
        let (at_end, always) =
            (matches!(position, End | ForceEnd), matches!(position, ForceBeginning | ForceEnd));
        Start { at_end, always }
    }
}

impl Entry {
    /// The origin of the lines of the log at `path`.
    pub(crate) fn origin(&self, path: &Path) -> Origin {
        Origin { path: path.to_string_lossy().into_owned(), ..self.origin.clone() }
    }
}

/// All entries that the configuration names, and warnings about what has no effect in them.
///
/// # Errors
/// The first that cannot be followed, with its place.
pub(crate) fn entries(config: &Config) -> Result<(Vec<Entry>, Vec<String>), OpenError> {
    let base = base(config);
    let (mut entries, mut warnings) = (Vec::new(), Vec::new());
    if !config.enabled {
        return Ok((entries, warnings));
    }
    let idle = |rules: &[_], place: &str| {
        let said = rules_without_effect(rules).into_iter();
        said.map(|warning| format!("{place}: {warning}")).collect::<Vec<_>>()
    };
    warnings.extend(idle(&config.processing_rules, "DD_LOGS_CONFIG_PROCESSING_RULES"));
    let mut take = |entry: &LogsEntry, place: &str, warnings: &mut Vec<String>| -> Result<(), OpenError> {
        warnings.extend(idle(&entry.log_processing_rules, place));
        entries.push(follow(entry, config, &base, place)?);
        Ok(())
    };
    for (at, entry) in config.logs.iter().enumerate() {
        take(entry, &format!("collector.logs.{at}"), &mut warnings)?;
    }
    for file in config.conf_dir.as_deref().map(read_conf_dir).transpose()?.unwrap_or_default() {
        warnings.extend(file.warnings.iter().map(ToString::to_string));
        for (at, entry) in file.logs.iter().enumerate() {
            take(entry, &format!("{}: logs.{at}", file.path.display()), &mut warnings)?;
        }
    }
    Ok((entries, warnings))
}

/// How many entries the configuration names, those of the Agent's `conf.d` included, and what has no effect in them.
/// No log is looked at.
///
/// # Errors
/// The first entry that cannot be followed, with its place.
pub fn check(config: &Config) -> Result<(usize, Vec<String>), OpenError> {
    let (entries, warnings) = entries(config)?;
    Ok((entries.len(), warnings))
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

fn follow(entry: &LogsEntry, config: &Config, base: &Origin, place: &str) -> Result<Entry, OpenError> {
    let refused = |(key, why)| OpenError::Entry { place: place.to_owned(), key, why };
    check_entry(entry).map_err(refused)?;
    let rules = Rules::new(&config.processing_rules, &entry.log_processing_rules);
    let rules = rules.map_err(|why| refused(("log_processing_rules", why)))?;
    let mut tags = [base.tags.as_slice(), &entry.tags].concat();
    if !entry.sourcecategory.is_empty() {
        tags.push(format!("sourcecategory:{}", entry.sourcecategory));
    }
    let (source, service) = (entry.source.clone(), entry.service.clone());
    Ok(Entry {
        pattern: Pattern::new(&entry.path, &entry.exclude_paths).map_err(refused)?,
        origin: Origin { source, service, tags, ..base.clone() },
        start: entry.start_position.into(),
        rules,
    })
}
