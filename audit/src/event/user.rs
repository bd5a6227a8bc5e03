//! A user, as an event names it.
//!
//! Invariant: a user without any field is nobody, since that is how the API server writes "not authenticated".

use super::{member_value, same_key};
use crate::{scan, text};
use std::borrow::Cow;

/// `user` or `impersonatedUser` of an event.
#[derive(Debug, Clone, Copy)]
pub struct User<'a> {
    object: &'a [u8],
    username: &'a [u8],
    groups: &'a [u8],
}

impl<'a> User<'a> {
    pub(crate) fn read(object: &'a [u8]) -> Option<User<'a>> {
        let mut user = None;
        for (member, value) in scan::members(object) {
            let user = user.get_or_insert(User { object, username: b"", groups: b"" });
            let key = member.raw_key(object);
            if object[value.clone()] == b"null"[..] {
                continue;
            }
            if same_key(key, b"username") {
                user.username = &object[value];
            } else if same_key(key, b"groups") {
                user.groups = &object[value];
            }
        }
        user
    }

    /// The name, such as `system:serviceaccount:default:builder`; empty when absent.
    #[must_use]
    pub fn username(&self) -> Cow<'a, str> {
        text::of_value(self.username).unwrap_or_default()
    }

    /// The unique id, when the authenticator knows one.
    #[must_use]
    pub fn uid(&self) -> Option<Cow<'a, str>> {
        text::of_value(member_value(self.object, b"uid")?)
    }

    /// The groups, in the order of the line, duplicates included.
    pub fn groups(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        let list = self.groups;
        scan::elements(list).filter_map(move |element| text::of_value(&list[element]))
    }

    /// The JSON of `extra`: a map from strings to lists of strings.
    #[must_use]
    pub fn extra(&self) -> Option<&'a [u8]> {
        member_value(self.object, b"extra")
    }

    /// The JSON list of the groups, empty when absent.
    pub(crate) fn groups_list(&self) -> &'a [u8] {
        self.groups
    }
}
