//! Whether the shipper's spools and dead letters are whole.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::finding::Finding;
use super::{Subject, condition, disk};

/// The stores of a destination.
const STORES: [&str; 2] = ["spool", "dead-letters"];

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let dir = &subject.placed.shipper.spool.dir;
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound && dir.exists() => {
            let what = format!("{} cannot be listed: {error}; run as the shipper's user", dir.display());
            return vec![Finding::warning("spools", &what)];
        }
        entries => entries.into_iter().flatten().flatten(),
    };
    let mut destinations: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    destinations.sort();
    let stores = |destination: &PathBuf| STORES.map(|store| destination.join(store));
    let there = destinations.iter().flat_map(stores).filter(|dir| dir.is_dir());
    let (mut said, mut used) = (Vec::new(), 0);
    for store in there {
        let (found, bytes) = of_store(subject, &store);
        said.extend(found);
        used += bytes;
    }
    let wanted = &subject.placed.shipper;
    let most = wanted.spool.max_size.as_u64().saturating_mul(wanted.destinations.len() as u64);
    said.extend(disk::room("spools", disk::existing(dir), most.saturating_sub(used), "spool.max_size"));
    said
}

fn of_store(subject: &Subject<'_>, dir: &Path) -> (Vec<Finding>, u64) {
    let mut names = dir.iter().rev().filter_map(|name| name.to_str());
    let (store, destination) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    let name = format!("{store} of {destination}");
    let running = || match subject.service("shipper") {
        Some(service) => {
            let mut known = service.destinations.iter();
            let known = known.find(|known| known.name == destination);
            let store = known.and_then(|known| {
                if store == STORES[0] { known.spool.as_ref() } else { known.dead_letters.as_ref() }
            });
            condition::running(&name, service, store)
        }
        None => condition::silent(&name, dir),
    };
    condition::of(&name, dir, running)
}
