//! An intake that misbehaves by a seeded script: statuses, slow answers, connections that break anywhere, an outage, a
//! wrong key for a while, 413 on every third body, and events that it never takes.
//!
//! `AUDITRAIL_MISBEHAVIOUR=N` plays N seeds instead of a few.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use proto::Batch;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shipper::Destination;

use crate::elastic::{self, BULK, Store};
use crate::given::{self, Running, batch, config, count, event, large_event};
use crate::intake::{DATADOG, Intake, Reply, Request};

/// What the intake makes of a request.
enum Turn {
    /// It does not take the body.
    Refuse(Reply),
    /// It takes the body, and says so after a while.
    Take(Duration),
    /// It takes the body, and nobody hears of it.
    TakeAndLose,
}

/// The script, and what came of it.
struct Mischief {
    dice: StdRng,
    bodies: u64,
    /// Events that were answered 413 when they were alone.
    too_large: BTreeSet<u64>,
    /// Events in bodies that were taken without anybody hearing of it.
    unheard: BTreeSet<u64>,
    /// How often each event was taken.
    taken: BTreeMap<u64, u64>,
}

type Shared = Arc<Mutex<Mischief>>;

impl Mischief {
    fn new(seed: u64) -> Shared {
        let dice = StdRng::seed_from_u64(seed);
        let mischief = Mischief {
            dice,
            bodies: 0,
            too_large: BTreeSet::new(),
            unheard: BTreeSet::new(),
            taken: BTreeMap::new(),
        };
        Arc::new(Mutex::new(mischief))
    }

    /// Whether the connection breaks in the middle of the body.
    fn breaks_body(&mut self) -> bool {
        self.dice.random_range(0..100) < 4
    }

    fn turn(&mut self, request: &Request) -> Turn {
        self.bodies += 1;
        let code = match self.bodies {
            // An outage, and later a key that is not accepted for a while.
            12..=30 => 503,
            40..=46 => 403,
            bodies if bodies % 3 == 0 => 413,
            _ => match self.dice.random_range(0..20) {
                0 => 408,
                1 => 429,
                2 => 500,
                3 => 502,
                4 => 504,
                5 => return Turn::Refuse(Reply::Told(503, "retry-after: 0".into(), "later".into())),
                6 => return Turn::Refuse(Reply::BreakAnswer),
                7 => return Turn::TakeAndLose,
                8 | 9 => return Turn::Take(Duration::from_millis(self.dice.random_range(0..30))),
                _ => return Turn::Take(Duration::ZERO),
            },
        };
        if let (413, [line]) = (code, request.lines.as_slice()) {
            self.too_large.insert(number(line));
        }
        Turn::Refuse(Reply::Status(code))
    }

    fn took(&mut self, lines: &[String], heard: bool) {
        for number in lines.iter().map(|line| number(line)) {
            *self.taken.entry(number).or_default() += 1;
            if !heard {
                self.unheard.insert(number);
            }
        }
    }
}

fn lock(mischief: &Shared) -> MutexGuard<'_, Mischief> {
    mischief.lock().unwrap()
}

/// The number that an event has in it.
fn number(line: &str) -> u64 {
    let behind = line.split_once("pods?n=").unwrap().1;
    behind.split_once('"').unwrap().0.parse().unwrap()
}

/// Events that no intake takes.
fn is_guilty(number: u64) -> bool {
    number.is_multiple_of(17)
}

/// Events are numbered over all origins: a thousand for each.
fn batches(seed: u64, origin: u64) -> Vec<Batch> {
    let mut dice = StdRng::seed_from_u64(seed ^ origin << 32);
    let mut first = 1;
    let mut one = || {
        let size = dice.random_range(1..40);
        let line = |number: u64| match dice.random_range(0..25) {
            0 => large_event(origin * 1000 + number, 40_000),
            _ => event(origin * 1000 + number),
        };
        let lines: Vec<String> = (first..first + size).map(line).collect();
        let mut batch = batch("to", first, &lines);
        batch.origin = Some(proto::Origin { node: format!("cp-{origin}"), ..given::origin() });
        first += size;
        batch
    };
    (0..8).map(|_| one()).collect()
}

/// Sends the batches of three origins at once, each origin's in order, and says how many events there are.
async fn push_all(running: &Running, seed: u64) -> BTreeSet<u64> {
    let origins: Vec<Vec<Batch>> = (0..3).map(|origin| batches(seed, origin)).collect();
    let one = async |batches: &Vec<Batch>| {
        for batch in batches {
            let receipt = running.push(batch.clone()).await.unwrap();
            assert_eq!((receipt.first, receipt.last, receipt.repeated), (batch.first, batch.last, false));
            let node = &batch.origin.as_ref().unwrap().node;
            let accounts = running.accounts("to");
            let account = accounts.iter().find(|one| &one.origin.as_ref().unwrap().node == node).unwrap();
            assert_eq!(account.watermark, batch.last, "receipts of an origin come in order");
        }
    };
    futures_util::future::join_all(origins.iter().map(one)).await;
    let numbers = |(origin, batches): (u64, &Vec<Batch>)| {
        (1..=batches.last().unwrap().last).map(move |number| origin * 1000 + number).collect::<Vec<_>>()
    };
    (0..).zip(&origins).flat_map(numbers).collect()
}

