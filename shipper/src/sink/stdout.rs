//! Lines on standard output (or any other writer), flushed.
//!
//! Promise: a record leaves the spool when its lines were flushed. A crash between flush and commit writes them again:
//! nobody can ask a pipe what it got.

use std::io::Write;
use std::time::SystemTime;

use tokio::time::Instant;

use super::{Sink, Step, commit, delivered, did, lines_of, traced};
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
    fn kind(&self) -> &'static str {
        "stdout"
    }

    fn step(&mut self, _: Instant, _: bool) -> Result<Step, String> {
        let began = SystemTime::now();
        let oldest = self.spool.list(0, 1).map_err(|error| error.to_string())?;
        let Some(stored) = oldest.first() else { return Ok(Step::Idle) };
        let Some(unpacked) = lines_of(&self.spool, stored)? else {
            return Ok(did([], 0, 0));
        };
        let written = self.out.write_all(&unpacked.raw).and_then(|()| self.out.flush());
        written.map_err(|error| format!("cannot write to standard output: {error}"))?;
        let (mut change, all) = delivered([stored]);
        change.slips.extend(unpacked.slip);
        commit(&self.spool, change)?;
        traced(self.kind(), [stored], began);
        Ok(did([stored], all.events, unpacked.raw.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use proto::{Line, Origin};

    use super::*;
    use crate::block::Blocks;
    use crate::change::Change;
    use crate::parcel::{Packer, Parcel};

    /// A pipe whose reader is not there at first.
    #[derive(Clone, Default)]
    struct Pipe {
        text: Arc<Mutex<Vec<u8>>>,
        open: Arc<Mutex<bool>>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !*self.open.lock().unwrap() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.text.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_stay_spooled_until_somebody_reads_them_and_come_as_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(directory.path(), 8 << 20).unwrap();
        let bytes = bytes::Bytes::from_static(b"{\"a\":\"\xff\"}");
        let lines = vec![Line { number: 1, read_bytes: 10, bytes }];
        let parcel = Parcel { origin: Origin::default(), queue: [0; 16], read_at_us: 0, lines, block: None };
        let append = Blocks.pack(&parcel).unwrap();
        commit(&spool, Change { append, ..Change::default() }).unwrap();
        let pipe = Pipe::default();
        let mut sink = StdoutSink::new(Box::new(pipe.clone()), spool);
        let Err(refused) = sink.step(Instant::now(), false) else { panic!("nobody reads") };
        assert!(refused.contains("standard output"), "{refused}");
        *pipe.open.lock().unwrap() = true;
        assert!(matches!(sink.step(Instant::now(), false), Ok(Step::Did { events: 1, .. })));
        assert!(matches!(sink.step(Instant::now(), false), Ok(Step::Idle)));
        assert_eq!(*pipe.text.lock().unwrap(), b"{\"a\":\"\xff\"}\n");
    }
}
