//! The object that a request is about.
//!
//! Promise: read in one walk; an absent field is the empty string, as for the API server.

use super::plain_key;
use crate::{scan, text};
use std::borrow::Cow;

/// `objectRef` of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectRef<'a> {
    /// The resource in the plural, such as `pods`.
    pub resource: Cow<'a, str>,
    /// The namespace; empty for cluster-scoped requests and those over all namespaces.
    pub namespace: Cow<'a, str>,
    /// The object's name; for a create it may come from the body.
    pub name: Cow<'a, str>,
    /// The object's uid, when the body had one.
    pub uid: Cow<'a, str>,
    /// The API group; empty for the core group.
    pub api_group: Cow<'a, str>,
    /// The version without the group.
    pub api_version: Cow<'a, str>,
    /// The subresource, such as `log`.
    pub subresource: Cow<'a, str>,
}

impl<'a> ObjectRef<'a> {
    pub(crate) fn read(object: &'a [u8]) -> ObjectRef<'a> {
        let mut found = ObjectRef::default();
        for (member, value) in scan::members(object) {
            let field = match &*plain_key(member.raw_key(object)) {
                b"resource" => &mut found.resource,
                b"namespace" => &mut found.namespace,
                b"name" => &mut found.name,
                b"uid" => &mut found.uid,
                b"apiGroup" => &mut found.api_group,
                b"apiVersion" => &mut found.api_version,
                b"subresource" => &mut found.subresource,
                _ => continue,
            };
            if let Some(value) = text::of_value(&object[value]) {
                *field = value;
            }
        }
        found
    }
}
