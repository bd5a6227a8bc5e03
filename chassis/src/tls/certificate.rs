//! What a certificate says of itself: whose it is, and until when.
//!
//! Promise: a renewal that is late is said in time, also for certificates that live for hours only.

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A longer time before the end is no problem.
const SOON: i64 = 14 * DAY;
const DAY: i64 = 86_400;
/// The part of its life, at the end, in which a certificate should have been renewed.
const LAST_PART: i64 = 5;

/// From when until when a certificate holds, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lifetime {
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Lifetime {
    /// For how long it holds.
    pub(super) fn left(self, now: i64) -> String {
        format!("holds for {} more", span((self.until - now).max(0)))
    }

    /// What is wrong with it at `now`.
    pub(super) fn problem(self, now: i64) -> Option<String> {
        let left = self.until - now;
        if left < 0 {
            return Some(format!("expired {} ago, and is refused by others", span(-left)));
        }
        if self.from > now {
            return Some(format!(
                "holds only in {}: is the clock of this machine right",
                span(self.from - now)
            ));
        }
        let soon = SOON.min((self.until - self.from) / LAST_PART);
        (left < soon).then(|| format!("expires in {}", span(left)))
    }
}

fn span(seconds: i64) -> String {
    match seconds {
        ..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / DAY),
    }
}

/// The lifetime of a certificate.
pub(super) fn lifetime(der: &[u8]) -> Result<Lifetime, String> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
    let validity = certificate.validity();
    Ok(Lifetime { from: validity.not_before.timestamp(), until: validity.not_after.timestamp() })
}

/// The names of a certificate: its DNS names, then its common names; none when it is no certificate.
#[must_use]
pub fn names(der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Vec::new() };
    let mut names = Vec::new();
    if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
        for name in &alternative.value.general_names {
            if let GeneralName::DNSName(name) = name {
                names.push((*name).to_owned());
            }
        }
    }
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    for name in common.map(str::to_owned) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_renewal_is_said_in_time_for_long_and_for_short_lives() {
        let year = Lifetime { from: 0, until: 365 * DAY };
        assert_eq!(year.problem(300 * DAY), None);
        assert_eq!(year.problem(355 * DAY).as_deref(), Some("expires in 10 days"));
        let day = Lifetime { from: 0, until: DAY };
        assert_eq!(day.problem(DAY * 2 / 3), None);
        assert_eq!(day.problem(DAY - 7200).as_deref(), Some("expires in 2 h"));
        assert!(day.problem(2 * DAY).is_some_and(|words| words.starts_with("expired 24 h ago")));
        assert!(day.problem(-60).is_some_and(|words| words.contains("clock")));
    }

    #[test]
    fn what_is_no_certificate_has_no_names() {
        assert!(names(b"nothing").is_empty() && lifetime(b"nothing").is_err());
    }
}
