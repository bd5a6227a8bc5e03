//! Durations as settings write them.
//!
//! Promise: a number and a unit (`us`, `ms`, `s`, `m`, `h`), nothing else; never negative, never overflowing.

/// The duration in microseconds.
pub(super) fn micros(text: &str) -> Option<i64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "us" | "µs" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 60e6,
        "h" => 3600e6,
        _ => return None,
    };
    let micros = number.parse::<f64>().ok()? * factor;
    // Below 2^53 microseconds, some 285 years, every integer is exact.
    (micros < 9_007_199_254_740_992.0).then(|| micros.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::micros;

    #[test]
    fn a_duration_has_a_number_and_a_unit() {
        assert_eq!(micros("1s"), Some(1_000_000));
        assert_eq!(micros("1.5ms"), Some(1_500));
        assert_eq!(micros("250us"), Some(250));
        assert_eq!(micros("2m"), Some(120_000_000));
        for text in ["", "1", "s", "-1s", "1 s", "1d", "1..5s", "99999999999h"] {
            assert_eq!(micros(text), None, "{text}");
        }
    }
}
