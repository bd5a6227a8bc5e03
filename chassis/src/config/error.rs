//! What can be wrong with a configuration, and where.
//!
//! Promise: every message names the place (file, line, column, or the variable), what is wrong there, and where
//! there is a choice, the allowed values. It fits on one line.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A place in a file; line and column count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        if self.line == 0 {
            return write!(f, "{path}");
        }
        write!(f, "{path}:{}:{}", self.line, self.column)
    }
}

/// A configuration that is refused. Ends a process with exit code 64.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no YAML, or not one mapping of sections.
    #[error("{place}: {why}")]
    Malformed {
        /// Where.
        place: Place,
        /// What is wrong.
        why: String,
    },
    /// The file, at this place, says something that the section refuses.
    #[error("{place}: section `{section}`: {why}")]
    InFile {
        /// Where.
        place: Place,
        /// The section.
        section: String,
        /// What is wrong, with the allowed values.
        why: String,
    },
    /// An environment variable says something that the section refuses.
    #[error("environment variable {variable}: section `{section}`: {why}")]
    InVariable {
        /// The variable.
        variable: String,
        /// The section.
        section: String,
        /// What is wrong, with the allowed values.
        why: String,
    },
    /// An environment variable of Datadog's cannot be read.
    #[error("environment variable {variable}: {why}")]
    InEnvironment {
        /// The variable.
        variable: String,
        /// What is wrong with its value.
        why: String,
    },
    /// Neither the file nor a variable speaks of it, and the default alone breaks a rule.
    #[error("section `{section}`: {why}")]
    Missing {
        /// The section.
        section: String,
        /// What has to be said.
        why: String,
    },
    /// A variable's value is not UTF-8.
    #[error("environment variable {variable} is not UTF-8; set it again")]
    NotText {
        /// The variable.
        variable: String,
    },
    /// Anything else that the operator has to change in the configuration before the process can start, as a
    /// file that it names and that is refused.
    #[error("{0}")]
    Other(String),
}
