//! Single things that may happen to a log, told step by step.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};

use super::{HEADER, Rotator, Step, World, gzipped};
use crate::identity::FileKey;
use crate::source::MOST_OPEN;

#[test]
fn however_many_files_wait_only_the_oldest_are_held_open() {
    let mut world = World::new(Rotator::Lumberjack);
    for _ in 0..3 * MOST_OPEN {
        world.write(1);
        world.rotate();
    }
    world.look();
    let open: Vec<bool> = world.source.files.iter().map(|file| file.content.is_some()).collect();
    assert_eq!(open.iter().filter(|&&open| open).count(), MOST_OPEN);
    assert!(open[..MOST_OPEN].iter().all(|&open| open));
    world.read_all();
}

#[test]
fn a_broken_file_is_not_unpacked_again_before_it_changes() {
    let mut world = World::new(Rotator::Lumberjack);
    world.write(5);
    world.rotate();
    world.step(Step::Pack(1, true));
    let (packed, _) = world.rotated[0].clone();
    let whole = std::fs::read(&packed).unwrap();
    std::fs::write(&packed, [&whole, &b"something else"[..]].concat()).unwrap();
    world.write(5);
    world.look();
    while world.read_one() {}
    assert_eq!(world.read.len(), 10);
    assert!(world.source.is_unread() && world.source.unreadable().len() == 1);
    world.look();
    assert!(!world.read_one() && world.source.unreadable().len() == 1);
    std::fs::write(&packed, whole).unwrap();
    world.read_all();
    assert_eq!(world.source.unreadable(), [""; 0]);
}

#[test]
fn what_is_missing_is_lost_at_last_though_something_empty_may_become_it() {
    let mut world = World::new(Rotator::Lumberjack);
    world.write(5);
    world.look();
    while world.read_one() {}
    world.commit();
    world.step(Step::Crash);
    std::fs::remove_file(world.log()).unwrap();
    std::fs::write(world.dir.path().join("audit-2026-11-25T10-00-00.001.log.gz"), "").unwrap();
    std::fs::write(world.log(), "{\"line\":6}\n").unwrap();
    world.source.look(&|_| false);
    assert!(world.source.state.gaps.is_empty() && world.source.waits_for().next().is_some());
    (0..300).for_each(|_| world.source.look(&|_| false));
    assert_eq!((world.source.state.gaps.len(), world.source.waits_for().next()), (1, None));
}

#[test]
fn a_copy_of_what_was_read_closes_no_gap() {
    let mut world = World::new(Rotator::Copytruncate);
    world.write(5);
    world.look();
    while world.read_one() {}
    world.commit();
    let copy = std::fs::read(world.log()).unwrap();
    world.write(5);
    world.look();
    world.commit();
    world.step(Step::Crash);
    OpenOptions::new().write(true).open(world.log()).unwrap().set_len(0).unwrap();
    world.source.look(&|_| false);
    world.source.look(&|_| false);
    assert_eq!(world.source.state.gaps.len(), 1);
    std::fs::write(world.dir.path().join("audit.log.1"), &copy[..copy.len() - 5]).unwrap();
    (0..3).for_each(|_| world.source.look(&|_| false));
    assert_eq!(world.source.state.gaps.len(), 1, "the lines behind the copy are still lost");
}

#[test]
fn a_log_that_goes_away_after_it_was_read_once_is_no_problem() {
    let mut world = World::new(Rotator::Lumberjack);
    world.write(5);
    world.look();
    world.source.freeze();
    while world.read_one() {}
    std::fs::remove_file(world.log()).unwrap();
    world.look();
    assert!(!world.source.is_unread());
    assert_eq!(world.source.unreadable(), [""; 0]);
}

const COPYING: [Rotator; 2] = [Rotator::Copytruncate, Rotator::CopytruncateWithHoles];

