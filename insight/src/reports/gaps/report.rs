//! What is told of missing events.
//!
//! Promise: every proof is named with whether it was available; the verdict says no more than the proofs do.

use serde::Serialize;

use super::{Canaries, Element, Gaps, VERBS, WHAT_BITS, written};
use crate::moment;
use crate::windows::WINDOW_US;

/// A request that may still run when the recording ends, in microseconds: the API server's own limit is a minute.
const MAY_RUN_US: i64 = 60_000_000;
/// Most silences that are told.
const MOST_SILENCES: usize = 20;
/// A silence says something from this many events a minute on.
const USUAL: u64 = 5;

/// What is told of [`Gaps`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The first event.
    pub from: Option<String>,
    /// The last event.
    pub to: Option<String>,
    /// Events.
    pub events: u64,
    /// Requests whose begin is logged (`RequestReceived`).
    pub began: u64,
    /// Requests whose end is logged (`ResponseComplete`, `Panic`).
    pub ended: u64,
    /// Requests that ended in a panic of the API server.
    pub panics: u64,
    /// Events that lost their objects to the API server's size limit.
    pub truncated: u64,
    /// Requests that began and have no end.
    pub without_end: Vec<Lonely>,
    /// How many requests ended and have no begin, although begins of their kind are logged.
    pub without_begin: u64,
    /// These.
    pub missing_begins: Vec<Lonely>,
    /// Requests that ended and have no begin, as all of their kind: of these nothing is known.
    pub unlogged_begins: u64,
    /// Minutes without any event.
    pub silences: Vec<Silence>,
    /// Events in a usual minute.
    pub usual_per_minute: u64,
    /// Requests sent to prove the way.
    pub canaries: Option<Canaries>,
    /// What could be proven, and what could not.
    pub proofs: Vec<Proof>,
    /// In one line.
    pub verdict: String,
}

/// A request without an end, or without a begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lonely {
    /// When it began.
    pub began: String,
    /// Its audit ID; None when a client chose one that is no UUID.
    pub audit_id: Option<String>,
    /// The verb; empty for those that Kubernetes does not name.
    pub verb: &'static str,
    /// Whether nothing is missing, or may not be.
    pub may_be_fine: bool,
    /// Why.
    pub why: &'static str,
}

/// Minutes without any event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// When it began.
    pub from: String,
    /// How long.
    pub minutes: u64,
}

/// A proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Which.
    pub name: &'static str,
    /// Whether it could be made.
    pub available: bool,
    /// What it says, or why it could not be made.
    pub says: String,
}

/// How many requests have one half only.
#[derive(Debug, Clone, Copy)]
struct Halves {
    /// Whether these could be told.
    known: bool,
    /// No end.
    lost: u64,
    /// No end, which may be right.
    open: u64,
    /// No begin, where begins of the kind are logged.
    beginless: u64,
    /// No begin, as all of the kind.
    unlogged: u64,
}

impl Halves {
    /// What is said of requests whose begins are not logged: nothing where there are none.
    fn unlogged(self, says: &str) -> String {
        match self.unlogged {
            0 => String::new(),
            count => says.replace("{}", &count.to_string()),
        }
    }
}

fn verb(element: &Element) -> &'static str {
    let verb = (element.what & ((1 << WHAT_BITS) - 1)) >> 2;
    usize::try_from(verb).ok().and_then(|verb| VERBS.get(verb)).copied().unwrap_or_default()
}

impl Gaps {
    /// The report.
    #[must_use]
    pub fn report(&self) -> Report {
        let listed = self.difference.list().filter(|_| self.began > 0);
        let of = |sign: i64| listed.iter().flatten().filter(move |(_, count)| *count == sign);
        let without_end: Vec<Lonely> = of(1).map(|(element, _)| self.lonely(element)).collect();
        let before = |element: &Element| self.first.is_some_and(|first| element.time < first);
        let ended = of(-1).map(|(element, _)| element).filter(|element| !before(element));
        let (proven, unlogged): (Vec<_>, Vec<_>) =
            ended.partition(|element| self.begun.has(element.what >> WHAT_BITS));
        let missing_begins: Vec<Lonely> = proven.into_iter().map(|element| self.beginless(element)).collect();
        let halves = Halves {
            known: listed.is_some(),
            lost: without_end.iter().filter(|lonely| !lonely.may_be_fine).count() as u64,
            open: without_end.iter().filter(|lonely| lonely.may_be_fine).count() as u64,
            beginless: missing_begins.len() as u64,
            unlogged: unlogged.len() as u64,
        };
        let (usual_per_minute, silences, silent_minutes) = self.silences();
        let canaries = self.canaries.told();
        let proofs =
            vec![self.pairs(halves), canary(canaries.as_ref()), silent(usual_per_minute, silent_minutes)];
        Report {
            from: self.first.map(moment::written),
            to: self.last.map(moment::written),
            events: self.events,
            began: self.began,
            ended: self.ended,
            panics: self.panics,
            truncated: self.truncated,
            verdict: self.verdict(halves)
                + &quiet(usual_per_minute, silent_minutes)
                + &counted(canaries.as_ref()),
            without_end,
            without_begin: halves.beginless,
            missing_begins,
            unlogged_begins: halves.unlogged,
            silences,
            usual_per_minute,
            canaries,
            proofs,
        }
    }

    fn lonely(&self, element: &Element) -> Lonely {
        let (is_long, has_body) = (element.what & 1 != 0, element.what & 2 != 0);
        let verb = verb(element);
        let runs = self.last.is_some_and(|last| element.time.saturating_add(MAY_RUN_US) > last);
        let (may_be_fine, why) = match verb {
            _ if is_long => (true, "meant to last: it may still run"),
            "patch" if has_body => (
                true,
                "a patch that cannot be read: the API server writes no end of it at this level (or it is missing)",
            ),
            _ if runs => (true, "began in the last minute: it may still run"),
            _ => (false, "its end is missing: lost, or longer than --audit-log-maxsize"),
        };
        Lonely { began: moment::written(element.time), audit_id: written(element.id), verb, may_be_fine, why }
    }

