//! What keeps a question harmless: it may only read, and it ends.
//!
//! Promises: whatever is not on the list of what a question does is refused before it runs; a question that is
//! cancelled or over its time ends at the next of SQLite's steps, also while it waits for a file. Most steps take no
//! time, but a function over a long text is one step, too: whoever must be done by then watches over the question.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::error::SqlError;

/// Steps of SQLite's machine between two looks at the clock: well under a millisecond.
const STEPS: i32 = 10_000;

/// When a question ends at the latest.
#[derive(Debug)]
pub struct Stop {
    limit: Duration,
    end: Option<Instant>,
    cancelled: AtomicBool,
}

impl Stop {
    /// Ends that long from now.
    #[must_use]
    pub fn after(limit: Duration) -> Arc<Stop> {
        let end = Instant::now().checked_add(limit);
        Arc::new(Stop { limit, end, cancelled: AtomicBool::new(false) })
    }

    /// Ends it now; may be called from any thread.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Whether it must end.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.is_cancelled() || self.end.is_some_and(|end| Instant::now() >= end)
    }

    /// What whoever asked is told when it had to end.
    #[must_use]
    pub fn why(&self) -> SqlError {
        if self.is_cancelled() { SqlError::Cancelled } else { SqlError::TimedOut(self.limit) }
    }
}

/// From now on only questions are answered.
pub(crate) fn close(connection: &mut Connection, stop: &Arc<Stop>) -> rusqlite::Result<()> {
    let stop = stop.clone();
    connection.progress_handler(STEPS, Some(move || stop.is_due()))?;
    connection.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if function_name != "load_extension" => Authorization::Allow,
        _ => Authorization::Deny,
    }))
}
