//! temporary

/// An event that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk {
    /// The line; the given one when nothing had to go.
    pub line: Vec<u8>,
    /// What went, in the words of the annotation.
    pub removed: Vec<&'static str>,
}

/// Even the smallest form of the event does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooSmall {
    /// The line is no event, so there is nothing to take from.
    #[error("the line cannot be shrunk: {0}")]
    NotAnEvent(#[from] crate::NotAnEvent),
    /// Everything that may go is gone.
    #[error("the event does not fit even at {bytes} bytes, with everything gone that may go")]
    DoesNotFit {
        /// The size of the smallest form.
        bytes: usize,
    },
}

/// Makes an event fit.
///
/// # Errors
/// [`TooSmall`]
pub fn shrink(line: &[u8], mut fits: impl FnMut(&[u8]) -> bool) -> Result<Shrunk, TooSmall> {
    if fits(line) {
        Ok(Shrunk { line: line.to_vec(), removed: Vec::new() })
    } else {
        Err(TooSmall::DoesNotFit { bytes: line.len() })
    }
}