    fn beginless(&self, element: &Element) -> Lonely {
        Lonely {
            began: moment::written(element.time),
            audit_id: written(element.id),
            verb: verb(element),
            may_be_fine: false,
            why: "its begin is missing: begins of its kind are logged",
        }
    }

    fn pairs(&self, halves: Halves) -> Proof {
        let (available, says) = match (self.began, halves.known) {
            (0, _) => (
                false,
                "no request's begin is logged (RequestReceived), so an end that is missing leaves no trace"
                    .into(),
            ),
            (_, false) => (
                false,
                "begins are logged for a part of the requests only, or too many are missing to tell which"
                    .into(),
            ),
            (began, true) => (
                true,
                format!(
                    "of {began} begins {} have no end; {} ends have no begin",
                    halves.lost + halves.open,
                    halves.beginless
                ) + &halves.unlogged("; of {} requests more no begin is logged, nor of any of their kind"),
            ),
        };
        Proof { name: "stage pairs", available, says }
    }

    fn verdict(&self, halves: Halves) -> String {
        let (Some(from), Some(to)) = (self.first, self.last) else { return "there is no event".into() };
        let span = format!("{}..{}", moment::written(from), moment::written(to));
        if self.began == 0 || !halves.known {
            return format!("{span}: {} events, nothing proves that these are all", self.events);
        }
        let Halves { lost, open, beginless, .. } = halves;
        let (all, accounted) = (self.began + beginless, self.began - lost - open);
        let has = |count: u64, what: &str| match count {
            0 => None,
            1 => Some(format!("1 has {what}")),
            count => Some(format!("{count} have {what}")),
        };
        let told: Vec<String> =
            [has(lost, "no end"), has(beginless, "no begin")].into_iter().flatten().collect();
        let missing = match told.is_empty() {
            true => String::new(),
            false => format!("; {}: events are missing", told.join(" and ")),
        };
        let fine =
            has(open, "no end, which may be right").map(|fine| format!("; {fine}")).unwrap_or_default();
        let unlogged = halves.unlogged("; nothing proves {} more, of kinds whose begins are not logged");
        format!("{span}: {accounted} of {all} requests accounted for{missing}{fine}{unlogged}")
    }

    /// What is usual, where there was nothing, and for how many minutes in all.
    fn silences(&self) -> (u64, Vec<Silence>, u64) {
        let (Some(first), Some(last)) = (self.first, self.last) else { return (0, Vec::new(), 0) };
        let minute = WINDOW_US / 5;
        let busy: Vec<(i64, u64)> = self
            .minutes
            .iter()
            .flat_map(|(window, minutes)| (0_i64..).map(move |at| i64::from(window) * 5 + at).zip(minutes.0))
            .filter(|(_, count)| *count > 0)
            .collect();
        let mut counts: Vec<u64> = busy.iter().map(|(_, count)| *count).collect();
        counts.sort_unstable();
        let usual = counts.get(counts.len() / 2).copied().unwrap_or(0);
        let mut silences: Vec<Silence> = busy
            .windows(2)
            .filter(|pair| pair[1].0 - pair[0].0 > 1 && first < last)
            .map(|pair| Silence {
                from: moment::written((pair[0].0 + 1) * minute),
                minutes: u64::try_from(pair[1].0 - pair[0].0 - 1).unwrap_or(0),
            })
            .collect();
        silences.sort_by(|one, other| (other.minutes, &one.from).cmp(&(one.minutes, &other.from)));
        let minutes = silences.iter().map(|silence| silence.minutes).sum();
        silences.truncate(MOST_SILENCES);
        (usual, silences, minutes)
    }
}

fn canary(canaries: Option<&Canaries>) -> Proof {
    let says = match canaries {
        None => "no canary requests (audit IDs `auditrail-canary-RUN-NUMBER`) are in the log".into(),
        Some(Canaries { runs, seen, missing, beyond }) => {
            let more = match beyond {
                0 => String::new(),
                beyond => format!("; {beyond} more are of runs beyond those that can be told apart"),
            };
            let expected = seen.saturating_add(*missing);
            format!("{seen} of {expected} canaries of {} starts of a collector are there{more}", runs.len())
        }
    };
    Proof { name: "canary", available: canaries.is_some(), says }
}

/// What canaries add to the verdict.
fn counted(canaries: Option<&Canaries>) -> String {
    let told = |canaries: &Canaries| {
        format!(
            "; {} of {} canaries are there",
            canaries.seen,
            canaries.seen.saturating_add(canaries.missing)
        )
    };
    canaries.map(told).unwrap_or_default()
}

fn without_event(usual: u64, minutes: u64) -> String {
    let unit = if minutes == 1 { "minute" } else { "minutes" };
    format!("{minutes} {unit} without an event, where {usual} are usual")
}

/// What silence adds to the verdict.
fn quiet(usual: u64, minutes: u64) -> String {
    match (usual, minutes) {
        (..USUAL, _) | (_, 0) => String::new(),
        _ => format!("; {}", without_event(usual, minutes)),
    }
}

fn silent(usual: u64, minutes: u64) -> Proof {
    let says = match (usual, minutes) {
        (..USUAL, _) => {
            format!("{usual} events are usual in a minute: too few for silence to mean something")
        }
        (_, 0) => format!("no minute without an event; {usual} are usual"),
        _ => without_event(usual, minutes),
    };
    Proof { name: "silence", available: usual >= USUAL, says }
}
