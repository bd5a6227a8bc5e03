//! A receipt as it is stored: a line of JSON with short names, so that a later version can add to them.
//!
//! Promise: a line that is not whole is none.

use proto::v1::DeliveryReceipt;
use serde::{Deserialize, Serialize};

use super::{Identity, Slip};
use crate::dead::hexadecimal;

/// A receipt as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    #[serde(rename = "t")]
    time_us: i64,
    #[serde(rename = "o")]
    pub(super) origin: String,
    #[serde(rename = "q")]
    pub(super) queue: String,
    /// Numbers of its lines: `3-7,9`.
    #[serde(rename = "l")]
    lines: String,
    #[serde(rename = "n")]
    events: u64,
    #[serde(rename = "b")]
    bytes: u64,
    #[serde(rename = "h")]
    sha256: String,
    #[serde(rename = "s")]
    status: u16,
}

impl Line {
    pub(super) fn of(slip: &Slip, (origin, queue): &Identity, now_us: i64) -> Line {
        let shown = |&(first, last): &(u64, u64)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        };
        Line {
            time_us: now_us,
            origin: origin.clone(),
            queue: hexadecimal(*queue),
            lines: slip.ranges.iter().map(shown).collect::<Vec<_>>().join(","),
            events: slip.ranges.iter().map(|(first, last)| last - first + 1).sum(),
            bytes: slip.bytes,
            sha256: slip.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            status: slip.status,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(&mut *out, self)
            .expect("a line of texts and numbers is JSON, and a Vec takes it");
        out.push(b'\n');
    }

    pub(super) fn read(line: &[u8]) -> Option<Line> {
        serde_json::from_slice(line).ok()
    }

    /// Whether it holds the line with this number.
    pub(super) fn holds(&self, number: u64) -> bool {
        self.ranges().any(|(first, last)| (first..=last).contains(&number))
    }

    fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.lines.split(',').filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some((first.parse().ok()?, last.parse().ok()?))
        })
    }

    /// As operators see it.
    pub(super) fn told(self, destination: &str) -> DeliveryReceipt {
        let queue = u128::from_str_radix(&self.queue, 16).map(u128::to_be_bytes);
        let digits = self.sha256.as_bytes().chunks(2);
        let byte = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let (first, last) = (self.ranges().next(), self.ranges().last());
        DeliveryReceipt {
            destination: destination.to_owned(),
            queue: queue.map(Vec::from).unwrap_or_default(),
            first: first.map_or(0, |(first, _)| first),
            last: last.map_or(0, |(_, last)| last),
            events: self.events,
            sha256: digits.filter_map(byte).collect(),
            bytes: self.bytes,
            status: self.status.into(),
            time_us: self.time_us,
            origin: self.origin,
            lines: self.lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Listed;

    #[test]
    fn a_receipt_says_exactly_which_lines_were_in_the_body_and_its_hash() {
        let line = |number| Listed { number, read_bytes: 9, shrunk: false, replaced: false };
        let slip = Slip::of(1, &[3, 4, 5, 9, 11, 12].map(line), b"abc", 202);
        let mut text = Vec::new();
        Line::of(&slip, &("cp-1:/a".into(), [5; 16]), 77).write(&mut text);
        let read = Line::read(text.trim_ascii_end()).unwrap();
        let held: Vec<u64> = (0..20).filter(|&number| read.holds(number)).collect();
        assert_eq!(held, [3, 4, 5, 9, 11, 12]);
        let told = read.told("dd");
        assert_eq!((told.first, told.last, told.events, told.bytes), (3, 12, 6, 3));
        assert_eq!((told.origin.as_str(), told.lines.as_str()), ("cp-1:/a", "3-5,9,11-12"));
        assert_eq!((told.status, told.time_us, told.queue), (202, 77, vec![5; 16]));
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // NIST's example
        let hash: String = told.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, known);
        assert_eq!(Line::read(&text[..text.len() - 2]), None);
    }
}
