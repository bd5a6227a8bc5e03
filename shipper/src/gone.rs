//! How letters leave the dead letters, so that a crash at any moment neither loses nor doubles an event.
//!
//! Promise: first the spool commits, as one, what the books say of the letters, the bodies that their events come back
//! as, and a mark for each letter; then the letters are removed; then the marks. What a crash left marked is removed
//! when both are opened again, and a marked letter is shown to nobody.

use std::collections::BTreeSet;

use queue::Put;

use crate::change::Change;
use crate::dead::{DeadLetters, Grave, Kept, hexadecimal};
use crate::manifest::Listed;
use crate::spool::Spool;

/// State keys of marks in the spool: store and position of the letter.
const MARKS: &str = "gone/";

/// Records, or letters, listed at a time.
const PAGE: usize = 1024;

/// The marks of these letters, for the commit that decides their fate.
pub(crate) fn marks<'a>(dead: &DeadLetters, letters: impl Iterator<Item = &'a Kept>) -> Vec<Put> {
    let prefix = prefix(dead);
    letters.map(|kept| Put::set(format!("{prefix}{:016x}", kept.entry.position), [])).collect()
}

/// The positions of letters whose fate was decided, and that are still there. Blocking.
pub(crate) fn marked(spool: &Spool, dead: &DeadLetters) -> Result<BTreeSet<u64>, String> {
    let prefix = prefix(dead);
    let stored = spool.remembered_all(&prefix).map_err(|error| error.to_string())?;
    let position =
        |key: &[u8]| u64::from_str_radix(std::str::from_utf8(key).ok()?.strip_prefix(&prefix)?, 16).ok();
    Ok(stored.iter().filter_map(|(key, _)| position(key)).collect())
}

/// Removes all marked letters, and then their marks. The event of one may have died once more by now, so what is
/// remembered of that stays. Blocking.
pub(crate) fn finish(spool: &Spool, dead: &DeadLetters) -> Result<(), String> {
    let marked = marked(spool, dead)?;
    if marked.is_empty() {
        return Ok(());
    }
    let prefix = prefix(dead);
    let puts = marked.iter().map(|position| Put::delete(format!("{prefix}{position:016x}"))).collect();
    dead.take_away(marked.into_iter().collect(), &[])?;
    spool.commit_blocking(Change { puts, ..Change::default() }).map_err(|error| error.to_string())
}

/// To be called when both are opened, before anything else: finishes what a crash broke off, and forgets which events
/// may still be in the spool where they are not. Blocking.
pub(crate) fn recover(spool: &Spool, dead: &DeadLetters) -> Result<(), String> {
    finish(spool, dead)?;
    let pending = dead.all_pending();
    if pending.is_empty() {
        return Ok(());
    }
    let held = held_of(spool, &pending)?;
    let settled: Vec<Grave> = pending.into_iter().filter(|grave| !held.contains(grave)).collect();
    dead.take_away(Vec::new(), &settled)
}

/// Which lines of a body have their letter already. Does not block.
pub(crate) fn graves_of(dead: &DeadLetters, account: u32, lines: &[Listed]) -> Vec<Grave> {
    let mut pending = dead.all_pending();
    pending.retain(|&(its, number)| its == account && lines.iter().any(|line| line.number == number));
    pending
}

/// Removes the letters of events that are no dead letters after all. Blocking.
pub(crate) fn forget(dead: &DeadLetters, graves: &[Grave]) -> Result<(), String> {
    let (mut positions, mut from) = (Vec::new(), 0);
    loop {
        let page = dead.letters(from, PAGE).map_err(|error| error.to_string())?;
        let Some(last) = page.last() else { break };
        from = last.entry.position + 1;
        let ours = page.iter().filter(|kept| kept.grave.is_some_and(|grave| graves.contains(&grave)));
        // An event that died, was tried again and died once more has one letter, the older ones being gone.
        positions.extend(ours.map(|kept| kept.entry.position));
    }
    dead.take_away(positions, graves)
}

fn prefix(dead: &DeadLetters) -> String {
    format!("{MARKS}{}/", hexadecimal(dead.id()))
}

