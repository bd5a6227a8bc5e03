//! The pages of the console.
//!
//! Promises: a page needs nothing but itself, one stylesheet and one script of this binary; it works without the
//! script; everything that comes from a log, a file name, a URL or a service goes through [`Escaped`] or [`Shown`].
//!
//! [`Shown`]: crate::escape::Shown

pub(crate) mod activity;
mod chart;
pub(crate) mod event;
mod filters;
mod lines;
pub(crate) mod login;
pub(crate) mod policy;
pub(crate) mod rbac;
pub(crate) mod refused;
pub(crate) mod search;
mod services;
pub(crate) mod slow;
mod text;
pub(crate) mod unusable;

use std::fmt::{self, Write};
use std::ops::Range;

use crate::ask::Answer;
use crate::assets::{SCRIPT, STYLE};
use crate::escape::Escaped;
use crate::moment::exact;

/// The pages that are always a click away: path, name, and the key after `g`.
const PAGES: [(&str, &str, &str); 6] = [
    ("/", "Overview", "o"),
    ("/refused", "Refused", "r"),
    ("/rbac", "RBAC", "b"),
    ("/slow", "Slow", "l"),
    ("/search", "Search", "s"),
    ("/policy", "Policy", "p"),
];

/// How much of what a page is about was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    files: u64,
    missing: u64,
}

impl Progress {
    const ALL: Progress = Progress { files: 0, missing: 0 };

    fn of<F>(answer: &Answer<F>) -> Progress {
        Progress { files: answer.files, missing: answer.missing }
    }

    fn and(self, other: Progress) -> Progress {
        Progress { files: self.files + other.files, missing: self.missing + other.missing }
    }

    /// Says what is missing, where something is.
    fn write(self, page: &mut String) -> fmt::Result {
        let Progress { files, missing } = self;
        if missing == 0 {
            return Ok(());
        }
        let read = files.saturating_sub(missing);
        write!(
            page,
            "<section role=\"status\" class=\"progress\"><p>Not all of this time is read yet; the newest hours come \
             first, and the numbers are of what is. This page renews itself.</p>\
             <p><progress max=\"{files}\" value=\"{read}\"></progress> {} of {} files</p></section>",
            text::grouped(read),
            text::grouped(files)
        )
    }
}

/// A whole page; `path` is the one of its link, `write` writes what is on it.
pub(crate) fn page(path: &str, title: &str, write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    page_of(path, title, Progress::ALL, write)
}

/// A page that says how much was read, and renews itself as long as that is not all.
fn page_of(
    path: &str,
    title: &str,
    progress: Progress,
    write: impl FnOnce(&mut String) -> fmt::Result,
) -> String {
    let mut page = String::with_capacity(16 * 1024);
    head(&mut page, path, title, progress.missing > 0)
        .and_then(|()| progress.write(&mut page))
        .and_then(|()| write(&mut page))
        .and_then(|()| foot(&mut page))
        .expect("writing to a string does not fail");
    page
}

/// A page that says why there is nothing on it.
pub(crate) fn failed(path: &str, title: &str, why: &str) -> String {
    page(path, title, |page| {
        write!(page, "<section><h2>{}</h2><p class=\"bad\">{}</p></section>", Escaped(title), Escaped(why))
    })
}

/// The page of a path that there is not.
pub(crate) fn missing() -> String {
    page("", "Not found", |page| {
        page.write_str("<section><h2>Not found</h2><p>There is no page here. These there are:</p><ul>")?;
        PAGES.iter().try_for_each(|(to, name, _)| write!(page, "<li><a href=\"{to}\">{name}</a></li>"))?;
        page.write_str("</ul></section>")
    })
}

fn head(page: &mut String, path: &str, title: &str, renews: bool) -> fmt::Result {
    write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{} · Auditrail</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">{}\
         <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/static/{}\">\
         <script src=\"/static/{}\"></script></head><body>\
         <a class=\"skip\" href=\"#main\">to the content</a><header><a class=\"brand\" href=\"/\">Auditrail</a><nav>",
        Escaped(title),
        if renews { "<meta http-equiv=\"refresh\" content=\"2\">" } else { "" },
        STYLE.name(),
        SCRIPT.name()
    )?;
    for (to, name, key) in PAGES {
        let here = if to == path { " aria-current=\"page\"" } else { "" };
        write!(page, "<a href=\"{to}\" data-key=\"{key}\"{here}>{name}</a>")?;
    }
    page.write_str(
        "</nav><span id=\"live\" role=\"status\" hidden></span>\
         <span class=\"tools\" hidden><label><input type=\"checkbox\" id=\"renew\"> renew</label>\
         <button type=\"button\" id=\"theme\" title=\"light or dark\">◐</button>\
         <button type=\"button\" id=\"keys\" title=\"keys\">?</button></span></header><main id=\"main\">",
    )
}

fn foot(page: &mut String) -> fmt::Result {
    page.write_str("</main><dialog id=\"help\"><h2>Keys</h2><table>")?;
    let pages = PAGES.map(|(_, name, key)| (format!("g {key}"), name));
    let others = [("/", "search"), ("j k", "next and previous row"), ("Enter", "open the row")];
    let others = others.into_iter().chain([("?", "this help"), ("Esc", "close")]);
    let keys = pages.into_iter().chain(others.map(|(key, what)| (key.to_owned(), what)));
    for (key, what) in keys {
        write!(page, "<tr><td><kbd>{key}</kbd></td><td>{what}</td></tr>")?;
    }
    page.write_str("</table><form method=\"dialog\"><button>close</button></form></dialog><footer>")?;
    for path in ["overview", "denied", "rbac", "slow", "search", "lake", "status"] {
        write!(page, "<a href=\"/api/{path}\">/api/{path}</a> ")?;
    }
    page.write_str("<a href=\"/metrics\">/metrics</a></footer></body></html>\n")
}

/// The fields for both ends of the span, exactly as they are.
fn ends(page: &mut String, times: &Range<i64>) -> fmt::Result {
    end(page, "from", times.start)?;
    end(page, "to", times.end)
}

fn end(page: &mut String, name: &str, us: i64) -> fmt::Result {
    // Browsers take no more than milliseconds where they help to choose a moment.
    let kind = if us % 1000 == 0 { "type=\"datetime-local\" step=\"any\"" } else { "type=\"text\"" };
    let value = exact(us);
    write!(page, "<label>{name} (UTC) <input {kind} name=\"{name}\" value=\"{}\"></label>", Escaped(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_needs_nothing_from_elsewhere_and_has_nothing_inline() {
        let page = failed("/", "Overview", "no lake");
        for outside in ["http:", "https:", "\"//", "url(", "@import", "<style", " style=", " onclick="] {
            assert!(!page.contains(outside), "{outside} in {page}");
        }
        assert_eq!(page.matches("<script").count(), 1);
        assert!(page.contains("></script>") && page.contains("aria-current=\"page\">Overview"));
    }

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let evil = "<img src=x onerror=alert(1)>\"'";
        let page = failed("/", evil, evil);
        assert!(!page.contains("<img"), "{page}");
    }
}
