//! The pages on reports, and the API beside them.
//!
//! Promises: a page and its API tell the same report of the same times and filters; whole hours come from kept states.

use std::ops::Range;
use std::time::Instant;

use audit::rbac::Uses;
use axum::extract::State;
use axum::response::Response;
use lake::LakeError;
use serde::Serialize;
use serde_json::{Value, json};

use super::Shared;
use super::pages::{Page, THREADS, gone, shown, told};
use crate::ask::{Answer, ask_while};
use crate::asked::Asked;
use crate::filter::Filter;
use crate::filter::fits;
use crate::fold::Fold;
use crate::overview::Overview;
use crate::reports::activity::Activity;
use crate::reports::denied::Denied;
use crate::reports::slow::{self, Slow};
use crate::reports::usage::Usage;
use crate::{moment, page, proposed};

/// A report's state over the times that were asked for.
pub(super) struct Seen<F> {
    pub(super) times: Range<i64>,
    pub(super) lake: Overview,
    pub(super) answer: Answer<F>,
    /// Until when files are read for this page.
    deadline: Instant,
}

impl Shared {
    /// Asks for a report's state.
    pub(super) fn seen<F: Fold>(&self, asked: &Asked) -> Result<Seen<F>, LakeError> {
        let lake = self.insight.overview(0)?;
        let times = asked.times(lake.extent_us.1);
        let deadline = Instant::now() + self.settings.patience;
        let answer = self.over::<F>(&times, deadline)?;
        Ok(Seen { times, lake, answer, deadline })
    }

    fn over<F: Fold>(&self, times: &Range<i64>, deadline: Instant) -> Result<Answer<F>, LakeError> {
        let states = &self.settings.states;
        let in_time = || !states.is_somewhere() || Instant::now() < deadline;
        let goes_on = || self.is_awaited() && in_time();
        ask_while::<F>(&self.insight.0.lake, states, Some(times), THREADS, &goes_on)
    }
}

impl<F> Seen<F> {
    /// What a program is told: the report under its name, and of which times it is.
    pub(super) fn told(&self, name: &str, report: impl Serialize) -> Value {
        let [from, to] = [self.times.start, self.times.end].map(moment::written);
        let Answer { files, missing, unreadable, .. } = &self.answer;
        json!({
            "from": from, "to": to, name: report, "complete": *missing == 0, "files": files, "files_missing": missing,
            "unreadable": unreadable,
        })
    }
}

/// None where nothing was chosen.
fn chosen(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn filter(asked: &Asked) -> Filter {
    Filter {
        user: chosen(&asked.user),
        namespace: chosen(&asked.namespace),
        verb: chosen(&asked.verb),
        resource: chosen(&asked.resource),
        name: chosen(&asked.name),
    }
}

fn question(asked: &Asked) -> slow::Asked {
    let usual = slow::Asked::default();
    let by = asked.by();
    slow::Asked {
        by: if by.is_empty() { usual.by } else { by },
        filter: filter(asked),
        client: chosen(&asked.client),
        preset: asked.preset().unwrap_or(usual.preset),
        ..usual
    }
}

pub(super) async fn refused(State(shared): State<Shared>, asked: Asked) -> Response {
    let page = shared.look(move |shared| {
        let both = shared.seen::<Denied>(&asked).and_then(|seen| {
            let activity = shared.over::<Activity>(&seen.times, seen.deadline)?;
            Ok((seen, activity))
        });
        match both {
            Ok((seen, activity)) => {
                let (report, over_time) =
                    (seen.answer.fold.report(&filter(&asked)), activity.fold.report().over_time);
                let answers = (&seen.answer, &activity);
                Page::of(page::refused::render(&asked, &seen.times, &report, &over_time, answers))
            }
            Err(error) => gone("/refused", "Refused", &error),
        }
    });
    shown(page.await)
}

pub(super) async fn denied_json(State(shared): State<Shared>, asked: Asked) -> Response {
    let answer = shared.look(move |shared| {
        let seen = shared.seen::<Denied>(&asked)?;
        Ok(seen.told("denied", seen.answer.fold.report(&filter(&asked))))
    });
    told(answer.await)
}

pub(super) async fn slow(State(shared): State<Shared>, asked: Asked) -> Response {
    let page = shared.look(move |shared| match shared.seen::<Slow>(&asked) {
        Ok(seen) => {
            let report = seen.answer.fold.report(&question(&asked));
            Page::of(page::slow::render(&asked, &seen.times, &report, &seen.answer))
        }
        Err(error) => gone("/slow", "Slow", &error),
    });
    shown(page.await)
}

pub(super) async fn slow_json(State(shared): State<Shared>, asked: Asked) -> Response {
    let answer = shared.look(move |shared| {
        let seen = shared.seen::<Slow>(&asked)?;
        Ok(seen.told("slow", seen.answer.fold.report(&question(&asked))))
    });
    told(answer.await)
}

pub(super) async fn rbac(State(shared): State<Shared>, asked: Asked) -> Response {
    let page = shared.look(move |shared| match shared.seen::<Usage>(&asked) {
        Ok(seen) => {
            let uses = named(&asked, &seen.answer.fold);
            Page::of(page::rbac::render(&asked, &seen.times, &uses, &seen.answer))
        }
        Err(error) => gone("/rbac", "RBAC", &error),
    });
    shown(page.await)
}

pub(super) async fn rbac_json(State(shared): State<Shared>, asked: Asked) -> Response {
    let answer = shared.look(move |shared| {
        let seen = shared.seen::<Usage>(&asked)?;
        Ok(seen.told("rbac", used(&asked, &named(&asked, &seen.answer.fold))))
    });
    told(answer.await)
}

/// The uses of those whose names fit.
fn named(asked: &Asked, usage: &Usage) -> Uses {
    let user = asked.user.trim();
    usage.of(|who| user.is_empty() || who.user == user || who.user == asked.user || fits(user, &who.user))
}

/// All whose names fit; where exactly one was named, its uses and the least roles for it too.
fn used(asked: &Asked, uses: &Uses) -> Value {
    let user = asked.whom(uses);
    let own = uses.only(|who| who.user == user);
    let (subjects, left) = (proposed::users(uses, user), proposed::left(uses));
    if user.is_empty() || own.subjects().next().is_none() {
        return json!({"subjects": subjects, "left": left});
    }
    let roles = proposed::roles(user, &own, asked.mode());
    json!({"subjects": subjects, "left": left, "uses": proposed::uses_of(&own), "proposed": roles})
}
