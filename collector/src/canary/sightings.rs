//! Which canaries were called, and which of their lines were read.
//!
//! Promises: times are measured with a clock that never jumps; a call is read once or missing once; a canary of
//! somebody else is told, not counted.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use proto::canary;
use proto::v1::{CanaryRead, CanaryStatus};

use super::call::NoAnswer;
use super::settings::Canary;
use crate::{clock, metrics};

/// The most that are waited for.
pub(super) const MOST_PENDING: usize = 512;
/// The most lines that are remembered.
const MOST_REMEMBERED: usize = 16;

/// What is known of canaries.
#[derive(Default)]
pub(crate) struct Sightings {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// None where no calls are made.
    calls: Option<Calls>,
    /// Lines that were read last.
    read: VecDeque<CanaryRead>,
}

struct Calls {
    run: u32,
    path: String,
    /// Number of the next one.
    next: u64,
    pending: VecDeque<Pending>,
    status: CanaryStatus,
    /// Since when none was read, while some were missing: how many.
    in_vain: u64,
    /// The last call came to nothing, and why.
    unanswered: Option<String>,
}

struct Pending {
    id: String,
    called: Instant,
}

impl Sightings {
    /// Nothing is known yet; calls are made where there are settings.
    pub(crate) fn new(settings: Option<&Canary>) -> Sightings {
        let calls = settings.map(|settings| Calls {
            run: super::canary_run(),
            path: settings.path.clone(),
            next: 1,
            pending: VecDeque::new(),
            status: CanaryStatus { server: settings.server.clone(), ..CanaryStatus::default() },
            in_vain: 0,
            unanswered: None,
        });
        Sightings { seen: Mutex::new(Seen { calls, ..Seen::default() }) }
    }

    /// The ID of the next call, which is made now.
    pub(super) fn begin(&self) -> String {
        let mut seen = self.lock();
        let calls = seen.calls.as_mut().expect("calls are made where there are settings");
        let id = canary::id(calls.run, calls.next);
        calls.next += 1;
        if calls.pending.len() >= MOST_PENDING {
            calls.give_up_oldest();
        }
        calls.pending.push_back(Pending { id: id.clone(), called: Instant::now() });
        calls.status.id.clone_from(&id);
        (calls.status.called_us, calls.status.read_after_ms) = (clock::now_us(), None);
        calls.status.answer.clear();
        id
    }

    /// The last call was answered, or not.
    pub(super) fn answered(&self, id: &str, answer: Result<u16, NoAnswer>) {
        let mut seen = self.lock();
        let Some(calls) = seen.calls.as_mut() else { return };
        let label = match &answer {
            Ok(200..300) => "2xx",
            Ok(300..400) => "3xx",
            Ok(400..500) => "4xx",
            Ok(_) => "5xx",
            Err(NoAnswer::NotSent(_)) => "not sent",
            Err(NoAnswer::Lost(_)) => "no answer",
        };
        metrics::canary_called(label);
        calls.unanswered = answer.as_ref().err().map(ToString::to_string);
        calls.status.answer = answer.as_ref().map_or_else(ToString::to_string, ToString::to_string);
        if let Err(NoAnswer::NotSent(_)) = answer {
            // The number was not used: no log can have it.
            calls.next -= 1;
            calls.pending.retain(|pending| pending.id != id);
        } else {
            calls.status.calls += 1;
        }
    }

    /// Lines with these IDs were read.
    pub(crate) fn were_read(&self, ids: &[String]) {
        for id in ids {
            let mut seen = self.lock();
            if seen.read.iter().any(|known| known.id == *id) {
                continue; // another stage of the same request
            }
            if seen.read.len() == MOST_REMEMBERED {
                seen.read.pop_front();
            }
            seen.read.push_back(CanaryRead { id: id.clone(), read_us: clock::now_us() });
            if let Some(calls) = &mut seen.calls {
                calls.was_read(id);
            }
        }
    }

    /// What was not read for so long is missing.
    pub(super) fn give_up(&self, patience: Duration) {
        let mut seen = self.lock();
        let Some(calls) = &mut seen.calls else { return };
        let now = Instant::now();
        while let Some(oldest) = calls.pending.front()
            && now.duration_since(oldest.called) >= patience
        {
            calls.give_up_oldest();
        }
    }

