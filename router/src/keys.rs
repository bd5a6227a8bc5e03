//! What fingerprints and samples are keyed with.
//!
//! Promise: a key that nobody configured is made once for the life of the process, and that is said.

use std::path::Path;

use chassis::Secret;

use crate::error::StartError;

/// The fewest bytes of a key that keep anybody from trying all keys out.
const FEWEST: usize = 16;

/// The keys.
#[derive(Clone)]
pub(crate) struct Keys {
    /// Of fingerprints.
    pub(crate) redaction: audit::Key,
    /// Of samples.
    pub(crate) salt: Vec<u8>,
    is_made: bool,
}

impl Keys {
    /// The key in `file`; without one, that of `old`, if it was made, or a new one.
    pub(crate) fn load(file: Option<&Path>, old: Option<&Keys>) -> Result<Self, StartError> {
        let Some(file) = file else {
            let made = old.filter(|keys| keys.is_made).cloned();
            return Ok(made.unwrap_or_else(|| Keys::of(&rand::random::<[u8; 32]>(), true)));
        };
        let bad = |why: String| StartError::BadKey { path: file.to_owned(), why };
        let revealed = Secret::from_file(file).reveal().map_err(|error| bad(error.to_string()))?;
        match revealed.as_str().as_bytes() {
            short if short.len() < FEWEST => Err(bad(format!("it has fewer than {FEWEST} characters"))),
            bytes => Ok(Keys::of(bytes, false)),
        }
    }

    /// Whether nobody configured the key.
    pub(crate) fn is_made(&self) -> bool {
        self.is_made
    }

    /// Says so, when fingerprints will not outlive the process.
    pub(crate) fn tell_if_made(&self) {
        if self.is_made {
            tracing::warn!(
                "fingerprints of redacted values are made with a key of this process alone; \
                 name a file in router.redact_key_file to compare them over restarts and replicas"
            );
        }
    }

    fn of(bytes: &[u8], is_made: bool) -> Self {
        // The salt is no key of fingerprints: it is hashed by something weaker.
        let salt = [b"sample:".as_slice(), bytes].concat();
        Keys { redaction: audit::Key::new(bytes), salt, is_made }
    }
}