/// Plays a seed to its end.
async fn play(seed: u64, mischief: &Shared, to: Destination, exactly_once: bool) {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(&config(directory.path(), &[("to", to)])).await;
    let sent = push_all(&running, seed).await;
    running.drain().await;
    hold(seed, &lock(mischief), &running, &sent, exactly_once);
    running.stop().await;
}

/// Holds what arrived and what did not against what was sent.
fn hold(seed: u64, mischief: &Mischief, running: &Running, sent: &BTreeSet<u64>, exactly_once: bool) {
    let dead: BTreeSet<u64> = sent.iter().copied().filter(|one| !mischief.taken.contains_key(one)).collect();
    for number in &dead {
        let guilty = is_guilty(*number) || mischief.too_large.contains(number);
        assert!(guilty, "seed {seed}: event {number} neither arrived nor has a cause");
    }
    for (number, &times) in &mischief.taken {
        let once = times == 1 || !exactly_once && mischief.unheard.contains(number);
        assert!(once, "seed {seed}: event {number} arrived {times} times");
        assert!(!is_guilty(*number), "seed {seed}: event {number} was taken");
    }
    let accounts = running.accounts("to");
    let delivered: u64 = accounts.iter().map(|account| count(&account.delivered)).sum();
    let causes: BTreeMap<String, u64> = accounts.iter().flat_map(|account| given::named(&account.dead)).fold(
        BTreeMap::new(),
        |mut all, one| {
            *all.entry(one.0).or_default() += one.1;
            all
        },
    );
    let lettered: u64 = causes.values().sum();
    assert_eq!(delivered + lettered, sent.len() as u64, "seed {seed}");
    assert!(causes.keys().all(|cause| cause.starts_with("rejected") || cause == "too large"), "{causes:?}");
    // What was taken unheard, and refused when it came again, is both.
    let both = mischief.unheard.iter().filter(|one| mischief.too_large.contains(one)).count() as u64;
    assert!(lettered >= dead.len() as u64 && lettered <= dead.len() as u64 + both, "{causes:?} {dead:?}");
    assert_eq!(running.status("to").dead_letters.unwrap().records, lettered);
}

fn seeds(few: u64) -> std::ops::Range<u64> {
    let wanted = std::env::var("AUDITRAIL_MISBEHAVIOUR").ok();
    0..wanted.map_or(few, |wanted| wanted.parse().expect("AUDITRAIL_MISBEHAVIOUR is a number of seeds"))
}

#[tokio::test(flavor = "multi_thread")]
async fn datadog_may_misbehave_as_it_likes_and_every_event_arrives_or_is_a_dead_letter() {
    for seed in seeds(2) {
        let mischief = Mischief::new(seed);
        let shared = mischief.clone();
        let intake = Intake::speaking(DATADOG, move |request| {
            let mut mischief = lock(&shared);
            if request.items.is_empty() {
                return if mischief.breaks_body() { Reply::BreakBody } else { Reply::Status(202) };
            }
            match mischief.turn(request) {
                Turn::Refuse(reply) => reply,
                _ if request.lines.iter().any(|line| is_guilty(number(line))) => Reply::Status(400),
                Turn::TakeAndLose => {
                    mischief.took(&request.lines, false);
                    Reply::BreakAnswer
                }
                Turn::Take(pause) => {
                    mischief.took(&request.lines, true);
                    let text = mischief.dice.random_range(0..10) == 0;
                    Reply::Slow(pause, Box::new(if text { Reply::BreakText } else { Reply::Status(202) }))
                }
            }
        })
        .await;
        play(seed, &mischief, given::datadog(&intake.url), false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn elasticsearch_may_misbehave_as_it_likes_and_every_event_is_there_once_or_a_dead_letter() {
    for seed in seeds(2) {
        let (mischief, store) = (Mischief::new(seed), Store::default());
        let shared = mischief.clone();
        let intake = Intake::speaking(BULK, move |request| {
            let mut mischief = lock(&shared);
            if request.items.is_empty() {
                return if mischief.breaks_body() { Reply::BreakBody } else { Reply::Status(200) };
            }
            let turn = match mischief.turn(request) {
                Turn::Refuse(reply) => return reply,
                turn => turn,
            };
            let before: BTreeSet<u64> = store.lines().iter().map(|line| number(line)).collect();
            let reply = store.bulk(request, |line| match number(line) {
                number if is_guilty(number) => 400,
                _ if mischief.dice.random_range(0..20) == 0 => 429,
                _ => 201,
            });
            let now = store.lines();
            let new: Vec<String> = now.into_iter().filter(|line| !before.contains(&number(line))).collect();
            mischief.took(&new, !matches!(turn, Turn::TakeAndLose));
            match turn {
                Turn::Take(pause) => Reply::Slow(pause, Box::new(reply)),
                _ => Reply::BreakAnswer,
            }
        })
        .await;
        play(seed, &mischief, elastic::to(&intake.url, ""), true).await;
    }
}
