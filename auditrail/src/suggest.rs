//! `policy suggest`: a policy from recorded events, with what each rule saves.
//!
//! Promises: the output is a policy that `policy lint` finds nothing in, and `policy simulate` over the same recording
//! shows the figures of its comments; what it keeps for a reason that cannot be seen in it is said in its head.

use std::process::ExitCode;

use audit::simulate::Amount;
use audit::suggest::{Census, Proposal, Proposed};
use audit::{Event, Stage};

use crate::cli::Suggest;
use crate::exit::Failure;
use crate::price::{Pricing, usd};
use crate::print::{bytes, grouped, length};
use crate::replay::{Fold, replay, threads};
use crate::{moment, price, say};

/// From how many seconds on a recording is likely to hold what happens each day.
const LONG_ENOUGH: i64 = 24 * 60 * 60;

/// How many refusals are named.
const NAMED: usize = 20;

impl Fold for Census {
    fn add(&mut self, event: &Event<'_>) {
        self.add(event);
    }

    fn merge(&mut self, after: Self) {
        self.merge(after);
    }
}

/// Exit 0, or 1 when some line was no event.
///
/// # Errors
/// When the recording cannot be found or read, or holds no event.
pub(crate) fn suggest(arguments: &Suggest) -> Result<ExitCode, Failure> {
    let (census, bad) = replay(&arguments.recording, threads(), Census::default)?;
    bad.tell();
    if census.recorded().amount.events == 0 {
        let what = if bad.count > 0 { "no line of the recording is an" } else { "the recording holds no" };
        let when = if arguments.recording.is_cut() { " of that time" } else { "" };
        return Err(Failure::Failed(anyhow::anyhow!("{what} event{when}, so there is nothing to suggest")));
    }
    let pricing = Pricing::of(arguments.prices, census.recorded().times);
    say::result(&text(&census, &pricing))?;
    Ok(ExitCode::from(u8::from(bad.count > 0)))
}

/// The policy with its comments.
fn text(census: &Census, pricing: &Pricing) -> String {
    let proposal = census.proposal();
    let rules = proposal.text(|rule| format!("{}\n{}", rule.about, effect(rule, pricing)));
    head(census, &proposal, pricing).iter().map(|line| format!("# {line}\n")).collect::<String>() + &rules
}

fn head(census: &Census, proposal: &Proposal, pricing: &Pricing) -> Vec<String> {
    let recorded = census.recorded();
    let mut lines = vec![format!(
        "Suggested by auditrail {} from {}.",
        env!("CARGO_PKG_VERSION"),
        amount(recorded.amount)
    )];
    if let Some((oldest, newest)) = recorded.times {
        let (from, to) = (moment::written(oldest), moment::written(newest));
        let seconds = newest.saturating_sub(oldest) / 1_000_000;
        lines.push(format!("Recorded from {from} to {to} ({}).", length(seconds)));
        if seconds < LONG_ENOUGH {
            lines.push(
                "That is short: what happens once a day, a refusal too, may be missing. Record a day or a week."
                    .to_owned(),
            );
        }
    }
    let saved = proposal.saved();
    lines.push(format!("Saves {}{}.", amount(saved), monthly(saved, pricing)));
    let received = match recorded.of_stage(Stage::RequestReceived) {
        0 => "none was recorded".to_owned(),
        count => format!("{} events here", grouped(count)),
    };
    lines.push(format!(
        "RequestReceived is omitted everywhere ({received}); a request is told of when it ends."
    ));
    lines.push(
        "A policy cannot see the answer to a request, so what was refused to a subject stays, whole."
            .to_owned(),
    );
    if proposal.too_many_kinds {
        lines.push(
            "There were too many kinds of requests to count, so nothing is left out: give a shorter time."
                .to_owned(),
        );
    }
    let kept = &proposal.kept_for_refusals;
    lines.extend(kept.iter().take(NAMED).map(|what| format!("  kept for its refusals: {what}")));
    if kept.len() > NAMED {
        lines.push(format!("  and {} more", kept.len() - NAMED));
    }
    lines
}

fn effect(rule: &Proposed, pricing: &Pricing) -> String {
    if rule.seen.events == 0 {
        return "nothing of it in the recording".to_owned();
    }
    let saved = rule.saved();
    if saved == Amount::default() {
        return format!("keeps all {} events", grouped(rule.seen.events));
    }
    let of = if saved.events == 0 {
        format!("{} of {}, no event", bytes(saved.bytes), bytes(rule.seen.bytes))
    } else {
        format!("{} of {} events, {}", grouped(saved.events), grouped(rule.seen.events), bytes(saved.bytes))
    };
    format!("saves {of}{}", monthly(saved, pricing))
}

fn amount(amount: Amount) -> String {
    format!("{} events, {}", grouped(amount.events), bytes(amount.bytes))
}

fn monthly(amount: Amount, pricing: &Pricing) -> String {
    match pricing.monthly(amount) {
        None => String::new(),
        cost => format!(", {} USD in {} days like these", usd(cost), price::MONTH_DAYS),
    }
}
