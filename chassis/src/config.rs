//! The one YAML file, its sections, and the environment variables that override it.
//!
//! Promise: nothing is guessed. Unknown sections and keys, wrong types, missing units and impossible
//! combinations are refused with `file:line:column`, or with the name of the variable that said so; a section
//! that [`Configuration::section`] hands out has passed all of that.
//!
//! Overrides: `AUDITRAIL_<SECTION>__<KEY>`, nested keys again after `__`, entries of a list by number
//! (`AUDITRAIL_COLLECTOR__LOGS__0__PATH`). Names are compared without case, `-` counts as `_`. A value is read
//! as YAML would read it at that place; a list or a mapping is written in brackets.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

mod changes;
mod document;
mod error;
mod leaves;
mod overrides;
mod printed;
mod section;

pub(crate) use document::{Document, Entry, Node, Value};
pub use error::{ConfigError, Place};
pub use leaves::leaves;
pub(crate) use section::read_again;

use overrides::Override;

/// The sections of the file, over all services: they share one file.
pub const SECTIONS: [&str; 6] = ["collector", "router", "shipper", "insight", "telemetry", "tls"];

/// The largest configuration file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// One section of the file: a struct with `#[serde(deny_unknown_fields, default)]`.
pub trait Section: DeserializeOwned + Default {
    /// The section's key in the file.
    const NAME: &'static str;

    /// Rules between keys, which types alone cannot say.
    ///
    /// # Errors
    /// Names the first key that breaks a rule.
    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }
}

/// A key whose value breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The key below the section, `queue.max_size` or `logs.0.path`.
    pub key: String,
    /// The rule, what is the matter, and what to write instead.
    pub why: String,
}

impl Invalid {
    /// `key` breaks the rule that `why` states.
    pub fn new(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self { key: key.into(), why: why.into() }
    }
}

/// What the file and the environment say; nothing of it is believed before [`Configuration::section`].
#[derive(Debug, Clone)]
pub struct Configuration {
    document: Document,
    overrides: Vec<Override>,
    file: Option<PathBuf>,
}

impl Configuration {
    /// Reads the file at `path` (none: the defaults) and keeps of `environment` what begins with `AUDITRAIL_` and
    /// has `__` in it.
    ///
    /// # Errors
    /// When the file cannot be read or is no YAML mapping.
    pub fn read(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = path.map(read_file).transpose()?.unwrap_or_default();
        let parsed = Self::parse(path.unwrap_or(Path::new("(no file)")), text, environment)?;
        Ok(Self { file: path.map(Path::to_owned), ..parsed })
    }

    /// What the file says now, under the same variables.
    ///
    /// # Errors
    /// As [`Configuration::read`].
    pub fn again(&self) -> Result<Self, ConfigError> {
        let Some(path) = &self.file else { return Ok(self.clone()) };
        let document = Document::parse(path, read_file(path)?)?;
        Ok(Self { document, ..self.clone() })
    }

    /// Reads the file again and checks it for a process with the section `S`: the keys, of that section and of those
    /// that all processes have, whose values are other than in this reading.
    ///
    /// # Errors
    /// What is wrong in it now.
    pub fn changes<S: Section>(&self) -> Result<Vec<String>, ConfigError> {
        let now = self.again()?;
        now.section::<S>()?;
        now.section::<crate::telemetry::Telemetry>()?;
        crate::tls::Tls::of(&now)?;
        let mut changed = changes::between(&self.document.root, &now.document.root);
        let ours = [S::NAME, "telemetry", "tls"];
        changed.retain(|key| ours.iter().any(|section| key.split('.').next() == Some(section)));
        Ok(changed)
    }

    /// As [`Configuration::changes`], in words and said in the log: for a process that keeps to what it started with.
    ///
    /// # Errors
    /// What is wrong in it now.
    pub fn read_anew<S: Section>(&self) -> Result<Vec<String>, String> {
        let changed = self.changes::<S>().map_err(|error| error.to_string());
        match &changed {
            Ok(none) if none.is_empty() => tracing::info!("the configuration is as it was at the start"),
            Ok(waiting) => {
                tracing::warn!(?waiting, "the configuration is good; these wait for the next start")
            }
            Err(why) => tracing::error!("the configuration is no good, and not used: {why}"),
        }
        changed
    }

    /// As [`Configuration::read`], from `text`; `path` is for messages.
    ///
    /// # Errors
    /// When `text` is no YAML mapping.
    pub fn parse(
        path: &Path,
        text: String,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let document = Document::parse(path, text)?;
        Ok(Self { document, overrides: overrides::among(environment), file: None })
    }

    /// The section `S`, checked; its defaults where neither the file nor a variable says otherwise.
    ///
    /// # Errors
    /// The first thing that is wrong in it, with its place.
    pub fn section<S: Section>(&self) -> Result<S, ConfigError> {
        section::read(&self.document, &self.overrides)
    }

    /// Whether the file or a variable speaks of the section `name`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.document.root.get(name).is_some() || self.overrides.iter().any(|set| set.section() == name)
    }

    /// Where the value of `key` (`collector.queue.max_size`) comes from.
    #[must_use]
    pub fn origin_of(&self, key: &str) -> Origin {
        section::origin_of(&self.document, &self.overrides, key)
    }

    /// The same, with a path for the key: a name in it may have dots.
    #[must_use]
    pub fn origin_at(&self, path: &[&str]) -> Origin {
        section::origin_at(&self.document, &self.overrides, path)
    }

    /// What the file and the variables say of a section, key by key, whatever it means: each with its path. A list of
    /// plain values is one.
    ///
    /// # Errors
    /// When a variable names a key that cannot be.
    pub fn written(&self, section: &str) -> Result<Vec<(Vec<String>, serde_json::Value)>, ConfigError> {
        let section = section::overlay(&self.document, &self.overrides, section)?;
        Ok(leaves(&serde_json::Value::from(&section)))
    }

    /// Refuses sections that are not among `known`, in the file and in variables.
    ///
    /// # Errors
    /// Names the first unknown one with its place, and the known ones.
    pub fn refuse_unknown_sections(&self, known: &[&str]) -> Result<(), ConfigError> {
        section::refuse_unknown(&self.document, &self.overrides, known)
    }

    /// The file that was read, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The file that was read, or a word for none.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.document.path
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything: the default holds.
    Default,
    /// The file says so, here.
    File(Place),
    /// The environment variable of this name says so.
    Variable(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) => write!(f, "{place}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// The environment of this process, for [`Configuration::read`] and [`crate::datadog::Environment::read`].
///
/// # Errors
/// When one of our or Datadog's variables is not UTF-8; others that are not are left out.
pub fn environment() -> Result<Vec<(String, String)>, ConfigError> {
    let ours = |name: &str| name.starts_with(overrides::PREFIX) || name.starts_with("DD_");
    let mut readable = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => readable.push((name, value)),
            Err(_) if ours(&name) => return Err(ConfigError::NotText { variable: name }),
            Err(_) => {}
        }
    }
    Ok(readable)
}

/// The text of the file at `path`, bounded.
pub(crate) fn read_file(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: PathBuf::from(path), source };
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    let length = file.take(LARGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if length as u64 > LARGEST {
        return Err(unreadable(std::io::Error::other("larger than 4 MiB, which no configuration is")));
    }
    Ok(text)
}
