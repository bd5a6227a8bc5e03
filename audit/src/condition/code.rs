//! HTTP status codes as a route asks for them.
//!
//! Invariant: every range lies within 100 to 599.

use std::ops::RangeInclusive;

/// Ranges of status codes.
#[derive(Debug, Clone, Default)]
pub(super) struct Codes(Vec<RangeInclusive<u16>>);

impl Codes {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contain(&self, code: u16) -> bool {
        self.0.iter().any(|range| range.contains(&code))
    }

    /// Adds `403`, `4xx`, `>=500`, `>499`, `<=299`, `<300` or `400-404`; `false` when it is none of these.
    pub(super) fn add(&mut self, text: &str) -> bool {
        let range = range(text);
        self.0.extend(range.clone());
        range.is_some()
    }
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
        return Some(class * 100..=class * 100 + 99);
    }
    let (first, last) = if let Some(from) = text.strip_prefix(">=") {
        (code(from)?, 599)
    } else if let Some(below) = text.strip_prefix('>') {
        (code(below)? + 1, 599)
    } else if let Some(to) = text.strip_prefix("<=") {
        (100, code(to)?)
    } else if let Some(above) = text.strip_prefix('<') {
        (100, code(above)? - 1)
    } else if let Some((first, last)) = text.split_once('-') {
        (code(first)?, code(last)?)
    } else {
        (code(text)?, code(text)?)
    };
    (first <= last).then_some(first..=last)
}

fn code(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|code| (100..=599).contains(code))
}

#[cfg(test)]
mod tests {
    use super::Codes;

    #[test]
    fn a_code_is_exact_a_class_or_a_comparison() {
        for (text, inside, outside) in [
            ("403", 403, 404),
            ("4xx", 499, 500),
            (">=500", 500, 499),
            ("> 499", 500, 499),
            ("<300", 299, 300),
            ("<=299", 200, 300),
            ("400-404", 404, 405),
        ] {
            let mut codes = Codes::default();
            assert!(codes.add(text), "{text}");
            assert!(codes.contain(inside) && !codes.contain(outside), "{text}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in ["", "x", "700", "6xx", "99", "403 404", "500-400", "=403", ">599", "<100"] {
            assert!(!Codes::default().add(text), "{text}");
        }
    }
}
