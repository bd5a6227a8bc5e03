//! Events over time as bars, by how they were answered.
//!
//! Promise: the picture and the words say the same: each bar has its time and numbers as its title, and below the first
//! and the last one stands where they begin and end.

use std::fmt::{self, Write};
use std::ops::Range;

use crate::escape::Escaped;
use crate::moment;
use crate::reports::activity::{Classes, Point};
use crate::shares::Sum;

use super::text::grouped;

/// Height of the tallest bar, in the picture's own units.
const HEIGHT: u64 = 120;
/// Width of a bar with its gap.
const WIDTH: u64 = 10;
/// How long a bar may be, in microseconds: five minutes to a day.
const STEPS: [i64; 6] =
    [300_000_000, 900_000_000, 3_600_000_000, 10_800_000_000, 21_600_000_000, 86_400_000_000];
/// Most bars.
const MOST: i64 = 124;

/// Kinds of answers, from the bottom of a bar up, with their words.
const CLASSES: [(&str, &str); 5] = [
    ("fine", "answered"),
    ("refused", "401 and 403"),
    ("faulty", "other 4xx"),
    ("broken", "5xx"),
    ("open", "no code"),
];

pub(super) fn write(page: &mut String, points: &[Point], times: &Range<i64>) -> fmt::Result {
    let (step, bars) = bars(points, times);
    let tallest = bars.iter().map(Classes::events).max().unwrap_or(0).max(1);
    let width = WIDTH * bars.len() as u64;
    let from = times.start.div_euclid(step) * step;
    write!(
        page,
        "<figure><svg class=\"chart\" viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         data-from=\"{from}\" data-step=\"{step}\" data-bars=\"{}\" \
         aria-label=\"events over time, at most {tallest} in a bar\">",
        bars.len()
    )?;
    for (index, bar) in (0..).zip(&bars) {
        // A span may begin within a bar, which is of what is in the span alone.
        write_bar(page, index, bar, (from + index * step).max(times.start), tallest)?;
    }
    page.write_str("</svg><figcaption>")?;
    let ends = [from, from.saturating_add(step.saturating_mul(bars.len() as i64))].map(moment::exact);
    write!(page, "<span>{}</span><span class=\"legend\">", Escaped(&ends[0]))?;
    let mut all = Classes::default();
    bars.iter().for_each(|bar| all.add(*bar));
    for ((class, words), _) in CLASSES.iter().zip(counts(&all)).filter(|(_, events)| *events > 0) {
        write!(page, "<i class=\"{class}\">{words}</i> ")?;
    }
    write!(page, "</span><span>{} UTC</span></figcaption></figure>", Escaped(&ends[1]))
}

/// The length of a bar, and the bars.
fn bars(points: &[Point], times: &Range<i64>) -> (i64, Vec<Classes>) {
    let length = times.end.saturating_sub(times.start).max(1);
    let fits = |step: &i64| length / step <= MOST;
    let step = STEPS.into_iter().find(fits).unwrap_or(length / MOST + 1);
    let from = times.start.div_euclid(step) * step;
    let count = usize::try_from((times.end.saturating_sub(from).max(1) - 1) / step + 1).unwrap_or_default();
    let mut bars = vec![Classes::default(); count.min(2 * MOST as usize)];
    for point in points {
        let bar = usize::try_from((point.start_us - from).div_euclid(step)).ok();
        if let Some(bar) = bar.and_then(|bar| bars.get_mut(bar)) {
            bar.add(point.answered);
        }
    }
    (step, bars)
}

fn write_bar(page: &mut String, index: i64, bar: &Classes, start_us: i64, tallest: u64) -> fmt::Result {
    let counts = counts(bar);
    let time = moment::exact(start_us);
    write!(page, "<g><title>{time} UTC: {} events", grouped(bar.events()))?;
    for ((_, words), events) in CLASSES.iter().zip(counts).filter(|(_, events)| *events > 0) {
        write!(page, ", {} {words}", grouped(events))?;
    }
    let left = index * WIDTH as i64;
    write!(
        page,
        "</title><rect class=\"ground\" x=\"{left}\" y=\"0\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>"
    )?;
    let mut below = 0;
    for ((class, _), events) in CLASSES.iter().zip(counts).filter(|(_, events)| *events > 0) {
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

/// In the order of [`CLASSES`].
fn counts(bar: &Classes) -> [u64; 5] {
    [bar.fine, bar.refused, bar.faulty, bar.broken, bar.open]
}

fn scaled(events: u64, tallest: u64) -> u64 {
    u64::try_from(u128::from(events) * u128::from(HEIGHT) / u128::from(tallest)).unwrap_or(HEIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn point(start_us: i64, fine: u64, refused: u64) -> Point {
        let answered = Classes { fine, refused, ..Classes::default() };
        Point { time: String::new(), start_us, answered }
    }

    #[test]
    fn a_bar_is_as_tall_as_its_events_and_says_them() {
        let mut page = String::new();
        write(&mut page, &[point(0, 30, 30), point(HOUR / 2, 30, 0)], &(0..HOUR)).unwrap();
        assert!(page.contains("1970-01-01T00:00 UTC: 60 events, 30 answered, 30 401 and 403"), "{page}");
        assert!(page.contains(r#"<rect class="fine" x="0" y="60" width="8" height="60"/>"#), "{page}");
        assert!(page.contains(r#"<rect class="refused" x="0" y="0" width="8" height="60"/>"#), "{page}");
        assert!(page.contains(r#"<rect class="fine" x="60" y="60" width="8" height="60"/>"#), "{page}");
    }

    #[test]
    fn the_axis_says_where_the_bars_begin_and_end_and_a_bar_where_the_span_does() {
        let (mut page, second) = (String::new(), 1_000_000);
        let span = 569 * second..631 * second + 1; // 00:09:29 to 00:10:31, within two bars
        write(&mut page, &[point(300 * second, 2, 0), point(600 * second, 1, 0)], &span).unwrap();
        assert!(page.contains("<figcaption><span>1970-01-01T00:05</span>"), "{page}");
        assert!(page.contains("<span>1970-01-01T00:15 UTC</span>"), "{page}");
        assert!(page.contains("<title>1970-01-01T00:09:29 UTC: 2 events"), "{page}");
        assert!(page.contains("<title>1970-01-01T00:10 UTC: 1 events"), "{page}");
    }

    #[test]
    fn no_event_is_lost_between_bars_and_there_are_never_too_many() {
        let points: Vec<Point> = (0..1000).map(|hour| point(hour * HOUR, 1, 0)).collect();
        for hours in [1, 6, 24, 168, 720] {
            let (_, bars) = bars(&points, &(0..hours * HOUR));
            assert_eq!(bars.iter().map(Classes::events).sum::<u64>(), hours as u64, "{hours}");
            assert!(bars.len() <= 2 * MOST as usize, "{hours}");
        }
        let (_, bars) = bars(&[], &(0..i64::MAX));
        assert!(bars.len() <= 2 * MOST as usize);
    }
}
