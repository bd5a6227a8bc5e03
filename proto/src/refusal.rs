//! Why a stage does not take a batch.
//!
//! There is one variant for each thing that a caller does differently, and one table that carries it over
//! gRPC: [`Refusal::code`], walked both ways by a test.

use tonic::{Code, Status};

/// Why a batch was not taken. Nothing of a refused batch may be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No room or no time now: wait, then send the same batch again.
    #[error("busy: {why}; the batch stays queued and is sent again")]
    Busy {
        /// What is full.
        why: String,
    },
    /// Not there: try another one of the kind, or the same later.
    #[error("not reachable: {why}; the batch stays queued and is sent again")]
    Unavailable {
        /// What happened.
        why: String,
    },
    /// The caller is not known or not allowed: hold until somebody changed that.
    #[error("not authorised: {why}; sending is on hold until the credentials change")]
    Unauthorised {
        /// What was missing.
        why: String,
    },
    /// The batch is over a limit: split it.
    #[error("too large: {why}; the batch is split")]
    TooLarge {
        /// Which limit.
        why: String,
    },
    /// The batch can never be taken as it is: set it aside as dead.
    #[error("invalid: {why}; the batch is set aside")]
    Invalid {
        /// What is wrong with it.
        why: String,
    },
}

impl Refusal {
    /// The gRPC code that stands for this variant.
    pub fn code(&self) -> Code {
        match self {
            Refusal::Busy { .. } => Code::ResourceExhausted,
            Refusal::Unavailable { .. } => Code::Unavailable,
            Refusal::Unauthorised { .. } => Code::Unauthenticated,
            Refusal::TooLarge { .. } => Code::OutOfRange, // the code that tonic itself gives to a long message
            Refusal::Invalid { .. } => Code::InvalidArgument,
        }
    }

    /// What happened, without the advice that [`Display`](std::fmt::Display) adds.
    pub fn why(&self) -> &str {
        match self {
            Refusal::Busy { why }
            | Refusal::Unavailable { why }
            | Refusal::Unauthorised { why }
            | Refusal::TooLarge { why }
            | Refusal::Invalid { why } => why,
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Status::new(refusal.code(), refusal.why())
    }
}

impl From<Status> for Refusal {
    /// Codes that no stage gives (a proxy may) count as unavailable: the batch stays.
    fn from(status: Status) -> Self {
        let why = status.message().to_owned();
        match status.code() {
            Code::ResourceExhausted => Refusal::Busy { why },
            Code::Unauthenticated | Code::PermissionDenied => Refusal::Unauthorised { why },
            Code::OutOfRange => Refusal::TooLarge { why },
            Code::InvalidArgument => Refusal::Invalid { why },
            code => Refusal::Unavailable { why: reached(code, why) },
        }
    }
}

fn reached(code: Code, why: String) -> String {
    if why.is_empty() { format!("{code:?}").to_lowercase() } else { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_survives_the_wire() {
        let why = || "the spool of `datadog` is full".to_owned();
        for refusal in [
            Refusal::Busy { why: why() },
            Refusal::Unavailable { why: why() },
            Refusal::Unauthorised { why: why() },
            Refusal::TooLarge { why: why() },
            Refusal::Invalid { why: why() },
        ] {
            assert_eq!(Refusal::from(Status::from(refusal.clone())), refusal);
        }
    }

    #[test]
    fn a_code_that_no_stage_gives_never_loses_the_batch() {
        for code in (0..=16).map(Code::from_i32).filter(|code| *code != Code::InvalidArgument) {
            let refusal = Refusal::from(Status::new(code, ""));
            assert!(!matches!(refusal, Refusal::Invalid { .. }), "{code:?} became {refusal}");
        }
    }
}
