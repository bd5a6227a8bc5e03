//! What a page was asked for: the span of time and the filters, all in the URL.
//!
//! Promises: without a span it is the newest 24 hours that have events; a span that makes no sense is that one too;
//! ends are whole hours where nobody chose others, so that kept states answer.

use std::ops::Range;

use serde::Deserialize;

use crate::moment;
use crate::search::Wanted;

const HOUR_US: i64 = 3_600_000_000;
/// The spans that are offered, with their hours.
pub(crate) const SPANS: [(&str, i64); 5] = [("1h", 1), ("6h", 6), ("24h", 24), ("7d", 168), ("30d", 720)];
/// The span where none was chosen.
const USUAL: (&str, i64) = ("24h", 24);

/// The query of a URL.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) range: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) user: String,
    pub(crate) client: String,
    pub(crate) verb: String,
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) code: String,
    pub(crate) decision: String,
    pub(crate) audit_id: String,
    pub(crate) uri: String,
    /// What slow requests are put together by: words with commas between them.
    pub(crate) by: String,
    /// Whose objectives hold for slow requests.
    pub(crate) slo: String,
    /// From which uses roles are made.
    pub(crate) mode: String,
    /// A file of the lake, and a row in it.
    pub(crate) file: String,
    pub(crate) row: u64,
    /// An event that was pasted.
    pub(crate) event: String,
}

impl Asked {
    /// The span of time; `newest_us` is the time of the newest event.
    pub(crate) fn times(&self, newest_us: Option<i64>) -> Range<i64> {
        let end = newest_us.unwrap_or_default().div_euclid(HOUR_US).saturating_add(1).saturating_mul(HOUR_US);
        let (from, to) = (moment(&self.from), moment(&self.to));
        if from.is_some() || to.is_some() {
            let to = to.unwrap_or(end);
            let from = from.unwrap_or(to.saturating_sub(USUAL.1 * HOUR_US));
            if from < to {
                return from..to;
            }
        }
        let (_, hours) = self.span();
        end.saturating_sub(hours * HOUR_US)..end
    }

    /// The span that was chosen by its name, or the usual one.
    pub(crate) fn span(&self) -> (&'static str, i64) {
        SPANS.into_iter().find(|(name, _)| *name == self.range).unwrap_or(USUAL)
    }

    /// Whether the ends were given.
    pub(crate) fn has_ends(&self) -> bool {
        moment(&self.from).is_some() || moment(&self.to).is_some()
    }

    /// What was chosen of these, by name; what was not chosen is left out.
    pub(crate) fn chosen<'a>(&'a self, names: &[&'static str]) -> Vec<(&'static str, &'a str)> {
        let of = |name: &'static str| {
            let value = match name {
                "user" => &self.user,
                "client" => &self.client,
                "verb" => &self.verb,
                "resource" => &self.resource,
                "namespace" => &self.namespace,
                "name" => &self.name,
                "by" => &self.by,
                "slo" => &self.slo,
                "mode" => &self.mode,
                _ => "",
            };
            (name, value.trim())
        };
        names.iter().map(|name| of(name)).filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The filters.
    pub(crate) fn wanted(&self) -> Wanted {
        let of = |text: &str| text.trim().to_owned();
        Wanted {
            user: of(&self.user),
            client: of(&self.client),
            verb: of(&self.verb),
            resource: of(&self.resource),
            namespace: of(&self.namespace),
            name: of(&self.name),
            code: of(&self.code),
            decision: of(&self.decision),
            audit_id: of(&self.audit_id),
            uri: of(&self.uri),
        }
    }
}

/// An RFC 3339 time, or what a form sends: `2026-11-23T06:00`, which is UTC here.
fn moment(text: &str) -> Option<i64> {
    let text = text.trim();
    let whole = || format!("{text}Z");
    let minutes = || format!("{text}:00Z");
    audit::unix_micros(text)
        .or_else(|| audit::unix_micros(&whole()))
        .or_else(|| audit::unix_micros(&minutes()))
}

/// `2026-11-23T06:00`, as a form wants it.
pub(crate) fn for_form(us: i64) -> String {
    moment::written(us).chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEWEST: i64 = 1_795_414_329_336_001; // 2026-11-23T06:12:09

    fn times(range: &str, from: &str, to: &str) -> [String; 2] {
        let asked = Asked { range: range.into(), from: from.into(), to: to.into(), ..Asked::default() };
        let times = asked.times(Some(NEWEST));
        [for_form(times.start), for_form(times.end)]
    }

    #[test]
    fn the_usual_span_is_the_newest_24_hours_that_have_events() {
        assert_eq!(times("", "", ""), ["2026-11-22T07:00", "2026-11-23T07:00"]);
        assert_eq!(times("all", "x", "2026-13-01"), times("", "", ""));
        assert_eq!(times("", "2026-11-23T07:00", "2026-11-23T06:00"), times("", "", ""));
    }

    #[test]
    fn a_span_is_chosen_by_name_or_by_its_ends() {
        assert_eq!(times("1h", "", ""), ["2026-11-23T06:00", "2026-11-23T07:00"]);
        let ends = ["2026-11-20T01:30", "2026-11-21T02:00"];
        assert_eq!(times("1h", ends[0], ends[1]), ends);
        assert_eq!(times("", "2026-11-20T01:30:00Z", "2026-11-21T02:00:00.000000Z"), ends);
    }
}
