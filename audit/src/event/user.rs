//! A user, as an event names it.
//!
//! Invariant: a user without any field is nobody, since that is how the API server writes "not authenticated".

use super::member_value;
use crate::{scan, text};
use std::borrow::Cow;

/// `user` or `impersonatedUser` of an event.
#[derive(Debug, Clone, Copy)]
pub struct User<'a> {
    object: &'a [u8],
}

impl<'a> User<'a> {
    pub(crate) fn read(object: &'a [u8]) -> Option<User<'a>> {
        scan::members(object).next().is_some().then_some(User { object })
    }

    /// The name, such as `system:serviceaccount:default:builder`; empty when absent.
    #[must_use]
    pub fn username(&self) -> Cow<'a, str> {
        self.text(b"username").unwrap_or_default()
    }

    /// The unique id, when the authenticator knows one.
    #[must_use]
    pub fn uid(&self) -> Option<Cow<'a, str>> {
        self.text(b"uid")
    }

    /// The groups, in the order of the line, duplicates included.
    pub fn groups(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        let list = self.groups_list();
        scan::elements(list).filter_map(move |element| text::of_value(&list[element]))
    }

    /// The JSON of `extra`: a map from strings to lists of strings.
    #[must_use]
    pub fn extra(&self) -> Option<&'a [u8]> {
        member_value(self.object, b"extra")
    }

    /// The JSON list of the groups, empty when absent.
    pub(crate) fn groups_list(&self) -> &'a [u8] {
        member_value(self.object, b"groups").unwrap_or_default()
    }

    fn text(&self, key: &[u8]) -> Option<Cow<'a, str>> {
        text::of_value(member_value(self.object, key)?)
    }
}
