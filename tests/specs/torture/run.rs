//! One run: episodes that end with a kill or a stop, then the rest in peace, then the verdict.

use std::time::{Duration, Instant};

use tests::dice::Dice;
use tests::lone_collector::LoneCollector;
use tests::next_stage::{Mood, NextStage, Taking};
use tests::numbered::Numbered;
use tests::rotating::Rotation;
use tests::rotating::writer::{Work, Writer};

use crate::torture::verdict::{Deeds, Verdict};

/// Batches that may be on their way at a time.
pub(crate) const IN_FLIGHT: u64 = 4;
/// The longest that an episode waits for its moment.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Nothing new comes for so long: nothing more will.
const SILENCE: Duration = Duration::from_secs(20);

/// What is to happen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rotation: Rotation,
    pub(crate) seed: u64,
    pub(crate) kills: u64,
    pub(crate) stops: u64,
}

impl Plan {
    pub(crate) fn with_kills(rotation: Rotation) -> Plan {
        let kills = setting("AUDITRAIL_TORTURE_KILLS").unwrap_or(4);
        Plan { rotation, seed: seed(), kills, stops: kills / 4 }
    }

    pub(crate) fn with_stops_only(rotation: Rotation) -> Plan {
        let kills = setting("AUDITRAIL_TORTURE_KILLS").unwrap_or(4);
        Plan { rotation, seed: seed() ^ 1 << 32, kills: 0, stops: (kills / 2).max(2) }
    }
}

fn seed() -> u64 {
    setting("AUDITRAIL_TORTURE_SEED").unwrap_or(1)
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")))
}

struct Run {
    plan: Plan,
    dice: Dice,
    next: NextStage,
    taking: Taking,
    collector: LoneCollector,
    writer: Writer,
    deeds: Deeds,
}

/// Runs a plan, and fails when a line was not treated as promised.
#[allow(clippy::print_stdout, reason = "the seed repeats a run")]
pub(crate) async fn torture(way: &str, plan: Plan) {
    println!("torture: {way}: AUDITRAIL_TORTURE_SEED={} {plan:?}", seed());
    let directory = tempfile::tempdir().unwrap();
    let mut run = Run::begin(directory.path(), plan).await;
    let (mut kills, mut stops) = (plan.kills, plan.stops);
    while kills + stops > 0 {
        let kill = run.dice.below(kills + stops) < kills;
        if kill {
            kills -= 1
        } else {
            stops -= 1
        }
        run.episode(kill).await;
    }
    let verdict = run.end().await;
    println!("torture: {way}: {verdict}");
    verdict.assert();
}

impl Run {
    async fn begin(directory: &std::path::Path, plan: Plan) -> Run {
        let mut dice = Dice::new(plan.seed);
        let lines = Numbered::new(plan.seed);
        let mut next = NextStage::new(lines, dice.below(u64::MAX));
        next.open().await;
        let queue = dice.one_of(&["12MiB", "64MiB"]);
        let chunk = dice.one_of(&["16KiB", "64KiB", "1MiB"]);
        let settings = format!(
            "  max_line_size: 3MiB\n  chunk_size: {chunk}\n  in_flight: {IN_FLIGHT}\n  poll_interval: 50ms\n"
        );
        let mut collector = LoneCollector::new(directory, &next.address(), queue, &settings);
        let taking = next.taking();
        let work = Work {
            lines,
            dice: Dice::new(dice.below(u64::MAX)),
            rotation: plan.rotation,
            taking: taking.clone(),
        };
        let writer = Writer::start(&collector.logs(), work);
        writer.keeps().reader_starts();
        collector.start();
        Run { plan, dice, next, taking, collector, writer, deeds: Deeds::default() }
    }

    /// Lets things happen up to a moment, ends the collector there and starts it again.
    async fn episode(&mut self, kill: bool) {
        let most = if self.plan.rotation == Rotation::CopyTruncateHole { 1_500_000 } else { 30_000_000 };
        self.writer.may_write(300_000 + self.dice.below(most));
        self.new_mood(kill).await;
        self.moment().await;
        if self.plan.rotation.removes() {
            self.end_when_removed_lines_are_safe(kill).await;
            return;
        }
        self.deeds.end(&mut self.collector, kill);
        self.taking.sender_starts();
        let pause = self.dice.one_of(&[0, 0, 1, 3]);
        self.rotations(pause).await;
        self.collector.start();
        let seen = self.dice.chance(50);
        if seen {
            self.batches(1).await; // it also lives on within the rotation that is held
        }
        self.writer.gate().open();
    }

