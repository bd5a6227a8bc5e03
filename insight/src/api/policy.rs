//! The page on the policy, and which of its rules is for an event that is pasted.
//!
//! Promises: what is pasted is posted, so that it is in no URL, no history and no log; it is kept nowhere, and only a page
//! of ours can send it; what is too large is refused with a page that says so.

use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::pages::{Page, shown};
use super::{HEADERS, Shared, login};
use crate::asked::Asked;
use crate::page;
use crate::policy::{self, Counted, Written};

/// Most bytes of what is posted: an event of 4 MiB, each of whose bytes a form may send as three.
const MOST_BYTES: usize = 12 << 20;

impl Shared {
    pub(super) fn policy(&self) -> Option<Result<Written, String>> {
        self.settings.policy.as_deref().map(policy::read)
    }

    fn count(&self, policy: &audit::Policy) -> Option<Counted> {
        policy::count(&self.insight.0.lake, policy, Instant::now() + self.settings.patience).ok()
    }

    /// The page; `pasted` is an event to explain, empty for none.
    fn policy_page(&self, pasted: &str) -> String {
        match (self.policy(), &self.settings.policy) {
            (Some(Ok(written)), Some(path)) => {
                let counted = written.policy.as_ref().ok().and_then(|policy| self.count(policy));
                page::policy::render(&path.to_string_lossy(), &written, counted.as_ref(), pasted)
            }
            (Some(Err(why)), _) => page::failed("/policy", "Policy", &why),
            _ => page::failed(
                "/policy",
                "Policy",
                "no policy is known here: name its file in insight.policy (or router.policy, with `up`)",
            ),
        }
    }
}

pub(super) async fn page(State(shared): State<Shared>, _: Asked) -> Response {
    shown(shared.look(|shared| Page::of(shared.policy_page(""))).await)
}

/// The same, with the rule for what was posted.
pub(super) async fn explain(State(shared): State<Shared>, headers: HeaderMap, body: Body) -> Response {
    if !login::is_ours(&headers) {
        return login::elsewhere();
    }
    let Ok(posted) = to_bytes(body, MOST_BYTES).await else {
        let why = "the event is larger than 4 MiB: paste one without its bodies, which no rule looks at";
        let page = page::failed("/policy", "Policy", why);
        return (StatusCode::PAYLOAD_TOO_LARGE, HEADERS, Html(page)).into_response();
    };
    let mut fields = form_urlencoded::parse(&posted);
    let pasted = fields.find(|(name, _)| name == "event").map(|(_, event)| event.into_owned());
    let page = shared.look(move |shared| Page::of(shared.policy_page(&pasted.unwrap_or_default())));
    shown(page.await)
}
