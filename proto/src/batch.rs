//! A batch, seen as its lines.
//!
//! Invariant: a batch that passed [`Batch::check`] can be walked without further checks: its numbers lie in
//! `first..=last` and rise, and there are as many of them as lines.

use bytes::Bytes;

use crate::{Batch, Encoding, Filtered, Receipt, Refusal, decode_block, encode_block};

/// One line of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, per origin.
    pub number: u64,
    /// The bytes that it had when it was read, with one newline.
    pub read_bytes: u64,
    /// The line without its newline, a slice of the batch's block.
    pub bytes: Bytes,
}

impl Batch {
    /// Refuses what no honest stage sends.
    ///
    /// # Errors
    /// [`Refusal::Invalid`], naming what is wrong.
    pub fn check(&self) -> Result<(), Refusal> {
        let invalid = |why: &str| Err(Refusal::Invalid { why: why.to_owned() });
        if self.origin.is_none() {
            return invalid("the batch names no origin");
        }
        if self.queue.len() != 16 {
            return invalid("the batch's queue id has not 16 bytes");
        }
        if self.first > self.last || self.last - self.first >= u64::from(u32::MAX) {
            return invalid("the batch's numbers are not a range");
        }
        let span = (self.last - self.first) as u32;
        if !self.numbers.is_empty() && self.numbers.len() != self.events as usize {
            return invalid("the batch has not as many numbers as events");
        }
        if self.numbers.is_empty() && self.events > 0 && u64::from(self.events) > u64::from(span) + 1 {
            return invalid("the batch has more events than numbers");
        }
        if !self.read_bytes.is_empty() && self.read_bytes.len() != self.events as usize {
            return invalid("the batch has not as many read sizes as events");
        }
        if !rising_within(&self.numbers, span) {
            return invalid("the batch's numbers do not rise within its range");
        }
        if self.filtered.iter().any(|filtered| !filtered.is_sound(span)) {
            return invalid("the batch's filtered numbers do not rise within its range");
        }
        Ok(())
    }

    /// Its lines, unpacked. The lines are slices of one buffer.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] or [`Refusal::TooLarge`] when the block is not what the batch says.
    pub fn lines(&self) -> Result<Vec<Line>, Refusal> {
        let raw = decode_block(&self.block, self.encoding(), self.block_bytes)?;
        // The sender says how many events there are; only the block says how many there can be.
        let mut lines = Vec::with_capacity((self.events as usize).min(raw.len()));
        let mut start = 0;
        while let Some(length) = memchr::memchr(b'\n', &raw[start..]) {
            let at = lines.len();
            let number = self.first + self.numbers.get(at).map_or(at as u64, |&number| u64::from(number));
            let read_bytes = self.read_bytes.get(at).map_or(length as u64 + 1, |&bytes| u64::from(bytes));
            lines.push(Line { number, read_bytes, bytes: raw.slice(start..start + length) });
            start += length + 1;
        }
        if start != raw.len() || lines.len() != self.events as usize {
            let why = format!("the block holds {} lines, the batch says {}", lines.len(), self.events);
            return Err(Refusal::Invalid { why });
        }
        Ok(lines)
    }

    /// Number, and bytes as read, of every line of this batch: of those in the block, which are given, and of the
    /// filtered ones.
    pub fn sizes<'a>(&'a self, lines: &'a [Line]) -> impl Iterator<Item = (u64, u64)> + 'a {
        let filtered =
            self.filtered.iter().flat_map(|filtered| filtered.numbers.iter().zip(&filtered.read_bytes));
        let filtered = filtered.map(|(&number, &bytes)| (self.first + u64::from(number), u64::from(bytes)));
        lines.iter().map(|line| (line.number, line.read_bytes)).chain(filtered)
    }

    /// The receipt for this batch.
    pub fn receipt(&self) -> Receipt {
        Receipt { queue: self.queue.clone(), first: self.first, last: self.last, repeated: false }
    }