/// A log of three generations: the first was rotated, of the second `copied` bytes are copied when a look lists the
/// files; just before that look numbers what is under `moment`, the copy becomes whole, what was copied is truncated and
/// the third begins.
fn read_what_was_truncated_during_a_look(rotator: Rotator, copied: usize, moment: &str) {
    let mut world = World::new(rotator);
    world.write(200);
    world.rotate();
    world.write(80);
    world.shift();
    let (log, copy) = (world.log(), world.dir.path().join("audit.log.1"));
    let (second, third) = (std::fs::read(&log).unwrap(), world.written + 1);
    std::fs::write(&copy, &second[..copied.min(second.len())]).unwrap();
    let moment = FileKey::of_path(&world.dir.path().join(moment)).unwrap().0;
    let truncated = Cell::new(false);
    world.source.look(&|key| {
        if *key == moment && !truncated.replace(true) {
            std::fs::write(&copy, &second).unwrap();
            let mut file = OpenOptions::new().write(true).open(&log).unwrap();
            file.set_len(0).unwrap();
            let hole = if rotator == Rotator::CopytruncateWithHoles { second.len() } else { 0 };
            file.seek(SeekFrom::Start(hole as u64)).unwrap();
            writeln!(file, "{{\"line\":{third}}}").unwrap();
        }
        false
    });
    assert!(truncated.get(), "it happened during the look");
    (world.written, world.offset) = (third, std::fs::metadata(&log).unwrap().len());
    world.note();
    while world.read_one() {}
    world.rotated.push((copy, third - 1));
    world.read_all();
}

#[test]
fn what_is_copied_and_truncated_when_the_log_is_about_to_be_numbered_is_read_before_what_follows() {
    for (rotator, copied) in
        COPYING.into_iter().flat_map(|rotator| [0, 1, 6000, usize::MAX].map(|n| (rotator, n)))
    {
        read_what_was_truncated_during_a_look(rotator, copied, "audit.log");
    }
}

#[test]
fn what_is_copied_and_truncated_before_its_copy_is_met_is_read_to_its_end_before_what_follows() {
    for (rotator, copied) in
        COPYING.into_iter().flat_map(|rotator| [0, 1, 3500, usize::MAX].map(|n| (rotator, n)))
    {
        read_what_was_truncated_during_a_look(rotator, copied, "audit.log.2");
    }
}

#[test]
fn copies_that_are_left_beside_a_log_do_not_keep_it_from_being_read() {
    for rotator in COPYING {
        let mut world = World::new(rotator);
        world.write(200);
        let copy = std::fs::read(world.log()).unwrap();
        std::fs::write(world.dir.path().join("audit.log.1"), &copy[..4500]).unwrap();
        std::fs::write(world.dir.path().join("audit.log.2"), "").unwrap();
        world.look();
        assert_eq!(world.source.files.len(), 1);
        world.read_all();
    }
}

#[test]
fn what_was_read_is_not_read_again_when_it_was_copied_compressed_and_truncated_during_a_look() {
    let mut world = World::new(Rotator::Copytruncate);
    world.write(50);
    world.look();
    while world.read_one() {}
    let (log, copy) = (world.log(), std::fs::read(world.log()).unwrap());
    world.write(5);
    world.look();
    while world.read_one() {}
    // What a look lists that saw the log before its truncation, and the other files after their compression.
    let strange = world.dir.path().join("audit.log.3");
    std::fs::write(&strange, format!("{{\"{HEADER}\":0}}\n")).unwrap();
    std::fs::write(world.dir.path().join("audit.log.1.gz"), gzipped(&copy)).unwrap();
    let moment = FileKey::of_path(&strange).unwrap().0;
    let (third, truncated) = (world.written + 1, Cell::new(false));
    world.source.look(&|key| {
        if *key == moment && !truncated.replace(true) {
            std::fs::write(&log, format!("{{\"line\":{third}}}\n")).unwrap();
        }
        false
    });
    assert!(truncated.get(), "it happened during the look");
    (world.written, world.offset) = (third, std::fs::metadata(&log).unwrap().len());
    world.note();
    while world.read_one() {}
    world.read_all();
}
