//! More detail of a namespace or a user, for a bounded time.
//!
//! Promises: it ends by itself, to the second, and nothing has to run for that; no more than [`MOST`] hold at once,
//! none for longer than [`LONGEST`]; it raises what policies ask for and never lowers it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use audit::{Decision, Event, Level, StageSet};
use proto::v1;
use tokio::time::Instant;

/// How many hold at once.
const MOST: usize = 16;

/// How long one holds at most.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Elevation {
    who: Who,
    level: Level,
    until: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    Namespace(String),
    User(String),
}

impl Elevation {
    fn read(request: &v1::ElevateRequest, now: Instant) -> Result<Self, String> {
        let who = match (request.namespace.as_str(), request.user.as_str()) {
            (namespace, "") if !namespace.is_empty() => Who::Namespace(namespace.to_owned()),
            ("", user) if !user.is_empty() => Who::User(user.to_owned()),
            _ => return Err("name either a namespace or a user".to_owned()),
        };
        let level = match request.level.as_str() {
            "" => Some(Level::RequestResponse),
            name => Level::from_name(name.as_bytes()).filter(|level| *level != Level::None),
        };
        let level = level.ok_or("`level` must be Metadata, Request or RequestResponse")?;
        let span = Duration::from_secs(request.seconds.into());
        if span.is_zero() || span > LONGEST {
            return Err(format!("`seconds` must be between 1 and {}", LONGEST.as_secs()));
        }
        Ok(Elevation { who, level, until: now + span })
    }

    /// Raises what a policy asks for of an event, if the event is meant.
    pub(crate) fn raise(&self, event: &Event<'_>, decision: &mut Decision) {
        if self.means(event) {
            decision.level = decision.level.max(self.level);
            decision.omit_stages = StageSet::EMPTY;
        }
    }

    /// Whether it is about this event.
    pub(crate) fn means(&self, event: &Event<'_>) -> bool {
        match &self.who {
            Who::Namespace(name) => {
                event.object_ref().is_some_and(|object| object.namespace == name.as_str())
            }
            Who::User(name) => [event.user(), event.impersonated_user()]
                .into_iter()
                .flatten()
                .any(|user| user.username() == name.as_str()),
        }
    }

    fn told(&self, now: Instant) -> v1::Elevation {
        let (namespace, user) = match &self.who {
            Who::Namespace(name) => (name.clone(), String::new()),
            Who::User(name) => (String::new(), name.clone()),
        };
        let left = self.until.saturating_duration_since(now).as_millis().div_ceil(1000);
        let seconds_left = u32::try_from(left).unwrap_or(u32::MAX);
        v1::Elevation { namespace, user, level: self.level.name().to_owned(), seconds_left }
    }
}

/// Those that hold.
#[derive(Debug, Default)]
pub(crate) struct Elevations(Mutex<Vec<Elevation>>);

impl Elevations {
    /// One more; for the same namespace or user, the newer one holds.
    ///
    /// # Errors
    /// What cannot be meant, and one too many.
    pub(crate) fn add(&self, request: &v1::ElevateRequest) -> Result<v1::Elevation, String> {
        let now = Instant::now();
        let elevation = Elevation::read(request, now)?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.until > now && other.who != elevation.who);
        if all.len() >= MOST {
            return Err(format!("{MOST} are elevated already; wait until one has ended"));
        }
        let told = elevation.told(now);
        tracing::warn!(?elevation.who, level = told.level, seconds = told.seconds_left, "kept in more detail");
        all.push(elevation);
        Ok(told)
    }

    /// Those that hold now; a batch keeps them to its end.
    pub(crate) fn now(&self) -> Vec<Elevation> {
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|elevation| elevation.until > now);
        all.clone()
    }

    /// As the status tells them.
    pub(crate) fn told(&self) -> Vec<v1::Elevation> {
        let now = Instant::now();
        self.now().iter().map(|elevation| elevation.told(now)).collect()
    }
}
