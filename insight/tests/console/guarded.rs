//! Who is told something, and how people sign in.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use chassis::secret::Secret;
use insight::{Settings, console_with};
use serde_json::json;
use tower::ServiceExt;

use crate::Open;

#[tokio::test]
async fn who_asks_under_a_name_that_is_not_ours_is_refused() {
    let open = Open::filled();
    for path in ["/", "/search", "/rbac", "/api/overview", "/api/denied", "/api/status"] {
        let (code, body) = open.ask(path, "evil.example:8080").await;
        assert_eq!((code, body.contains("insight.hosts")), (StatusCode::MISDIRECTED_REQUEST, true), "{body}");
    }
}

#[tokio::test]
async fn where_there_is_a_token_nothing_is_told_without_it() {
    let open = Open::filled();
    let token = open.directory.path().join("token");
    let ask = async |path: &str, brought: Option<&str>| {
        let token = Some(Secret::from_file(&token));
        let settings = Settings { token, ..Settings::default() };
        let console = console_with(open.insight.clone(), Arc::new(|| json!({})), settings);
        let mut request = Request::get(path).header("host", "localhost");
        if let Some(brought) = brought {
            request = request.header("authorization", brought);
        }
        console.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    };
    assert_eq!(ask("/", Some("Bearer ")).await, StatusCode::SERVICE_UNAVAILABLE, "there is no such file");
    std::fs::write(&token, "short\n").unwrap();
    assert_eq!(ask("/", Some("Bearer short")).await, StatusCode::SERVICE_UNAVAILABLE);
    std::fs::write(&token, "a-token-of-some-length\n").unwrap();
    for path in [
        "/",
        "/refused",
        "/rbac",
        "/slow",
        "/search",
        "/event",
        "/policy",
        "/api/search",
        "/api/denied",
        "/api/status",
    ] {
        assert_eq!(ask(path, None).await, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(ask(path, Some("Bearer a-token-of-some-lengtH")).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(ask("/search", Some("Bearer a-token-of-some-length")).await, StatusCode::OK);
}

#[tokio::test]
async fn people_sign_in_with_the_token_get_a_cookie_and_are_where_they_wanted_to_go() {
    let open = Open::filled();
    let token = open.directory.path().join("token");
    std::fs::write(&token, "a-token-of-some-length\n").unwrap();
    let ask = async |request: axum::http::request::Builder, body: &str| {
        let settings = Settings { token: Some(Secret::from_file(&token)), ..Settings::default() };
        let console = console_with(open.insight.clone(), Arc::new(|| json!({})), settings);
        let request = request.header("host", "localhost").body(Body::from(body.to_owned())).unwrap();
        let answer = console.oneshot(request).await.unwrap();
        let headers = answer.headers().clone();
        let body = to_bytes(answer.into_body(), 16 << 20).await.unwrap().to_vec();
        (headers, String::from_utf8(body).unwrap())
    };
    let status = async |request: axum::http::request::Builder, body: &str| {
        let settings = Settings { token: Some(Secret::from_file(&token)), ..Settings::default() };
        let console = console_with(open.insight.clone(), Arc::new(|| json!({})), settings);
        let request = request.header("host", "localhost").body(Body::from(body.to_owned())).unwrap();
        console.oneshot(request).await.unwrap().status()
    };
    let people = || Request::get("/slow?verb=%22list").header("accept", "text/html,*/*");
    assert_eq!(status(people(), "").await, StatusCode::UNAUTHORIZED);
    let (headers, form) = ask(people(), "").await;
    assert!(form.contains("type=\"password\"") && form.contains("value=\"/slow?verb=%22list\""), "{form}");
    assert!(!headers.contains_key("www-authenticate"), "a browser would ask in a window of its own");
    let post = || Request::post("/login").header("content-type", "application/x-www-form-urlencoded");
    let (headers, again) = ask(post(), "token=a-token-of-some-lengtH&to=%2Fslow").await;
    assert!(again.contains("not the token") && !headers.contains_key("set-cookie"), "{again}");
    let sent = "token=a-token-of-some-length&to=%2Fslow%3Fverb%3Dlist";
    let (headers, _) = ask(post(), sent).await;
    let cookie = headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("; HttpOnly; SameSite=Strict; Path=/") && !cookie.contains("of-some-length"),
        "{cookie}"
    );
    assert_eq!(headers["location"], "/slow?verb=list");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(status(Request::get("/slow").header("cookie", &cookie), "").await, StatusCode::OK);
    assert_eq!(status(Request::get("/api/slow").header("cookie", &cookie), "").await, StatusCode::OK);
    for away in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2F%5Cevil.example", "%2F%0D%0Ax"] {
        let (headers, _) = ask(post(), &format!("token=a-token-of-some-length&to={away}")).await;
        assert_eq!(headers["location"], "/", "{away}");
    }
    assert_eq!(status(post().header("sec-fetch-site", "cross-site"), sent).await, StatusCode::FORBIDDEN);
    let (headers, _) = ask(Request::post("/logout").header("cookie", &cookie), "").await;
    assert!(
        headers["set-cookie"].to_str().unwrap().contains("auditrail=; ") && headers["location"] == "/login"
    );
    std::fs::write(&token, "another-token-of-some-length\n").unwrap();
    assert_eq!(status(Request::get("/slow").header("cookie", &cookie), "").await, StatusCode::UNAUTHORIZED);
}
