//! The choice of a span of time, and of filters; both are in the URL and neither forgets the other.
//!
//! Promise: what was chosen comes back escaped, in the field that it was chosen in.

use std::fmt::{self, Write};
use std::ops::Range;

use crate::asked::{Asked, SPANS};
use crate::escape::{Encoded, Escaped};
use crate::moment::exact;

use super::ends;

/// The choice of the span of time, as links and as a form; what was chosen of `filters` stays.
pub(super) fn spans(
    page: &mut String,
    path: &str,
    asked: &Asked,
    times: &Range<i64>,
    filters: &[&'static str],
) -> fmt::Result {
    let chosen = asked.chosen(filters);
    page.write_str("<div class=\"spans\">")?;
    for (name, _) in SPANS {
        let here = if !asked.has_ends() && asked.span().0 == name { " aria-current=\"true\"" } else { "" };
        write!(page, "<a href=\"{path}?range={name}")?;
        chosen.iter().try_for_each(|(name, value)| write!(page, "&amp;{name}={}", Encoded(value)))?;
        write!(page, "\"{here}>{name}</a>")?;
    }
    write!(page, "<form action=\"{path}\">")?;
    chosen.iter().try_for_each(|(name, value)| hidden(page, name, value))?;
    ends(page, times)?;
    page.write_str("<button>show</button></form></div>")
}

/// A form of filters: text fields with an example each, then what `more` writes; the span stays.
pub(super) fn form(
    page: &mut String,
    path: &str,
    asked: &Asked,
    fields: &[(&'static str, &str)],
    more: impl FnOnce(&mut String) -> fmt::Result,
) -> fmt::Result {
    write!(page, "<section><form class=\"filters\" action=\"{path}\">")?;
    for (index, (name, example)) in fields.iter().enumerate() {
        let value = asked.chosen(&[name]).first().map_or("", |(_, value)| value);
        let search = if index == 0 { " data-search" } else { "" };
        write!(
            page,
            "<label>{name} <input name=\"{name}\" value=\"{}\" placeholder=\"{example}\" autocomplete=\"off\" \
             spellcheck=\"false\"{search}></label>",
            Escaped(value)
        )?;
    }
    more(page)?;
    span(asked).iter().try_for_each(|(name, value)| hidden(page, name, value))?;
    let span = span(asked);
    let clear = Query(&span);
    write!(page, "<span><button>show</button> <a href=\"{path}?{clear}\">clear</a></span></form></section>")
}

/// The span as it was chosen; empty where it was not.
pub(super) fn span(asked: &Asked) -> Vec<(&'static str, &str)> {
    let ends = [("from", asked.from.as_str()), ("to", &asked.to)];
    let ends = ends.into_iter().filter(|_| asked.has_ends());
    ends.chain([("range", asked.range.as_str())]).filter(|(_, value)| !value.is_empty()).collect()
}

fn hidden(page: &mut String, name: &str, value: &str) -> fmt::Result {
    write!(page, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", Escaped(value))
}

/// Names and values as the query of a link; those without a value are left out.
pub(super) struct Query<'a>(pub(super) &'a [(&'static str, &'a str)]);

impl fmt::Display for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mark = "";
        for (name, value) in self.0.iter().filter(|(_, value)| !value.is_empty()) {
            write!(f, "{mark}{name}={}", Encoded(value))?;
            mark = "&amp;";
        }
        Ok(())
    }
}

/// Where the events of these times and filters are found.
pub(super) struct Search<'a>(pub(super) &'a Range<i64>, pub(super) &'a [(&'static str, &'a str)]);

impl fmt::Display for Search<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Search(times, filters) = self;
        let mark = if filters.iter().any(|(_, value)| !value.is_empty()) { "&amp;" } else { "" };
        let ends = [times.start, times.end].map(exact);
        write!(f, "/search?{}{mark}from={}&amp;to={}", Query(filters), Encoded(&ends[0]), Encoded(&ends[1]))
    }
}

/// Where the events of a row are found: what must be exactly so, and other filters. Words that mean the same as patterns
/// are given as those, since people read URLs.
pub(super) fn events(
    times: &Range<i64>,
    exactly: &[(&'static str, &str)],
    others: &[(&'static str, &str)],
) -> String {
    let is_plain = |name: &str, value: &str| {
        !matches!(name, "resource" | "uri")
            && !value.is_empty()
            && value.trim() == value
            && !value.contains('*')
            && value.len() < SHORTEST_CUT
    };
    let exact = exactly.iter().filter(|(name, value)| !is_plain(name, value)).map(|(name, _)| *name);
    let exact = exact.collect::<Vec<_>>().join(",");
    let filters = [exactly, others, &[("exact", exact.as_str())]].concat();
    Search(times, &filters).to_string()
}

/// Texts of at least this length may have been cut by a report.
const SHORTEST_CUT: usize = 125;

/// A resource with all that is below it, as a filter: `deployments.apps,deployments.apps/*`.
pub(super) fn with_subresources(resource: &str) -> String {
    format!("{resource},{resource}/*")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        let evil = "a%26b=%22%3E%3Cscript%3E";
        *Asked::read(&format!("/refused?user={evil}&range={evil}").parse().unwrap()).unwrap_err().asked
    }

    #[test]
    fn span_and_filters_keep_each_other_and_nothing_ends_the_field_or_the_link() {
        let (asked, mut page) = (asked(), String::new());
        spans(&mut page, "/refused", &asked, &(0..1), &["user", "verb"]).unwrap();
        assert!(page.contains("?range=6h&amp;user=a%26b%3D%22%3E%3Cscript%3E\""), "{page}");
        form(&mut page, "/refused", &asked, &[("user", "x"), ("verb", "get")], |_| Ok(())).unwrap();
        assert!(page.contains("name=\"user\" value=\"a&amp;b=&quot;&gt;&lt;script&gt;\""), "{page}");
        assert!(page.contains("name=\"range\"") && !page.contains("<script"), "{page}");
    }

    #[test]
    fn a_row_is_searched_for_by_what_it_says_exactly_where_a_pattern_would_say_more() {
        let times = 0..60_000_000;
        let link = events(&times, &[("user", "a b"), ("verb", "get")], &[("code", "403")]);
        assert_eq!(
            link,
            "/search?user=a%20b&amp;verb=get&amp;code=403&amp;from=1970-01-01T00%3A00&amp;to=1970-01-01T00%3A01"
        );
        let link =
            events(&times, &[("user", "*"), ("namespace", ""), ("resource", "pods"), ("name", " x")], &[]);
        assert!(link.contains("&amp;exact=user%2Cnamespace%2Cresource%2Cname&amp;"), "{link}");
        assert_eq!(
            Search(&(0..0), &[]).to_string(),
            "/search?from=1970-01-01T00%3A00&amp;to=1970-01-01T00%3A00"
        );
        assert_eq!(with_subresources("deployments.apps"), "deployments.apps,deployments.apps/*");
    }
}
