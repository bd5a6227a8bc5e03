//! [`ProcessingRule`]: what an entry's `log_processing_rules` say.
//!
//! Promise: a rule is carried as written; its pattern is compiled by [`super::Rules`].

use serde::{Deserialize, Serialize};

/// One rule, applied to the raw line in the order of the list (Agent: global rules first).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessingRule {
    /// What the rule does.
    #[serde(rename = "type")]
    pub kind: RuleType,
    /// What messages and `status` call it.
    pub name: String,
    /// A regular expression in RE2's syntax, over the whole line; empty only for `exclude_truncated`.
    #[serde(default)]
    pub pattern: String,
    /// What `mask_sequences` writes instead of a match; `$1` stands for the first group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_placeholder: Option<String>,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleType {
    /// Drops a line that matches.
    ExcludeAtMatch,
    /// Drops a line that does not match.
    IncludeAtMatch,
    /// Replaces what matches by `replace_placeholder`.
    MaskSequences,
    /// Joins lines until one matches; audit events are one line each, so that this has no effect on them.
    MultiLine,
    /// Drops a line that was cut; nothing is cut here, so that this has no effect.
    ExcludeTruncated,
}
