//! Sets of rules, one bit each.
//!
//! Invariant: a set has as many words as its policy needs, and no bit beyond the last rule.

/// Rules per word.
pub(super) const WORD: usize = u64::BITS as usize;

/// A set of rules.
#[derive(Debug, Clone, Default)]
pub(super) struct Set(Vec<u64>);

impl Set {
    /// The rules, counted as they come, for which it is true.
    pub(super) fn of(rules: impl Iterator<Item = bool>) -> Set {
        let mut words = Vec::new();
        for (rule, holds) in rules.enumerate() {
            if rule % WORD == 0 {
                words.push(0);
            }
            words[rule / WORD] |= u64::from(holds) << (rule % WORD);
        }
        Set(words)
    }

    /// All words.
    pub(super) fn words(&self) -> &[u64] {
        &self.0
    }

    /// 64 rules.
    pub(super) fn word(&self, word: usize) -> u64 {
        self.0[word]
    }
}
