//! Whether two clocks agree.

use std::time::{Duration, SystemTime};

use super::finding::Finding;

/// What a date of whole seconds and the way to us explain.
const ALLOWED: Duration = Duration::from_secs(5);

/// What is to be said where `other` told `theirs` when our clock said `ours`; nothing where they agree.
pub(super) fn skewed(other: &str, theirs: SystemTime, ours: SystemTime) -> Option<Finding> {
    let (apart, word) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let length = chassis::Span::secs(apart.as_secs());
    let what = format!(
        "this machine's clock is {length} {word} that of {other}; let both follow NTP: lag, ages and old events are told \
         by it"
    );
    (apart > ALLOWED).then(|| Finding::warning("clock", &what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_said_with_how_far_and_which_way() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let said = |theirs| skewed("http://router:7102", theirs, now).map(|found| format!("{found:?}"));
        assert_eq!(said(now - Duration::from_secs(2)), None);
        assert!(said(now - Duration::from_secs(90)).unwrap().contains("90s ahead of that of http://router"));
        assert!(said(now + Duration::from_secs(7200)).unwrap().contains("2h behind that of"));
    }
}
