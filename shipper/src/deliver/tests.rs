//! Delivery through hours of trouble, in paused time: an intake that is away, one that answers nothing, a key that is
//! not accepted, and in between one that misbehaves by a seeded script.
//!
//! `AUDITRAIL_MISBEHAVIOUR=N` plays N seeds instead of a few.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use chassis::Span;
use proto::{Batch, Encoding, Origin};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::sleep;

use super::*;
use crate::config;
use crate::intake::Answer;
use crate::intake::testing::{Datadog, Http, bodies, lines_of};
use crate::metrics::Metrics;
use crate::record::Header;
use crate::take::{Taker, Turns};

const HOUR: Duration = Duration::from_secs(3600);

/// Bodies that may be in memory at a time.
const MOST: usize = 8;

/// What is wrong with the intake as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    /// It answers 503.
    Away,
    /// Connections are made, and nothing comes back for a while.
    Silent,
    /// It answers 403.
    WrongKey,
}

struct State {
    dice: StdRng,
    trouble: Option<(Trouble, Instant)>,
    bodies: u64,
    asked_in_trouble: u64,
    in_flight: usize,
    most_in_flight: usize,
    taken: BTreeMap<u64, u64>,
    unheard: BTreeSet<u64>,
    too_large: BTreeSet<u64>,
}

/// An intake in memory; `lines` opens a body.
struct Scripted {
    lines: fn(&Header, &bytes::Bytes) -> Vec<String>,
    state: Mutex<State>,
}

fn status(code: u16) -> Answer {
    Answer::Status { code, retry_after: None, words: String::new() }
}

fn number(line: &str) -> u64 {
    line.split_once("\"n\":").unwrap().1.split_once('}').unwrap().0.parse().unwrap()
}

fn is_guilty(number: u64) -> bool {
    number.is_multiple_of(17)
}

impl Scripted {
    fn new(seed: u64, lines: fn(&Header, &bytes::Bytes) -> Vec<String>) -> Arc<Scripted> {
        let state = State {
            dice: StdRng::seed_from_u64(seed),
            trouble: None,
            bodies: 0,
            asked_in_trouble: 0,
            in_flight: 0,
            most_in_flight: 0,
            taken: BTreeMap::new(),
            unheard: BTreeSet::new(),
            too_large: BTreeSet::new(),
        };
        Arc::new(Scripted { lines, state: Mutex::new(state) })
    }

    fn begin(&self, trouble: Trouble, time: Duration) {
        let mut state = self.state.lock().unwrap();
        state.trouble = Some((trouble, Instant::now() + time));
        state.asked_in_trouble = 0;
    }

    /// The answer, and how long it takes.
    fn answer(&self, lines: &[String]) -> (Answer, Duration) {
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        if let Some((trouble, ends)) = state.trouble
            && now < ends
        {
            state.asked_in_trouble += 1;
            return match trouble {
                Trouble::Away => (status(503), Duration::ZERO),
                Trouble::Silent => (Answer::Lost("nothing came back".into()), Duration::from_secs(30)),
                Trouble::WrongKey => (status(403), Duration::ZERO),
            };
        }
        state.bodies += 1;
        let pause = Duration::from_millis(state.dice.random_range(0..20_000));
        let throw = state.dice.random_range(0..20);
        let numbers: Vec<u64> = lines.iter().map(|line| number(line)).collect();
        if state.bodies.is_multiple_of(3) {
            if let [alone] = numbers[..] {
                state.too_large.insert(alone);
            }
            return (status(413), pause);
        }
        let refused = match throw {
            0 => Some(status(429)),
            1 => Some(status(500)),
            2 => Some(Answer::Lost("reset in the middle of the body".into())),
            _ => None,
        };
        if let Some(answer) = refused {
            return (answer, pause);
        }
        if numbers.iter().any(|&number| is_guilty(number)) {
            return (status(400), pause);
        }
        for &number in &numbers {
            *state.taken.entry(number).or_default() += 1;
        }
        if throw == 3 {
            state.unheard.extend(numbers);
            return (Answer::Lost("reset in the middle of the answer".into()), pause);
        }
        (status(202), pause)
    }
}

impl Carrier for Scripted {
    fn send<'a>(&'a self, header: &'a Header, body: bytes::Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            {
                let mut state = self.state.lock().unwrap();
                state.in_flight += 1;
                state.most_in_flight = state.most_in_flight.max(state.in_flight);
            }
            let (answer, pause) = self.answer(&(self.lines)(header, &body));
            sleep(pause).await;
            self.state.lock().unwrap().in_flight -= 1;
            answer
        })
    }

    fn key(&self) -> Option<Revealed> {
        None
    }
}

/// A delivery with its taker, in `dir`.
async fn set_up(dir: &Path, packer: Arc<dyn Repacker>, carrier: Arc<dyn Carrier>) -> (Arc<Delivery>, Taker) {
    let (spool_dir, dead_dir) = (dir.join("spool"), dir.join("dead"));
    let opened = tokio::task::spawn_blocking(move || {
        let (spool, _) = Spool::open(&spool_dir, 64 << 20).unwrap();
        let dead = DeadLetters::open(&dead_dir, 64 << 20, spool.id()).unwrap();
        (spool, Arc::new(dead))
    });
    let (spool, dead) = opened.await.unwrap();
    let standing = Arc::new(Standing::new(Metrics::of("to")));
    let taker = Taker {
        name: "to".into(),
        spool: spool.clone(),
        packer: packer.clone(),
        standing: standing.clone(),
        turns: Arc::new(Turns::new()),
    };
    let retry = Retry { first: Span::millis(500), longest: Span::secs(60), hold: Span::secs(300) };
    let limit = Limit { max_in_flight: MOST, ..Limit::default() };
    let delivery = Delivery {
        name: "to".into(),
        spool,
        packer,
        carrier,
        dead,
        standing,
        retry,
        limit,
        budget: dir.join("budget"),
        hold: tokio::sync::watch::channel(crate::hold::State::default()).1,
    };
    (Arc::new(delivery), taker)
}

