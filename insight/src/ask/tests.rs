//! What is known of hours, against files that come, go and break.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::laws;
use crate::reports::denied::Denied;
use crate::reports::deprecated::Deprecated;

struct Desk {
    directory: tempfile::TempDir,
    lake: Lake,
    lines: Vec<Vec<u8>>,
}

impl Desk {
    fn new() -> Desk {
        let directory = tempfile::tempdir().unwrap();
        let lake = Lake::open(directory.path().join("lake").to_str().unwrap()).unwrap();
        let lines = laws::recording();
        laws::write(&lake, &lines);
        Desk { directory, lake, lines }
    }

    /// The same events in the hours 1 to 6 of one day.
    fn of_a_day() -> Desk {
        let mut desk = Desk::new();
        std::fs::remove_dir_all(desk.directory.path().join("lake")).unwrap();
        let at = |line: &Vec<u8>, hour| {
            String::from_utf8_lossy(line).replace("2026-11-23T06:", &format!("2026-11-23T{hour:02}:"))
        };
        desk.lines = (0..).zip(&desk.lines).map(|(row, line)| at(line, row % 6 + 1).into_bytes()).collect();
        laws::write(&desk.lake, &desk.lines);
        desk
    }

    /// How many files these hours have.
    fn files(&self, hours: Range<i64>) -> u64 {
        let files = self.lake.files().unwrap();
        files.iter().filter(|file| hours.contains(&file.partition.hour())).count() as u64
    }

    /// Forgets all hours, but no day.
    fn forget_hours(&self) {
        let is_hour = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().contains('T');
        self.states().into_iter().filter(is_hour).for_each(|path| std::fs::remove_file(path).unwrap());
    }

    fn kept(&self) -> Kept {
        Kept::in_directory(&self.directory.path().join("states"))
    }

    fn ask(&self, times: Option<Range<i64>>) -> Answer<Deprecated> {
        ask(&self.lake, &self.kept(), times.as_ref(), 2).unwrap()
    }

    fn path(&self, file: &File) -> PathBuf {
        self.directory.path().join("lake").join(&file.path)
    }

    /// Every kept state.
    fn states(&self) -> Vec<PathBuf> {
        let folds = std::fs::read_dir(self.directory.path().join("states")).unwrap();
        let states = folds.flat_map(|fold| std::fs::read_dir(fold.unwrap().path()).unwrap());
        states.map(|state| state.unwrap().path()).collect()
    }
}

#[test]
fn what_was_read_until_there_was_no_more_time_is_kept_and_who_asks_again_comes_further() {
    let desk = Desk::new();
    let files = desk.lake.files().unwrap().len() as u64;
    assert!(files > 2, "{files}");
    let left = AtomicI64::new(0);
    let goes_on = || left.fetch_sub(1, Ordering::Relaxed) > 0;
    let ask = || ask_while::<Deprecated>(&desk.lake, &desk.kept(), None, 1, &goes_on).unwrap();
    let first = ask();
    assert_eq!((first.files, first.opened, first.missing), (files, 0, files));
    assert_eq!(first.fold, Deprecated::default());
    for read in 1..=files {
        left.store(1, Ordering::Relaxed);
        let answer = ask();
        assert_eq!((answer.opened, answer.missing), (1, files - read));
    }
    let whole = ask();
    assert_eq!((whole.opened, whole.missing), (0, 0));
    assert_eq!(whole.fold, laws::folded::<Deprecated>(&desk.lines));
}

#[test]
fn a_file_that_came_to_a_known_hour_is_read_alone() {
    let desk = Desk::new();
    let files = desk.lake.files().unwrap();
    let whole = desk.ask(None);
    assert_eq!((whole.files, whole.opened), (files.len() as u64, files.len() as u64));
    let last = files.last().unwrap();
    let bytes = std::fs::read(desk.path(last)).unwrap();
    std::fs::remove_dir_all(desk.directory.path().join("states")).unwrap();
    std::fs::remove_file(desk.path(last)).unwrap();
    assert_eq!(desk.ask(None).opened, files.len() as u64 - 1);
    std::fs::write(desk.path(last), bytes).unwrap();
    let again = desk.ask(None);
    assert_eq!(again.opened, 1);
    assert_eq!(again.fold, whole.fold);
}

#[test]
fn an_hour_that_lost_a_file_is_folded_anew() {
    let desk = Desk::new();
    desk.ask(None);
    let gone = desk.lake.files().unwrap().pop().unwrap();
    std::fs::remove_file(desk.path(&gone)).unwrap();
    let left: Vec<_> = desk.lake.files().unwrap();
    let of_hour = left.iter().filter(|file| file.partition == gone.partition).count() as u64;
    let answer = desk.ask(None);
    assert_eq!((answer.files, answer.opened), (left.len() as u64, of_hour));
    let fresh = ask::<Deprecated>(&desk.lake, &Kept::nowhere(), None, 1).unwrap();
    assert_eq!(answer.fold, fresh.fold);
}

