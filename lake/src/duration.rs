//! Go's spelling of a duration (`1m2.345678s`, `523.4ms`, `12.3µs`), as the API server writes it into its
//! latency annotations.
//!
//! What is not exactly that spelling is no duration; nothing overflows.

/// The duration in whole microseconds, cut towards zero; None when the text is no Go duration or more
/// than Go's own limit of some 292 years.
#[must_use]
pub fn microseconds(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut nanoseconds: i128 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (part, after) = part(rest)?;
        nanoseconds = nanoseconds.checked_add(part)?;
        rest = after;
    }
    i64::try_from(nanoseconds).ok().map(|nanoseconds| sign * (nanoseconds / 1_000))
}

/// One number with its unit, in nanoseconds, and what follows it.
fn part(text: &str) -> Option<(i128, &str)> {
    let end = text.find(|c: char| c != '.' && !c.is_ascii_digit())?;
    let (whole, fraction) = text[..end].split_once('.').unwrap_or((&text[..end], ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (unit, after) = unit(&text[end..])?;
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()?.into() };
    // 18 digits are more than a nanosecond of an hour needs.
    let fraction = &fraction[..fraction.len().min(18)];
    let parts: i128 = if fraction.is_empty() { 0 } else { fraction.parse::<i64>().ok()?.into() };
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    Some((whole * unit + parts * unit / scale, after))
}

/// The unit in nanoseconds and what follows it; longer spellings first, since `ms` begins like `m`.
fn unit(text: &str) -> Option<(i128, &str)> {
    const UNITS: [(&str, i128); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("\u{b5}s", 1_000),
        ("\u{3bc}s", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    UNITS.iter().find_map(|(name, size)| text.strip_prefix(name).map(|after| (*size, after)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_spelling_of_go_is_read() {
        for (text, us) in [
            ("1.503251s", 1_503_251),
            ("512.3ms", 512_300),
            ("1m2.345678s", 62_345_678),
            ("12.3µs", 12),
            ("12.3\u{3bc}s", 12),
            ("1h0m0.5s", 3_600_500_000),
            ("999ns", 0),
            ("0s", 0),
            ("0", 0),
            ("-1.5s", -1_500_000),
            (".5s", 500_000),
            ("1.s", 1_000_000),
        ] {
            assert_eq!(microseconds(text), Some(us), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in
            ["", "-", "5", "s", ".s", "1x", "1.2.3s", "1 s", "1s ", "99999999999h", "9223372036854775808ns"]
        {
            assert_eq!(microseconds(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = microseconds(&text);
        }

        #[test]
        fn seconds_with_six_decimals_are_exact(us in 0i64..1_000_000_000_000) {
            let text = format!("{}.{:06}s", us / 1_000_000, us % 1_000_000);
            prop_assert_eq!(microseconds(&text), Some(us));
        }
    }
}
