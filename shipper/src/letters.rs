//! What operators do with dead letters: look, send again, drop.
//!
//! Promises: a letter that is tried again is in the spool as a body of its destination, once, whatever crashes in
//! between ([`crate::gone`]); a dropped one stays counted as dead; nothing is done to letters that nobody named; a call
//! does a bounded amount of work and says where to go on.

use bytes::Bytes;
use proto::v1::{DeadLetter, GetDeadLetterReply};
use proto::{Line, MAX_LINE_BYTES, NotDone};
use queue::ReadError;

use crate::account::{Entry, Tally};
use crate::change::{self, Change, Return};
use crate::dead::{DeadLetters, Kept, Letter};
use crate::gone;
use crate::parcel::{Packer, Parcel};
use crate::record::Record;
use crate::spool::Spool;
use crate::standing::now_us;

/// Letters of which a call changes the fate.
pub(crate) const MOST_CHANGED: usize = 512;

/// Bytes of events after which a call over a filter leaves the others to the next.
const MOST_BYTES_CHANGED: usize = 64 << 20;

/// Letters, and bytes of their events, that change as one.
const MOST_AS_ONE: usize = 64;
const MOST_BYTES_AS_ONE: usize = 8 << 20;

/// Letters listed at a time while looking for those that are meant.
const PAGE: usize = 256;

/// The dead letters of one destination, with what they came from and may go back to.
pub(crate) struct Letters<'a> {
    pub(crate) destination: &'a str,
    pub(crate) spool: &'a Spool,
    pub(crate) dead: &'a DeadLetters,
    pub(crate) packer: &'a dyn Packer,
}

/// Which letters are meant.
#[derive(Clone, Debug)]
pub(crate) enum Choice {
    /// Those at these positions.
    These(Vec<u64>),
    /// Those of this cause (its beginning) at `from` and above that died until then.
    Matching { cause: String, from: u64, until_us: i64 },
}

/// What is to become of letters.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// They are sent again; where there is one, with this event instead.
    Again(Option<Bytes>),
    /// They are removed for good.
    Dropped,
}

/// What became of letters.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    pub(crate) done: u64,
    /// Positions of letters with which nothing was done, and why.
    pub(crate) skipped: Vec<(u64, String)>,
    /// Where to go on; None when all that match were looked at.
    pub(crate) next: Option<u64>,
    /// Bytes of the events.
    bytes: usize,
}

/// A letter that was read.
struct Opened<'k> {
    kept: &'k Kept,
    letter: Letter,
    event: Bytes,
}

