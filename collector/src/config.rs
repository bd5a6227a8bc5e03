//! The section `collector:` of the configuration.
//!
//! Promise: what passed [`Section::validate`] can be run: sizes fit each other, every path can be looked for, and
//! nothing that an entry asks for is left out in silence.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chassis::datadog::{Environment, LogsEntry, ProcessingRule, Rules, TextEncoding};
use chassis::{ByteSize, ConfigError, Invalid, Section, Span};
use serde::{Deserialize, Serialize};

use crate::canary::Canary;
use crate::pattern::Pattern;
use crate::sibling;
use crate::webhook::Webhook;

/// The section `collector:`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether anything is collected. Default: true. `DD_LOGS_ENABLED=false` says no as well.
    pub enabled: bool,
    /// The logs to follow, written as the Datadog Agent has them.
    pub logs: Vec<LogsEntry>,
    /// Processing rules of all entries, before their own: those of `DD_LOGS_CONFIG_PROCESSING_RULES`, which is where
    /// they come from; the file has no key for them.
    #[serde(skip)]
    pub processing_rules: Vec<ProcessingRule>,
    /// A `conf.d` directory of the Agent whose `logs:` entries are followed too.
    pub conf_dir: Option<PathBuf>,
    /// Where API servers post their events, instead of a log or beside it. Absent: nowhere.
    pub webhook: Option<Webhook>,
    /// Requests to the API server whose log is read here, to see them arrive. Absent: none.
    pub canary: Option<Canary>,
    /// Stable name of this collector; part of every batch's identity. Default: the host's name.
    pub id: Option<String>,
    /// Name of the cluster. Default: empty.
    pub cluster: String,
    /// Name of the node that the logs lie on. Default: `DD_HOSTNAME`, else the host's name.
    pub node: Option<String>,
    /// Tags of every event, `key:value` each, before those of its entry. `DD_TAGS` adds to them. Default: none.
    pub tags: Vec<String>,
    /// Where lines rest until the next stage has them.
    pub queue: Storage,
    /// Address of the next stage; a name may lead to several replicas, and there may be several hosts, with commas between.
    /// Default: `http://router:7102`.
    pub next: String,
    /// Where gRPC is served. Default: `127.0.0.1:7101`.
    pub listen: SocketAddr,
    /// Where `/livez`, `/readyz` and `/metrics` are served. Default: `127.0.0.1:9101`.
    pub http_listen: SocketAddr,
    /// Answers admin calls to every peer, not to those on loopback alone. Default: false.
    pub insecure_admin: bool,
    /// Longest line that is passed on; longer ones are quarantined. Default and most: 16 MiB.
    pub max_line_size: ByteSize,
    /// Raw bytes of a batch, but for a single longer line. Default: 1 MiB.
    pub chunk_size: ByteSize,
    /// How often files are looked at when nothing else wakes the reader. Default: 250 ms.
    pub poll_interval: Span,
    /// Whether the system is asked to tell of changes too (inotify and its equals); without, polling alone finds
    /// them. Default: true.
    pub watch: bool,
    /// What `--audit-log-maxbackup` of the API server says, to warn before it removes what is not read yet; absent,
    /// removals show it.
    pub max_backups: Option<usize>,
    /// Batches of one source that may be on their way to the next stage at a time, those included whose receipt is not
    /// noted durably yet: as many may be sent again after a kill. Default: 16.
    pub in_flight: usize,
}

/// The queue's directory and its bound.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// The directory; made where it does not exist. Default: `/var/lib/auditrail/collector`.
    pub dir: PathBuf,
    /// Most bytes of lines without a receipt; when full, reading waits. Default: 2 GiB.
    pub max_size: ByteSize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            enabled: true,
            logs: Vec::new(),
            processing_rules: Vec::new(),
            conf_dir: None,
            webhook: None,
            canary: None,
            id: None,
            cluster: String::new(),
            node: None,
            tags: Vec::new(),
            queue: Storage::default(),
            next: "http://router:7102".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 7101)),
            http_listen: SocketAddr::from(([127, 0, 0, 1], 9101)),
            insecure_admin: false,
            max_line_size: ByteSize::mib(16),
            chunk_size: ByteSize::mib(1),
            poll_interval: Span::millis(250),
            watch: true,
            max_backups: None,
            in_flight: 16,
        }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Storage { dir: PathBuf::from("/var/lib/auditrail/collector"), max_size: ByteSize::gib(2) }
    }
}

