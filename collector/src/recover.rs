//! Lines whose record in the queue was damaged are read again from where they came.
//!
//! Promises: a batch that is made again has the bounds, the events and the place in the account that it had; what cannot
//! be read again is dead with the cause `damaged`, and named with its file, its bytes and why; until one or the other is
//! durable, the queue's state remembers it.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use chassis::datadog::Rules;
use proto::{Batch, Origin};
use queue::{Put, Queue};
use tokio_util::sync::CancellationToken;

use crate::books::Books;
use crate::checkpoint::{self, FileState, Saved};
use crate::chunk::Bounds;
use crate::entry::Entry;
use crate::find::{self, Found};
use crate::lines;
use crate::opened::{self, Opened};
use crate::record::Header;
use crate::send::{Backoff, DAMAGED, Push};
use crate::tally::{Causes, Tally};

/// Reads lines again.
#[derive(Clone)]
pub(crate) struct Again {
    pub(crate) queue: Queue,
    pub(crate) entries: Arc<Vec<Entry>>,
    pub(crate) bounds: Bounds,
    pub(crate) books: Arc<Books>,
}

/// Why lines are not read again.
enum NotAgain {
    /// It may work later.
    Later(String),
    /// It never will.
    Never(String),
}

impl Again {
    /// The batch that was queued under this header, read from its file; none when it cannot be had any more, which is
    /// said. Tries as long as the file is there and cannot be read.
    pub(crate) async fn batch(&self, header: &Header) -> Option<Batch> {
        let mut backoff = Backoff::new();
        loop {
            let (again, wanted) = (self.clone(), header.clone());
            let read = tokio::task::spawn_blocking(move || again.read(&wanted)).await;
            match read.unwrap_or_else(|error| Err(NotAgain::Later(error.to_string()))) {
                Ok(batch) => return Some(batch),
                Err(NotAgain::Never(why)) => {
                    tracing::error!("{why}");
                    self.books.set_sending(None);
                    self.books.lose(why);
                    return None;
                }
                Err(NotAgain::Later(why)) => {
                    self.books.set_sending(Some(("queue", format!("sending waits: {why}"))))
                }
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    fn read(&self, header: &Header) -> Result<Batch, NotAgain> {
        let saved = Saved::load(&self.queue).map_err(NotAgain::Later)?;
        let lost = |path: &str, why: &str| {
            let Header { first, last, start, end, .. } = header;
            NotAgain::Never(format!(
                "lines {first} to {last} of {path} were damaged in the queue and are lost: bytes {start} to {end} cannot be read again: {why}"
            ))
        };
        let Some(source) = saved.sources.iter().find(|source| source.number == header.source) else {
            return Err(lost("an unknown log", "the queue's state does not know it"));
        };
        let path = source.path.display().to_string();
        let files = saved.files.get(&header.source).map(Vec::as_slice).unwrap_or_default();
        let Some(file) = files.iter().find(|file| file.number == header.file) else {
            return Err(lost(&path, "its file is gone"));
        };
        let Some(entry) = self.entries.iter().find(|entry| entry.pattern.asks_for(&source.path)) else {
            return Err(lost(&path, "no entry of the configuration asks for it"));
        };
        let raw = range(&source.path, file, header).map_err(|error| match error.kind() {
            ErrorKind::NotFound => lost(&path, "no file has them any more"),
            ErrorKind::InvalidData => lost(&path, &error.to_string()),
            _ => NotAgain::Later(error.to_string()),
        })?;
        let batch = self.made(header, entry.origin(&source.path), &entry.rules, &raw);
        batch
            .map_err(|error| NotAgain::Later(error.to_string()))?
            .ok_or_else(|| lost(&path, "they are others now: the file, or the rules of its entry, changed"))
    }

    /// The batch that these bytes make, if it is the one that the header speaks of.
    fn made(&self, header: &Header, origin: Origin, rules: &Rules, raw: &[u8]) -> io::Result<Option<Batch>> {
        let judged = lines::judge(raw, self.bounds.line, rules);
        let next = (header.last + 1).checked_sub(judged.lines).filter(|next| *next >= header.first);
        let (Some(next), true) = (next, judged.used == raw.len() && judged.kept == header.kept) else {
            return Ok(None);
        };
        let head = Batch {
            events_before: header.before.events,
            bytes_before: header.before.bytes,
            origin: Some(origin),
            queue: self.queue.id().to_vec(),
            first: header.first,
            last: header.last,
            read_at_us: header.read_at_us,
            ..Batch::default()
        };
        lines::packed(head, next, raw, &judged).map(Some)
    }
}

/// The bytes of the header's range, from any file that has the content of `file`.
///
/// # Errors
/// `NotFound` when no file has them; otherwise what keeps a file of this log, which may have them, from being read.
fn range(log: &Path, file: &FileState, header: &Header) -> io::Result<Vec<u8>> {
    let mut look = find::files_of(log).files;
    look.sort_by_key(|found| found.key != file.key);
    let mut failed = io::Error::from(ErrorKind::NotFound);
    for found in &look {
        match part_of(found, file, header) {
            Ok(Some(raw)) => return Ok(raw),
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => {}
            Err(error) => failed = error,
        }
    }
    let beside = find::beside(log);
    let raw = beside.iter().find_map(|found| part_of(found, file, header).ok().flatten()); // of strangers nothing is asked
    raw.ok_or(failed)
}

/// The bytes of the header's range, if what was found has the content of `file` up to there.
fn part_of(found: &Found, file: &FileState, header: &Header) -> io::Result<Option<Vec<u8>>> {
    let Some(mut opened) = Opened::at(&found.path, &found.key)? else { return Ok(None) };
    if !opened::begins(file, &opened.content)? {
        return Ok(None);
    }
    let (mut raw, want) = (Vec::new(), (header.end - header.start) as usize);
    opened.content.read(header.start, &mut raw, want)?;
    Ok((raw.len() == want).then_some(raw))
}

/// Sends what opening the queue found damaged, once each.
pub(crate) struct Recovery {
    pub(crate) again: Again,
    pub(crate) push: Push,
}

impl Recovery {
    /// Runs until everything is dealt with, or `stop`.
    ///
    /// # Errors
    /// When the queue was closed.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), String> {
        let queue = self.again.queue.clone();
        let saved = tokio::task::spawn_blocking(move || Saved::load(&queue)).await;
        let damaged = saved.map_err(|error| error.to_string())??.damaged;
        for header in damaged {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                dealt = self.one(&header) => dealt?,
            }
        }
        Ok(())
    }

    async fn one(&self, header: &Header) -> Result<(), String> {
        let mut refused = Causes::default();
        match self.again.batch(header).await {
            Some(batch) => match self.push.batch(batch).await {
                Some(tally) => refused.add(crate::send::REFUSED, tally),
                None => return Ok(()),
            },
            None => refused.add(DAMAGED, Tally::new(header.kept.events, header.kept.bytes)),
        }
        let mut puts = vec![checkpoint::forget_damaged(header)];
        if !refused.is_empty() {
            let mut causes = self.again.books.refused(header.source);
            causes.merge(&refused);
            puts.push(checkpoint::put_refused(header.source, &causes));
        }
        self.commit(puts).await?;
        self.again.books.released(header.source, std::slice::from_ref(header), &refused);
        Ok(())
    }

    /// Until it is durable.
    async fn commit(&self, puts: Vec<Put>) -> Result<(), String> {
        let mut backoff = Backoff::new();
        loop {
            let failed = match self.again.queue.commit(puts.clone()) {
                Ok(ticket) => match ticket.await {
                    Ok(_) => return Ok(()),
                    Err(queue::Failed::Stopped) => return Err(queue::Failed::Stopped.to_string()),
                    Err(error) => error.to_string(),
                },
                Err(queue::Refused::Closed) => return Err(queue::Refused::Closed.to_string()),
                Err(error) => error.to_string(),
            };
            tracing::warn!("what was read again could not be noted: {failed}; tried again");
            tokio::time::sleep(backoff.next()).await;
        }
    }
}
