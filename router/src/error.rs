//! Why a router cannot start.
//!
//! Promise: each is a matter of configuration, names its place, and is said before anything is opened.

use std::path::PathBuf;

/// Why a router cannot start. Every case is bad configuration (exit code 64).
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no route.
    #[error(
        "`router.routes` is empty, so no event has anywhere to go; \
         write for example `routes: [{{name: everything, to: [lake]}}]`"
    )]
    NoRoutes,
    /// A rule of the section is broken; only where the section was not read by `chassis`.
    #[error("section `router`: `{key}`: {why}")]
    Invalid {
        /// The key below the section.
        key: String,
        /// The rule that it breaks.
        why: String,
    },
    /// A policy file cannot be read.
    #[error("policy {} cannot be read: {why}; name a readable file, or none to keep everything", path.display())]
    UnreadablePolicy {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A key file that cannot serve.
    #[error("`redact_key_file` {}: {why}; write 16 random characters or more into it, or name no file", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A policy that kube-apiserver refuses.
    #[error("{}:{line}:{column}: {message}", path.display())]
    BadPolicy {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What kube-apiserver says of it.
        message: String,
    },
}
