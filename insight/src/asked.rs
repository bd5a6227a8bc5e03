//! What a page was asked for: the span of time and the filters, all in the URL.
//!
//! Promises: without a span it is the newest 24 hours that have events; what cannot be used never becomes another
//! question, since nobody has an [`Asked`] that was not checked; ends are whole hours where nobody chose others, so that
//! kept states answer.

mod known;
mod read;

use std::ops::Range;

use audit::rbac::{Mode, Uses};

use crate::reports::slow::{By, Preset};
use crate::search::{EXACT, Past, Sought, Wanted};

#[cfg(test)]
pub(crate) use known::KNOWN;
use known::named;
pub(crate) use known::parameters;
pub(crate) use read::Unusable;

const HOUR_US: i64 = 3_600_000_000;
/// The spans that are offered, with their hours.
pub(crate) const SPANS: [(&str, i64); 5] = [("1h", 1), ("6h", 6), ("24h", 24), ("7d", 168), ("30d", 720)];
/// The span where none was chosen.
const USUAL: (&str, i64) = ("24h", 24);

/// The query of a URL.
#[derive(Debug, Clone, Default)]
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
    /// Whose permissions decided.
    pub(crate) subject: String,
    /// As whom the user acted: `as`.
    pub(crate) acting_as: String,
    pub(crate) scope: String,
    pub(crate) source_ip: String,
    /// Which of these are taken as they stand: names with commas between them.
    pub(crate) exact: String,
    /// Behind which event of the newest moment a search goes on.
    pub(crate) past: String,
    /// What slow requests are put together by: words with commas between them.
    pub(crate) by: String,
    /// Whose objectives hold for slow requests.
    pub(crate) slo: String,
    /// From which uses roles are made.
    pub(crate) mode: String,
    /// A file of the lake, and a row in it.
    pub(crate) file: String,
    row: String,
    /// When an event was, exactly.
    time: String,
    /// From which log it came, and its number there.
    pub(crate) origin: String,
    seq: String,
    /// Of how many hours the lake is told.
    hours: String,
    /// What `from` and `to` mean, where they were given.
    ends: [Option<i64>; 2],
    row_number: Option<u64>,
    moment: Option<i64>,
    seq_number: Option<i64>,
    hours_number: Option<usize>,
}

impl Asked {
    /// The span of time; `newest_us` is the time of the newest event.
    pub(crate) fn times(&self, newest_us: Option<i64>) -> Range<i64> {
        let after = |us: i64| us.div_euclid(HOUR_US).saturating_add(1).saturating_mul(HOUR_US);
        let end = after(newest_us.unwrap_or_default());
        match self.ends {
            [Some(from), Some(to)] => from..to,
            // Also where nothing is that new yet.
            [Some(from), None] => from..end.max(after(from)),
            [None, Some(to)] => to.saturating_sub(USUAL.1 * HOUR_US)..to,
            [None, None] => end.saturating_sub(self.span().1 * HOUR_US)..end,
        }
    }

    /// What a search looks through; `newest_us` as for [`Asked::times`].
    pub(crate) fn sought(&self, newest_us: Option<i64>) -> Sought {
        Sought { times: self.times(newest_us), past: self.past() }
    }

    /// Behind which event of the newest moment a search goes on.
    fn past(&self) -> Option<Past> {
        self.past.parse().ok()
    }

    /// The span that was chosen by its name, or the usual one.
    pub(crate) fn span(&self) -> (&'static str, i64) {
        SPANS.into_iter().find(|(name, _)| *name == self.range.trim()).unwrap_or(USUAL)
    }

    /// Whether the ends were given.
    pub(crate) fn has_ends(&self) -> bool {
        self.ends.iter().any(Option::is_some)
    }

    /// The row of the file.
    pub(crate) fn row(&self) -> u64 {
        self.row_number.unwrap_or_default()
    }

    /// When the event was, where that was said.
    pub(crate) fn moment(&self) -> Option<i64> {
        self.moment
    }

