//! The HTTP paths of insight: the console's pages, and `/api` beside them with the same questions.
//!
//! Promises: answers are not kept by browsers; a page may load nothing but the stylesheet and the script of this binary
//! and be framed by nobody; one look at the lake is under way at a time, further ones wait for their
//! turn, and one whose asker has gone ends; what services say waits for none of them; a lake that
//! cannot be read is a 503 that says why, a question that cannot be used a 400, and a path that there is not a 404; a request that names another host is refused.

mod event;
mod login;
mod pages;
mod policy;
mod question;
mod reports;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chassis::secret::{Revealed, Secret};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::asked::Asked;
use crate::desk::Desk;
use crate::kept::Kept;
use crate::{Insight, assets, guard};

/// Tells the status of the services, as `Admin.Status` does: `{"services": [...]}`. May block for a short while.
pub type Services = Arc<dyn Fn() -> Value + Send + Sync>;

/// What the console is told beside the lake.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The audit policy to show and to explain events with.
    pub policy: Option<PathBuf>,
    /// Names under which browsers may ask, beside `localhost` and addresses.
    pub hosts: Vec<String>,
    /// What whoever asks has to bring; None: nothing.
    pub token: Option<Secret>,
    /// Where states of hours are kept.
    pub states: Kept,
    /// The names of certificates whose holders need no token; None: nobody shows any.
    pub readers: Option<Vec<String>>,
    /// How long a page reads before it shows what was read until then; what it read is kept, so that the next one comes
    /// further. Where no states are kept, a page reads all that it needs.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let patience = Duration::from_millis(1500);
        Settings {
            policy: None,
            hosts: Vec::new(),
            token: None,
            states: Kept::nowhere(),
            readers: None,
            patience,
        }
    }
}

/// Hours in an answer that asks for no number.
const HOURS: usize = 24;

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
         frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
];

#[derive(Clone)]
struct Shared {
    insight: Insight,
    services: Services,
    settings: Arc<Settings>,
    /// What the services say is asked for beside the lake, one at a time, too.
    beside: Arc<(Arc<Semaphore>, Desk)>,
    /// Gone when who asked is.
    asker: Weak<()>,
}

/// [`console_with`] without settings.
pub fn console(insight: Insight, services: Services) -> Router {
    console_with(insight, services, Settings::default())
}

/// The console with its API, to be merged with a process's other HTTP paths. `services` tells what the page
/// shows of the services.
pub fn console_with(insight: Insight, services: Services, settings: Settings) -> Router {
    let beside = Arc::new((Arc::new(Semaphore::new(1)), Desk::open()));
    let shared = Shared { insight, services, settings: Arc::new(settings), beside, asker: Weak::new() };
    Router::new()
        .route("/", get(pages::overview))
        .route("/refused", get(reports::refused))
        .route("/rbac", get(reports::rbac))
        .route("/slow", get(reports::slow))
        .route("/search", get(pages::search))
        .route("/event", get(event::page))
        .route("/policy", get(policy::page).post(policy::explain))
        .route("/login", get(login::form).post(login::enter))
        .route("/logout", post(login::leave))
        .route("/static/{name}", get(asset))
        .route("/api/overview", get(pages::overview_json))
        .route("/api/denied", get(reports::denied_json))
        .route("/api/rbac", get(reports::rbac_json))
        .route("/api/slow", get(reports::slow_json))
        .route("/api/search", get(pages::search_json))
        .route("/api/event", get(event::json))
        .route("/api/lake", get(lake))
        .route("/api/status", get(status))
        .fallback(question::nothing)
        .method_not_allowed_fallback(question::other_method)
        .layer(middleware::from_fn_with_state(shared.clone(), only_us))
        .with_state(shared)
}

