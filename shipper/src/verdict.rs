//! What an answer means: one table for all intakes that speak HTTP.
//!
//! Invariant: nothing in this table drops anything. An event ends as delivered or as a dead letter; everything else
//! keeps its body in the spool.

/// What to do with a body after its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The intake has it.
    Delivered,
    /// Nothing will get through until somebody changes something: hold the destination and probe.
    Hold,
    /// Too large: halve it, down to the event; then shrink the event.
    Split,
    /// Something in it is not accepted: halve it, down to the event, which becomes a dead letter.
    Reject,
    /// Not now: send it again later.
    Again,
}

/// The table. A redirect, a wrong path or a refusing proxy says nothing about the events, so it holds, as a wrong key
/// does: dead letters would be made of everything.
pub(crate) fn verdict(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        300..=399 | 401 | 403 | 404 | 405 | 407 => Verdict::Hold,
        413 => Verdict::Split,
        408 | 425 | 429 | 500..=599 => Verdict::Again,
        400..=499 => Verdict::Reject,
        _ => Verdict::Again,
    }
}

/// What an operator has to do about an answer that holds a destination.
pub(crate) fn advice(status: u16) -> &'static str {
    match status {
        401 | 403 => "the API key is not accepted; put a valid one into `api_key_file`",
        407 => "the proxy wants credentials; check HTTPS_PROXY and NO_PROXY",
        300..=399 => "the intake moved; set `url` or `site` to its new address",
        _ => "no intake answers under this address; check `url` or `site`",
    }
}

/// The same for intakes whose credentials are in `auth`.
pub(crate) fn advice_on_auth(status: u16) -> &'static str {
    match status {
        401 | 403 => "the credentials are not accepted; put valid ones into the files of `auth`",
        300..=399 => "the intake moved; set `url` to its new address",
        404 | 405 => "no intake answers under this address; check `url`",
        _ => advice(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_the_meaning_that_the_design_gives_it() {
        for (statuses, expected) in [
            (&[200, 202, 204][..], Verdict::Delivered),
            (&[401, 403, 404, 301, 407][..], Verdict::Hold),
            (&[413][..], Verdict::Split),
            (&[400, 406, 411, 415, 418, 422, 499][..], Verdict::Reject),
            (&[408, 425, 429, 500, 502, 503, 504, 599, 100, 999, 0][..], Verdict::Again),
        ] {
            for &status in statuses {
                assert_eq!(verdict(status), expected, "{status}");
            }
        }
    }
}
