//! Dead letters: events that no intake takes, each with its cause and the intake's words, kept until somebody decides.
//!
//! Promises: a letter is durable before its event leaves the spool; a crash in between leaves one letter, not two (it
//! is recognised by spool, account and number); a full store refuses, and nothing is dropped.
//!
//! A letter's payload is one line of JSON ([`Letter`]) and, behind its newline, the event as it was. What operators do
//! with letters is in [`crate::letters`].

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use proto::v1::StoreStatus;
use queue::{Format, Options, Put, Queue, ReadError, Refused};
use serde::{Deserialize, Serialize};

use crate::account::Log;
use crate::spool::store_status;

/// Of letters and their headers.
const FORMAT: Format = Format { of: "dead letters", version: 1 };

/// Cause: a record of the spool was damaged on disk.
pub(crate) const DAMAGED: &str = "damaged in the spool";
/// Cause: the event is over the intake's limit, and shrinking did not help.
pub(crate) const TOO_LARGE: &str = "too large";

/// Cause: the event is older than the intake takes, and was not to be told as one of now.
pub(crate) const TOO_OLD: &str = "too old";

/// Bytes of the intake's answer that are kept.
pub(crate) const MOST_WORDS: usize = 1024;

const PENDING: &str = "pending/";

/// What is written of an event that no intake takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) log: Log,
    /// The collector's queue, hexadecimal.
    pub(crate) queue: String,
    pub(crate) number: u64,
    /// Bytes of the line as it was read, with its newline.
    pub(crate) read_bytes: u64,
    pub(crate) read_at_us: i64,
    pub(crate) dead_at_us: i64,
    pub(crate) cause: String,
    /// What the intake answered, at most [`MOST_WORDS`] bytes.
    pub(crate) answer: String,
    /// The event had been shrunk.
    #[serde(default)]
    pub(crate) shrunk: bool,
    /// Its invalid UTF-8 had become U+FFFD.
    #[serde(default)]
    pub(crate) replaced: bool,
}

/// A letter as the index knows it.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) entry: queue::Entry,
    /// The beginning of its cause.
    pub(crate) cause: String,
    pub(crate) dead_at_us: i64,
    /// Where its event was; None when that was another spool than the one of now.
    pub(crate) grave: Option<Grave>,
}

/// What the index keeps of a letter.
#[derive(Serialize, Deserialize)]
struct Indexed {
    cause: String,
    number: u64,
    dead_at_us: i64,
    #[serde(default)]
    account: u32,
    /// The spool's id.
    #[serde(default)]
    spool: String,
}

/// Names the event in the spool: its account there and its number.
pub(crate) type Grave = (u32, u64);

/// Why a letter was not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotKept {
    /// It is full; `needed` bytes have to become free.
    #[error("its dead letters take {used} of {limit} bytes; raise `dead_letters.max_size`")]
    Full { used: u64, limit: u64, needed: u64 },
    /// The disk said no; it can be tried again.
    #[error("its dead letters cannot be written: {0}")]
    Failed(String),
}

/// The dead letters of one destination.
pub(crate) struct DeadLetters {
    queue: Queue,
    /// The id of the spool that the letters come from.
    spool: [u8; 16],
    /// Events that have their letter and may still be in the spool. Bounded by the deliveries in flight.
    pending: Mutex<HashSet<Grave>>,
    /// Held by whoever takes letters away: one at a time.
    turn: Mutex<()>,
    limit: u64,
}

impl DeadLetters {
    /// Opens the store in `dir`. Blocking.
    pub(crate) fn open(dir: &Path, max_bytes: u64, spool: [u8; 16]) -> Result<DeadLetters, queue::OpenError> {
        let (format, cache_bytes, segment_bytes) = (Some(FORMAT), 1 << 20, 16 << 20);
        let options = Options { max_bytes, cache_bytes, segment_bytes, format, ..Options::default() };
        let (queue, _) = Queue::open(dir, options)?;
        let pending = Mutex::new(pending_in(&queue, spool).unwrap_or_default());
        Ok(DeadLetters { queue, spool, pending, turn: Mutex::default(), limit: max_bytes })
    }

