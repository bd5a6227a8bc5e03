//! When what was asked for was allowed.
//!
//! Far more is allowed than refused, and only what was refused is ever looked up; so of what was asked for, a number of
//! 128 bits is kept and no text.
//!
//! Promise: the same question has the same number wherever it is met, whatever its length; two that are not the same
//! have one number by no chance worth counting.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};

use super::action::Action;
use super::refused::Moments;
use crate::clip::clipped;
use crate::shares::{Owned, Shares};

/// When what was allowed, with a fair share of the room for each subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Allowed(Shares<Asked, Moments>);

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Asked {
    /// By whom: the subject's number.
    subject: u64,
    all: [u8; 16],
}

impl Owned for Asked {
    type Owner = u64;

    fn owner(&self) -> &u64 {
        &self.subject
    }
}

impl Allowed {
    /// The texts are those of an [`Action`] in their order, cut or not.
    pub(super) fn add(&mut self, texts: [&str; 7], moments: Moments) {
        self.0.add(Asked::of(texts), moments);
    }

    /// When this was allowed, if that is known.
    pub(super) fn of(&self, action: &Action) -> Moments {
        let Action { subject, verb, api_group, resource, subresource, namespace, path } = action;
        let asked = Asked::of([subject, verb, api_group, resource, subresource, namespace, path]);
        self.0.get(&asked).copied().unwrap_or_default()
    }

    pub(super) fn merge(&mut self, other: Allowed) {
        self.0.merge(other.0);
    }
}

impl Asked {
    fn of(texts: [&str; 7]) -> Asked {
        let mut hasher = SipHasher24::new();
        let mut subject = 0;
        for (place, text) in texts.into_iter().enumerate() {
            let text = clipped(text);
            hasher.write(&(text.len() as u64).to_le_bytes());
            hasher.write(text.as_bytes());
            if place == 0 {
                subject = hasher.finish();
            }
        }
        Asked { subject, all: hasher.finish128().as_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_has_one_number_and_where_a_text_ends_matters() {
        let long = "x".repeat(10_000);
        let action = |subject: &str, verb: &str| Action {
            subject: crate::clip::clip(subject),
            verb: verb.to_owned(),
            api_group: String::new(),
            resource: String::new(),
            subresource: String::new(),
            namespace: String::new(),
            path: String::new(),
        };
        let mut allowed = Allowed::default();
        allowed.add([&long, "get", "", "", "", "", ""], Moments::at(Some(7)));
        assert_eq!(allowed.of(&action(&long, "get")), Moments::at(Some(7)));
        allowed.add(["ab", "c", "", "", "", "", ""], Moments::at(Some(8)));
        assert_eq!(allowed.of(&action("ab", "c")), Moments::at(Some(8)));
        assert_eq!(allowed.of(&action("a", "bc")), Moments::default());
    }
}
