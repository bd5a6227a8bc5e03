//! Events per hour as bars, by class of status code.
//!
//! Promise: the picture and the words say the same: each bar has its hour and numbers as its title.

use std::fmt::{self, Write};

use crate::escape::Escaped;
use crate::overview::Hour;

/// Height of the tallest bar, in the picture's own units.
const HEIGHT: u64 = 120;
/// Width of an hour.
const WIDTH: u64 = 16;

/// Classes of status codes, from the bottom of a bar up, with their words.
const CLASSES: [(&str, &str); 4] =
    [("fine", "answered"), ("refused", "4xx"), ("broken", "5xx"), ("open", "no code")];

pub(super) fn write(page: &mut String, hours: &[Hour]) -> fmt::Result {
    let tallest = hours.iter().map(|hour| hour.counts.events).max().unwrap_or(0).max(1);
    let width = WIDTH * hours.len() as u64;
    write!(page, "<svg viewBox=\"0 0 {width} {HEIGHT}\" role=\"img\" aria-label=\"events per hour\">")?;
    for (index, hour) in hours.iter().enumerate() {
        bar(page, index as u64 * WIDTH, hour, tallest)?;
    }
    page.write_str("</svg><p class=\"legend\">")?;
    for (class, words) in CLASSES {
        write!(page, "<span class=\"{class}\">{words}</span> ")?;
    }
    let (first, last) = (hours.first(), hours.last());
    for (hour, words) in [(first, "from"), (last, "to the hour from")] {
        write!(page, "{words} {} ", Escaped(hour.map(|hour| hour.hour.as_str()).unwrap_or_default()))?;
    }
    page.write_str("</p>")
}

fn bar(page: &mut String, left: u64, hour: &Hour, tallest: u64) -> fmt::Result {
    let counts = by_class(hour);
    write!(page, "<g><title>{}: {} events", Escaped(&hour.hour), hour.counts.events)?;
    for ((_, words), events) in CLASSES.iter().zip(counts) {
        write!(page, ", {events} {words}")?;
    }
    page.write_str("</title>")?;
    let mut below = 0;
    for ((class, _), events) in CLASSES.iter().zip(counts) {
        let (bottom, top) = (scaled(below, tallest), scaled(below + events, tallest));
        below += events;
        let (y, height) = (HEIGHT - top, top - bottom);
        let width = WIDTH - 2;
        write!(
            page,
            "<rect class=\"{class}\" x=\"{left}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"
        )?;
    }
    page.write_str("</g>")
}

fn scaled(events: u64, tallest: u64) -> u64 {
    u64::try_from(u128::from(events) * u128::from(HEIGHT) / u128::from(tallest)).unwrap_or(HEIGHT)
}

/// Events per class, in the order of [`CLASSES`].
fn by_class(hour: &Hour) -> [u64; 4] {
    let mut classes = [0; 4];
    for (code, events) in &hour.counts.codes {
        let class = match code.as_bytes() {
            [b'1'..=b'3', _, _] => 0,
            [b'4', _, _] => 1,
            [b'5', _, _] => 2,
            _ => 3,
        };
        classes[class] += events;
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Counts;

    #[test]
    fn a_bar_is_as_tall_as_its_events_and_says_them() {
        let codes = [("200", 30), ("201", 20), ("403", 25), ("500", 5), ("none", 20)];
        let codes = codes.map(|(code, events)| (code.to_owned(), events)).into();
        let counts = Counts { events: 100, codes, ..Counts::default() };
        let half = Counts { events: 50, codes: [("200".to_owned(), 50)].into(), ..Counts::default() };
        let hours = [counts, half].map(|counts| Hour { hour: "2026-11-23T06:00:00Z".into(), counts });
        let mut page = String::new();
        write(&mut page, &hours).unwrap();
        assert!(page.contains("100 events, 50 answered, 25 4xx, 5 5xx, 20 no code"), "{page}");
        assert!(page.contains(r#"<rect class="fine" x="0" y="60" width="14" height="60"/>"#), "{page}");
        assert!(page.contains(r#"<rect class="open" x="0" y="0" width="14" height="24"/>"#), "{page}");
        assert!(page.contains(r#"<rect class="fine" x="16" y="60" width="14" height="60"/>"#), "{page}");
    }
}