impl Letters<'_> {
    /// At most `most` letters of this cause from `from` on, and where to go on. Blocking.
    pub(crate) fn list(
        &self,
        cause: &str,
        from: u64,
        most: usize,
    ) -> Result<(Vec<DeadLetter>, Option<u64>), NotDone> {
        let (chosen, next) = self.matching(cause, from, i64::MAX, most)?;
        let mut letters = Vec::with_capacity(chosen.len());
        for kept in &chosen {
            match self.dead.read(kept) {
                Ok((letter, _)) => letters.push(self.told(kept, letter)),
                Err(ReadError::Gone { .. }) => {}
                Err(error) => {
                    tracing::error!(destination = self.destination, %error, "a dead letter cannot be read");
                }
            }
        }
        Ok((letters, next))
    }

    /// The letter at a position, with its event. Blocking.
    pub(crate) fn get(&self, position: u64) -> Result<GetDeadLetterReply, NotDone> {
        let kept = self.find(position)?.map_err(NotDone::NotFound)?;
        let (letter, event) = self.dead.read(&kept).map_err(not_now)?;
        Ok(GetDeadLetterReply { letter: Some(self.told(&kept, letter)), event: event.to_vec() })
    }

    /// Decides the fate of letters, [`MOST_CHANGED`] at most. Blocking.
    pub(crate) fn change(&self, choice: &Choice, fate: &Fate) -> Result<Changed, NotDone> {
        let _turn = self.dead.turn();
        gone::finish(self.spool, self.dead).map_err(not_now)?;
        let mut changed = Changed::default();
        let chosen = match choice {
            Choice::Matching { cause, from, until_us } => {
                let (chosen, next) = self.matching(cause, *from, *until_us, MOST_CHANGED)?;
                changed.next = next;
                chosen
            }
            Choice::These(positions) => {
                let mut chosen = Vec::new();
                for &position in positions {
                    match self.find(position)? {
                        Ok(kept) => chosen.push(kept),
                        Err(why) => changed.skipped.push((position, why)),
                    }
                }
                chosen
            }
        };
        let mut left = chosen.as_slice();
        while !left.is_empty() {
            left = self.change_some(left, fate, &mut changed)?;
            if let (Choice::Matching { .. }, Some(next)) = (choice, left.first())
                && changed.bytes > MOST_BYTES_CHANGED
            {
                changed.next = Some(next.entry.position);
                break;
            }
        }
        Ok(changed)
    }

    /// Changes the first letters as one, and gives the others back.
    fn change_some<'k>(
        &self,
        letters: &'k [Kept],
        fate: &Fate,
        changed: &mut Changed,
    ) -> Result<&'k [Kept], NotDone> {
        let (mut opened, mut bytes, mut looked_at) = (Vec::new(), 0, 0);
        for kept in letters.iter().take(MOST_AS_ONE) {
            if bytes > MOST_BYTES_AS_ONE {
                break;
            }
            looked_at += 1;
            match self.dead.read(kept) {
                Ok((letter, event)) => {
                    bytes += event.len();
                    opened.push(Opened { kept, letter, event });
                }
                Err(error) => changed.skipped.push((kept.entry.position, error.to_string())),
            }
        }
        if !opened.is_empty() {
            self.commit(&opened, fate)?;
            changed.done += opened.len() as u64;
            changed.bytes += bytes;
        }
        Ok(&letters[looked_at..])
    }

    fn commit(&self, opened: &[Opened<'_>], fate: &Fate) -> Result<(), NotDone> {
        self.spool.commit_blocking(self.decided(opened, fate)?).map_err(|error| match error {
            change::NotDone::Full { .. } => self.full(),
            other => not_now(other),
        })?;
        gone::finish(self.spool, self.dead).map_err(|why| {
            NotDone::NotNow(format!("what was asked for is done, but the letters are not removed yet: {why}"))
        })
    }

    /// The change of the spool that decides what becomes of letters.
    fn decided(&self, opened: &[Opened<'_>], fate: &Fate) -> Result<Change, NotDone> {
        let puts = gone::marks(self.dead, opened.iter().map(|opened| opened.kept));
        let mut change = Change { puts, ..Change::default() };
        for opened in opened {
            let queue = queue_of(&opened.letter)?;
            match fate {
                Fate::Again(instead) => change.returns.push(self.returned(opened, queue, instead.clone())?),
                Fate::Dropped => {
                    let number = self.spool.number(&(opened.letter.log.origin().key(), queue));
                    let (cause, all) = (opened.letter.cause.clone(), Tally::one(opened.letter.read_bytes));
                    change.entries.extend(number.map(|number| (number, Entry::Dropped { cause, all })));
                }
            }
        }
        let status = self.spool.status();
        if !change.returns.is_empty() && status.bytes + change.size() > status.limit_bytes {
            return Err(self.full());
        }
        Ok(change)
    }

    fn returned(
        &self,
        opened: &Opened<'_>,
        queue: [u8; 16],
        instead: Option<Bytes>,
    ) -> Result<Return, NotDone> {
        let letter = &opened.letter;
        let edited = instead.is_some();
        let bytes = instead.unwrap_or_else(|| opened.event.clone());
        let line = Line { number: letter.number, read_bytes: letter.read_bytes, bytes };
        let origin = letter.log.origin();
        let parcel = Parcel {
            origin: origin.clone(),
            queue,
            read_at_us: letter.read_at_us,
            lines: vec![line],
            block: None,
        };
        let mut records = self.packer.pack(&parcel).map_err(not_now)?;
        if !edited {
            records.iter_mut().for_each(|record| remember(record, letter));
        }
        let entry = Entry::Revived { cause: letter.cause.clone(), all: Tally::one(letter.read_bytes) };
        Ok(Return { origin, queue, entry, records })
    }

    /// Letters that match, and where to go on.
    fn matching(
        &self,
        cause: &str,
        mut from: u64,
        until_us: i64,
        most: usize,
    ) -> Result<(Vec<Kept>, Option<u64>), NotDone> {
        let marked = gone::marked(self.spool, self.dead).map_err(not_now)?;
        let mut chosen = Vec::new();
        loop {
            let page = self.dead.letters(from, PAGE).map_err(not_now)?;
            if page.is_empty() {
                return Ok((chosen, None));
            }
            for kept in page {
                if chosen.len() == most {
                    return Ok((chosen, Some(kept.entry.position)));
                }
                from = kept.entry.position + 1;
                let hidden = marked.contains(&kept.entry.position) || self.dead.is_pending(&kept);
                if !hidden && kept.cause.starts_with(cause) && kept.dead_at_us <= until_us {
                    chosen.push(kept);
                }
            }
        }
    }

    /// The letter at a position; or why it cannot be had.
    fn find(&self, position: u64) -> Result<Result<Kept, String>, NotDone> {
        let marked = gone::marked(self.spool, self.dead).map_err(not_now)?;
        let mut page = self.dead.letters(position, 1).map_err(not_now)?;
        page.retain(|kept| kept.entry.position == position && !marked.contains(&position));
        Ok(match page.pop() {
            None => {
                let id = self.id(position);
                Err(format!("no dead letter is called `{id}`; it was sent again, or dropped"))
            }
            Some(kept) if self.dead.is_pending(&kept) => {
                Err("its event is on its way once more since a crash; look again later".to_owned())
            }
            Some(kept) => Ok(kept),
        })
    }

    fn told(&self, kept: &Kept, letter: Letter) -> DeadLetter {
        DeadLetter {
            id: self.id(kept.entry.position),
            destination: self.destination.to_owned(),
            queue: queue_of(&letter).unwrap_or_default().to_vec(),
            origin: Some(letter.log.origin()),
            cause: letter.cause,
            answer: letter.answer,
            dead_us: letter.dead_at_us,
            read_us: letter.read_at_us,
            number: letter.number,
            read_bytes: letter.read_bytes,
        }
    }

    fn id(&self, position: u64) -> String {
        format!("{}/{position}", self.destination)
    }

    fn full(&self) -> NotDone {
        let name = self.destination;
        NotDone::NotNow(format!("the spool of destination `{name}` is full; the letters stay where they are"))
    }
}

/// An event as an operator wrote it, as the one line that it has to be.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn edited(event: &[u8]) -> Result<Bytes, String> {
    let event = event.trim_ascii();
    if event.len() > MAX_LINE_BYTES {
        return Err(format!("the event has {} bytes, and a line at most {MAX_LINE_BYTES}", event.len()));
    }
    let whole = serde_json::from_slice::<serde::de::IgnoredAny>(event);
    whole.map_err(|error| format!("the event is no JSON: {error}"))?;
    if event.first() != Some(&b'{') {
        return Err("the event is no JSON object".to_owned());
    }
    // Within a string a line break is never written as itself, so these are between tokens.
    let line = event.iter().map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte });
    Ok(line.collect())
}

