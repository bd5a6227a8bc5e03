//! What became of every line of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use proto::v1::{NamedCount, ServiceStatus};
use tests::lone_collector::LoneCollector;
use tests::next_stage::Record;
use tests::numbered::{Kind, Numbered};
use tests::rotating::writer::count;

use crate::torture::run::{IN_FLIGHT, Plan};

/// What was done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deeds {
    pub(crate) kills: u64,
    pub(crate) stops: u64,
    pub(crate) rotations: u64,
    held: BTreeMap<&'static str, u64>,
}

impl Deeds {
    /// The collector is killed, or stopped.
    pub(crate) fn end(&mut self, collector: &mut LoneCollector, kill: bool) {
        if kill {
            collector.kill();
            self.kills += 1;
        } else {
            collector.stop();
            self.stops += 1;
        }
    }

    /// A rotation was in its middle when the collector ended.
    pub(crate) fn held_at(&mut self, point: &'static str) {
        *self.held.entry(point).or_default() += 1;
    }
}

/// All that is known at the end.
pub(crate) struct Verdict {
    pub(crate) plan: Plan,
    /// Lines that were written.
    pub(crate) written: u64,
    pub(crate) deeds: Deeds,
    pub(crate) record: Record,
    pub(crate) status: ServiceStatus,
    pub(crate) words: String,
}

impl Verdict {
    /// Fails unless every promise was kept.
    pub(crate) fn assert(&self) {
        let broken: Vec<String> =
            [self.lines(), self.order(), self.repeats(), self.account()].into_iter().flatten().collect();
        assert!(
            broken.is_empty(),
            "{}\n{self}\n{:#?}\nthe collector said at last:\n{}",
            broken.join("\n"),
            self.status,
            self.words
        );
    }

    fn expected(&self) -> Numbered {
        Numbered::new(self.plan.seed)
    }

    fn lost(&self) -> Vec<u64> {
        let events = (1..=self.written).filter(|&line| self.expected().kind(line) == Kind::Event);
        events.filter(|&line| self.record.number(line) == 0).collect()
    }

    /// Every line came, as it was written.
    fn lines(&self) -> Vec<String> {
        let mut broken = self.record.wrong.clone();
        let lost = self.lost();
        if let (Some(first), Some(last)) = (lost.first(), lost.last()) {
            broken.push(format!("{} lines were lost, from {first} to {last}", lost.len()));
        }
        broken
    }

    /// Lines have the numbers of their places in the log, and batches came in order but for those on their way.
    fn order(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let moved =
            (1..self.record.lines.len() as u64).find(|&line| ![0, line].contains(&self.record.number(line)));
        if let Some(line) = moved {
            let runs = self.record.runs().into_iter().take(20).collect::<Vec<_>>().join(", ");
            broken.push(format!("line {line} was read as number {}: {runs}", self.record.number(line)));
        }
        if let Some((first, before)) = self.late() {
            broken.push(format!("the batch from {first} came after {before} later ones"));
        }
        let queues: BTreeSet<&Vec<u8>> = self.record.batches.keys().map(|(queue, _)| queue).collect();
        if queues.len() > 1 {
            broken.push(format!("there were {} queue ids", queues.len()));
        }
        broken
    }

    /// A batch that later ones overtook, more of them than may be on their way at a time.
    fn late(&self) -> Option<(u64, u64)> {
        let order = &self.record.order;
        let overtaken = order.iter().enumerate().map(|(at, &(life, first))| {
            let before = order[..at].iter().rev().take(500).take_while(|(other, _)| *other == life);
            (first, before.filter(|(_, other)| *other > first).count() as u64)
        });
        overtaken.into_iter().find(|&(_, before)| before >= IN_FLIGHT)
    }

    fn repeated(&self) -> u64 {
        self.record.batches.values().map(|taken| taken.times - 1).sum()
    }

    /// What came again was on its way at a kill, or its receipt was lost; and came with the same bounds.
    fn repeats(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let allowed = self.deeds.kills * IN_FLIGHT + self.record.receipts_lost;
        if self.repeated() > allowed {
            broken.push(format!("{} batches were repeated, {allowed} may be", self.repeated()));
        }
        let mut before: BTreeMap<&[u8], u64> = BTreeMap::new();
        for ((queue, first), taken) in &self.record.batches {
            let last = before.entry(queue).or_default();
            if *first <= *last {
                broken.push(format!("the batches up to {last} and from {first} overlap"));
            }
            *last = taken.last;
        }
        broken
    }

    /// Status says what happened to each line, and has nothing to complain of.
    fn account(&self) -> Vec<String> {
        let Some(source) = self.status.sources.first() else { return vec!["status names no source".into()] };
        let kinds = |kind| count(self.expected(), self.written, kind);
        let (events, blank, junk) = (kinds(Kind::Event), kinds(Kind::Blank), kinds(Kind::Junk));
        let nuls = of(&source.filtered, "nul");
        let read = source.read.map_or((0, 0), |read| (read.events, read.bytes - nuls.1));
        let pairs = [
            ("read", read, (self.written, events.1 + blank.1 + junk.1)),
            ("blank", of(&source.filtered, "blank"), blank),
            ("quarantine", of(&source.dead, "quarantine"), junk),
            ("queued", source.queued.map_or((0, 0), |queued| (queued.events, queued.bytes)), (0, 0)),
            ("refused", of(&source.dead, "refused"), (0, 0)),
            ("damaged", of(&source.dead, "damaged"), (0, 0)),
        ];
        let differ = pairs.into_iter().filter(|(_, says, is)| says != is);
        let mut broken: Vec<String> =
            differ.map(|(what, says, is)| format!("status says {what} {says:?}, and it is {is:?}")).collect();
        // Of a removed file that nobody has open any more nobody can say whether it had more.
        let may =
            |problem: &&String| self.plan.rotation.removes() && problem.contains("if anything, is lost");
        let complaints = self.status.problems.iter().filter(|problem| !may(problem));
        broken.extend(complaints.map(|problem| format!("status complains: {problem}")));
        broken
    }
}

fn of(counts: &[NamedCount], name: &str) -> (u64, u64) {
    let found = counts.iter().find(|count| count.name == name).and_then(|count| count.count);
    found.map_or((0, 0), |count| (count.events, count.bytes))
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Deeds { kills, stops, rotations, held } = &self.deeds;
        let held: Vec<String> = held.iter().map(|(point, times)| format!("{times} {point}")).collect();
        let held = if held.is_empty() { "none".to_owned() } else { held.join(", ") };
        write!(
            f,
            "{kills} kills and {stops} stops over {rotations} rotations (in the middle of one: {held}); {} lines written, {} lost, {} batches of {} repeated, {} receipts lost on purpose",
            self.written,
            self.lost().len(),
            self.repeated(),
            self.record.batches.len(),
            self.record.receipts_lost,
        )
    }
}