    async fn new_mood(&mut self, kill: bool) {
        if self.dice.chance(15) {
            self.next.close().await;
            return;
        }
        let losing = if kill { Mood::LosingReceipts(10) } else { Mood::Fast };
        let moods = [Mood::Fast, Mood::Fast, Mood::Slow(20), Mood::Busy(30), Mood::Unavailable(30), losing];
        self.next.set_mood(self.dice.one_of(&moods));
        self.next.open().await;
    }

    /// Waits for the moment of the end.
    async fn moment(&mut self) {
        match self.dice.below(5) {
            0 => tokio::time::sleep(self.dice.millis(80)).await,
            1 => tokio::time::sleep(self.dice.millis(500)).await,
            2 => {
                let some = 1 + self.dice.below(30);
                self.batches(some).await;
            }
            3 => {
                let some = 1 + self.dice.below(5);
                self.rotations(some).await;
            }
            _ => {
                self.writer.gate().hold_after(self.dice.below(12));
                if let Some(point) = self.writer.gate().held(PATIENCE).await {
                    self.deeds.held_at(point);
                    tokio::time::sleep(self.dice.millis(150)).await;
                }
            }
        }
    }

    async fn batches(&self, some: u64) {
        let enough = self.taking.batches() + some;
        within(PATIENCE, || self.taking.batches() >= enough).await;
    }

    async fn rotations(&self, some: u64) {
        let enough = self.writer.rotations() + some;
        within(PATIENCE, || self.writer.rotations() >= enough).await;
    }

    /// Removed files can be read by an open handle alone, so a reader that ends must have read them.
    async fn end_when_removed_lines_are_safe(&mut self, kill: bool) {
        self.next.set_mood(Mood::Fast);
        self.next.open().await;
        let mut kept = self.writer.keeps();
        within(SILENCE, || self.taking.upto() >= kept.removed()).await;
        self.deeds.end(&mut self.collector, kill);
        self.taking.sender_starts();
        kept.reader_starts();
        self.collector.start();
    }

    /// What is left arrives in peace; a last start and stop bring nothing.
    async fn end(mut self) -> Verdict {
        self.next.set_mood(Mood::Fast);
        self.next.open().await;
        let rotations = self.writer.rotations();
        let written = self.writer.end();
        let (mut seen, mut since) = (self.taking.batches(), Instant::now());
        while self.taking.upto() < written && since.elapsed() < SILENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if self.taking.batches() > seen {
                (seen, since) = (self.taking.batches(), Instant::now());
            }
        }
        let mut status = self.quiet().await;
        for _ in 0..2 {
            self.deeds.end(&mut self.collector, false);
            self.taking.sender_starts();
            self.collector.start();
            status = self.quiet().await;
        }
        self.deeds.end(&mut self.collector, false);
        let words = self.collector.words();
        self.next.close().await;
        self.deeds.rotations = rotations;
        Verdict { plan: self.plan, written, deeds: self.deeds, record: self.taking.record(), status, words }
    }

    /// Waits until the collector has nothing to do, if that comes.
    async fn quiet(&mut self) -> proto::v1::ServiceStatus {
        let start = Instant::now();
        loop {
            self.collector.assert_running();
            if let Ok(status) = self.collector.status().await {
                let idle = status.sources.first().is_some_and(|source| {
                    let queued = source.queued.as_ref().map_or(0, |queued| queued.events);
                    source.state == "following" && queued == 0 && source.lag_bytes == 0
                });
                let records = status.queue.as_ref().map_or(0, |queue| queue.records);
                if (idle && records == 0) || start.elapsed() > SILENCE {
                    return status;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Waits until it is so, but not for ever.
async fn within(patience: Duration, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() && start.elapsed() < patience {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