/// The time until which letters had died when a run over them began.
pub(crate) fn until_now() -> i64 {
    now_us()
}

/// What had been done to the event counts at its delivery.
fn remember(record: &mut Record, letter: &Letter) {
    if letter.shrunk {
        record.header.shrunk = record.header.all;
    }
    if letter.replaced {
        record.header.replaced = record.header.all;
    }
}

fn queue_of(letter: &Letter) -> Result<[u8; 16], NotDone> {
    let queue = u128::from_str_radix(&letter.queue, 16).map_err(not_now)?;
    Ok(queue.to_be_bytes())
}

fn not_now(why: impl std::fmt::Display) -> NotDone {
    NotDone::NotNow(why.to_string())
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::account::Log;
    use crate::block::Blocks;
    use crate::dead::hexadecimal;

    fn letter(number: u64) -> Letter {
        Letter {
            log: Log::default(),
            queue: hexadecimal([3; 16]),
            number,
            read_bytes: 3,
            read_at_us: 0,
            dead_at_us: number as i64,
            cause: "rejected (400)".to_owned(),
            answer: String::new(),
            shrunk: false,
            replaced: false,
        }
    }

    #[test]
    fn a_call_over_a_filter_is_bounded_goes_on_where_it_ended_and_leaves_what_died_since_it_began() {
        let directory = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(&directory.path().join("spool"), 8 << 20).unwrap();
        let dead = DeadLetters::open(&directory.path().join("dead"), 8 << 20, spool.id()).unwrap();
        let many = MOST_CHANGED as u64 + 90;
        let graves: Vec<_> = (1..=many).map(|number| (0, number)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let all: Vec<Letter> = (1..=many).map(letter).collect();
            let keep = all.iter().zip(&graves).map(|(letter, &grave)| dead.keep(grave, letter, b"{}"));
            assert!(join_all(keep).await.into_iter().all(|kept| kept.is_ok()));
            dead.left_the_spool(&graves).await;
        });
        let letters = Letters { destination: "dd", spool: &spool, dead: &dead, packer: &Blocks };
        let change = |cause: &str, from| {
            let choice = Choice::Matching { cause: cause.to_owned(), from, until_us: many as i64 - 10 };
            letters.change(&choice, &Fate::Again(None)).unwrap()
        };
        assert_eq!((change("too", 0).done, change("too", 0).next), (0, None));
        let first = change("rejected", 0);
        assert_eq!((first.done, first.skipped.len()), (MOST_CHANGED as u64, 0));
        let second = change("rejected", first.next.unwrap());
        assert_eq!((second.done, second.next), (80, None));
        assert_eq!(spool.events(), many - 10);
        assert_eq!(dead.status().records, 10);
    }
}
