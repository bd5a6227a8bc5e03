//! From a line to its fate: what each audience gets of it, and why not.
//!
//! Promises: the policy of all routes comes first, then the processing rules, then the routes in order; the first one that names a
//! destination, matches and keeps the event decides its form there. A level is lowered, never raised, and what
//! is kept is the line's own bytes or a splice of them. No line is without a fate.

use std::ops::Range;

use audit::{Attributes, Dropped, Event, Lowered, Redactions, lower, redact};
use proto::MAX_BLOCK_BYTES;

use crate::cause::{Cause, Omitted};
use crate::elevation::Elevation;
use crate::keys::Keys;
use crate::policy_file::PolicyFile;
use crate::processing::Made;
use crate::rules::{Audience, Route, Rules};
use crate::sample::Sample;

/// What becomes of a line for one audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes there as it came.
    Whole,
    /// It goes there with less detail.
    Spliced(Piece),
    /// It does not go there.
    Left(Cause),
}

/// Where a spliced line stands in a [`Decided`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    by: By,
    start: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Policy,
    Rules,
    Route,
    Redaction,
}

/// The fates of a batch's lines, for the audiences that were asked for.
#[derive(Default)]
pub(crate) struct Decided {
    /// For each of them, in their order, one fate per line.
    pub(crate) fates: Vec<Vec<Fate>>,
    /// How many lines were no audit event.
    pub(crate) undecided: u64,
    /// They are more than a batch may hold, so that the rest is not decided.
    pub(crate) are_too_large: bool,
    /// Lines as the policy of all routes left them, one behind the other.
    by_policy: Vec<u8>,
    /// Lines as the processing rules left them.
    by_rules: Vec<u8>,
    /// Lines as a route's own policy left them.
    by_route: Vec<u8>,
    /// Lines with fingerprints in the place of secrets.
    redacted: Vec<u8>,
}

impl Decided {
    /// A spliced line, without a newline.
    pub(crate) fn text(&self, piece: Piece) -> &[u8] {
        match piece.by {
            By::Policy => &self.by_policy[piece.start..piece.end],
            By::Rules => &self.by_rules[piece.start..piece.end],
            By::Route => &self.by_route[piece.start..piece.end],
            By::Redaction => &self.redacted[piece.start..piece.end],
        }
    }
}

/// Decides lines for `audiences`; `repeats` says of each, if it says anything, whether it came before.
pub(crate) fn decide<'l>(
    rules: &Rules,
    elevations: &[Elevation],
    audiences: &[&Audience],
    repeats: &[bool],
    lines: impl ExactSizeIterator<Item = &'l [u8]>,
) -> Decided {
    let fates = audiences.iter().map(|_| Vec::with_capacity(lines.len())).collect();
    let decided = Decided { fates, ..Decided::default() };
    let offers = vec![None; rules.routes.len()];
    let asks_routes = audiences.iter().flat_map(|audience| &audience.routes);
    let routes_look = asks_routes.into_iter().any(|&route| !rules.routes[route].is_open())
        || audiences.iter().any(|audience| audience.routes.is_empty());
    let mut decider = Decider { rules, elevations, audiences, routes_look, offers, processed: 0, decided };
    let repeats = repeats.iter().copied().chain(std::iter::repeat(false));
    for (line, repeats) in lines.zip(repeats) {
        decider.line(line, repeats);
        if decider.processed > MAX_BLOCK_BYTES {
            decider.decided.are_too_large = true;
            break;
        }
    }
    decider.decided
}

struct Decider<'r> {
    rules: &'r Rules,
    elevations: &'r [Elevation],
    audiences: &'r [&'r Audience],
    /// Some route has a condition or a policy.
    routes_look: bool,
    /// What each route said of the line; asked once, when the first audience needs it.
    offers: Vec<Option<Offer>>,
    /// Bytes of lines behind the processing rules.
    processed: usize,
    decided: Decided,
}

