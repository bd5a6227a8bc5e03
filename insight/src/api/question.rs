//! The question of a request, taken from its URL before anything is looked at.
//!
//! Promise: a question that cannot be used is a 400 that names the parameter, its value and what it may be: programs are
//! told in JSON, people on the page that they asked, with the form as they filled it in.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use super::{HEADERS, Shared};
use crate::asked::{Asked, Unusable};
use crate::escape::Quoted;
use crate::page;

impl FromRequestParts<Shared> for Asked {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Asked, Response> {
        Asked::read(&parts.uri).map_err(|unusable| told(parts.uri.path(), &unusable))
    }
}

fn told(path: &str, unusable: &Unusable) -> Response {
    if !is_api(path) {
        let page = page::unusable::render(path, unusable);
        return (StatusCode::BAD_REQUEST, HEADERS, Html(page)).into_response();
    }
    let Unusable { name, why, .. } = unusable;
    let parameter = Quoted(name).to_string();
    let error = format!("{parameter}: {why}");
    let answer = json!({ "error": error, "parameter": parameter.trim_matches('`') });
    (StatusCode::BAD_REQUEST, HEADERS, Json(answer)).into_response()
}

/// A path that there is not.
pub(super) async fn nothing(uri: Uri) -> Response {
    if is_api(uri.path()) {
        let why = "there is no such path; docs/console.md tells those that there are, as /api/overview";
        return super::refused(StatusCode::NOT_FOUND, why);
    }
    (StatusCode::NOT_FOUND, HEADERS, Html(page::missing())).into_response()
}

/// A path that is there, for another method; the header `Allow` names those that it takes.
pub(super) async fn other_method(method: Method) -> Response {
    let why = format!("this path does not take {method}; the header `Allow` names what it takes");
    super::refused(StatusCode::METHOD_NOT_ALLOWED, &why)
}

fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}