    /// From which log the event came and its number there, where that was said.
    pub(crate) fn place_in_log(&self) -> Option<(&str, i64)> {
        Some((self.origin.as_str(), self.seq_number?))
    }

    /// Of how many hours the lake is told, where that was said.
    pub(crate) fn hours(&self) -> Option<usize> {
        self.hours_number
    }

    /// What slow requests are put together by; none where nothing was said.
    pub(crate) fn by(&self) -> Vec<By> {
        self.by.split(',').filter_map(|word| named(&known::BY, word)).collect()
    }

    /// Whose objectives hold, where that was said.
    pub(crate) fn preset(&self) -> Option<Preset> {
        named(&known::SLO, &self.slo)
    }

    /// From which uses roles are made.
    pub(crate) fn mode(&self) -> Mode {
        named(&known::MODES, &self.mode).unwrap_or(Mode::Used)
    }

    /// A parameter's value as it was given; empty where it was not.
    pub(crate) fn given(&self, name: &str) -> String {
        self.clone().place(name).map(std::mem::take).unwrap_or_default()
    }

    /// Where the value of a parameter is kept; None where there is no such parameter.
    fn place(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "range" => &mut self.range,
            "from" => &mut self.from,
            "to" => &mut self.to,
            "user" => &mut self.user,
            "client" => &mut self.client,
            "verb" => &mut self.verb,
            "resource" => &mut self.resource,
            "namespace" => &mut self.namespace,
            "name" => &mut self.name,
            "code" => &mut self.code,
            "decision" => &mut self.decision,
            "audit_id" => &mut self.audit_id,
            "uri" => &mut self.uri,
            "subject" => &mut self.subject,
            "as" => &mut self.acting_as,
            "scope" => &mut self.scope,
            "source_ip" => &mut self.source_ip,
            "exact" => &mut self.exact,
            "past" => &mut self.past,
            "by" => &mut self.by,
            "slo" => &mut self.slo,
            "mode" => &mut self.mode,
            "file" => &mut self.file,
            "row" => &mut self.row,
            "time" => &mut self.time,
            "origin" => &mut self.origin,
            "seq" => &mut self.seq,
            "hours" => &mut self.hours,
            _ => return None,
        })
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
                _ => return (name, ""),
            };
            (name, value.as_str())
        };
        names.iter().map(|name| of(name)).filter(|(_, value)| !value.trim().is_empty()).collect()
    }

    /// The filters of a search.
    pub(crate) fn wanted(&self) -> Wanted {
        let of = |text: &str| text.trim().to_owned();
        let exact: Vec<&'static str> = EXACT
            .into_iter()
            .filter(|name| self.exact.split(',').any(|exact| exact.trim() == *name))
            .collect();
        let name = |name: &str, text: &str| if exact.contains(&name) { text.to_owned() } else { of(text) };
        Wanted {
            user: name("user", &self.user),
            subject: name("subject", &self.subject),
            acting_as: name("as", &self.acting_as),
            client: name("client", &self.client),
            verb: name("verb", &self.verb),
            resource: name("resource", &self.resource),
            namespace: name("namespace", &self.namespace),
            name: name("name", &self.name),
            code: of(&self.code),
            decision: of(&self.decision),
            audit_id: of(&self.audit_id),
            uri: name("uri", &self.uri),
            scope: name("scope", &self.scope),
            source_ip: name("source_ip", &self.source_ip),
            exact,
        }
    }

    /// Who is meant where one subject of these is: the name as it was given, though it may have blanks at its ends.
    pub(crate) fn whom(&self, uses: &Uses) -> &str {
        let is_someone = uses.only(|who| who.user == self.user).subjects().next().is_some();
        if is_someone { &self.user } else { self.user.trim() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::exact;

    const NEWEST: i64 = 1_795_414_329_336_001; // 2026-11-23T06:12:09

    fn read(query: &str) -> Result<Asked, Unusable> {
        Asked::read(&format!("/api/search?{query}").parse().unwrap())
    }

    fn times(query: &str) -> [String; 2] {
        let times = read(query).unwrap().times(Some(NEWEST));
        [exact(times.start), exact(times.end)]
    }

    #[test]
    fn the_usual_span_is_the_newest_24_hours_that_have_events() {
        assert_eq!(times(""), ["2026-11-22T07:00", "2026-11-23T07:00"]);
        assert_eq!(times("range=&from=&to=+&user="), times(""));
        assert_eq!(times("range=24h"), times(""));
    }

    #[test]
    fn a_span_is_chosen_by_name_or_by_its_ends_as_the_command_line_takes_them() {
        assert_eq!(times("range=1h"), ["2026-11-23T06:00", "2026-11-23T07:00"]);
        let ends = ["2026-11-20T01:30", "2026-11-21T02:00"];
        assert_eq!(times("from=2026-11-20T01:30&to=2026-11-21T02:00"), ends);
        assert_eq!(times("from=2026-11-20T01:30:00Z&to=2026-11-21T03:00:00.000000%2B01:00"), ends);
        assert_eq!(times("from=2026-11-20&to=2026-11-21"), ["2026-11-20T00:00", "2026-11-21T00:00"]);
        assert_eq!(times("from=2026-11-20"), ["2026-11-20T00:00", "2026-11-23T07:00"]);
        assert_eq!(times("to=2026-11-20"), ["2026-11-19T00:00", "2026-11-20T00:00"]);
        assert_eq!(times("from=2026-12-01"), ["2026-12-01T00:00", "2026-12-01T01:00"]);
        assert_eq!(times("from=999999999999h")[0], "0001-01-01T00:00");
        let ago = read("from=2h&to=1h").unwrap().times(None);
        assert!((ago.end - ago.start - HOUR_US).abs() < 60_000_000, "{ago:?}");
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_its_name_with_what_it_may_be() {
        for (query, name, words) in [
            ("from=foo", "from", "`foo` is no moment: write 2026-"),
            ("from=07:00&to=06:00", "from", "`07:00` is no moment"),
            ("to=2026-13-01", "to", "`2026-13-01` is no moment"),
            (
                "from=2026-11-23T07:00&to=2026-11-23T06:00",
                "from",
                "is not before `to`, which is `2026-11-23T06:00`",
            ),
            ("from=2026-11-23&to=2026-11-23", "from", "is not before"),
            ("range=2h", "range", "`2h` is none of 1h, 6h, 24h, 7d, 30d; other spans"),
            ("range=1h&from=2h", "range", "give either `range`, or `from` and `to`"),
            ("past=1", "past", "`1` is no place in a search: it is given as the search before said it"),
            ("past=a,b&to=2026-11-23", "past", "is no place"),
            ("past=1,a", "past", "it belongs to the `to` that the search before said with it"),
            ("code=abc", "code", "`abc` is no status code: write 403, or 4xx"),
            ("code=4x", "code", "is no status code"),
            ("code=9xx", "code", "is no status code"),
            ("scope=all", "scope", "none of resource, namespace, cluster, nonresource"),
            ("exact=user,code", "exact", "`code` is none of user, subject, as"),
            ("decision=maybe", "decision", "none of allow, forbid"),
            ("since=2h", "since", "it is called `from` here); it has range, from, to, user"),
            ("slo=mixin", "slo", "/api/search has no such parameter; it has range"),
            ("user=a&user=b", "user", "more than once"),
            ("user=a&user=a", "user", "more than once"),
            ("row=1", "row", "no such parameter"),
            ("%3Cb%3E=1", "<b>", "no such parameter"),
        ] {
            let unusable = read(query).unwrap_err();
            assert_eq!(unusable.name, name, "{query}");
            assert!(unusable.why.contains(words), "{query}: {}", unusable.why);
        }
        let asked = read("from=foo&user=alice").unwrap_err().asked;
        assert_eq!((asked.from.as_str(), asked.user.as_str()), ("foo", "alice"));
    }

    #[test]
    fn every_parameter_of_every_path_has_its_place() {
        for (path, names) in KNOWN {
            for name in names {
                assert!(Asked::default().place(name).is_some(), "{path} {name}");
            }
        }
    }
}
