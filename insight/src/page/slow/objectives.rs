//! Whether the objectives were kept, and how fast their budget is used.
//!
//! Promise: what is missed is named with its threshold and numbers.

use std::fmt::{self, Write};

use crate::escape::Shown;
use crate::page::text::{grouped, took};
use crate::reports::slow::Objectives;

use super::MOST_ROWS;

pub(super) fn write(page: &mut String, objectives: &Objectives) -> fmt::Result {
    write!(
        page,
        "<section><h2>Objectives</h2><p class=\"soft\">Of everybody. Five minutes are good when 99 % of the requests of \
         each kind in them were within its threshold; {} of {} were, {} requests count. An objective is missed when on one \
         day (UTC) more than 1 % of its five minutes were.</p>",
        grouped(objectives.good_windows),
        grouped(objectives.windows),
        grouped(objectives.requests)
    )?;
    burning(page, objectives)?;
    if objectives.missed.is_empty() {
        return page.write_str("<p class=\"good\">No kind of request missed one.</p></section>");
    }
    page.write_str(
        "<table><thead><tr><th class=\"verb\">verb</th><th>resource</th><th class=\"verb\">scope</th><th class=\"n\">threshold</th>\
         <th class=\"n\">requests</th><th class=\"n\">over it</th><th class=\"n\">5 minutes</th>\
         <th class=\"n\">missed</th><th class=\"n\">days missed</th><th>worst day</th><th>objective</th></tr></thead><tbody>",
    )?;
    for pair in objectives.missed.iter().take(MOST_ROWS) {
        let worst = &pair.worst_day;
        let (class, state) = if pair.broken { ("broken", "missed") } else { ("fine", "kept") };
        write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{} of {}</td><td>{}: {} of {}</td>\
             <td><i class=\"{class}\">{state}</i></td></tr>",
            Shown(&pair.verb),
            Shown(&pair.resource),
            Shown(&pair.scope),
            took(pair.threshold_us),
            grouped(pair.requests),
            grouped(pair.over),
            grouped(pair.windows),
            grouped(pair.missed_windows),
            grouped(pair.missed_days),
            grouped(pair.days),
            worst.day,
            grouped(worst.windows - worst.good_windows),
            grouped(worst.windows)
        )?;
    }
    page.write_str("</tbody></table></section>")
}

/// How fast the budget of 1 % is used, as the alerts of the kubernetes-mixin look at it.
fn burning(page: &mut String, objectives: &Objectives) -> fmt::Result {
    if objectives.burn.is_empty() {
        return Ok(());
    }
    page.write_str("<dl class=\"facts\">")?;
    for burn in &objectives.burn {
        let (class, word) = match (burn.fires, burn.whole) {
            (true, _) => ("broken", ": too fast"),
            (false, true) => ("fine", ""),
            (false, false) => ("open", ", in part"),
        };
        let tenths = |tenths: u64| format!("{}.{}", tenths / 10, tenths % 10);
        write!(
            page,
            "<div><dt>budget over {}{word}</dt><dd class=\"{class}\">{} and {} times <span class=\"soft\">of at most {}</span></dd></div>",
            burn.windows,
            tenths(burn.long_tenths),
            tenths(burn.short_tenths),
            tenths(burn.fires_from_tenths)
        )?;
    }
    page.write_str("</dl>")
}