#[test]
fn a_state_that_is_damaged_is_made_anew() {
    let desk = Desk::new();
    let whole = desk.ask(None);
    for spoil in [
        |bytes: &mut Vec<u8>| bytes.truncate(9),
        |bytes: &mut Vec<u8>| bytes[30] ^= 1,
        |bytes: &mut Vec<u8>| bytes.clear(),
    ] {
        for state in desk.states() {
            let mut bytes = std::fs::read(&state).unwrap();
            spoil(&mut bytes);
            std::fs::write(&state, bytes).unwrap();
        }
        let again = desk.ask(None);
        assert_eq!((again.opened, &again.fold), (whole.files, &whole.fold));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_rest_is_answered_and_not_kept() {
    let desk = Desk::new();
    let files = desk.lake.files().unwrap();
    let bytes = std::fs::read(desk.path(&files[0])).unwrap();
    std::fs::write(desk.path(&files[0]), b"no parquet").unwrap();
    for _ in 0..2 {
        let answer = desk.ask(None);
        assert_eq!(answer.unreadable.len(), 1);
        assert_eq!(answer.unreadable[0].path, files[0].path);
    }
    std::fs::write(desk.path(&files[0]), bytes).unwrap();
    assert_eq!(desk.ask(None).fold, laws::folded::<Deprecated>(&desk.lines));
}

#[test]
fn a_file_that_is_damaged_from_some_byte_on_leaves_nothing_of_itself_and_the_rest_is_answered() {
    let desk = Desk::new();
    let file = desk.lake.files().unwrap().remove(1);
    let bytes = std::fs::read(desk.path(&file)).unwrap();
    let denied = || ask::<Denied>(&desk.lake, &Kept::nowhere(), None, 1).unwrap();
    let whole = denied().fold;
    std::fs::remove_file(desk.path(&file)).unwrap();
    let rest = denied().fold;
    assert!(whole != rest);
    // The metadata stay as they are: their length is the last but four bytes of a file.
    let length: [u8; 4] = bytes[bytes.len() - 8..][..4].try_into().unwrap();
    let data = bytes.len() - 8 - u32::from_le_bytes(length) as usize;
    let mut unreadable = 0;
    for part in 1..20 {
        let mut damaged = bytes.clone();
        damaged[data * part / 40..data].fill(0);
        std::fs::write(desk.path(&file), damaged).unwrap();
        let answer = denied();
        unreadable += answer.unreadable.len();
        assert!(
            answer.fold == if answer.unreadable.is_empty() { whole.clone() } else { rest.clone() },
            "{part}"
        );
    }
    assert!(unreadable > 10, "{unreadable}");
}

#[test]
fn times_cut_through_an_hour_exactly() {
    let desk = Desk::new();
    let time = |line: &Vec<u8>| audit::Event::scan(line).unwrap().stage_micros().unwrap();
    let mut times: Vec<i64> = desk.lines.iter().map(time).collect();
    times.sort_unstable();
    let (from, to) = (times[times.len() / 3], times[2 * times.len() / 3]);
    let within: Vec<_> = desk.lines.iter().filter(|line| (from..to).contains(&time(line))).cloned().collect();
    assert_eq!(desk.ask(Some(from..to)).fold, laws::folded::<Deprecated>(&within));
}

#[test]
fn a_known_day_is_asked_without_its_hours_but_for_the_newest() {
    let desk = Desk::of_a_day();
    assert_eq!(desk.ask(None).opened, desk.files(1..7));
    assert_eq!(desk.ask(None).opened, 0);
    desk.forget_hours();
    let again = desk.ask(None);
    assert_eq!(again.opened, desk.files(6..7));
    assert_eq!(again.fold, laws::folded::<Deprecated>(&desk.lines));
}

#[test]
fn to_a_known_day_come_whole_hours_and_files_of_its_hours() {
    let desk = Desk::of_a_day();
    let whole = desk.ask(None).fold;
    let aside = desk.directory.path().join("aside");
    for (hour, opened) in [("hour=03", 3..4), ("hour=06", 6..7)] {
        let at = desk.directory.path().join("lake/date=2026-11-23").join(hour);
        std::fs::rename(&at, &aside).unwrap();
        std::fs::remove_dir_all(desk.directory.path().join("states")).unwrap();
        desk.ask(None);
        std::fs::rename(&aside, &at).unwrap();
        let answer = desk.ask(None);
        assert_eq!((answer.opened, answer.fold), (desk.files(opened), whole.clone()));
    }
    let file = desk.lake.files().unwrap().into_iter().find(|file| file.partition.hour() == 2).unwrap();
    let bytes = std::fs::read(desk.path(&file)).unwrap();
    std::fs::remove_file(desk.path(&file)).unwrap();
    desk.ask(None);
    std::fs::write(desk.path(&file), bytes).unwrap();
    let answer = desk.ask(None);
    assert_eq!((answer.opened, answer.fold), (1, whole));
}

#[test]
fn a_question_that_cuts_a_day_leaves_its_state_alone() {
    let desk = Desk::of_a_day();
    let whole = desk.ask(None).fold;
    let start = desk.lake.files().unwrap()[0].partition.start_us();
    desk.ask(Some(start..start + 3 * HOUR_US));
    desk.forget_hours();
    let again = desk.ask(None);
    assert_eq!((again.opened, again.fold), (desk.files(6..7), whole));
}

#[test]
fn a_day_with_a_file_that_cannot_be_read_is_not_kept() {
    let desk = Desk::of_a_day();
    let file = desk.lake.files().unwrap().remove(0);
    let bytes = std::fs::read(desk.path(&file)).unwrap();
    std::fs::write(desk.path(&file), vec![0; bytes.len()]).unwrap();
    assert_eq!(desk.ask(None).unreadable.len(), 1);
    std::fs::write(desk.path(&file), bytes).unwrap();
    assert_eq!(desk.ask(None).fold, laws::folded::<Deprecated>(&desk.lines));
}
