//! What a recording cannot tell about a policy.
//!
//! Promise: said whenever it applies, and only then; a number is a number of events that were looked at.

use audit::simulate::{Side, Tally};
use audit::{Level, Policy, Stage};

use super::Simulated;
use crate::print::grouped;

/// The sentences, each without a period.
pub(super) fn sentences(simulated: &Simulated<'_>) -> Vec<String> {
    let mut said = vec![
        "requests that were not recorded, because the API server's own policy or a filter on the way left them out, \
         are unknown here: no policy brings them back"
            .to_owned(),
    ];
    let sides = simulated.simulation.sides().iter().zip(simulated.policies);
    for (name, (side, policy)) in simulated.names.iter().zip(sides) {
        if side.below() > 0 {
            said.push(format!(
                "{name}: {} events were recorded at a lower level than their rule asks for; they are counted as they \
                 are and would be larger",
                grouped(side.below())
            ));
        }
        for stage in [Stage::RequestReceived, Stage::ResponseStarted] {
            let wanting = wanting(side, policy, stage);
            if simulated.simulation.recorded().of_stage(stage) == 0 && wanting > 0 {
                said.push(format!(
                    "{name}: {wanting} of the rules that matched want {stage}, which the recording does not hold at \
                     all; where it was omitted at the source, more events would be written"
                ));
            }
        }
    }
    said
}

/// How many rules that matched something would write a stage.
fn wanting(side: &Side, policy: &Policy, stage: Stage) -> usize {
    let writes = |rule: Option<usize>| {
        rule.and_then(|rule| policy.rule_level(rule)).is_some_and(|level| level != Level::None)
    };
    let wants = |(rule, tally): &(Option<usize>, &Tally)| {
        writes(*rule) && tally.seen.events > 0 && !tally.omits.contains(stage)
    };
    side.rules().filter(wants).count()
}
