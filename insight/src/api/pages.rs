//! The questions of the pages, and of the API beside them.
//!
//! Promise: a page and its API answer the same question from the same query; a search and a count end in time, and say
//! so.

use std::ops::Range;
use std::time::{Duration, Instant};

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
use crate::search::{self, Found, Sought, Until, Wanted};

/// Most events of a search.
const MOST_FOUND: usize = 200;
/// How much longer than others the first hour of a search may take.
const FIRST_HOUR: Duration = Duration::from_secs(20);
/// Threads of a question.
pub(super) const THREADS: usize = 2;

impl Shared {
    fn found(&self, asked: &Asked) -> Result<(Range<i64>, Found), LakeError> {
        let sought = asked.sought(self.insight.overview(0)?.extent_us.1);
        let found = self.find(&asked.wanted(), &sought, MOST_FOUND)?;
        Ok((sought.times, found))
    }

    /// The newest events that are wanted, for as long as a page takes.
    pub(super) fn find(&self, wanted: &Wanted, sought: &Sought, most: usize) -> Result<Found, LakeError> {
        let deadline = Instant::now() + self.settings.patience;
        let until = Until { deadline, first: FIRST_HOUR, is_awaited: &|| self.is_awaited() };
        search::find(&self.insight.0.lake, wanted, sought, most, &until)
    }
}

pub(super) async fn overview(State(shared): State<Shared>, asked: Asked) -> Response {
    let page = shared.look(move |shared| {
        let status = (shared.services)();
        match shared.seen::<Activity>(&asked) {
            Ok(seen) => {
                Page::of(page::activity::render(&asked, &seen.times, &seen.lake, &seen.answer, &status))
            }
            Err(error) => {
                let page = page::activity::without_lake(&error.to_string(), &status);
                Page(StatusCode::SERVICE_UNAVAILABLE, page)
            }
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
        Ok((times, found)) => Page::of(page::search::render(&asked, &times, &found, MOST_FOUND)),
        Err(error) => gone("/search", "Search", &error),
    });
    shown(page.await)
}

pub(super) async fn search_json(State(shared): State<Shared>, asked: Asked) -> Response {
    let answer = shared.look(move |shared| shared.found(&asked).map(|(_, found)| json!(found)));
    told(answer.await)
}

/// A page, and how its question was answered.
pub(super) struct Page(pub(super) StatusCode, pub(super) String);

impl Page {
    /// One that answers it.
    pub(super) fn of(page: String) -> Page {
        Page(StatusCode::OK, page)
    }
}

/// The page in place of one for which the lake cannot be read.
pub(super) fn gone(path: &str, title: &str, error: &LakeError) -> Page {
    Page(StatusCode::SERVICE_UNAVAILABLE, page::failed(path, title, &error.to_string()))
}

pub(super) fn shown(page: Result<Page, Response>) -> Response {
    match page {
        Ok(Page(code, page)) => (code, HEADERS, Html(page)).into_response(),
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
