//! What policies would have made of recorded events, rule by rule, and where two policies differ.
//!
//! Promises: every event is counted under exactly one rule, or under none; the bytes out are those of the lines that
//! an API server with the policy would have written, newlines included; the state is bounded by the number of rules;
//! the simulations of parts, merged in order, are the simulation of the whole, but for what [`Top`] says of itself.

mod recorded;
mod sample;
mod tally;

pub use recorded::Recorded;
pub use sample::Sample;
pub use tally::{Amount, Change, Tally};

use crate::{Attributes, Decision, Event, Level, Lowered, Policy, lower};

/// A replay of events through one policy or more.
#[derive(Debug, Clone)]
pub struct Simulation<'p> {
    policies: &'p [Policy],
    recorded: Recorded,
    sides: Vec<Side>,
    difference: Difference,
    written: Vec<u8>,
}

/// What one policy made of the events.
#[derive(Debug, Clone)]
pub struct Side {
    rules: Vec<Tally>,
}

impl Side {
    fn of(policy: &Policy) -> Side {
        Side { rules: vec![Tally::default(); policy.rules() + 1] }
    }

    /// Every rule with its index, and at the end what no rule matched, with none.
    pub fn rules(&self) -> impl Iterator<Item = (Option<usize>, &Tally)> {
        let last = self.rules.len() - 1;
        self.rules.iter().enumerate().map(move |(index, tally)| ((index < last).then_some(index), tally))
    }

    /// All rules together.
    #[must_use]
    pub fn total(&self) -> (Amount, Amount) {
        let mut total = (Amount::default(), Amount::default());
        for tally in &self.rules {
            total.0.add(tally.seen);
            total.1.add(tally.written);
        }
        total
    }

    /// How many events were recorded at a lower level than the policy asks for.
    #[must_use]
    pub fn below(&self) -> u64 {
        self.rules.iter().map(|tally| tally.below).sum()
    }

    fn tally(&mut self, decision: &Decision) -> &mut Tally {
        let last = self.rules.len() - 1;
        &mut self.rules[decision.rule.unwrap_or(last)]
    }
}

/// Where the second policy differs from the first.
#[derive(Debug, Clone, Default)]
pub struct Difference {
    /// Events that only the second one writes.
    pub appears: Change,
    /// Events that only the first one writes.
    pub disappears: Change,
    /// Events that the second one writes with more bytes.
    pub grows: Change,
    /// Events that the second one writes with fewer bytes.
    pub shrinks: Change,
}

impl<'p> Simulation<'p> {
    /// A simulation that has seen nothing; with two policies, of their difference too. Further policies are not
    /// compared.
    #[must_use]
    pub fn of(policies: &'p [Policy]) -> Simulation<'p> {
        Simulation {
            policies,
            recorded: Recorded::default(),
            sides: policies.iter().map(Side::of).collect(),
            difference: Difference::default(),
            written: Vec::new(),
        }
    }

    /// Replays an event.
    pub fn add(&mut self, event: &Event<'_>) {
        self.recorded.add(event);
        let attributes = Attributes::of(event);
        let mut before: Option<(Decision, u64)> = None;
        for (side, policy) in self.sides.iter_mut().zip(self.policies) {
            let decision = policy.decide(&attributes);
            let bytes = match before {
                Some((same, bytes)) if alike(&same, &decision) => bytes,
                _ => bytes_written(event, &decision, &mut self.written),
            };
            side.tally(&decision).add(event, &attributes, &decision, bytes);
            if let Some((_, before)) = before {
                self.difference.add(event, &attributes, before, bytes);
            }
            before = Some((decision, bytes));
        }
    }

    /// Adds the simulation of what came after, through the same policies.
    pub fn merge(&mut self, after: Simulation<'p>) {
        self.recorded.merge(&after.recorded);
        for (side, after) in self.sides.iter_mut().zip(after.sides) {
            side.rules.iter_mut().zip(after.rules).for_each(|(tally, after)| tally.merge(after));
        }
        self.difference.merge(after.difference);
    }

    /// What was replayed.
    #[must_use]
    pub fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// What each policy made of it, in their order.
    #[must_use]
    pub fn sides(&self) -> &[Side] {
        &self.sides
    }

    /// Where the second policy differs from the first.
    #[must_use]
    pub fn difference(&self) -> &Difference {
        &self.difference
    }
}

impl Difference {
    fn add(&mut self, event: &Event<'_>, attributes: &Attributes<'_>, before: u64, after: u64) {
        let change = match (before, after) {
            (0, 0) => return,
            (0, _) => &mut self.appears,
            (_, 0) => &mut self.disappears,
            _ if before < after => &mut self.grows,
            _ if before > after => &mut self.shrinks,
            _ => return,
        };
        change.add(event, attributes, before, after);
    }

    fn merge(&mut self, after: Difference) {
        self.appears.merge(after.appears);
        self.disappears.merge(after.disappears);
        self.grows.merge(after.grows);
        self.shrinks.merge(after.shrinks);
    }
}

/// Whether two decisions write the same of every event.
fn alike(one: &Decision, other: &Decision) -> bool {
    Decision { rule: None, ..*one } == Decision { rule: None, ..*other }
}

/// How long the line would be that is written, with its newline; 0 when none is.
fn bytes_written(event: &Event<'_>, decision: &Decision, scratch: &mut Vec<u8>) -> u64 {
    scratch.clear();
    match lower(event, decision, scratch) {
        Lowered::Dropped(_) => 0,
        Lowered::Whole => bytes_recorded(event),
        Lowered::Spliced => scratch.len() as u64 + 1,
    }
}

/// How long the line of an event is, with its newline.
fn bytes_recorded(event: &Event<'_>) -> u64 {
    event.line().len() as u64 + 1
}

/// Whether an event says less than the decision asks for, so that nobody can know what it would have said.
fn is_below(event: &Event<'_>, decision: &Decision) -> bool {
    decision.level > event.level()
        && event.level() != Level::None
        && !decision.omit_stages.contains(event.stage())
}
