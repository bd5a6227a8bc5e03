//! A simulation as a person reads it.
//!
//! Promise: the rules in their order, those that matched nothing too; the most expensive users and an example for each
//! rule that matched something; with two policies what the change from the first to the second does.

use audit::simulate::{Amount, Change, Sample, Side, Tally};
use audit::{Level, Top};
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, LineStyle, Table};

use super::{Simulated, unknown};
use crate::moment;
use crate::price::{self, usd};
use crate::print::{bytes, grouped, length};
use crate::spelt::shown;

/// How many users are named.
const USERS: usize = 3;

/// Everything.
pub(super) fn text(simulated: &Simulated<'_>) -> String {
    let mut text = head(simulated);
    for index in 0..simulated.policies.len() {
        text.push_str(&policy(simulated, index));
    }
    if simulated.policies.len() == 2 {
        text.push_str(&difference(simulated));
    }
    text.push_str("\nWhat cannot be known\n");
    unknown::sentences(simulated).iter().for_each(|said| text.push_str(&format!("  - {said}\n")));
    text
}

fn head(simulated: &Simulated<'_>) -> String {
    let recorded = simulated.simulation.recorded();
    let amount = format!("{} events, {}", grouped(recorded.amount.events), bytes(recorded.amount.bytes));
    let days = price::MONTH_DAYS;
    if let (Some(watched), Some(factor)) = (simulated.watched, simulated.pricing.factor) {
        let seconds = i64::try_from(watched.as_secs()).unwrap_or(i64::MAX);
        return format!(
            "{amount}, seen within {}; a month of {days} days is taken as {factor:.1} times that\n",
            length(seconds)
        );
    }
    match (recorded.times, simulated.pricing.factor) {
        (Some((oldest, newest)), Some(factor)) => format!(
            "{amount}, from {} to {} ({}); a month of {days} days is taken as {factor:.1} times that\n",
            moment::written(oldest),
            moment::written(newest),
            length((newest - oldest) / 1_000_000),
        ),
        _ => format!("{amount}; without two different times in it, there is no price for a month\n"),
    }
}

fn policy(simulated: &Simulated<'_>, index: usize) -> String {
    let (side, policy) = (&simulated.simulation.sides()[index], &simulated.policies[index]);
    let mut table = Table::new();
    // A rule is a line, and rules are many.
    table.load_style(UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(["rule", "level", "events", "bytes in", "kept", "bytes out", "of price", "USD a month"]);
    for (rule, tally) in side.rules() {
        let level = rule.and_then(|rule| policy.rule_level(rule)).unwrap_or(Level::None);
        let name = rule.map_or_else(|| "no rule".to_owned(), |rule| named(rule, policy.rule_line(rule)));
        table.add_row(row(simulated, side, &name, level.name(), tally.seen, tally.written));
    }
    let (seen, written) = side.total();
    table.add_row(row(simulated, side, "all", "", seen, written));
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let notes: String = side.rules().filter_map(|(rule, tally)| notes(rule, tally)).collect();
    format!("\nPolicy {}\n{table}\n{notes}", simulated.names[index])
}

fn named(rule: usize, line: Option<usize>) -> String {
    line.map_or_else(|| rule.to_string(), |line| format!("{rule} (line {line})"))
}

fn row(
    simulated: &Simulated<'_>,
    side: &Side,
    name: &str,
    level: &str,
    seen: Amount,
    written: Amount,
) -> [String; 8] {
    let share = simulated.pricing.share(written, side.total().1);
    [
        name.to_owned(),
        level.to_owned(),
        grouped(seen.events),
        bytes(seen.bytes),
        grouped(written.events),
        bytes(written.bytes),
        share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0)),
        usd(simulated.pricing.monthly(written)),
    ]
}

/// Who and what a rule matched.
fn notes(rule: Option<usize>, tally: &Tally) -> Option<String> {
    let name = rule.map_or_else(|| "no rule".to_owned(), |rule| format!("rule {rule}"));
    let example = tally.samples().first()?;
    Some(format!("  {name}: {}; such as {}\n", users(&tally.users), sample(example)))
}

fn users(top: &Top) -> String {
    let named = top.first(USERS).into_iter().map(|place| {
        let about = if place.missed > 0 { "at least " } else { "" };
        format!("{} {about}{}", shown(&place.name), grouped(place.amount.events))
    });
    named.collect::<Vec<_>>().join(", ")
}

fn sample(sample: &Sample) -> String {
    let mut text = format!("{} {}", sample.verb, sample.resource);
    if !sample.namespace.is_empty() {
        text.push_str(&format!(" in {}", sample.namespace));
    }
    if !sample.name.is_empty() {
        text.push_str(&format!(" named {}", sample.name));
    }
    format!("{} ({}, {})", shown(&text), sample.stage, shown(&sample.audit_id))
}

fn difference(simulated: &Simulated<'_>) -> String {
    let (sides, difference) = (simulated.simulation.sides(), simulated.simulation.difference());
    let [before, after] = [sides[0].total().1, sides[1].total().1];
    let price = |amount| usd(simulated.pricing.monthly(amount));
    let mut text = format!(
        "\nFrom {} to {}\n  {} events become {}, {} become {}, {} USD a month become {}\n",
        simulated.names[0],
        simulated.names[1],
        grouped(before.events),
        grouped(after.events),
        bytes(before.bytes),
        bytes(after.bytes),
        price(before),
        price(after),
    );
    let changes = [
        ("appears", &difference.appears),
        ("disappears", &difference.disappears),
        ("grows", &difference.grows),
        ("shrinks", &difference.shrinks),
    ];
    changes.iter().for_each(|(what, change)| text.push_str(&one_change(simulated, what, change)));
    text
}

fn one_change(simulated: &Simulated<'_>, what: &str, change: &Change) -> String {
    let events = change.before.events.max(change.after.events);
    if events == 0 {
        return format!("  {what}: nothing\n");
    }
    let (more, less) = if change.after.bytes > change.before.bytes {
        (change.after, change.before)
    } else {
        (change.before, change.after)
    };
    let mut text = format!(
        "  {what}: {} events, {}, {} USD a month; {}\n",
        grouped(events),
        bytes(more.without(less).bytes),
        usd(simulated.pricing.monthly(more.without(less))),
        users(&change.users),
    );
    change.samples().iter().for_each(|example| text.push_str(&format!("    such as {}\n", sample(example))));
    text
}
