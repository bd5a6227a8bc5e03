//! kill -9 at random moments: a child process takes and delivers, the parent kills it and holds what is left against
//! the promises.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shipper::{Config, Destination, File};

use crate::given::{self, Running, balances, config, count, event, events};
use crate::intake::Intake;

pub(crate) const DIRECTORY: &str = "SHIPPER_CRASH_DIRECTORY";
pub(crate) const URL: &str = "SHIPPER_CRASH_URL";
pub(crate) const NEXT: &str = "SHIPPER_CRASH_NEXT";
const BATCH: u64 = 25;

fn destinations(directory: &Path, url: &str) -> Config {
    let copy = Destination::File(File::at(directory.join("copy.log")));
    config(directory, &[("dd", given::datadog(url)), ("file", copy)])
}

/// Not a test of its own: pushes batches from `NEXT` on and says on standard output which have their receipts.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of `nothing_is_lost_when_the_process_is_killed`"]
async fn child() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let directory = PathBuf::from(directory);
    let running = Running::start(&destinations(&directory, &std::env::var(URL).unwrap())).await;
    let mut next: u64 = std::env::var(NEXT).unwrap().parse().unwrap();
    loop {
        let last = next + BATCH - 1;
        for destination in ["dd", "file"] {
            running.push(events(destination, next, last)).await.unwrap();
        }
        println!("receipt {last}");
        next = last + 1;
    }
}

/// Starts a child, which is a test by this name.
pub(crate) fn spawn(child: &str, directory: &Path, url: &str, next: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child, "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(URL, url)
        .env(NEXT, next.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets the child give `receipts` receipts and then kills it a moment later; the last receipt.
pub(crate) fn killed_after(mut child: Child, receipts: u32, moment: Duration) -> Option<u64> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut last = None;
    let mut left = receipts;
    for line in lines.map_while(Result::ok) {
        if let Some(number) = line.split("receipt ").nth(1) {
            last = number.trim().parse().ok();
            if left == 0 {
                continue;
            }
            left -= 1;
            if left == 0 {
                std::thread::sleep(moment); // where it is killed is meant to be arbitrary
                child.kill().unwrap();
            }
        }
    }
    child.wait().unwrap();
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let mut rng = StdRng::seed_from_u64(20_261_123);
    let mut next = 1;
    for _ in 0..6 {
        let child = spawn("crash::child", directory.path(), &intake.url, next);
        let (receipts, moment) =
            (rng.random_range(1..15), Duration::from_micros(rng.random_range(0..30_000)));
        let last = tokio::task::spawn_blocking(move || killed_after(child, receipts, moment)).await.unwrap();
        // As a collector would: everything without a receipt again, from the last receipt on.
        next = last.map_or(next, |last| last + 1);
    }
    let last = next - 1;
    assert!(last > 0, "no child gave a receipt");
    let running = Running::start(&destinations(directory.path(), &intake.url)).await;
    for destination in ["dd", "file"] {
        let account = running.account(destination);
        balances(&account);
        assert!(account.watermark >= last && count(&account.received) == account.watermark, "{account:?}");
    }
    running.drain().await;
    let mut arrived: BTreeMap<String, u64> = BTreeMap::new();
    intake.messages().into_iter().for_each(|line| *arrived.entry(line).or_default() += 1);
    let numbers = running.account("dd").watermark;
    let missing: Vec<u64> = (1..=numbers).filter(|&number| !arrived.contains_key(&event(number))).collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
    assert_eq!(arrived.len() as u64, numbers);
    // A file can be asked what it holds, so there not even a crash repeats anything.
    let numbers = running.account("file").watermark;
    let text = std::fs::read_to_string(directory.path().join("copy.log")).unwrap();
    let expected: Vec<String> = (1..=numbers).map(event).collect();
    assert!(
        text.lines().eq(expected.iter().map(String::as_str)),
        "the file has not each line once and in order"
    );
    assert_eq!(count(&running.account("dd").spooled), 0);
    running.stop().await;
}
