//! Lists of events, over the seeds of their fuzzer.

#[allow(unreachable_pub)]
#[path = "../../../fuzz/oracles/event_list.rs"]
mod event_list;
#[allow(unreachable_pub, dead_code)]
#[path = "../../../fuzz/oracles/tree.rs"]
mod tree;

/// By the names that the oracle knows.
mod lists {
    pub(super) use collector::{is_event_list, split_event_list as split};
}

use proptest::prelude::*;
use proptest::sample::Index;
use std::path::Path;

fn seeds() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/event_list");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let seeds: Vec<_> = files.map(|path| std::fs::read(path).unwrap()).collect();
    assert!(seeds.len() >= 3);
    seeds
}

#[test]
fn every_seed_of_the_fuzzer_is_divided_into_its_items() {
    for seed in seeds() {
        assert!(collector::is_event_list(&seed));
        event_list::holds(&seed);
    }
}

proptest! {
    #[test]
    fn a_list_with_some_bytes_put_in_is_divided_into_its_items_or_refused(
        seed in prop::sample::select(seeds()), place in any::<Index>(),
        bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ \n\t\xff1nul".to_vec()), 1..4),
    ) {
        let at = place.index(seed.len());
        event_list::holds(&[&seed[..at], &bytes, &seed[at..]].concat());
    }
}
