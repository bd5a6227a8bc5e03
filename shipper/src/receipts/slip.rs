//! What a delivery knows of a body that was taken, before it is a receipt.

use sha2::{Digest, Sha256};

use crate::manifest::Listed;

/// What is to be noted of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slip {
    /// Number of its account.
    pub(crate) account: u32,
    /// Its lines, as ranges of numbers, inclusive at both ends.
    pub(crate) ranges: Vec<(u64, u64)>,
    pub(crate) sha256: [u8; 32],
    pub(crate) bytes: u64,
    /// The answer's status; 0 where nobody answers.
    pub(crate) status: u16,
}

impl Slip {
    /// Of a body with these lines, as it was sent. Takes a processor's time.
    pub(crate) fn of(account: u32, lines: &[Listed], body: &[u8], status: u16) -> Slip {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for &Listed { number, .. } in lines {
            match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
                _ => ranges.push((number, number)),
            }
        }
        Slip { account, ranges, sha256: Sha256::digest(body).into(), bytes: body.len() as u64, status }
    }
}
