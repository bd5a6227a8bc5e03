//! What operators ask the collector.
//!
//! Promise: a log that is not followed is refused with the names of those that are; what was asked holds when the answer
//! is given.

use std::path::Path;
use std::time::Duration;

use proto::v1::{
    PauseReply, PauseRequest, Position, ResumeReply, ResumeRequest, SeekReply, SeekRequest, SourceStatus,
    SourcesReply, SourcesRequest,
};
use proto::{CollectorCalls, Drain, NotDone};

use crate::Collector;
use crate::orders::{Place, Sought};

/// How long the reader may take to come to a seek.
const PATIENCE: Duration = Duration::from_secs(10);
/// Logs that are named to whoever asked for another one.
const NAMED: usize = 10;

impl Collector {
    /// The logs at a path; all where it is empty.
    fn at(&self, path: &str) -> Result<Vec<SourceStatus>, NotDone> {
        let mut sources = self.status().sources;
        if path.is_empty() {
            return Ok(sources);
        }
        let is_meant = |source: &SourceStatus| source.origin.as_ref().is_some_and(|one| one.path == path);
        if sources.iter().any(is_meant) {
            sources.retain(is_meant);
            return Ok(sources);
        }
        let known = sources.iter().filter_map(|source| source.origin.as_ref()).map(|one| one.path.as_str());
        let known: Vec<&str> = known.take(NAMED).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Err(NotDone::NotFound(format!("{path} is not followed here; followed are: {known}")))
    }

    fn paused(&self, path: &str, reason: Option<&str>) -> Result<Vec<SourceStatus>, NotDone> {
        self.at(path)?;
        self.orders().pause((!path.is_empty()).then(|| Path::new(path)), reason);
        self.at(path)
    }
}

impl CollectorCalls for Collector {
    fn sources(&self, request: &SourcesRequest) -> Result<SourcesReply, NotDone> {
        self.at(&request.path).map(|sources| SourcesReply { sources })
    }

    fn pause(&self, request: &PauseRequest) -> Result<PauseReply, NotDone> {
        self.paused(&request.path, Some(&request.reason)).map(|sources| PauseReply { sources })
    }

    fn resume(&self, request: &ResumeRequest) -> Result<ResumeReply, NotDone> {
        self.paused(&request.path, None).map(|sources| ResumeReply { sources })
    }

    fn seek(&self, request: &SeekRequest) -> Result<SeekReply, NotDone> {
        if request.path.is_empty() {
            return Err(NotDone::Invalid("name the path of one log".to_owned()));
        }
        self.at(&request.path)?;
        let to = match request.to() {
            Position::Beginning => Place::Beginning,
            Position::End => Place::End,
            Position::Unspecified => {
                let why = "say where to read from: POSITION_BEGINNING or POSITION_END";
                return Err(NotDone::Invalid(why.to_owned()));
            }
        };
        let busy = || NotDone::NotNow("the reader does not come to it now; ask again".to_owned());
        let answer = self.orders().seek(Path::new(&request.path), to).ok_or_else(busy)?;
        let Sought { again, skipped } = answer.recv_timeout(PATIENCE).map_err(|_| busy())?;
        let source = self.at(&request.path)?.into_iter().next();
        Ok(SeekReply { again_bytes: again, skipped_bytes: skipped, source })
    }
}

impl Drain for Collector {
    fn close(&self, closed: bool) {
        self.orders().pause(None, closed.then_some("drained"));
    }

    fn left(&self) -> (u64, Vec<String>) {
        let queued =
            self.status().sources.iter().filter_map(|source| source.queued).map(|one| one.events).sum();
        (queued, self.remains().into_iter().collect())
    }
}
