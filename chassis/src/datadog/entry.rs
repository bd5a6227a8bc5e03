//! [`LogsEntry`]: one source of logs, as in a `logs:` list of the Agent.
//!
//! Promise: read strictly (our own configuration) an unknown key is refused with the allowed ones; read as the
//! Agent's (`conf_dir`) it is passed over with a warning. Both give the same entry.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::rule::ProcessingRule;
use super::several::list_or_commas;

/// One source of logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogsEntry {
    /// What kind of source; only files are read here.
    #[serde(rename = "type")]
    pub kind: EntryType,
    /// The file, absolute; `*`, `?` and `[` make it a pattern.
    pub path: PathBuf,
    /// Patterns of files that `path` matches and that are left out.
    #[serde(default, deserialize_with = "list_or_commas", skip_serializing_if = "Vec::is_empty")]
    pub exclude_paths: Vec<String>,
    /// Becomes `service` of what is sent.
    #[serde(default)]
    pub service: String,
    /// Becomes `ddsource` of what is sent; `kubernetes.audit` for audit logs.
    #[serde(default)]
    pub source: String,
    /// Becomes the tag `sourcecategory:<x>`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sourcecategory: String,
    /// Tags of what is sent, `key:value`.
    #[serde(default, deserialize_with = "list_or_commas", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// How the file's text is encoded.
    #[serde(default)]
    pub encoding: TextEncoding,
    /// Where to begin in a file never seen before; unset: the beginning (the Agent's default is the end).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_position: Option<StartPosition>,
    /// What is dropped or masked before anything else sees it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_processing_rules: Vec<ProcessingRule>,
}

impl LogsEntry {
    /// The audit log at `path`: `source: kubernetes.audit, service: audit`.
    pub fn audit_log(path: impl Into<PathBuf>) -> Self {
        Self {
            kind: EntryType::File,
            path: path.into(),
            exclude_paths: Vec::new(),
            service: "audit".to_owned(),
            source: "kubernetes.audit".to_owned(),
            sourcecategory: String::new(),
            tags: Vec::new(),
            encoding: TextEncoding::default(),
            start_position: None,
            log_processing_rules: Vec::new(),
        }
    }
}

/// The kinds of sources that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryType {
    /// A file that grows and is rotated.
    File,
}

/// How a file's text is encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextEncoding {
    /// UTF-8, as the API server writes.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, little endian.
    #[serde(rename = "utf-16-le")]
    Utf16Le,
    /// UTF-16, big endian.
    #[serde(rename = "utf-16-be")]
    Utf16Be,
    /// Shift JIS.
    ShiftJis,
}

/// Where to begin in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StartPosition {
    /// At the first byte, unless a position is known.
    Beginning,
    /// At what is written from now on, unless a position is known.
    End,
    /// At the first byte at every start.
    ForceBeginning,
    /// At what is written from now on at every start.
    ForceEnd,
}
