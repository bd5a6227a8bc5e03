//! How long requests took over time, as lines on a scale of powers of ten.
//!
//! Promise: the picture and the words say the same: each span of the lines has its time and numbers as its title; where
//! there were no requests, there is no line.

use std::fmt::{self, Write};

use crate::moment;
use crate::reports::slow::Point;

use super::text::{grouped, took};

/// Height of the picture, and width of a span, in the picture's own units.
const HEIGHT: i64 = 144;
const WIDTH: i64 = 10;
/// Most spans: as many points as the report has, and gaps.
const MOST: i64 = 1000;
/// Lines, with their words.
const LINES: [(&str, &str); 2] = [("p50", "half took no longer"), ("p99", "99 % took no longer")];

/// The scale: from one power of ten (microseconds) to another.
struct Scale {
    from: u32,
    to: u32,
}

impl Scale {
    fn of(points: &[Point]) -> Scale {
        let times = || points.iter().flat_map(|point| [point.p50_us, point.p99_us]).map(|us| us.max(1));
        let from = times().min().unwrap_or(1).ilog10();
        let to = times().max().unwrap_or(1).ilog10() + 1;
        Scale { from, to: to.max(from + 1) }
    }

    /// How far from the top.
    fn y(&self, us: u64) -> f64 {
        let span = f64::from(self.to - self.from);
        let above = (us.max(1) as f64).log10() - f64::from(self.from);
        HEIGHT as f64 * (1.0 - above / span).clamp(0.0, 1.0)
    }

    fn powers(&self) -> impl Iterator<Item = u64> {
        (self.from..=self.to).map(|power| 10_u64.saturating_pow(power))
    }
}

pub(super) fn write(page: &mut String, points: &[Point]) -> fmt::Result {
    let Some((first, last)) = points.first().zip(points.last()) else { return Ok(()) };
    let (from, step) = (first.span_us.0, first.span_us.1.max(1));
    let spans = ((last.span_us.0 - from) / step + 1).clamp(1, MOST);
    let scale = Scale::of(points);
    page.write_str("<figure><div class=\"plot\">")?;
    axis(page, &scale)?;
    write!(
        page,
        "<svg class=\"chart lines\" viewBox=\"0 0 {} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         data-from=\"{from}\" data-step=\"{step}\" data-bars=\"{spans}\" \
         aria-label=\"how long requests took over time, half and 99 % of them\">",
        spans * WIDTH
    )?;
    for us in scale.powers() {
        let y = scale.y(us);
        write!(page, "<line class=\"grid\" x1=\"0\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", spans * WIDTH)?;
    }
    points.iter().try_for_each(|point| titled(page, point, (point.span_us.0 - from) / step))?;
    for (class, _) in LINES {
        let at = |point: &Point| if class == "p50" { point.p50_us } else { point.p99_us };
        write!(page, "<path class=\"{class}\" d=\"")?;
        path(page, points, (from, step), |point| scale.y(at(point)))?;
        page.write_str("\"/>")?;
    }
    page.write_str("</svg></div><figcaption>")?;
    let time = |us: i64| moment::written(us).chars().take(16).collect::<String>();
    write!(page, "<span>{}</span><span class=\"legend\">", time(from))?;
    LINES.iter().try_for_each(|(class, words)| write!(page, "<i class=\"{class}\">{words}</i> "))?;
    write!(page, "</span><span>{} UTC</span></figcaption></figure>", time(last.span_us.0 + step))
}

/// Words to the powers of ten; in a picture of its own, which is not stretched.
fn axis(page: &mut String, scale: &Scale) -> fmt::Result {
    write!(page, "<svg class=\"axis\" viewBox=\"0 0 56 {HEIGHT}\" aria-hidden=\"true\">")?;
    for us in scale.powers() {
        let y = (scale.y(us) + 4.0).clamp(9.0, HEIGHT as f64 - 2.0);
        write!(page, "<text x=\"50\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>", power(us))?;
    }
    page.write_str("</svg>")
}

fn power(us: u64) -> String {
    match us {
        ..1000 => format!("{us} µs"),
        1000..1_000_000 => format!("{} ms", us / 1000),
        _ => format!("{} s", grouped(us / 1_000_000)),
    }
}

/// What a pointer over it says.
fn titled(page: &mut String, point: &Point, index: i64) -> fmt::Result {
    let time: String = point.time.chars().take(16).collect();
    write!(
        page,
        "<g><title>{time} UTC: {} requests, half took at most {}, 99 % at most {}, the longest {}</title>\
         <rect class=\"ground\" x=\"{}\" y=\"0\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/></g>",
        grouped(point.requests),
        took(point.p50_us),
        took(point.p99_us),
        took(point.max_us),
        index * WIDTH
    )
}

/// A line with steps, broken where a span has no point.
fn path(
    page: &mut String,
    points: &[Point],
    (from, step): (i64, i64),
    y: impl Fn(&Point) -> f64,
) -> fmt::Result {
    let mut before = None;
    for point in points {
        let index = (point.span_us.0 - from) / step;
        let (left, right, y) = (index * WIDTH, (index + 1) * WIDTH, y(point));
        let mark = if before == Some(index - 1) { 'L' } else { 'M' };
        write!(page, "{mark}{left} {y:.1}L{right} {y:.1}")?;
        before = Some(index);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(minute: i64, p50_us: u64, p99_us: u64) -> Point {
        let span_us = (minute * 60_000_000, 300_000_000);
        Point { time: moment::written(span_us.0), span_us, requests: 10, p50_us, p99_us, max_us: p99_us }
    }

    #[test]
    fn a_line_is_as_high_as_its_time_and_is_broken_where_there_were_no_requests() {
        let mut page = String::new();
        write(&mut page, &[point(0, 1000, 100_000), point(5, 1000, 10_000), point(15, 1000, 100_000)])
            .unwrap();
        // 1 ms to 1 s: three powers of ten, 48 units each.
        assert!(
            page.contains(
                "<path class=\"p50\" d=\"M0 144.0L10 144.0L10 144.0L20 144.0M30 144.0L40 144.0\"/>"
            ),
            "{page}"
        );
        assert!(
            page.contains("<path class=\"p99\" d=\"M0 48.0L10 48.0L10 96.0L20 96.0M30 48.0L40 48.0\"/>"),
            "{page}"
        );
        assert!(
            page.contains("00:05 UTC: 10 requests, half took at most 1 ms, 99 % at most 10 ms"),
            "{page}"
        );
        assert!(page.contains(">1 s</text>") && page.contains("data-bars=\"4\""), "{page}");
    }

    #[test]
    fn extremes_have_a_picture_too() {
        for points in [
            vec![],
            vec![point(0, 0, 0)],
            vec![point(0, u64::MAX, u64::MAX), point(i64::MAX / 60_000_000 - 9, 1, 1)],
        ] {
            let mut page = String::new();
            write(&mut page, &points).unwrap();
            assert_eq!(page.is_empty(), points.is_empty());
        }
    }
}
