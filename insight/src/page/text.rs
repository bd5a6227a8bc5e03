//! Numbers, sizes and JSON for people.
//!
//! Promise: JSON is laid out and coloured as it stands in the log, byte for byte in its words, even where it is no JSON.

use std::fmt::{self, Write};

use crate::escape::{Escaped, Shown};

/// `1 234 567`, with thin spaces.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1.4 GiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit < UNITS.len() - 1 {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// `15.0 min`, `1.25 s`, `37 ms`, and `-13.0 min` where a clock was set back.
pub(super) fn duration(us: i64) -> String {
    match us {
        7_200_000_000.. => format!("{:.1} h", us as f64 / 3.6e9),
        600_000_000.. => format!("{:.1} min", us as f64 / 6e7),
        1_000_000.. => format!("{:.2} s", us as f64 / 1e6),
        ..0 => format!("-{}", duration(us.saturating_neg())),
        1000.. => format!("{} ms", us / 1000),
        _ => format!("{us} µs"),
    }
}

/// The same of what cannot be negative.
pub(super) fn took(us: u64) -> String {
    duration(i64::try_from(us).unwrap_or(i64::MAX))
}

/// `3 min`, `2 h`: how long something was ago, roughly.
pub(super) fn length(seconds: i64) -> String {
    match seconds {
        172_800.. => format!("{} d", seconds / 86_400),
        7200.. => format!("{} h", seconds / 3600),
        120.. => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

/// `12.5 %` of a number out of a thousand.
pub(super) fn percent(per_mille: u64) -> String {
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

/// `2026-11-23 06:12:09`; nothing where there is no time.
pub(super) fn second(us: Option<i64>) -> String {
    let time = us.map(crate::moment::written).unwrap_or_default();
    time.chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// Deeper than this JSON is not indented further.
const DEEPEST: usize = 40;

/// Lays JSON out.
pub(super) fn json(page: &mut String, text: &str) -> fmt::Result {
    let (mut depth, mut rest) = (0_usize, text);
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' => string(page, rest)?,
            '{' | '[' => {
                page.push(c);
                depth += 1;
                let after = &rest[1..];
                if after.starts_with(['}', ']']) { 1 } else { line(page, depth) }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !page.ends_with(['{', '[']) {
                    line(page, depth);
                }
                page.push(c);
                1
            }
            ',' => {
                page.push(',');
                line(page, depth)
            }
            ':' => {
                page.push_str(": ");
                1
            }
            _ => word(page, rest)?,
        };
        rest = &rest[length..];
    }
    Ok(())
}

fn line(page: &mut String, depth: usize) -> usize {
    page.push('\n');
    (0..depth.min(DEEPEST)).for_each(|_| page.push_str("  "));
    1
}

/// A string with its quotes: a key where a colon follows.
fn string(page: &mut String, rest: &str) -> Result<usize, fmt::Error> {
    let mut escaped = false;
    let end = rest[1..].find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let length = end.map_or(rest.len(), |end| end + 2);
    let class = if rest[length..].starts_with(':') { "key" } else { "text" };
    write!(page, "<span class=\"{class}\">{}</span>", Shown(&rest[..length]))?;
    Ok(length)
}

fn word(page: &mut String, rest: &str) -> Result<usize, fmt::Error> {
    let length = rest.find(['"', '{', '[', '}', ']', ',', ':']).unwrap_or(rest.len());
    write!(page, "<span class=\"word\">{}</span>", Shown(rest[..length].trim()))?;
    Ok(length)
}

/// A choice of values as an `<option>` list; the first is chosen where none is, and another value is in the list, too.
pub(super) fn choice(page: &mut String, name: &str, chosen: &str, options: &[(&str, &str)]) -> fmt::Result {
    write!(page, "<label>{name} <select name=\"{name}\">")?;
    self::options(page, chosen, options)?;
    page.write_str("</select></label>")
}

/// The options of a choice.
pub(super) fn options(page: &mut String, chosen: &str, options: &[(&str, &str)]) -> fmt::Result {
    for (value, words) in options {
        let selected = if *value == chosen { " selected" } else { "" };
        write!(page, "<option value=\"{value}\"{selected}>{words}</option>")?;
    }
    if !chosen.is_empty() && options.iter().all(|(value, _)| *value != chosen) {
        write!(page, "<option value=\"{0}\" selected>{0}</option>", Escaped(chosen))?;
    }
    Ok(())
}

/// A choice of words as an `<option>` list; the first is for none; another one is in the list, too.
pub(super) fn select(page: &mut String, name: &str, chosen: &str, options: &[&str]) -> fmt::Result {
    write!(page, "<label>{name} <select name=\"{name}\"><option value=\"\">any</option>")?;
    for option in options {
        let selected = if *option == chosen { " selected" } else { "" };
        write!(page, "<option{selected}>{}</option>", Escaped(option))?;
    }
    if !chosen.is_empty() && !options.contains(&chosen) {
        write!(page, "<option selected>{}</option>", Escaped(chosen))?;
    }
    page.write_str("</select></label>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!((size(1023), size(3 << 20)), ("1023 B".to_owned(), "3.0 MiB".to_owned()));
        assert_eq!((duration(1_250_000), duration(37_999)), ("1.25 s".to_owned(), "37 ms".to_owned()));
    }

    #[test]
    fn long_times_and_shares_are_too() {
        assert_eq!([700_000_000, 9_000_000_000].map(duration), ["11.7 min", "2.5 h"]);
        assert_eq!([-781_000_000, -5, i64::MIN].map(duration)[..2], ["-13.0 min", "-5 µs"]);
        assert_eq!((percent(125), percent(1000)), ("12.5 %".to_owned(), "100.0 %".to_owned()));
        assert_eq!(
            (second(Some(1_795_414_329_336_001)), second(None)),
            ("2026-11-23 06:12:09".into(), String::new())
        );
    }

    #[test]
    fn json_is_laid_out_with_every_word_as_it_stands() {
        let mut page = String::new();
        json(&mut page, r#"{"a\"":"<b>","n":1.50,"e":{},"l":[true,"x"]}"#).unwrap();
        let plain = page
            .replace("<span class=\"key\">", "")
            .replace("<span class=\"text\">", "")
            .replace("<span class=\"word\">", "")
            .replace("</span>", "");
        let expected = "{\n  \"a\\\"\": \"<b>\",\n  \"n\": 1.50,\n  \"e\": {},\n  \"l\": [\n    true,\n    \"x\"\n  ]\n}";
        let expected = expected.replace('"', "&quot;").replace("<b>", "&lt;b&gt;");
        assert_eq!(plain, expected);
    }

    #[test]
    fn what_is_no_json_is_shown_too() {
        for text in ["", "\"", "}}}]", "{\"a", "\"\\", "[[[[", "<script>", "é\"é"] {
            let mut page = String::new();
            json(&mut page, text).unwrap();
            assert!(!page.contains("<script"), "{page}");
        }
    }
}
