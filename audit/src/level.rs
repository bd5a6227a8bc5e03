//! How much of a request an event tells.
//!
//! Invariant: the order of the variants is the order of detail, so the lower of two levels is their minimum.

use std::fmt;

/// The level of an audit event or of a policy rule, as `audit.k8s.io/v1` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// No event at all.
    None,
    /// Who did what to which object, and how it ended; no bodies.
    Metadata,
    /// `Metadata` and the request body.
    Request,
    /// `Request` and the response body.
    RequestResponse,
}

impl Level {
    /// All levels, from the least detail to the most.
    pub const ALL: [Level; 4] = [Level::None, Level::Metadata, Level::Request, Level::RequestResponse];

    /// The level with exactly this name; the API server compares case-sensitively, so does this.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.name().as_bytes() == name)
    }

    /// The name as written in events and policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::None => "None",
            Level::Metadata => "Metadata",
            Level::Request => "Request",
            Level::RequestResponse => "RequestResponse",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Level;

    #[test]
    fn names_are_read_back_and_compared_with_their_case() {
        for level in Level::ALL {
            assert_eq!(Level::from_name(level.name().as_bytes()), Some(level));
        }
        assert_eq!(Level::from_name(b"metadata"), None);
        assert_eq!(Level::from_name(b""), None);
    }

    #[test]
    fn more_detail_is_greater() {
        assert!(Level::ALL.is_sorted());
        assert_eq!(Level::Request.min(Level::Metadata), Level::Metadata);
    }
}