/// A batch of events with the numbers `first..=last`.
fn batch(first: u64, last: u64) -> Batch {
    let lines: Vec<(u64, String)> =
        (first..=last).map(|number| (number, format!("{{\"kind\":\"Event\",\"n\":{number}}}"))).collect();
    let lines = lines.iter().map(|(number, line)| (*number, line.len() as u64 + 1, line.as_bytes()));
    let origin = Origin { node: "cp-1".into(), path: "/audit.log".into(), ..Origin::default() };
    let head = Batch {
        origin: Some(origin),
        queue: vec![7; 16],
        first,
        last,
        destination: "to".into(),
        read_at_us: now_us(),
        ..Batch::default()
    };
    head.with_lines(lines, Encoding::None).unwrap()
}

/// Waits until the spool is empty; nothing but the delivery's own clocks is waited for.
async fn drained(spool: &Spool) {
    let mut committed = spool.committed();
    while spool.events() > 0 {
        committed.changed().await.unwrap();
    }
}

/// Three waves of events, each into another trouble.
async fn waves(scripted: &Scripted, delivery: &Delivery, taker: &Taker, seed: u64) -> u64 {
    let mut next = 1;
    let mut dice = StdRng::seed_from_u64(!seed);
    for (trouble, hours, most_asked) in
        [(Trouble::Away, 1, 150), (Trouble::Silent, 3, 400), (Trouble::WrongKey, 12, 300)]
    {
        let begun = Instant::now();
        scripted.begin(trouble, HOUR * hours);
        for _ in 0..6 {
            let last = next + dice.random_range(0..30);
            let receipt = taker.take(batch(next, last)).await.unwrap();
            assert_eq!((receipt.first, receipt.last, receipt.repeated), (next, last, false));
            next = last + 1;
        }
        assert_eq!(taker.spool.accounts()[0].watermark, next - 1, "receipts come in order");
        drained(&delivery.spool).await;
        assert!(begun.elapsed() >= HOUR * hours, "seed {seed}: nothing arrives while it is {trouble:?}");
        let asked = scripted.state.lock().unwrap().asked_in_trouble;
        assert!((3..=most_asked).contains(&asked), "seed {seed}: asked {asked} times while {trouble:?}");
    }
    next - 1
}

async fn play(seed: u64, packer: Arc<dyn Repacker>, lines: fn(&Header, &bytes::Bytes) -> Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let scripted = Scripted::new(seed, lines);
    let (delivery, taker) = set_up(directory.path(), packer, scripted.clone()).await;
    let stop = Stop::new();
    let work = tokio::spawn(delivery.clone().run(stop.clone()));
    let last = waves(&scripted, &delivery, &taker, seed).await;
    stop.request();
    work.await.unwrap();
    let account = taker.spool.accounts().remove(0);
    let state = scripted.state.lock().unwrap();
    let mut missing = 0;
    for number in 1..=last {
        let times = state.taken.get(&number).copied().unwrap_or_default();
        let may_repeat = state.unheard.contains(&number);
        assert!(times <= 1 || may_repeat, "seed {seed}: event {number} arrived {times} times");
        if times == 0 {
            missing += 1;
            let cause = is_guilty(number) || state.too_large.contains(&number);
            assert!(cause, "seed {seed}: event {number} neither arrived nor has a cause");
        }
    }
    let dead: u64 = account.dead.iter().map(|named| named.count.unwrap().events).sum();
    assert_eq!(account.delivered.unwrap().events + dead, last, "seed {seed}");
    assert!(dead >= missing && delivery.dead.status().records == dead, "seed {seed}: {dead} {missing}");
    assert!(state.most_in_flight <= MOST, "seed {seed}: {} bodies in flight", state.most_in_flight);
}

fn seeds() -> std::ops::Range<u64> {
    let wanted = std::env::var("AUDITRAIL_MISBEHAVIOUR").ok();
    0..wanted.map_or(2, |wanted| wanted.parse().expect("AUDITRAIL_MISBEHAVIOUR is a number of seeds"))
}

#[tokio::test(start_paused = true)]
async fn hours_of_trouble_with_datadog_cost_no_event_and_few_requests() {
    let config = config::Datadog { url: Some("http://127.0.0.1:1".into()), ..config::Datadog::default() };
    for seed in seeds() {
        play(seed, bodies(Datadog::new(&config).unwrap().0), |header, body| {
            let config =
                config::Datadog { url: Some("http://127.0.0.1:1".into()), ..config::Datadog::default() };
            lines_of(&Datadog::new(&config).unwrap().0, header, body)
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn hours_of_trouble_with_an_http_endpoint_cost_no_event_and_few_requests() {
    for seed in seeds() {
        play(seed, bodies(http()), |header, body| lines_of(&http(), header, body)).await;
    }
}

fn http() -> Http {
    let yaml = "shipper: {destinations: {a: {type: http, url: 'http://127.0.0.1:1'}}}";
    let file = chassis::Configuration::parse("shipper.yaml".as_ref(), yaml.into(), []).unwrap();
    let mut section: config::Config = file.section().unwrap();
    let Some(config::Destination::Http(config)) = section.destinations.remove("a") else { panic!() };
    Http::new(&config).unwrap()
}