    /// As status tells it.
    pub(crate) fn status(&self) -> (Option<CanaryStatus>, Vec<CanaryRead>) {
        let seen = self.lock();
        (seen.calls.as_ref().map(|calls| calls.status.clone()), seen.read.iter().cloned().collect())
    }

    /// What is wrong, and what to do about it.
    pub(crate) fn problems(&self) -> Vec<String> {
        let seen = self.lock();
        let Some(calls) = &seen.calls else { return Vec::new() };
        let server = &calls.status.server;
        let unanswered = calls.unanswered.iter().map(|why| format!("canary to {server}: {why}"));
        let missing = (calls.in_vain > 0).then(|| {
            format!(
                "{} canaries in a row were not read: does the audit policy log GET {}, is this the log of {server}, and is reading not behind?",
                calls.in_vain, calls.path
            )
        });
        unanswered.chain(missing).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    fn give_up_oldest(&mut self) {
        self.pending.pop_front();
        self.status.missing += 1;
        self.in_vain += 1;
        metrics::canary_missing();
    }

    fn was_read(&mut self, id: &str) {
        let Some(at) = self.pending.iter().position(|pending| pending.id == id) else { return };
        let Some(pending) = self.pending.remove(at) else { return };
        let after = pending.called.elapsed();
        metrics::canary_read(after);
        let after = Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        self.status.read += 1;
        self.status.last_read_after_ms = after;
        self.in_vain = 0;
        if self.status.id == id {
            self.status.read_after_ms = after;
        }
    }
}

/// The canaries among lines.
pub(crate) fn among(lines: &[u8]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for id in canary::ids_in(lines) {
        if found.len() == MOST_REMEMBERED {
            found.remove(0);
        }
        found.push(id.to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sightings() -> Sightings {
        Sightings::new(Some(&Canary::to("http://127.0.0.1:1")))
    }

    fn line(id: &str) -> String {
        format!("{{\"auditID\":\"{id}\"}}\n")
    }

    #[test]
    fn numbers_follow_each_other_and_one_that_was_not_sent_is_used_again() {
        let sightings = sightings();
        let first = sightings.begin();
        assert!(first.ends_with("-1"));
        sightings.answered(&first, Err(NoAnswer::NotSent("refused".into())));
        assert!(sightings.problems()[0].contains("not sent: refused"));
        assert_eq!(sightings.begin(), first);
        sightings.answered(&first, Err(NoAnswer::Lost("slow".into())));
        let second = sightings.begin();
        assert!(second.ends_with("-2"));
        sightings.answered(&second, Ok(403));
        assert!(sightings.problems().is_empty());
        let (status, _) = sightings.status();
        let status = status.unwrap();
        assert_eq!((status.calls, status.answer.as_str()), (2, "403"));
    }

    #[test]
    fn a_canary_is_read_once_or_missing_once() {
        let sightings = sightings();
        let (first, second) = (sightings.begin(), sightings.begin());
        let lines = [line(&first), line("a"), line(&first)].concat();
        sightings.were_read(&among(lines.as_bytes()));
        let status = sightings.status().0.unwrap();
        assert_eq!((status.read, status.read_after_ms), (1, None));
        assert!(status.last_read_after_ms.is_some());
        sightings.give_up(Duration::ZERO);
        sightings.give_up(Duration::ZERO);
        assert!(sightings.problems()[0].contains("GET /version"));
        sightings.were_read(&among(line(&second).as_bytes()));
        let (status, read) = sightings.status();
        let status = status.unwrap();
        assert_eq!((status.read, status.missing), (1, 1));
        assert_eq!(read.iter().map(|read| &read.id).collect::<Vec<_>>(), [&first, &second]);
    }

    #[test]
    fn canaries_of_others_are_remembered_and_bounded() {
        let sightings = Sightings::default();
        let lines: String = (0..100).map(|number| line(&canary::id(7, number))).collect();
        sightings.were_read(&among(lines.as_bytes()));
        let (status, read) = sightings.status();
        assert_eq!((status, read.len()), (None, MOST_REMEMBERED));
        assert_eq!(read.last().unwrap().id, canary::id(7, 99));
        assert!(sightings.problems().is_empty());
    }
}