/// What a route says of an event.
#[derive(Debug, Clone, Copy)]
enum Offer {
    /// Its condition does not hold.
    Passes,
    /// Its sample or its policy leaves the event out.
    Drops(Cause),
    /// It takes the event in this form.
    Takes(Fate),
}

impl Decider<'_> {
    fn line(&mut self, line: &[u8], repeats: bool) {
        let Ok(event) = Event::scan(line) else {
            return self.undecided(line);
        };
        if repeats && !event.stage_timestamp().is_empty() {
            return self.same_for_all(Fate::Left(Cause::Dedupe));
        }
        let attributes = Attributes::of(&event);
        let form = match &self.rules.policy {
            None => Fate::Whole,
            Some(file) => {
                match apply(file, self.elevations, &event, &attributes, &mut self.decided.by_policy) {
                    Applied::Drops(omitted) => return self.same_for_all(Fate::Left(Cause::Policy(omitted))),
                    Applied::Whole => Fate::Whole,
                    Applied::Spliced(range) => spliced(By::Policy, range),
                }
            }
        };
        match self.process(line, form, true) {
            Fate::Left(cause) => self.same_for_all(Fate::Left(cause)),
            form if self.routes_look => self.ask_routes(event, &attributes, form),
            form => self.same_for_all(form),
        }
    }

    /// What the processing rules make of a line in the form that the policy gave it.
    fn process(&mut self, line: &[u8], form: Fate, is_event: bool) -> Fate {
        let processing = &self.rules.processing;
        if processing.is_empty() {
            return form;
        }
        let Decided { by_policy, by_rules, .. } = &mut self.decided;
        let text = if let Fate::Spliced(piece) = form { &by_policy[piece.start..piece.end] } else { line };
        let (made, length) = match processing.judge(text, is_event, by_rules) {
            Made::Same => (form, text.len()),
            Made::Masked(range) => (spliced(By::Rules, range.clone()), range.len()),
            Made::Nothing(cause) => (Fate::Left(cause), 0),
        };
        self.processed += length + 1;
        made
    }

    /// Routes see the event as the policy of all routes and the processing rules left it.
    fn ask_routes(&mut self, event: Event<'_>, attributes: &Attributes<'_>, form: Fate) {
        let Decided { fates, by_policy, by_rules, by_route, redacted, .. } = &mut self.decided;
        let (event, masked) = match form {
            Fate::Spliced(Piece { by: By::Rules, start, end }) => {
                let event = Event::scan(&by_rules[start..end]).expect("a masked event is an event");
                let attributes = Attributes::of(&event);
                (event, Some(attributes))
            }
            Fate::Spliced(piece) => (Event::scan(&by_policy[piece.start..piece.end]).unwrap_or(event), None),
            _ => (event, None),
        };
        let attributes = masked.as_ref().unwrap_or(attributes);
        let (keys, elevations) = (&self.rules.keys, self.elevations);
        let mut asked = Asked { keys, elevations, event: &event, attributes, form, by_route, redacted };
        let rules = self.rules;
        let mut ask = |route: usize| asked.offer(route, &rules.routes[route]);
        self.offers.fill(None);
        for (audience, fates) in self.audiences.iter().zip(fates) {
            let offer = |route: usize| *self.offers[route].get_or_insert_with(|| ask(route));
            fates.push(first_taker(&audience.routes, offer));
        }
    }

    /// A JSON object that is no audit event cannot be decided. Losing it would be worse than keeping it: it goes,
    /// as it is, wherever a route asks for no property of an event, and has nothing to hide.
    fn undecided(&mut self, line: &[u8]) {
        self.decided.undecided += 1;
        let form = match self.process(line, Fate::Whole, false) {
            Fate::Left(cause) => return self.same_for_all(Fate::Left(cause)),
            form => form,
        };
        for (audience, fates) in self.audiences.iter().zip(&mut self.decided.fates) {
            let routes = audience.routes.iter().map(|&route| &self.rules.routes[route]);
            let mut takers = routes.filter(|route| route.condition.is_none());
            let first = takers.next().map(|route| route.redact.is_none());
            fates.push(match first {
                None => Fate::Left(Cause::NoRoute),
                Some(plain) if plain || takers.any(|route| route.redact.is_none()) => form,
                Some(_) => Fate::Left(Cause::Unredactable),
            });
        }
    }

    fn same_for_all(&mut self, fate: Fate) {
        self.decided.fates.iter_mut().for_each(|fates| fates.push(fate));
    }
}

