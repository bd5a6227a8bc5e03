//! Single things that may happen to a log, told step by step.

use std::fs::OpenOptions;

use super::{Rotator, Step, World};
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
