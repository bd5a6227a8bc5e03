//! Datadog's own forms, read as the Agent reads them: `conf.d/*.d/conf.yaml` and the `DD_` variables.
//!
//! Promise: a file that works for the Agent works here; what the Agent knows and has no effect here is said in a
//! warning with its place, never dropped silently. Our own `logs:` list uses the same [`LogsEntry`], strictly, and
//! every stage that has processing rules the same [`Rules`].

mod conf_dir;
mod entry;
mod environment;
mod rule;
mod rules;
mod several;

pub use conf_dir::{Integration, Warning, read_conf_dir, read_conf_file};
pub use entry::{EntryType, LogsEntry, StartPosition, TextEncoding};
pub use environment::{Endpoint, Environment};
pub use rule::{ProcessingRule, RuleType};
pub use rules::{Fate, Rules, without_effect as rules_without_effect};