impl Config {
    /// What the Agent's variables say, where the file says nothing: `DD_HOSTNAME` names the node,
    /// `DD_LOGS_ENABLED=false` switches collection off, `DD_TAGS` adds tags, `DD_LOGS_CONFIG_PROCESSING_RULES` rules.
    ///
    /// # Errors
    /// When a rule cannot be applied.
    pub fn with_environment(mut self, environment: &Environment) -> Result<Config, ConfigError> {
        self.node = self.node.or_else(|| environment.hostname.clone());
        self.tags.extend(environment.tags.iter().cloned());
        self.enabled &= environment.logs_enabled != Some(false);
        self.processing_rules.clone_from(&environment.processing_rules);
        let variable = "DD_LOGS_CONFIG_PROCESSING_RULES".to_owned();
        match Rules::new(&self.processing_rules, &[]) {
            Ok(_) => Ok(self),
            Err(why) => Err(ConfigError::InEnvironment { variable, why }),
        }
    }

    /// Whether an entry of `logs` asks for `path`, or for the log that it is a rotated sibling of: what is written
    /// there is read.
    #[must_use]
    pub fn asks_for(&self, path: &Path) -> bool {
        let wanted = [Some(path.to_owned()), sibling::base_of(path)];
        let asks = |entry: &LogsEntry| {
            let pattern = Pattern::new(&entry.path, &entry.exclude_paths);
            pattern.is_ok_and(|pattern| wanted.iter().flatten().any(|path| pattern.asks_for(path)))
        };
        self.logs.iter().any(asks)
    }
}

impl Section for Config {
    const NAME: &'static str = "collector";

    fn validate(&self) -> Result<(), Invalid> {
        for (at, entry) in self.logs.iter().enumerate() {
            check_entry(entry).map_err(|(key, why)| Invalid::new(format!("logs.{at}.{key}"), why))?;
        }
        self.check_sizes()?;
        if let Some(webhook) = &self.webhook {
            webhook.check(self.queue.max_size)?;
        }
        if let Some(canary) = &self.canary {
            canary.check()?;
        }
        if !(1..=256).contains(&self.in_flight) {
            return Err(Invalid::new("in_flight", format!("is {}: choose 1 to 256", self.in_flight)));
        }
        if !(10..=60_000).contains(&self.poll_interval.duration().as_millis()) {
            let why = format!("is {}: choose 10ms to 1m", self.poll_interval);
            return Err(Invalid::new("poll_interval", why));
        }
        Ok(())
    }
}

impl Config {
    fn check_sizes(&self) -> Result<(), Invalid> {
        let most = ByteSize::bytes(proto::MAX_LINE_BYTES as u64);
        if self.max_line_size < ByteSize::kib(1) || self.max_line_size > most {
            let why = format!("is {}: choose 1KiB to {most}", self.max_line_size);
            return Err(Invalid::new("max_line_size", why));
        }
        if self.chunk_size < ByteSize::kib(1) || self.chunk_size > most {
            return Err(Invalid::new("chunk_size", format!("is {}: choose 1KiB to {most}", self.chunk_size)));
        }
        let least = ByteSize::bytes(4 * self.max_line_size.max(self.chunk_size).as_u64());
        if self.queue.max_size < least.max(ByteSize::mib(1)) {
            let why = format!(
                "is {}: at least 1MiB and four times the larger of max_line_size and chunk_size ({least})",
                self.queue.max_size
            );
            return Err(Invalid::new("queue.max_size", why));
        }
        Ok(())
    }
}