/// The form that the first route gives which takes the event. When none does, the first one that would have,
/// but for its policy, is the cause.
fn first_taker(routes: &[usize], mut offer: impl FnMut(usize) -> Offer) -> Fate {
    let mut cause = Cause::NoRoute;
    for &route in routes {
        match offer(route) {
            Offer::Takes(form) => return form,
            Offer::Drops(why) if cause == Cause::NoRoute => cause = why,
            Offer::Drops(_) | Offer::Passes => {}
        }
    }
    Fate::Left(cause)
}

/// A question to routes, and where their answers are written.
struct Asked<'r, 'e> {
    keys: &'r Keys,
    elevations: &'r [Elevation],
    event: &'r Event<'e>,
    attributes: &'r Attributes<'e>,
    form: Fate,
    by_route: &'r mut Vec<u8>,
    redacted: &'r mut Vec<u8>,
}

impl Asked<'_, '_> {
    fn offer(&mut self, index: usize, route: &Route) -> Offer {
        let (event, attributes) = (self.event, self.attributes);
        if route.condition.as_ref().is_some_and(|condition| !condition.matches(event, attributes)) {
            return Offer::Passes;
        }
        let elevated = || self.elevations.iter().any(|elevation| elevation.means(event));
        let sampled = |sample: Sample| !sample.keeps(event, attributes, &self.keys.salt) && !elevated();
        if route.sample.is_some_and(sampled) {
            return Offer::Drops(Cause::Sample);
        }
        let form = match &route.policy {
            None => self.form,
            Some(file) => match apply(file, self.elevations, event, attributes, self.by_route) {
                Applied::Drops(omitted) => return Offer::Drops(Cause::Route(index as u32, omitted)),
                Applied::Whole => self.form,
                Applied::Spliced(range) => spliced(By::Route, range),
            },
        };
        Offer::Takes(if route.redact.is_none() { form } else { self.redact(route.redact, form) })
    }

    fn redact(&mut self, what: Redactions, form: Fate) -> Fate {
        let start = self.redacted.len();
        let changed = match form {
            Fate::Spliced(Piece { by: By::Route, start, end }) => {
                let event = Event::scan(&self.by_route[start..end]).expect("a spliced event is an event");
                redact(&event, what, &self.keys.redaction, self.redacted)
            }
            _ => redact(self.event, what, &self.keys.redaction, self.redacted),
        };
        if changed { spliced(By::Redaction, start..self.redacted.len()) } else { form }
    }
}

enum Applied {
    Drops(Omitted),
    Whole,
    Spliced(Range<usize>),
}

fn apply(
    file: &PolicyFile,
    elevations: &[Elevation],
    event: &Event<'_>,
    attributes: &Attributes<'_>,
    out: &mut Vec<u8>,
) -> Applied {
    let start = out.len();
    let mut decision = file.policy.decide(attributes);
    elevations.iter().for_each(|elevation| elevation.raise(event, &mut decision));
    match lower(event, &decision, out) {
        Lowered::Whole => Applied::Whole,
        Lowered::Spliced => Applied::Spliced(start..out.len()),
        Lowered::Dropped(Dropped::ByRule(index)) => Applied::Drops(Omitted::Rule(index as u32)),
        Lowered::Dropped(Dropped::NoRule) => Applied::Drops(Omitted::NoRule),
        Lowered::Dropped(Dropped::StageOmitted { stage, .. }) => Applied::Drops(Omitted::Stage(stage)),
    }
}

fn spliced(by: By, range: Range<usize>) -> Fate {
    Fate::Spliced(Piece { by, start: range.start, end: range.end })
}