    /// The same lines as two batches, cut between two numbers; None when the range has one number only.
    ///
    /// # Errors
    /// As [`Batch::lines`].
    pub fn split(&self) -> Result<Option<(Batch, Batch)>, Refusal> {
        if self.first == self.last {
            return Ok(None);
        }
        let lines = self.lines()?;
        let middle = match lines.len() {
            0 | 1 => self.first + (self.last - self.first) / 2,
            count => lines[count / 2 - 1].number,
        };
        Ok(Some((self.part(self.first, middle, &lines)?, self.part(middle + 1, self.last, &lines)?)))
    }

    /// The sub-range `first..=last` of this batch, given its lines.
    fn part(&self, first: u64, last: u64, all: &[Line]) -> Result<Batch, Refusal> {
        let lines: Vec<&Line> = all.iter().filter(|line| (first..=last).contains(&line.number)).collect();
        let mut raw = Vec::new();
        for line in &lines {
            raw.extend_from_slice(&line.bytes);
            raw.push(b'\n');
        }
        let encoding = self.encoding();
        let block = encode_block(&raw, encoding)
            .map_err(|error| Refusal::Unavailable { why: format!("a block cannot be packed: {error}") })?;
        let before = self.sizes(all).filter(|&(number, _)| number < first);
        let (events_before, bytes_before) = before
            .fold((self.events_before, self.bytes_before), |(events, sum), (_, bytes)| {
                (events + 1, sum + bytes)
            });
        Ok(Batch {
            first,
            last,
            events_before,
            bytes_before,
            events: lines.len() as u32,
            block,
            block_bytes: raw.len() as u64,
            numbers: lines.iter().map(|line| (line.number - first) as u32).collect(),
            read_bytes: lines.iter().map(|line| u32::try_from(line.read_bytes).unwrap_or(u32::MAX)).collect(),
            filtered: self.filtered.iter().map(|filtered| filtered.part(self.first, first, last)).collect(),
            ..self.clone()
        })
    }

