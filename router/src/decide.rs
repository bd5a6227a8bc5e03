//! From a line to its fate: what each audience gets of it, and why not.
//!
//! Promises: the policy of all routes comes first, then the routes in order; the first one that names a
//! destination, matches and keeps the event decides its form there. A level is lowered, never raised, and what
//! is kept is the line's own bytes or a splice of them. No line is without a fate.

use std::ops::Range;

use audit::{Attributes, Dropped, Event, Lowered, lower};

use crate::cause::{Cause, Omitted};
use crate::elevation::Elevation;
use crate::policy_file::PolicyFile;
use crate::rules::{Audience, Route, Rules};

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
    Route,
}

/// The fates of a batch's lines, for the audiences that were asked for.
pub(crate) struct Decided {
    /// For each of them, in their order, one fate per line.
    pub(crate) fates: Vec<Vec<Fate>>,
    /// How many lines were no audit event.
    pub(crate) undecided: u64,
    /// Lines as the policy of all routes left them, one behind the other.
    by_policy: Vec<u8>,
    /// Lines as a route's own policy left them.
    by_route: Vec<u8>,
}

impl Decided {
    /// A spliced line, without a newline.
    pub(crate) fn text(&self, piece: Piece) -> &[u8] {
        match piece.by {
            By::Policy => &self.by_policy[piece.start..piece.end],
            By::Route => &self.by_route[piece.start..piece.end],
        }
    }
}

/// Decides lines for `audiences`.
pub(crate) fn decide<'l>(
    rules: &Rules,
    elevations: &[Elevation],
    audiences: &[&Audience],
    lines: impl ExactSizeIterator<Item = &'l [u8]>,
) -> Decided {
    let fates = audiences.iter().map(|_| Vec::with_capacity(lines.len())).collect();
    let decided = Decided { fates, undecided: 0, by_policy: Vec::new(), by_route: Vec::new() };
    let offers = vec![None; rules.routes.len()];
    let asks_routes = audiences.iter().flat_map(|audience| &audience.routes);
    let routes_look = asks_routes.into_iter().any(|&route| !rules.routes[route].is_open())
        || audiences.iter().any(|audience| audience.routes.is_empty());
    let mut decider = Decider { rules, elevations, audiences, routes_look, offers, decided };
    lines.for_each(|line| decider.line(line));
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
    decided: Decided,
}

/// What a route says of an event.
#[derive(Debug, Clone, Copy)]
enum Offer {
    /// Its condition does not hold.
    Passes,
    /// Its policy leaves the event out.
    Drops(Omitted),
    /// It takes the event in this form.
    Takes(Fate),
}

impl Decider<'_> {
    fn line(&mut self, line: &[u8]) {
        let Ok(event) = Event::scan(line) else {
            return self.undecided();
        };
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
        if self.routes_look { self.ask_routes(event, &attributes, form) } else { self.same_for_all(form) }
    }

    /// Routes see the event as the policy of all routes left it.
    fn ask_routes(&mut self, event: Event<'_>, attributes: &Attributes<'_>, form: Fate) {
        let Decided { fates, by_policy, by_route, .. } = &mut self.decided;
        let event = match form {
            Fate::Spliced(piece) => Event::scan(&by_policy[piece.start..piece.end]).unwrap_or(event),
            _ => event,
        };
        let (rules, elevations) = (self.rules, self.elevations);
        let mut ask =
            |route: usize| ask(&rules.routes[route], elevations, &event, attributes, form, by_route);
        self.offers.fill(None);
        for (audience, fates) in self.audiences.iter().zip(fates) {
            let offer = |route: usize| *self.offers[route].get_or_insert_with(|| ask(route));
            fates.push(first_taker(&audience.routes, offer));
        }
    }

    /// A JSON object that is no audit event cannot be decided. Losing it would be worse than keeping it: it goes,
    /// whole, wherever a route asks for no property of an event.
    fn undecided(&mut self) {
        self.decided.undecided += 1;
        for (audience, fates) in self.audiences.iter().zip(&mut self.decided.fates) {
            let unconditional = |&route: &usize| self.rules.routes[route].condition.is_none();
            let taken = audience.routes.iter().any(unconditional);
            fates.push(if taken { Fate::Whole } else { Fate::Left(Cause::NoRoute) });
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
            Offer::Drops(omitted) if cause == Cause::NoRoute => cause = Cause::Route(route as u32, omitted),
            Offer::Drops(_) | Offer::Passes => {}
        }
    }
    Fate::Left(cause)
}

fn ask(
    route: &Route,
    elevations: &[Elevation],
    event: &Event<'_>,
    attributes: &Attributes<'_>,
    form: Fate,
    by_route: &mut Vec<u8>,
) -> Offer {
    if route.condition.as_ref().is_some_and(|condition| !condition.matches(event, attributes)) {
        return Offer::Passes;
    }
    let Some(file) = &route.policy else {
        return Offer::Takes(form);
    };
    match apply(file, elevations, event, attributes, by_route) {
        Applied::Drops(omitted) => Offer::Drops(omitted),
        Applied::Whole => Offer::Takes(form),
        Applied::Spliced(range) => Offer::Takes(spliced(By::Route, range)),
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
