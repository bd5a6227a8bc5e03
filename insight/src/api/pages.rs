//! The questions of the pages, and of the API beside them.
//!
//! Promise: a page and its API answer the same question from the same query; a search and a count end in time, and say
//! so.

use std::ops::Range;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use lake::LakeError;
use serde_json::json;

use super::{HEADERS, Shared, refused};
use crate::asked::Asked;
use crate::page;
use crate::reports::activity::Activity;
use crate::search::{self, Found, Sought, Wanted};

/// Most events of a search.
const MOST_FOUND: usize = 200;
/// Threads of a question.
pub(super) const THREADS: usize = 2;

impl Shared {
    fn found(&self, asked: &Asked) -> Result<(Range<i64>, Found), LakeError> {
        let sought = asked.sought(self.insight.overview(0)?.extent_us.1);
        let deadline = Instant::now() + self.settings.patience;
        let found = search::find(&self.insight.0.lake, &asked.wanted(), &sought, MOST_FOUND, deadline)?;
        Ok((sought.times, found))
    }

    /// The line that was asked for; by its audit ID where its file was merged into another one meanwhile.
    fn line(&self, asked: &Asked) -> Result<Option<Vec<u8>>, LakeError> {
        let lake = &self.insight.0.lake;
        if let Some(line) = search::line(lake, &asked.file, asked.row())? {
            return Ok(Some(line));
        }
        if asked.audit_id.is_empty() {
            return Ok(None);
        }
        let wanted = Wanted { audit_id: asked.audit_id.clone(), ..Wanted::default() };
        let ever = Sought { times: 0..i64::MAX, past: None };
        let found = search::find(lake, &wanted, &ever, 1, Instant::now() + self.settings.patience)?;
        found.events.first().map_or(Ok(None), |hit| search::line(lake, &hit.file, hit.row))
    }
}

pub(super) async fn overview(State(shared): State<Shared>, asked: Asked) -> Response {
    let page = shared.look(move |shared| {
        let status = (shared.services)();
        match shared.seen::<Activity>(&asked) {
            Ok(seen) => page::activity::render(&asked, &seen.times, &seen.lake, &seen.answer, &status),
            Err(error) => page::activity::without_lake(&error.to_string(), &status),
        }
    });
    shown(page.await)
}

pub(super) async fn overview_json(State(shared): State<Shared>, asked: Asked) -> Response {
    let answer = shared.look(move |shared| {
        let seen = shared.seen::<Activity>(&asked)?;
        Ok(seen.told("activity", seen.answer.fold.report()))
    });
    told(answer.await)
}

pub(super) async fn search(State(shared): State<Shared>, asked: Asked) -> Response {
    let page = shared.look(move |shared| match shared.found(&asked) {
        Ok((times, found)) => page::search::render(&asked, &times, &found, MOST_FOUND),
        Err(error) => page::failed("/search", "Search", &error.to_string()),
    });
    shown(page.await)
}

pub(super) async fn search_json(State(shared): State<Shared>, asked: Asked) -> Response {
    let answer = shared.look(move |shared| shared.found(&asked).map(|(_, found)| json!(found)));
    told(answer.await)
}

pub(super) async fn event(State(shared): State<Shared>, asked: Asked) -> Response {
    let page = shared.look(move |shared| match shared.line(&asked) {
        Ok(Some(line)) => {
            let policy = shared.policy().map(|written| written.and_then(|written| written.policy));
            page::event::render(&line, policy.as_ref())
        }
        Ok(None) => page::failed("/search", "Event", NO_EVENT),
        Err(error) => page::failed("/search", "Event", &error.to_string()),
    });
    shown(page.await)
}

const NO_EVENT: &str = "this event is not in the lake, or no longer: search for it";

/// The line as it stands in the log.
pub(super) async fn event_json(State(shared): State<Shared>, asked: Asked) -> Response {
    match shared.look(move |shared| shared.line(&asked)).await {
        Ok(Ok(Some(line))) => {
            (HEADERS, [(axum::http::header::CONTENT_TYPE, "application/json")], line).into_response()
        }
        Ok(Ok(None)) => refused(StatusCode::NOT_FOUND, NO_EVENT),
        Ok(Err(error)) => refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Err(broken) => broken,
    }
}

pub(super) fn shown(page: Result<String, Response>) -> Response {
    match page {
        Ok(page) => (HEADERS, Html(page)).into_response(),
        Err(broken) => broken,
    }
}

pub(super) fn told(answer: Result<Result<serde_json::Value, LakeError>, Response>) -> Response {
    match answer {
        Ok(Ok(answer)) => (HEADERS, Json(answer)).into_response(),
        Ok(Err(error)) => refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Err(broken) => broken,
    }
}
