//! Which rows stand for requests, each counted once.
//!
//! Promise: of a request that ended, its end counts (`ResponseComplete` or `Panic`), whatever other stages were logged.
//! A request that the API server answered before it knew who asks (401, or a deadline that cannot be read) leaves a
//! `ResponseStarted` without a user alone, and that counts. A request that is meant to last leaves another one when it
//! begins, which is told apart: what is open for hours may matter before it ends.

use crate::rows::{NONE, Rows, Text};

/// Requests among rows, and whose they are.
pub struct Requests<'b> {
    /// Who was authenticated.
    pub user: Text<'b>,
    /// As whom they acted, where they impersonated somebody.
    pub impersonated: Text<'b>,
    told: Vec<Told>,
}

/// What a row tells of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Start,
    End,
}

impl<'b> Requests<'b> {
    /// The requests among these rows, which have at least `stage`, `user` and `impersonated_user`.
    #[must_use]
    pub fn of(rows: &Rows<'b>) -> Requests<'b> {
        let (stage, user, impersonated) =
            (rows.text("stage"), rows.text("user"), rows.text("impersonated_user"));
        let by_stage = stage.each(|stage| match stage {
            "ResponseComplete" | "Panic" => Told::End,
            "ResponseStarted" => Told::Start,
            _ => Told::Nothing,
        });
        let told = |row| match by_stage.get(stage.key(row) as usize) {
            Some(Told::Start) if user.key(row) == NONE => Told::End,
            told => told.copied().unwrap_or(Told::Nothing),
        };
        let told = (0..rows.len()).map(told).collect();
        Requests { user, impersonated, told }
    }

    /// Whether the row counts as a request.
    #[must_use]
    pub fn is_one(&self, row: usize) -> bool {
        self.told[row] == Told::End
    }

    /// Whether the row is the beginning of a request that is meant to last. Its end is another row, unless it is still
    /// open or the policy omits that stage.
    #[must_use]
    pub fn is_start(&self, row: usize) -> bool {
        self.told[row] == Told::Start
    }

    /// Whose permissions decided: the impersonated user's, where there is one, else those of the authenticated one.
    /// Empty when nobody was authenticated.
    #[must_use]
    pub fn subject(&self, row: usize) -> &'b str {
        self.impersonated.at(row).or_else(|| self.user.at(row)).unwrap_or_default()
    }
}

/// Whether requests of this verb and subresource are meant to last, as kube-apiserver has it.
pub(crate) fn is_long(verb: &str, subresource: &str) -> bool {
    matches!(verb, "watch" | "proxy")
        || matches!(subresource, "attach" | "exec" | "proxy" | "log" | "portforward")
}