/// Answers only who names this host, and has the token or a certificate where one is needed.
async fn only_us(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    if !guard::is_host(request.headers(), &shared.settings.hosts) {
        let why =
            "this name is not known here: ask by address or as localhost, or add the name to insight.hosts";
        return refused(StatusCode::MISDIRECTED_REQUEST, why);
    }
    // What everybody may have: how pages look, and the way in.
    let path = request.uri().path();
    let is_open = matches!(path, "/login" | "/logout") || path.starts_with("/static/");
    if is_open || guard::is_reader(&request, shared.settings.readers.as_deref()) {
        return next.run(request).await;
    }
    match shared.token().await {
        Ok(None) if shared.settings.readers.is_some() => {
            let why = "this needs a certificate with a name in tls.roles.read or tls.roles.admin";
            refused(StatusCode::FORBIDDEN, why)
        }
        Ok(Some(token)) if !guard::has_token(request.headers(), token.as_str()) => {
            if login::is_for_people(&request) {
                return login::instead(&request);
            }
            let ask = (header::WWW_AUTHENTICATE, "Bearer realm=\"auditrail\"");
            ([ask], refused(StatusCode::UNAUTHORIZED, "this needs the token of insight.token_file"))
                .into_response()
        }
        Ok(_) => next.run(request).await,
        Err(why) => {
            tracing::error!("insight.token_file: {why}");
            refused(StatusCode::SERVICE_UNAVAILABLE, "the token cannot be read; the log says why")
        }
    }
}

async fn asset(Path(name): Path<String>) -> Response {
    let Some(asset) = assets::named(&name) else {
        return refused(StatusCode::NOT_FOUND, "there is nothing here");
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, asset.text).into_response()
}

async fn lake(State(shared): State<Shared>, asked: Asked) -> Response {
    let hours = asked.hours().unwrap_or(HOURS);
    let seen = shared.look(move |shared| shared.insight.overview(hours)).await;
    match seen {
        Ok(Ok(overview)) => (HEADERS, Json(overview)).into_response(),
        Ok(Err(error)) => refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Err(broken) => broken,
    }
}

async fn status(State(shared): State<Shared>, _: Asked) -> Response {
    let (turn, desk) = &*shared.beside;
    let Ok(turn) = turn.clone().acquire_owned().await else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "the console ends");
    };
    let services = Arc::clone(&shared.services);
    let said = desk.ask(move || {
        let _turn = turn;
        services()
    });
    match said.await.ok_or_else(unanswered) {
        Ok(services) => (HEADERS, Json(services)).into_response(),
        Err(broken) => broken,
    }
}

impl Shared {
    /// The token as it is now, where one is needed.
    async fn token(&self) -> Result<Option<Revealed>, String> {
        let Some(token) = self.settings.token.clone() else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || token.reveal()).await;
        let token = read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        if token.as_str().len() < guard::SHORTEST_TOKEN {
            return Err(format!("the token has fewer than {} characters", guard::SHORTEST_TOKEN));
        }
        Ok(Some(token))
    }

    /// Has the thread for questions run what blocks, when it is its turn.
    async fn look<T: Send + 'static>(
        mut self,
        question: impl FnOnce(&Shared) -> T + Send + 'static,
    ) -> Result<T, Response> {
        let asker = Arc::new(());
        self.asker = Arc::downgrade(&asker);
        let turn = self.insight.0.turn.clone().acquire_owned().await;
        self.insight.0.asked.fetch_add(1, Ordering::Relaxed);
        let insight = self.insight.clone();
        let answer = insight.0.desk.ask(move || {
            let _turn = turn;
            question(&self)
        });
        let answer = answer.await.ok_or_else(unanswered);
        drop(asker);
        answer
    }

    /// Whether who asked still waits; nothing is read for who does not.
    fn is_awaited(&self) -> bool {
        self.asker.strong_count() > 0
    }
}

fn unanswered() -> Response {
    tracing::error!("a question ended without an answer");
    let why = "the question ended without an answer; the log says why";
    refused(StatusCode::INTERNAL_SERVER_ERROR, why)
}

fn refused(code: StatusCode, why: &str) -> Response {
    (code, HEADERS, Json(json!({ "error": why }))).into_response()
}
