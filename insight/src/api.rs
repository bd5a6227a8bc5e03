//! The HTTP paths of insight: `/` (the console), `/api/lake`, `/api/status`.
//!
//! Promises: answers are not kept by browsers; the page may load nothing and be framed by nobody; one look at
//! the lake is under way at a time, further ones wait for their turn; a lake that cannot be read is a 503 that
//! says why.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::overview::Overview;
use crate::{Insight, page};

/// Tells the status of the services, as `Admin.Status` does: `{"services": [...]}`. May block for a short while.
pub type Services = Arc<dyn Fn() -> Value + Send + Sync>;

/// Hours in an answer that asks for no number.
const HOURS: usize = 24;
/// Most hours in an answer: a month.
const MOST_HOURS: usize = 744;

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
];

#[derive(Clone)]
struct Shared {
    insight: Insight,
    services: Services,
    turn: Arc<Semaphore>,
}

/// The console with its API, to be merged with a process's other HTTP paths. `services` tells what the page
/// shows of the services.
pub fn console(insight: Insight, services: Services) -> Router {
    let shared = Shared { insight, services, turn: Arc::new(Semaphore::new(1)) };
    Router::new()
        .route("/", get(show))
        .route("/api/lake", get(lake))
        .route("/api/status", get(status))
        .with_state(shared)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    hours: Option<usize>,
}

async fn lake(State(shared): State<Shared>, Query(asked): Query<Asked>) -> Response {
    let hours = asked.hours.unwrap_or(HOURS);
    if hours > MOST_HOURS {
        return refused(StatusCode::BAD_REQUEST, &format!("hours is {hours}; ask for at most {MOST_HOURS}"));
    }
    let seen = shared.look(move |shared| shared.insight.overview(hours)).await;
    match seen {
        Ok(Ok(overview)) => (HEADERS, Json(overview)).into_response(),
        Ok(Err(error)) => refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Err(broken) => broken,
    }
}

async fn status(State(shared): State<Shared>) -> Response {
    match shared.look(|shared| (shared.services)()).await {
        Ok(services) => (HEADERS, Json(services)).into_response(),
        Err(broken) => broken,
    }
}

async fn show(State(shared): State<Shared>) -> Response {
    let page = shared.look(|shared| {
        let overview: Result<Overview, _> = shared.insight.overview(HOURS);
        page::render(overview.as_ref().map_err(ToString::to_string), &(shared.services)())
    });
    match page.await {
        Ok(page) => (HEADERS, Html(page)).into_response(),
        Err(broken) => broken,
    }
}

impl Shared {
    /// Runs what blocks on a thread of its own, when it is its turn.
    async fn look<T: Send + 'static>(
        self,
        question: impl FnOnce(&Shared) -> T + Send + 'static,
    ) -> Result<T, Response> {
        let turn = self.turn.clone().acquire_owned().await;
        let answer = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            question(&self)
        });
        answer.await.map_err(|error| {
            tracing::error!("a question to the lake ended without an answer: {error}");
            refused(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the question ended without an answer; the log says why",
            )
        })
    }
}

fn refused(code: StatusCode, why: &str) -> Response {
    (code, HEADERS, Json(json!({ "error": why }))).into_response()
}
