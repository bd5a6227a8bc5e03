//! One event: as a page, and as it stands in the log.
//!
//! Promises: a link to an event shows that one or none, also when files of the lake were merged and though clients choose
//! audit IDs; where an audit ID alone is given and several events have it, the page says so; what is not found within the
//! time is not said to be missing.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use lake::LakeError;

use super::pages::{Page, gone, shown};
use super::{HEADERS, Shared, refused};
use crate::asked::Asked;
use crate::page;
use crate::search::{self, Hit, Sought, Wanted};

/// Most events of one audit ID that are looked through for the one that is meant.
const MOST: usize = 1000;

/// What was found.
enum One {
    /// The line; whether other events have its audit ID, and it is only the newest of them.
    Line(Vec<u8>, bool),
    /// There is none.
    Nothing,
    /// None was found until time was up, back to a moment.
    NotYet(String),
}

impl One {
    fn why(&self) -> String {
        match self {
            One::NotYet(back_to) => format!(
                "this event was not found as far back as {back_to}, when time was up: search for it before that, or give its `time`"
            ),
            _ => "this event is not in the lake, or no longer: search for it".to_owned(),
        }
    }
}

impl Shared {
    /// The event that was asked for; by its audit ID where its file was merged into another one meanwhile.
    fn one(&self, asked: &Asked) -> Result<One, LakeError> {
        let (lake, place) = (&self.insight.0.lake, asked.place_in_log());
        if let Some(kept) = search::kept(lake, &asked.file, asked.row())?
            && place.is_none_or(|place| kept.is_at(place))
        {
            return Ok(One::Line(kept.line, false));
        }
        if asked.audit_id.is_empty() {
            return Ok(One::Nothing);
        }
        let wanted = Wanted { audit_id: asked.audit_id.clone(), ..Wanted::default() };
        let times = asked.moment().map_or(0..i64::MAX, |us| us..us + 1);
        let found = self.find(&wanted, &Sought { times, past: None }, MOST)?;
        let is_meant = |hit: &&Hit| place.is_none_or(|place| (hit.origin.as_str(), hit.seq) == place);
        let Some(hit) = found.events.iter().find(is_meant) else {
            let back_to = found.looked_back_to.or(found.in_part).filter(|_| !found.complete);
            return Ok(back_to.map_or(One::Nothing, One::NotYet));
        };
        let others = place.is_none() && (found.events.len() > 1 || !found.complete);
        let kept = search::kept(lake, &hit.file, hit.row)?;
        Ok(kept.map_or(One::Nothing, |kept| One::Line(kept.line, others)))
    }
}

pub(super) async fn page(State(shared): State<Shared>, asked: Asked) -> Response {
    let page = shared.look(move |shared| match shared.one(&asked) {
        Ok(One::Line(line, others)) => {
            let policy = shared.policy().map(|written| written.and_then(|written| written.policy));
            Page::of(page::event::render(&line, policy.as_ref(), shared.insight.0.lake.url(), others))
        }
        Ok(nothing) => Page(StatusCode::NOT_FOUND, page::failed("/search", "Event", &nothing.why())),
        Err(error) => gone("/search", "Event", &error),
    });
    shown(page.await)
}

/// The line as it stands in the log.
pub(super) async fn json(State(shared): State<Shared>, asked: Asked) -> Response {
    match shared.look(move |shared| shared.one(&asked)).await {
        Ok(Ok(One::Line(line, _))) => {
            (HEADERS, [(header::CONTENT_TYPE, "application/json")], line).into_response()
        }
        Ok(Ok(nothing)) => refused(StatusCode::NOT_FOUND, &nothing.why()),
        Ok(Err(error)) => refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Err(broken) => broken,
    }
}
