//! The power goes at moments that nobody chose.
//!
//! Needs Linux, root, losetup, mkfs.ext4 and python3; without them the test says `skipped:` and why.
//! `AUDITRAIL_POWER_CUT=70` runs so many rounds instead of three.

use crate::harness::open;
use crate::kill::{Child, assert_whole};
use crate::volume::Volume;

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_confirmed() {
    let rounds =
        std::env::var("AUDITRAIL_POWER_CUT").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(3);
    let mut volume = match Volume::new(64) {
        Ok(volume) => volume,
        Err(why) => return println!("skipped: {why}"),
    };
    let dir = volume.path().join("queue");
    let mut id = None;
    for round in 0..rounds {
        let mut child = Child::start(&dir);
        child.confirms(1 + round * 37 % 150);
        volume.cut();
        let confirmed = child.end();
        volume.unmount();
        volume.mount().unwrap();
        let (queue, opened) = open(&dir);
        assert_eq!((opened.clean, opened.damaged_records), (false, 0), "round {round}: {opened:?}");
        let last = assert_whole(&queue, confirmed);
        assert!(id.is_none() || opened.renewed_id || id == Some(queue.id()), "round {round}");
        id = Some(queue.id());
        println!("round {round}: {confirmed} confirmed, {last} there, {} queued", queue.usage().records);
        queue.close().unwrap();
    }
    println!("{rounds} of {rounds} power cuts passed");
}