/// Those whose event a record of the spool holds, or may hold.
fn held_of(spool: &Spool, graves: &[Grave]) -> Result<BTreeSet<Grave>, String> {
    let (mut held, mut from) = (BTreeSet::new(), 0);
    loop {
        let page = spool.list(from, PAGE).map_err(|error| error.to_string())?;
        let Some(last) = page.last() else { return Ok(held) };
        from = last.entry.position + 1;
        for header in page.iter().map(|stored| &stored.header) {
            let ours = |&&(account, number): &&Grave| {
                account == header.account && (header.first..=header.last).contains(&number)
            };
            held.extend(graves.iter().filter(ours));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proto::Origin;

    use super::*;
    use crate::account::{Account, Entry, Tally};
    use crate::block::Blocks;
    use crate::change::Return;
    use crate::dead::Letter;
    use crate::letters::{Choice, Fate, Letters};
    use crate::parcel::{Packer, Parcel};

    const QUEUE: [u8; 16] = [3; 16];
    const CAUSE: &str = "rejected (400)";

    struct Desk {
        spool: Spool,
        dead: DeadLetters,
    }

    impl Desk {
        /// Both as after a start.
        fn open(dir: &Path) -> Desk {
            let (spool, _) = Spool::open(&dir.join("spool"), 8 << 20).unwrap();
            let dead = DeadLetters::open(&dir.join("dead-letters"), 8 << 20, spool.id()).unwrap();
            recover(&spool, &dead).unwrap();
            Desk { spool, dead }
        }

        /// Takes a line.
        fn take(&self, number: u64) {
            let all = Tally::one(3);
            let (cause, append) = ("new".to_owned(), records(number));
            let entry = Entry::Revived { cause, all }; // as good as any other way in
            let change = Change { returns: vec![returned(entry, append)], ..Change::default() };
            self.spool.commit_blocking(change).unwrap();
        }

        /// Writes its letter.
        fn keep(&self, number: u64) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(self.dead.keep((0, number), &letter(number), b"{}")).unwrap();
        }

        /// Removes it from the spool.
        fn settle(&self, number: u64) {
            let records = self.spool.list(0, 100).unwrap();
            let remove = records.iter().filter(|stored| stored.header.first == number);
            let remove = remove.map(|stored| stored.entry.position).collect();
            let dead = Entry::Dead { cause: CAUSE.to_owned(), all: Tally::one(3) };
            let change = Change { remove, entries: vec![(0, dead)], ..Change::default() };
            self.spool.commit_blocking(change).unwrap();
        }

        /// Numbers in the spool, and of letters that are shown.
        fn seen(&self) -> (Vec<u64>, Vec<u64>) {
            let spooled = self.spool.list(0, 100).unwrap().iter().map(|stored| stored.header.first).collect();
            let (letters, _) = self.letters().list("", 0, 100).unwrap();
            assert!(self.account().balances(), "{:?}", self.account());
            (spooled, letters.iter().map(|letter| letter.number).collect())
        }

        fn letters(&self) -> Letters<'_> {
            Letters { destination: "dd", spool: &self.spool, dead: &self.dead, packer: &Blocks }
        }

        fn account(&self) -> Account {
            self.spool.account(0)
        }
    }

    fn records(number: u64) -> Vec<crate::record::Record> {
        let line = proto::Line { number, read_bytes: 3, bytes: bytes::Bytes::from_static(b"{}") };
        let parcel = Parcel {
            origin: Origin::default(),
            queue: [0; 16],
            read_at_us: 0,
            lines: vec![line],
            block: None,
        };
        Blocks.pack(&parcel).unwrap()
    }

    fn returned(entry: Entry, records: Vec<crate::record::Record>) -> Return {
        Return { origin: Origin::default(), queue: QUEUE, entry, records }
    }

    fn letter(number: u64) -> Letter {
        Letter {
            log: (&Origin::default()).into(),
            queue: hexadecimal(QUEUE),
            number,
            read_bytes: 3,
            read_at_us: 0,
            dead_at_us: 0,
            cause: CAUSE.to_owned(),
            answer: String::new(),
            shrunk: false,
            replaced: false,
        }
    }

    #[test]
    fn a_crash_after_the_spool_s_commit_ends_in_the_letter_going_and_the_event_in_the_spool_once() {
        let directory = tempfile::tempdir().unwrap();
        let desk = Desk::open(directory.path());
        (1..=2).for_each(|number| {
            [Desk::take, Desk::keep, Desk::settle].iter().for_each(|step| step(&desk, number))
        });
        let mut desk = Desk::open_again(desk, directory.path());
        assert_eq!(desk.seen(), (vec![], vec![1, 2]));
        // The first step of a retry, and no other.
        let kept = desk.dead.letters(0, 1).unwrap();
        let entry = Entry::Revived { cause: CAUSE.to_owned(), all: Tally::one(3) };
        let returns = vec![returned(entry, records(1))];
        let puts = marks(&desk.dead, kept.iter());
        desk.spool.commit_blocking(Change { returns, puts, ..Change::default() }).unwrap();
        assert_eq!(desk.seen(), (vec![1], vec![2]), "a marked letter is shown to nobody");
        let again = Choice::These(vec![kept[0].entry.position]);
        desk = Desk::open_again(desk, directory.path());
        assert_eq!(desk.seen(), (vec![1], vec![2]));
        assert!(marked(&desk.spool, &desk.dead).unwrap().is_empty());
        assert_eq!(desk.letters().change(&again, &Fate::Again(None)).unwrap().done, 0);
        assert_eq!((desk.account().dead[CAUSE], desk.account().spooled), (Tally::one(3), Tally::one(3)));
        // Its second death is a letter again, though its first had a mark.
        desk.keep(1);
        desk.settle(1);
        desk = Desk::open_again(desk, directory.path());
        assert_eq!(desk.seen(), (vec![], vec![2, 1]));
    }

    #[test]
    fn an_event_that_died_once_more_before_its_first_letter_went_has_one_letter_after_a_crash() {
        let directory = tempfile::tempdir().unwrap();
        let desk = Desk::open(directory.path());
        [Desk::take, Desk::keep, Desk::settle].iter().for_each(|step| step(&desk, 1));
        let desk = Desk::open_again(desk, directory.path());
        let kept = desk.dead.letters(0, 1).unwrap();
        let entry = Entry::Revived { cause: CAUSE.to_owned(), all: Tally::one(3) };
        let returns = vec![returned(entry, records(1))];
        let puts = marks(&desk.dead, kept.iter());
        desk.spool.commit_blocking(Change { returns, puts, ..Change::default() }).unwrap();
        desk.keep(1);
        finish(&desk.spool, &desk.dead).unwrap();
        let desk = Desk::open_again(desk, directory.path());
        desk.keep(1);
        desk.settle(1);
        let desk = Desk::open_again(desk, directory.path());
        assert_eq!((desk.seen(), desk.dead.status().records), ((vec![], vec![1]), 1));
    }

    #[test]
    fn a_letter_whose_event_is_still_in_the_spool_can_neither_be_seen_nor_sent_again() {
        let directory = tempfile::tempdir().unwrap();
        let desk = Desk::open(directory.path());
        desk.take(1);
        desk.keep(1);
        let position = desk.dead.letters(0, 1).unwrap()[0].entry.position;
        let desk = Desk::open_again(desk, directory.path());
        assert_eq!(desk.seen(), (vec![1], vec![]));
        let changed = desk.letters().change(&Choice::These(vec![position]), &Fate::Again(None)).unwrap();
        assert_eq!((changed.done, changed.skipped.len()), (0, 1));
        desk.settle(1);
        let desk = Desk::open_again(desk, directory.path());
        assert_eq!(desk.seen(), (vec![], vec![1]));
    }

    #[test]
    fn an_event_that_got_through_after_all_has_no_letter() {
        let directory = tempfile::tempdir().unwrap();
        let desk = Desk::open(directory.path());
        (1..=2).for_each(|number| [Desk::take, Desk::keep].iter().for_each(|step| step(&desk, number)));
        let line = Listed { number: 1, read_bytes: 3, shrunk: false, replaced: false };
        let graves = graves_of(&desk.dead, 0, &[line]);
        forget(&desk.dead, &graves).unwrap();
        desk.settle(2);
        let desk = Desk::open_again(desk, directory.path());
        assert_eq!(desk.seen(), (vec![1], vec![2]));
    }

    impl Desk {
        fn open_again(desk: Desk, dir: &Path) -> Desk {
            drop(desk);
            Desk::open(dir)
        }
    }
}
