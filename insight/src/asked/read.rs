//! A URL's query, read.
//!
//! Promises: what cannot be used is refused by its name with what it may be, and never answered as if it was something
//! else: a value, a parameter that the path does not have, one that is there twice; an empty value is none, as forms send
//! it; what was given comes back, so that a form can show it again.

use std::fmt::Display;
use std::ops::RangeInclusive;

use axum::extract::Query;
use axum::http::Uri;

use super::known::{self, BY, DECISIONS, MODES, SCOPES, SLO};
use super::{Asked, SPANS};
use crate::escape::Quoted;
use crate::moment::Moment;
use crate::search::EXACT;

/// Codes that HTTP has.
const CODES: RangeInclusive<u16> = 100..=599;
/// Most hours in an answer: a month.
const MOST_HOURS: usize = 744;

/// A question that cannot be answered as it is.
#[derive(Debug)]
pub(crate) struct Unusable {
    /// All that was given, as it was.
    pub(crate) asked: Box<Asked>,
    /// Which parameter it is.
    pub(crate) name: String,
    /// What is wrong with it.
    pub(crate) why: String,
}

impl Asked {
    /// What a URL asks.
    ///
    /// # Errors
    /// When a parameter or its value cannot be used.
    pub(crate) fn read(uri: &Uri) -> Result<Asked, Unusable> {
        let mut asked = Asked::default();
        let is_usable = asked.take(uri).and_then(|()| asked.check()).and_then(|()| asked.names_an_event(uri));
        match is_usable {
            Ok(()) => Ok(asked),
            Err((name, why)) => Err(Unusable { asked: Box::new(asked), name, why }),
        }
    }

    /// Takes all values that have a place, also behind one that has none.
    fn take(&mut self, uri: &Uri) -> Result<(), Wrong> {
        let known = known::parameters(uri.path());
        let Ok(Query(given)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
            return wrong("query", "it cannot be read: write it as name=value&name=value");
        };
        let (mut seen, mut first) = (Vec::new(), Ok(()));
        for (name, value) in given {
            let place = known.iter().find(|known| **known == name).and_then(|known| self.place(known));
            let taken = match place {
                None => unknown(uri.path(), &name, known),
                Some(_) if seen.contains(&name) => wrong(&name, "it is there more than once: give it once"),
                Some(place) => {
                    *place = value;
                    Ok(())
                }
            };
            first = first.and(taken);
            seen.push(name);
        }
        first
    }

    /// Looks at the values, and turns those that are not text into what they mean.
    fn check(&mut self) -> Result<(), Wrong> {
        self.ends = [moment("from", &self.from)?, moment("to", &self.to)?];
        one_of("range", &self.range, &SPANS)
            .map_err(|(name, why)| (name, format!("{why}; other spans are given by `from` and `to`")))?;
        if !self.range.trim().is_empty() && self.has_ends() {
            return wrong("range", "it ends at the newest event: give either `range`, or `from` and `to`");
        }
        if let [Some(from), Some(to)] = self.ends
            && from >= to
        {
            let why = format!("{} is not before `to`, which is {}", Quoted(&self.from), Quoted(&self.to));
            return wrong("from", why);
        }
        self.by.split(',').try_for_each(|by| one_of("by", by, &BY))?;
        one_of("slo", &self.slo, &SLO)?;
        one_of("mode", &self.mode, &MODES)?;
        one_of("decision", &self.decision, &DECISIONS)?;
        code(&self.code)?;
        one_of("scope", &self.scope, &SCOPES)?;
        let exact = EXACT.map(|name| (name, ()));
        self.exact.split(',').try_for_each(|name| one_of("exact", name, &exact))?;
        self.goes_on()?;
        self.numbers()
    }

    fn goes_on(&self) -> Result<(), Wrong> {
        if self.past.is_empty() {
            return Ok(());
        }
        if self.past().is_none() {
            let why = "is no place in a search: it is given as the search before said it";
            return wrong("past", format!("{} {why}", Quoted(&self.past)));
        }
        match self.ends[1] {
            Some(_) => Ok(()),
            None => wrong("past", "it belongs to the `to` that the search before said with it: give both"),
        }
    }

    fn names_an_event(&self, uri: &Uri) -> Result<(), Wrong> {
        let needs_one = matches!(uri.path(), "/event" | "/api/event");
        if needs_one && self.file.trim().is_empty() && self.audit_id.trim().is_empty() {
            return wrong("audit_id", "an event is named by it, or by `file` and `row`: give one of them");
        }
        Ok(())
    }

    fn numbers(&mut self) -> Result<(), Wrong> {
        self.row_number = number("row", &self.row, u64::MAX)?;
        if self.row_number.is_some() == self.file.trim().is_empty() {
            return wrong(
                if self.file.trim().is_empty() { "file" } else { "row" },
                "an event is named by `file` and `row` together, or by `audit_id`",
            );
        }
        self.moment = moment("time", &self.time)?;
        self.seq_number = number("seq", &self.seq, i64::MAX)?.filter(|seq| *seq >= 0);
        if self.seq_number.is_some() == self.origin.is_empty() {
            let missing = if self.origin.is_empty() { "origin" } else { "seq" };
            return wrong(missing, "an event's place in its log is `origin` and `seq` together");
        }
        self.hours_number = number("hours", &self.hours, MOST_HOURS)?;
        Ok(())
    }
}

/// The parameter, and what is wrong with it.
type Wrong = (String, String);

fn wrong(name: &str, why: impl Display) -> Result<(), Wrong> {
    Err((name.to_owned(), why.to_string()))
}

fn unknown(path: &str, name: &str, known: &[&str]) -> Result<(), Wrong> {
    let hint = match name {
        "since" if known.contains(&"from") => " (it is called `from` here)",
        "until" if known.contains(&"to") => " (it is called `to` here)",
        _ => "",
    };
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    wrong(name, format!("{path} has no such parameter{hint}; it has {known}"))
}

fn moment(name: &str, value: &str) -> Result<Option<i64>, Wrong> {
    if value.trim().is_empty() {
        return Ok(None);
    }
    let moment = value.parse::<Moment>().map_err(|error| (name.to_owned(), error.to_string()))?;
    Ok(Some(moment.0))
}

fn one_of<T: Copy>(name: &str, value: &str, words: &[(&str, T)]) -> Result<(), Wrong> {
    if value.trim().is_empty() || known::named(words, value).is_some() {
        return Ok(());
    }
    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    wrong(name, format!("{} is none of {}", Quoted(value), words.join(", ")))
}

fn code(value: &str) -> Result<(), Wrong> {
    let text = value.trim();
    let class = text.strip_suffix("xx").map(|class| format!("{class}00"));
    let code = class.as_deref().unwrap_or(text);
    if code.is_empty() || code.len() == 3 && code.parse().is_ok_and(|code| CODES.contains(&code)) {
        return Ok(());
    }
    wrong("code", format!("{} is no status code: write 403, or 4xx for a class of them", Quoted(value)))
}

fn number<N: std::str::FromStr + PartialOrd + Display>(
    name: &str,
    value: &str,
    most: N,
) -> Result<Option<N>, Wrong> {
    let text = value.trim();
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<N>() {
        Ok(number) if number <= most => Ok(Some(number)),
        _ => {
            let why = format!("{} is no number from 0 on, and at most {most}", Quoted(value));
            Err((name.to_owned(), why))
        }
    }
}
