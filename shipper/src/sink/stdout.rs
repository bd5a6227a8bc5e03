//! Lines on standard output (or any other writer), flushed.
//!
//! Promise: a record leaves the spool when its lines were flushed. A crash between flush and commit writes them again:
//! nobody can ask a pipe what it got.

use std::io::Write;

use tokio::time::Instant;

use super::{Sink, Step, commit, delivered, lines_of};
use crate::spool::Spool;

/// The `stdout` destination.
pub(crate) struct StdoutSink {
    out: Box<dyn Write + Send>,
    spool: Spool,
}

impl StdoutSink {
    pub(crate) fn new(out: Box<dyn Write + Send>, spool: Spool) -> StdoutSink {
        StdoutSink { out, spool }
    }
}

impl Sink for StdoutSink {
    fn step(&mut self, _: Instant, _: bool) -> Result<Step, String> {
        let oldest = self.spool.list(0, 1).map_err(|error| error.to_string())?;
        let Some(stored) = oldest.first() else { return Ok(Step::Idle) };
        let Some(unpacked) = lines_of(&self.spool, stored)? else {
            return Ok(Step::Did { events: 0, bytes: 0 });
        };
        let written = self.out.write_all(&unpacked.raw).and_then(|()| self.out.flush());
        written.map_err(|error| format!("cannot write to standard output: {error}"))?;
        let (change, all) = delivered([stored]);
        commit(&self.spool, change)?;
        Ok(Step::Did { events: all.events, bytes: unpacked.raw.len() as u64 })
    }
}