    /// Puts lines in: block, counts and numbers; what is implied is left out.
    ///
    /// # Errors
    /// Only when compression fails.
    pub fn with_lines<'a, L>(mut self, lines: L, encoding: Encoding) -> std::io::Result<Batch>
    where
        L: IntoIterator<Item = (u64, u64, &'a [u8])>,
    {
        let (mut raw, mut numbers, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        let (mut contiguous, mut as_read) = (true, true);
        for (number, read_bytes, line) in lines {
            contiguous &= number == self.first + numbers.len() as u64;
            as_read &= read_bytes == line.len() as u64 + 1;
            numbers.push((number - self.first) as u32);
            sizes.push(u32::try_from(read_bytes).unwrap_or(u32::MAX));
            raw.extend_from_slice(line);
            raw.push(b'\n');
        }
        self.events = numbers.len() as u32;
        self.block = encode_block(&raw, encoding)?;
        self.block_bytes = raw.len() as u64;
        self.set_encoding(encoding);
        self.numbers = if contiguous { Vec::new() } else { numbers };
        self.read_bytes = if as_read { Vec::new() } else { sizes };
        Ok(self)
    }
}

impl Filtered {
    fn is_sound(&self, span: u32) -> bool {
        self.numbers.len() == self.read_bytes.len() && rising_within(&self.numbers, span)
    }

    fn part(&self, base: u64, first: u64, last: u64) -> Filtered {
        let (mut numbers, mut read_bytes) = (Vec::new(), Vec::new());
        for (&number, &bytes) in self.numbers.iter().zip(&self.read_bytes) {
            let number = base + u64::from(number);
            if (first..=last).contains(&number) {
                numbers.push((number - first) as u32);
                read_bytes.push(bytes);
            }
        }
        Filtered { by: self.by.clone(), numbers, read_bytes }
    }
}

fn rising_within(numbers: &[u32], span: u32) -> bool {
    numbers.is_sorted_by(|a, b| a < b) && numbers.last().is_none_or(|&last| last <= span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;

    fn batch(lines: &[(u64, &[u8])]) -> Batch {
        let empty = Batch {
            origin: Some(Origin::default()),
            queue: vec![7; 16],
            first: 10,
            last: 19,
            ..Batch::default()
        };
        let lines = lines.iter().map(|(number, line)| (*number, line.len() as u64 + 1, *line));
        empty.with_lines(lines, Encoding::Zstd).unwrap()
    }

    #[test]
    fn lines_come_out_as_they_went_in() {
        let batch = batch(&[(10, b"{\"a\":1}"), (12, b"{}"), (19, b"{\"b\":\xff}")]);
        batch.check().unwrap();
        let lines = batch.lines().unwrap();
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [10, 12, 19]);
        assert_eq!(lines[2].bytes.as_ref(), b"{\"b\":\xff}");
        assert_eq!(lines[0].read_bytes, 8);
    }

    #[test]
    fn numbers_that_follow_each_other_are_implied() {
        let batch = batch(&[(10, b"{}"), (11, b"{}")]);
        assert!(batch.numbers.is_empty() && batch.read_bytes.is_empty());
        assert_eq!(batch.lines().unwrap()[1].number, 11);
    }

    #[test]
    fn splitting_keeps_every_line_and_every_filtered_number_once() {
        let mut whole = batch(&[(10, b"{}"), (13, b"{\"x\":1}"), (17, b"{}")]);
        whole.filtered =
            vec![Filtered { by: "rule 1".into(), numbers: vec![1, 2, 9], read_bytes: vec![5, 6, 7] }];
        (whole.events_before, whole.bytes_before) = (4, 40);
        let (left, right) = whole.split().unwrap().unwrap();
        assert_eq!((left.events_before, left.bytes_before), (4, 40));
        let (events, bytes) =
            left.sizes(&left.lines().unwrap()).fold((4, 40), |sum, (_, n)| (sum.0 + 1, sum.1 + n));
        assert_eq!((right.events_before, right.bytes_before), (events, bytes));
        assert_eq!((left.first, left.last + 1, right.last), (10, right.first, 19));
        let numbers =
            |batch: &Batch| batch.lines().unwrap().iter().map(|line| line.number).collect::<Vec<_>>();
        assert_eq!([numbers(&left), numbers(&right)].concat(), [10, 13, 17]);
        assert_eq!(left.filtered[0].read_bytes.len() + right.filtered[0].read_bytes.len(), 3);
        left.check().unwrap();
        right.check().unwrap();
    }

    #[test]
    fn a_batch_of_one_number_cannot_be_split() {
        let one = Batch { last: 10, ..batch(&[(10, b"{}")]) };
        assert!(one.split().unwrap().is_none());
    }

    #[test]
    fn a_count_of_events_that_no_block_could_hold_is_refused_without_the_memory_for_them() {
        let lies = Batch { events: u32::MAX, last: 10 + u64::from(u32::MAX) - 1, ..batch(&[(10, b"{}")]) };
        lies.check().unwrap();
        assert!(matches!(lies.lines(), Err(Refusal::Invalid { .. })));
    }

    #[test]
    fn what_no_honest_stage_sends_is_refused() {
        let good = batch(&[(10, b"{}"), (12, b"{}")]);
        let bad = [
            Batch { origin: None, ..good.clone() },
            Batch { queue: vec![1], ..good.clone() },
            Batch { first: 20, ..good.clone() },
            Batch { numbers: vec![2, 0], ..good.clone() },
            Batch { numbers: vec![0, 10], ..good.clone() },
            Batch { numbers: vec![0], ..good.clone() },
            Batch { read_bytes: vec![1], ..good.clone() },
            Batch { filtered: vec![Filtered { numbers: vec![1], ..Filtered::default() }], ..good.clone() },
        ];
        for batch in bad {
            assert!(matches!(batch.check(), Err(Refusal::Invalid { .. })), "{batch:?}");
        }
        let lies = Batch { events: 3, ..good };
        assert!(matches!(lies.lines(), Err(Refusal::Invalid { .. })));
    }
}
