//! Which rows stand for requests, each counted once.
//!
//! Promise: of a request that ended, its end counts (`ResponseComplete` or `Panic`), whatever other stages were logged.
//! A request that the API server answered before it knew who asks (401, or a deadline that cannot be read) leaves a
//! `ResponseStarted` without a user alone, and that counts. A long-running request that has not ended does not count
//! yet.

use crate::rows::{NONE, Rows, Text};

/// Requests among rows, and whose they are.
pub struct Requests<'b> {
    /// Who was authenticated.
    pub user: Text<'b>,
    /// As whom they acted, where they impersonated somebody.
    pub impersonated: Text<'b>,
    ended: Vec<bool>,
}

impl<'b> Requests<'b> {
    /// The requests among these rows, which have at least `stage`, `user` and `impersonated_user`.
    #[must_use]
    pub fn of(rows: &Rows<'b>) -> Requests<'b> {
        let (stage, user, impersonated) =
            (rows.text("stage"), rows.text("user"), rows.text("impersonated_user"));
        let ended = {
            let end = stage.which(|stage| matches!(stage, "ResponseComplete" | "Panic"));
            let started = stage.which(|stage| stage == "ResponseStarted");
            (0..rows.len()).map(|row| end(row) || (started(row) && user.key(row) == NONE)).collect()
        };
        Requests { user, impersonated, ended }
    }

    /// Whether the row counts as a request.
    #[must_use]
    pub fn is_one(&self, row: usize) -> bool {
        self.ended[row]
    }

    /// Whose permissions decided: the impersonated user's, where there is one, else those of the authenticated one.
    /// Empty when nobody was authenticated.
    #[must_use]
    pub fn subject(&self, row: usize) -> &'b str {
        self.impersonated.at(row).or_else(|| self.user.at(row)).unwrap_or_default()
    }
}