/// What is wrong with an entry: the key, and why.
pub(crate) fn check_entry(entry: &LogsEntry) -> Result<(), (&'static str, String)> {
    Pattern::new(&entry.path, &entry.exclude_paths)?;
    if entry.encoding != TextEncoding::Utf8 {
        return Err(("encoding", "only utf-8 is read: audit logs are JSON".to_owned()));
    }
    Rules::new(&[], &entry.log_processing_rules).map_err(|why| ("log_processing_rules", why))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use chassis::datadog::RuleType;

    use super::*;

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        let mut config =
            Config { logs: vec![LogsEntry::audit_log("/var/log/audit.log")], ..Config::default() };
        config.validate().unwrap();
        change(&mut config);
        config
            .validate()
            .map_or_else(|invalid| format!("{}: {}", invalid.key, invalid.why), |()| String::new())
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_their_key() {
        assert!(refused(|config| config.in_flight = 0).starts_with("in_flight: "));
        assert!(refused(|config| config.poll_interval = Span::millis(1)).starts_with("poll_interval: "));
        assert!(refused(|config| config.max_line_size = ByteSize::mib(17)).contains("16MiB"));
        assert!(refused(|config| config.queue.max_size = ByteSize::mib(32)).contains("64MiB"));
        assert!(refused(|config| config.chunk_size = ByteSize::bytes(0)).starts_with("chunk_size: "));
    }

    #[test]
    fn an_entry_that_asks_for_what_is_not_done_is_refused_with_its_number() {
        let encoded = |config: &mut Config| config.logs[0].encoding = TextEncoding::Utf16Le;
        assert!(refused(encoded).starts_with("logs.0.encoding: "));
        let excluded = |config: &mut Config| config.logs[0].exclude_paths = vec!["/var/[".into()];
        assert!(refused(excluded).starts_with("logs.0.exclude_paths: "));
        assert!(refused(|config| config.logs[0].path = "".into()).starts_with("logs.0.path: "));
        let rule = |pattern: &str| ProcessingRule {
            kind: RuleType::ExcludeAtMatch,
            name: "health".into(),
            pattern: pattern.into(),
            replace_placeholder: None,
        };
        let said = refused(|config| config.logs[0].log_processing_rules = vec![rule("a"), rule("a(")]);
        assert!(
            said.starts_with("logs.0.log_processing_rules: ") && said.contains("number 1, `health`"),
            "{said}"
        );
    }

    #[test]
    fn the_agents_variables_fill_gaps_and_switch_off() {
        let set = [("DD_HOSTNAME", "cp-1"), ("DD_LOGS_ENABLED", "false"), ("DD_TAGS", "env:prod team:api")];
        let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment::read(set).unwrap();
        let config = Config::default().with_environment(&environment).unwrap();
        assert_eq!(config.node.as_deref(), Some("cp-1"));
        assert!(!config.enabled);
        assert_eq!(config.tags, ["env:prod", "team:api"]);
        let named = Config { node: Some("mine".into()), ..Config::default() }.with_environment(&environment);
        assert_eq!(named.unwrap().node.as_deref(), Some("mine"));
    }

    #[test]
    fn a_rule_of_the_agents_variable_that_cannot_be_applied_is_refused_by_its_name() {
        let variable = "DD_LOGS_CONFIG_PROCESSING_RULES";
        for (rule, why) in [
            (r#"{"type":"exclude_at_match","name":"health","pattern":"("}"#, "unclosed group"),
            (r#"{"type":"multi_line","name":"health","pattern":"^a"}"#, "only an entry"),
        ] {
            let environment = Environment::read([(variable.to_owned(), format!("[{rule}]"))]).unwrap();
            let said = Config::default().with_environment(&environment).unwrap_err().to_string();
            assert!(said.contains(variable) && said.contains("`health`") && said.contains(why), "{said}");
        }
    }
}