    /// Keeps a letter durably, once.
    pub(crate) async fn keep(&self, grave: Grave, letter: &Letter, event: &[u8]) -> Result<(), NotKept> {
        // Noted before it can be listed, so that no operator gets hold of it while its event is still in the spool.
        if !self.pending().insert(grave) {
            return Ok(());
        }
        let mut noted = Noted { dead: self, grave, kept: false };
        self.write(grave, letter, event).await?;
        noted.kept = true;
        Ok(())
    }

    async fn write(&self, grave: Grave, letter: &Letter, event: &[u8]) -> Result<(), NotKept> {
        let mut payload = serde_json::to_vec(letter).expect("a letter has no map");
        let header = self.header(grave, letter);
        payload.push(b'\n');
        payload.extend_from_slice(event);
        let put = Put::set(pending_key(self.spool, grave), []);
        let ticket = self.queue.append(&header, Bytes::from(payload), vec![put]).map_err(refused)?;
        ticket.await.map(drop).map_err(|failed| NotKept::Failed(failed.to_string()))
    }

    /// The event has left the spool: it need not be recognised any more, and its letter is an operator's. Not before
    /// that is durable: a mark that came back would pass for the letter of an event that died a second time.
    pub(crate) async fn left_the_spool(&self, graves: &[Grave]) {
        let puts = graves.iter().map(|&grave| Put::delete(pending_key(self.spool, grave))).collect();
        let forgotten = match self.queue.commit(puts) {
            Ok(ticket) => ticket.await.map(drop).map_err(|failed| failed.to_string()),
            Err(refused) => Err(refused.to_string()),
        };
        match forgotten {
            Ok(()) => self.pending().retain(|grave| !graves.contains(grave)),
            Err(why) => tracing::warn!(why, "dead letters are not shown before the next start"),
        }
    }

    /// Whether a letter that was refused for want of `needed` bytes would be kept now.
    pub(crate) fn has_room(&self, needed: u64) -> bool {
        self.queue.has_room(needed)
    }

    pub(crate) fn status(&self) -> StoreStatus {
        store_status(&self.queue, self.limit)
    }

    /// Tells letters of this store from those of another one.
    pub(crate) fn id(&self) -> [u8; 16] {
        self.queue.id()
    }

    /// Letters at `from` and above, at most `most`, oldest first; also those whose event is still in the spool.
    /// Blocking.
    pub(crate) fn letters(&self, from: u64, most: usize) -> Result<Vec<Kept>, ReadError> {
        let entries = self.queue.entries(from, most)?;
        Ok(entries.into_iter().map(|entry| self.kept(entry)).collect())
    }

    /// A letter and its event. Blocking.
    pub(crate) fn read(&self, kept: &Kept) -> Result<(Letter, Bytes), ReadError> {
        let payload = self.queue.read(&kept.entry)?;
        let unknown = || ReadError::Index { why: "the letter has an unknown form".to_owned() };
        let end = payload.iter().position(|&byte| byte == b'\n').ok_or_else(unknown)?;
        let letter = serde_json::from_slice(&payload[..end]).map_err(|_| unknown())?;
        Ok((letter, payload.slice(end + 1..)))
    }

    /// Whether the event may still be in the spool: until that is known, the letter is nobody's.
    pub(crate) fn is_pending(&self, kept: &Kept) -> bool {
        kept.grave.is_some_and(|grave| self.pending().contains(&grave))
    }

    /// All events that have their letter and may still be in the spool.
    pub(crate) fn all_pending(&self) -> Vec<Grave> {
        self.pending().iter().copied().collect()
    }

    /// Removes letters durably, and the memory of these events. Positions that hold none are passed over. Blocking.
    pub(crate) fn take_away(&self, positions: Vec<u64>, graves: &[Grave]) -> Result<(), String> {
        let puts = graves.iter().map(|&grave| Put::delete(pending_key(self.spool, grave))).collect();
        let ticket = self.queue.remove(positions, puts).map_err(|error| error.to_string())?;
        ticket.wait().map_err(|error| error.to_string())?;
        self.pending().retain(|grave| !graves.contains(grave));
        Ok(())
    }

