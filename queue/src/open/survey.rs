//! A first look at all segments, before anything is changed.
//!
//! Promise: a segment of a newer version is found here, and then nothing has been touched.

use std::fs::File;
use std::path::Path;

use crate::error::OpenError;
use crate::record::Place;
use crate::segment::{self, Found, VERSION};
use crate::slot::Applied;

/// One segment, as far as its header tells.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) number: u64,
    pub(super) length: u64,
    /// Where records begin; `None` when the header is damaged.
    pub(super) begin: Option<u64>,
    /// Number of the last commit before it; `None` when the header is damaged.
    txn: Option<u64>,
}

/// All segments, ascending.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) segments: Vec<Known>,
    /// The seal, from any header that is whole.
    pub(super) seal: Option<u64>,
}

impl Survey {
    /// Looks at every header.
    ///
    /// # Errors
    /// [`OpenError::Newer`] when one of them is of a newer version.
    pub(super) fn of(dir: &Path) -> Result<Survey, OpenError> {
        let mut survey = Survey::default();
        let segments = segment::list(dir).map_err(OpenError::io("listing", &segment::directory(dir)))?;
        for number in segments {
            let path = segment::path(dir, number);
            let io = OpenError::io("reading", &path);
            let file = File::open(&path).map_err(&io)?;
            let length = file.metadata().map_err(&io)?.len();
            let (begin, txn) = match segment::read_header(&file, number).map_err(&io)? {
                Found::Newer(found) => {
                    return Err(OpenError::Newer { path: path.clone(), found, known: VERSION });
                }
                Found::Whole(header, begin) => {
                    survey.seal = Some(header.seal);
                    (Some(begin), Some(header.txn))
                }
                Found::Damaged => (None, None),
            };
            survey.segments.push(Known { number, length, begin, txn });
        }
        Ok(survey)
    }

    pub(super) fn newest(&self) -> Option<&Known> {
        self.segments.last()
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        self.segments.iter().map(|known| known.number).collect()
    }

    /// Whether the segments reach as far as an index has followed them: they have the place itself, or one that was
    /// begun after it.
    pub(super) fn cover(&self, applied: &Applied) -> bool {
        let Place { segment, offset } = applied.place;
        self.segments.iter().any(|known| {
            let has_place = known.number == segment && known.length >= offset;
            let is_later = known.number > segment && known.txn.is_some_and(|txn| txn >= applied.txn);
            has_place || is_later
        })
    }
}
