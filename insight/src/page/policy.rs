//! The page "Policy": its findings, what its rules take of the newest events, and the rule for an event that is pasted.

use std::fmt::{self, Write};

use audit::{Event, Policy};

use crate::escape::{Escaped, Shown};
use crate::policy::{Counted, Written};

use super::text::{grouped, size};
use super::{event, page};

/// Most findings and rules that are shown.
const MOST_ROWS: usize = 500;

/// The page. `pasted` is an event to explain, empty for none.
pub(crate) fn render(path: &str, written: &Written, counted: Option<&Counted>, pasted: &str) -> String {
    page("/policy", "Policy", |page| {
        write!(page, "<section><h2>Policy <code>{}</code></h2>", Shown(path))?;
        match &written.policy {
            Ok(policy) => {
                write!(page, "<p class=\"good\">{} rules, as kube-apiserver reads them</p>", policy.rules())?
            }
            Err(why) => write!(page, "<p class=\"bad\">kube-apiserver would refuse it: {}</p>", Shown(why))?,
        }
        page.write_str("</section>")?;
        findings(page, written)?;
        if let (Ok(policy), Some(counted)) = (&written.policy, counted) {
            rules(page, policy, counted)?;
        }
        explain(page, written, pasted)?;
        text(page, &written.text)
    })
}

fn findings(page: &mut String, written: &Written) -> fmt::Result {
    page.write_str("<section><h2>Findings</h2>")?;
    if written.findings.is_empty() {
        return page.write_str("<p class=\"good\">none</p></section>");
    }
    page.write_str("<table><thead><tr><th>line</th><th>kind</th><th>what is wrong</th><th>what to do</th></tr></thead><tbody>")?;
    for finding in written.findings.iter().take(MOST_ROWS) {
        write!(
            page,
            "<tr><td><a href=\"#L{0}\">{0}</a></td><td>{1}</td><td>{2}</td><td>{3}</td></tr>",
            finding.line,
            finding.severity.name(),
            Shown(&finding.message),
            Shown(&finding.fix)
        )?;
    }
    page.write_str("</tbody></table></section>")
}

fn rules(page: &mut String, policy: &Policy, counted: &Counted) -> fmt::Result {
    let (events, all) = (grouped(counted.events), grouped(counted.events + counted.left));
    match counted.left {
        0 => write!(page, "<section><h2>Rules over the newest {events} events of the lake</h2>")?,
        _ => write!(page, "<section><h2>Rules over {events} of the newest {all} events of the lake</h2>")?,
    }
    page.write_str(
        "<table><thead><tr><th>rule</th><th>line</th><th>level</th><th></th><th>events</th><th>of log</th></tr>\
         </thead><tbody>",
    )?;
    let all: u64 = counted.rules.values().map(|rule| rule.1).sum::<u64>().max(1);
    let known = (0..policy.rules()).map(Some).chain([None]).take(MOST_ROWS);
    for rule in known {
        let (events, bytes) = counted.rules.get(&rule).copied().unwrap_or_default();
        let line = rule.and_then(|rule| policy.rule_line(rule));
        let level = rule.and_then(|rule| policy.rule_level(rule));
        let name = rule.map_or_else(|| "no rule".to_owned(), |rule| rule.to_string());
        write!(page, "<tr><td>{name}</td><td>")?;
        if let Some(line) = line {
            write!(page, "<a href=\"#L{line}\">{line}</a>")?;
        }
        write!(
            page,
            "</td><td>{}</td><td><meter min=\"0\" max=\"{all}\" value=\"{bytes}\"></meter></td><td>{}</td><td>{}</td></tr>",
            level.map_or("None", audit::Level::name),
            grouped(events),
            size(bytes)
        )?;
    }
    page.write_str("</tbody></table></section>")
}

fn explain(page: &mut String, written: &Written, pasted: &str) -> fmt::Result {
    write!(
        page,
        "<section id=\"explain\"{}><h2>Which rule is for an event?</h2><form method=\"post\" action=\"/policy#explain\">\
         <textarea name=\"event\" rows=\"4\" aria-label=\"an event\" spellcheck=\"false\" \
         placeholder=\"an event as one line of JSON\">{}</textarea>\
         <button>explain</button></form></section>",
        if pasted.is_empty() { "" } else { " data-posted" },
        Escaped(pasted)
    )?;
    if pasted.trim().is_empty() {
        return Ok(());
    }
    match Event::scan(pasted.trim().as_bytes()) {
        Ok(pasted) => event::rule(page, &pasted, Some(&written.policy)),
        Err(why) => write!(page, "<section><p class=\"bad\">{}</p></section>", Shown(why.to_string())),
    }
}

fn text(page: &mut String, text: &str) -> fmt::Result {
    page.write_str("<section><h2>Text</h2><pre class=\"numbered\">")?;
    for (number, line) in (1..=20_000).zip(text.lines()) {
        writeln!(page, "<span id=\"L{number}\"><i>{number:4}</i> {}</span>", Shown(line))?;
    }
    page.write_str("</pre></section>")
}