    /// The turn of whoever takes letters away.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self, entry: queue::Entry) -> Kept {
        let indexed: Option<Indexed> = serde_json::from_slice(&entry.header).ok();
        let ours = |indexed: &&Indexed| indexed.spool == hexadecimal(self.spool);
        let grave = indexed.as_ref().filter(ours).map(|indexed| (indexed.account, indexed.number));
        let (cause, dead_at_us) =
            indexed.map_or_else(Default::default, |indexed| (indexed.cause, indexed.dead_at_us));
        Kept { entry, cause, dead_at_us, grave }
    }

    fn header(&self, (account, number): Grave, letter: &Letter) -> Vec<u8> {
        let cause = letter.cause.chars().take(100).collect();
        let spool = hexadecimal(self.spool);
        let indexed = Indexed { cause, number, dead_at_us: letter.dead_at_us, account, spool };
        serde_json::to_vec(&indexed).expect("what is indexed has no map")
    }

    fn pending(&self) -> MutexGuard<'_, HashSet<Grave>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The note of a letter that is being written; taken back unless it is kept, also when nobody waits for it any more.
struct Noted<'a> {
    dead: &'a DeadLetters,
    grave: Grave,
    kept: bool,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.dead.pending().remove(&self.grave);
        }
    }
}

/// An id as hexadecimal digits.
pub(crate) fn hexadecimal(id: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(id))
}

fn refused(refused: Refused) -> NotKept {
    match refused {
        Refused::Full { used, limit, needed } => NotKept::Full { used, limit, needed },
        other => NotKept::Failed(other.to_string()),
    }
}

fn pending_key(spool: [u8; 16], (account, number): Grave) -> Vec<u8> {
    format!("{PENDING}{}/{account:x}/{number:x}", hexadecimal(spool)).into_bytes()
}

fn pending_in(queue: &Queue, spool: [u8; 16]) -> Result<HashSet<Grave>, ReadError> {
    let prefix = format!("{PENDING}{}/", hexadecimal(spool));
    let keys = queue.scan(prefix.as_bytes())?;
    let grave = |key: &[u8]| {
        let (account, number) = std::str::from_utf8(key).ok()?.strip_prefix(&prefix)?.split_once('/')?;
        Some((u32::from_str_radix(account, 16).ok()?, u64::from_str_radix(number, 16).ok()?))
    };
    Ok(keys.iter().filter_map(|(key, _)| grave(key)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(number: u64) -> Letter {
        Letter {
            log: Log::default(),
            queue: "00".into(),
            number,
            read_bytes: 3,
            read_at_us: 1,
            dead_at_us: 2,
            cause: TOO_LARGE.into(),
            answer: "no".into(),
            shrunk: false,
            replaced: false,
        }
    }

    fn open(dir: &Path) -> DeadLetters {
        DeadLetters::open(dir, 64 << 20, [7; 16]).unwrap()
    }

    #[tokio::test]
    async fn a_letter_that_comes_again_after_a_crash_is_kept_once() {
        let directory = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let letters = open(directory.path());
            letters.keep((1, 5), &letter(5), b"{}").await.unwrap();
            assert_eq!(letters.status().records, 1);
        }
        let letters = open(directory.path());
        letters.left_the_spool(&[(1, 5)]).await;
        letters.keep((2, 5), &letter(5), b"{}").await.unwrap();
        assert_eq!(letters.status().records, 2);
        drop(letters);
        assert_eq!(open(directory.path()).pending().iter().copied().collect::<Vec<_>>(), [(2, 5)]);
    }

    #[tokio::test]
    async fn a_letter_holds_the_event_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let letters = open(directory.path());
        letters.keep((1, 5), &letter(5), b"{\"a\":\xff}").await.unwrap();
        let kept = letters.letters(0, 2).unwrap().remove(0);
        let (told, event) = letters.read(&kept).unwrap();
        assert_eq!((told.number, told.cause.as_str()), (5, TOO_LARGE));
        assert_eq!((kept.grave, kept.cause.as_str()), (Some((1, 5)), TOO_LARGE));
        assert_eq!(event.as_ref(), b"{\"a\":\xff}");
    }

    #[tokio::test]
    async fn a_full_store_refuses_and_keeps_what_it_has() {
        let directory = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(directory.path(), 1 << 20, [7; 16]).unwrap();
        let event = vec![b'x'; 100 << 10];
        let mut kept = 0;
        let refused = loop {
            match letters.keep((1, kept), &letter(kept), &event).await {
                Ok(()) => kept += 1,
                Err(refused) => break refused,
            }
        };
        let NotKept::Full { needed, .. } = refused else { panic!("{refused}") };
        assert!(kept > 1 && !letters.has_room(needed));
        assert_eq!(letters.status().records, kept);
    }
}
