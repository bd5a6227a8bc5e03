//! Lines that are known from their number: what was written need not be kept to be compared with what arrives.
//!
//! Promise: a line is made of the seed and its number alone, so that whoever knows both can say, byte for byte, what
//! it must be. Most are as long as events at Metadata, some as those at RequestResponse, and some have 1 to 2 MB; a
//! few are blank, and a few are no events.

use crate::dice::mixed;

const BEFORE: &[u8] = b"{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"RequestResponse\",\"auditID\":\"6f0d1a5e-8c35-4f7e-9b1d-";
const BEHIND: &[u8] = b"\",\"stage\":\"ResponseComplete\",\"requestURI\":\"/api/v1/namespaces/shop/configmaps\",\"verb\":\"update\",\
\"user\":{\"username\":\"system:serviceaccount:shop:carts\"},\"responseStatus\":{\"metadata\":{},\"code\":200},\"responseObject\":{\"data\":\"";
const END: &[u8] = b"\"}}";
/// Digits of the number in the audit id.
const DIGITS: usize = 12;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It arrives.
    Event,
    /// It is left out, and counted.
    Blank,
    /// It is quarantined, and counted.
    Junk,
}

/// All lines of a seed; the first has number 1.
#[derive(Clone, Copy, Debug)]
pub struct Numbered {
    seed: u64,
}

impl Numbered {
    /// Those of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Numbered {
        Numbered { seed: mixed(seed) }
    }

    fn mixed(self, number: u64) -> u64 {
        mixed(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// What the line with this number is.
    #[must_use]
    pub fn kind(self, number: u64) -> Kind {
        match self.mixed(number) % 1000 {
            0..=4 => Kind::Blank,
            5..=6 => Kind::Junk,
            _ => Kind::Event,
        }
    }

    /// The line with this number, without its newline.
    #[must_use]
    pub fn line(self, number: u64) -> Vec<u8> {
        match self.kind(number) {
            Kind::Blank => Vec::new(),
            Kind::Junk => format!("2026-11-23T06:10:38 AUDIT: id=\"{number}\"").into_bytes(),
            Kind::Event => self.event(number),
        }
    }

    fn event(self, number: u64) -> Vec<u8> {
        let mut word = self.mixed(number);
        let digits = format!("{number:0width$}", width = DIGITS);
        let padding = padding(word >> 10, number);
        let mut line = Vec::with_capacity(BEFORE.len() + DIGITS + BEHIND.len() + padding + 8 + END.len());
        line.extend_from_slice(BEFORE);
        line.extend_from_slice(digits.as_bytes());
        line.extend_from_slice(BEHIND);
        if word.is_multiple_of(64) {
            line.extend_from_slice(b"\xff\\u003c"); // no UTF-8: it must arrive as it is
        }
        let end = line.len() + padding;
        while line.len() < end {
            word = mixed(word.wrapping_add(1));
            line.extend(word.to_le_bytes().map(|byte| b'#' + byte % 57)); // neither `"` nor `\`
        }
        line.truncate(end);
        line.extend_from_slice(END);
        line
    }

    /// The number of an event.
    #[must_use]
    pub fn number_of(self, line: &[u8]) -> Option<u64> {
        let digits = line.strip_prefix(BEFORE)?.get(..DIGITS)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}

/// How many bytes an event has more than the shortest one.
fn padding(word: u64, number: u64) -> usize {
    let some = word >> 12;
    let bytes = match word % 4096 {
        0 => 1_000_000 + some % 1_000_000,
        _ if number % 4096 == 40 => 1_000_000 + some % 1_000_000, // also in a short run
        1..=8 => 60_000 + some % 140_000,
        9..=100 => 4_000 + some % 26_000,
        _ => some % 700,
    };
    usize::try_from(bytes).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_json_object_that_tells_its_number() {
        let lines = Numbered::new(7);
        for number in 1..500 {
            let line = lines.line(number);
            assert!(!line.contains(&b'\n'));
            if lines.kind(number) == Kind::Event {
                assert_eq!(lines.number_of(&line), Some(number));
                let text = String::from_utf8_lossy(&line);
                assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap().is_object(), "{text}");
            }
        }
    }
}
