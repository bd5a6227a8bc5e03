//! Bytes, read as choices.
//!
//! Promise: any bytes are choices, and when there are none left, the first choice is made for ever.

/// The choices that are left.
pub struct Choices<'b>(&'b [u8]);

impl<'b> Choices<'b> {
    /// Those that these bytes make.
    pub fn new(bytes: &'b [u8]) -> Choices<'b> {
        Choices(bytes)
    }

    /// Whether there are any left.
    pub fn are_left(&self) -> bool {
        !self.0.is_empty()
    }

    /// A number below `end`, which is 256 at most.
    pub fn below(&mut self, end: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % end
    }

    /// One of two.
    pub fn yes(&mut self) -> bool {
        self.below(2) == 1
    }

    /// One of these words, or another one made of their odd characters.
    pub fn word(&mut self, words: &[&str]) -> String {
        const ODD: [&str; 8] = ["", "*", "/", "a", "b", ".", "é", "\""];
        match self.below(words.len() + 1) {
            last if last == words.len() => (0..self.below(4)).map(|_| ODD[self.below(ODD.len())]).collect(),
            word => words[word].to_owned(),
        }
    }

    /// None of these words, as often as not, else up to three.
    pub fn words(&mut self, words: &[&str]) -> Vec<String> {
        let count = self.below(6).saturating_sub(2);
        (0..count).map(|_| self.word(words)).collect()
    }
}
