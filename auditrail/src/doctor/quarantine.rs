//! How much lies in the collector's quarantine.

use std::fs;
use std::io::ErrorKind;

use super::Subject;
use super::finding::Finding;
use crate::print;

const NAME: &str = "quarantine";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let dir = subject.placed.collector.queue.dir.join("quarantine");
    let files = match fs::read_dir(&dir) {
        Err(error) if error.kind() != ErrorKind::NotFound && dir.exists() => {
            let what = format!("{} cannot be listed: {error}; run as the collector's user", dir.display());
            return vec![Finding::warning(NAME, &what)];
        }
        files => files.into_iter().flatten().flatten(),
    };
    let sizes = files.filter_map(|file| file.metadata().ok());
    let bytes: u64 = sizes.map(|metadata| metadata.len()).sum();
    let what = match bytes {
        0 => "empty".to_owned(),
        _ => format!(
            "{} of lines that are no events or were refused, with the reasons, in {}",
            print::bytes(bytes),
            dir.display()
        ),
    };
    vec![Finding::ok(NAME, what)]
}
