//! Why a destination does not get a line: the names in its account.
//!
//! Invariant: names are stable and bounded: they hold an index of a rule, a stage or the name of a route or a
//! processing rule of the configuration, and nothing that a client chose.

use audit::Stage;

use crate::rules::Rules;

/// What a policy left a line out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Omitted {
    /// The rule of this index, from 0 as in `policy explain`, has the level None.
    Rule(u32),
    /// No rule matched.
    NoRule,
    /// The rule that matched, or the policy, omits this stage.
    Stage(Stage),
}

impl std::fmt::Display for Omitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Omitted::Rule(index) => write!(f, "rule {index}"),
            Omitted::NoRule => f.write_str("no rule"),
            Omitted::Stage(stage) => write!(f, "stage {stage}"),
        }
    }
}

/// Why a destination does not get a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cause {
    /// The policy of all routes.
    Policy(Omitted),
    /// The processing rule of this index.
    Processing(u32),
    /// The processing rule of this index left something of it that is no event any more.
    Spoiled(u32),
    /// The own policy of the route of this index, the first one that took the event.
    Route(u32, Omitted),
    /// No route to the destination takes the event.
    NoRoute,
    /// The sample of a route leaves it out.
    Sample,
    /// It came before.
    Dedupe,
    /// It is no audit event, and every route that would take it redacts.
    Unredactable,
}

impl Cause {
    /// Its name in accounts and metrics.
    pub(crate) fn name(self, rules: &Rules) -> String {
        match self {
            Cause::Policy(omitted) => format!("policy {omitted}"),
            Cause::Processing(index) => format!("processing rule {}", rules.processing.name(index)),
            Cause::Spoiled(index) => format!("spoiled by processing rule {}", rules.processing.name(index)),
            Cause::Route(index, omitted) => format!("route {} {omitted}", rules.routes[index as usize].name),
            Cause::NoRoute => "no route".to_owned(),
            Cause::Sample => "sample".to_owned(),
            Cause::Dedupe => "dedupe".to_owned(),
            Cause::Unredactable => "cannot be redacted".to_owned(),
        }
    }
}
