//! Signing in: the token of `insight.token_file` against a cookie that stands for it.
//!
//! Promises: the token itself is in no cookie, no URL and no log; what stands for it opens nothing once the token is
//! another; no page of somebody else can sign a browser in or out; after signing in one is where one wanted to go, and
//! never elsewhere than here.

use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::{HEADERS, Shared, refused};
use crate::{guard, page};

/// Most bytes of what is posted.
const MOST_BYTES: usize = 16 << 10;

/// What the form posts.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Posted {
    token: String,
    /// Where to go on.
    to: String,
}

/// The form, or the way out for who is in.
pub(super) async fn form(
    State(shared): State<Shared>,
    Query(asked): Query<Posted>,
    headers: HeaderMap,
) -> Response {
    match shared.token().await {
        Ok(None) => to("/"),
        Ok(Some(token)) if guard::has_token(&headers, token.as_str()) => {
            (HEADERS, Html(page::login::signed_in())).into_response()
        }
        _ => (HEADERS, Html(page::login::form(&asked.to, false))).into_response(),
    }
}

/// The form in place of a page that needs the token.
pub(super) fn instead(request: &Request) -> Response {
    let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
    (StatusCode::UNAUTHORIZED, HEADERS, Html(page::login::form(wanted, false))).into_response()
}

/// Whether who asks is somebody at a browser, who is better served with a form.
pub(super) fn is_for_people(request: &Request) -> bool {
    let accepted = request.headers().get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    !request.uri().path().starts_with("/api/")
        && accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// Takes the token, gives the cookie.
pub(super) async fn enter(State(shared): State<Shared>, headers: HeaderMap, body: Body) -> Response {
    if !is_ours(&headers) {
        return elsewhere();
    }
    let Some(posted) = read(body).await else {
        return refused(StatusCode::BAD_REQUEST, "this is not what the form sends");
    };
    match shared.token().await {
        Ok(None) => to("/"),
        Ok(Some(token)) if guard::is_token(&posted.token, token.as_str()) => {
            let by_tls = shared.settings.readers.is_some() || is_by_tls(&headers);
            let cookie = cookie(by_tls, &guard::pass(token.as_str()), "");
            ([(header::SET_COOKIE, cookie)], to(&posted.to)).into_response()
        }
        Ok(Some(_)) => {
            (StatusCode::UNAUTHORIZED, HEADERS, Html(page::login::form(&posted.to, true))).into_response()
        }
        Err(why) => {
            tracing::error!("insight.token_file: {why}");
            refused(StatusCode::SERVICE_UNAVAILABLE, "the token cannot be read; the log says why")
        }
    }
}

/// Takes the cookie back.
pub(super) async fn leave(headers: HeaderMap) -> Response {
    if !is_ours(&headers) {
        return elsewhere();
    }
    ([(header::SET_COOKIE, cookie(is_by_tls(&headers), "", "; Max-Age=0"))], to("/login")).into_response()
}

async fn read(body: Body) -> Option<Posted> {
    let bytes = to_bytes(body, MOST_BYTES).await.ok()?;
    let uri: Uri = format!("/?{}", std::str::from_utf8(&bytes).ok()?).parse().ok()?;
    Query::try_from_uri(&uri).ok().map(|Query(posted)| posted)
}

/// Whether a page of ours sent this; browsers say what did.
pub(super) fn is_ours(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none")
}

pub(super) fn elsewhere() -> Response {
    refused(StatusCode::FORBIDDEN, "a page of somebody else sent this")
}

/// Whether somebody before us speaks TLS.
fn is_by_tls(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
}

fn cookie(by_tls: bool, value: &str, end: &str) -> String {
    let secure = if by_tls { "; Secure" } else { "" };
    format!("{}={value}; HttpOnly; SameSite=Strict; Path=/{secure}{end}", guard::COOKIE)
}

/// Goes on to a path of ours.
fn to(path: &str) -> Response {
    let is_here =
        path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\n', '\r', '\t']);
    let place = HeaderValue::from_str(path).ok().filter(|_| is_here);
    let place = place.unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, HEADERS, [(header::LOCATION, place)]).into_response()
}
