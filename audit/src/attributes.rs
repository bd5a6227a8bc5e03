//! What the API server's policy sees of a request.
//!
//! Promise: computed from a written event, these are the attributes that the server had when it decided, before
//! the event was filled up from the body: the authenticated user, not the impersonated one; for a create the
//! namespace and the name of the path, not those of the object. Borrows from the line.

mod path;

pub(crate) use path::decoded as decoded_path;

use crate::event::{Event, Field, ObjectRef};
use crate::{scan, text};
use std::borrow::Cow;

/// The input of a policy's decision.
#[derive(Debug, Clone, Default)]
pub struct Attributes<'a> {
    /// The authenticated user's name; `None` when nobody was authenticated.
    pub user: Option<Cow<'a, str>>,
    /// The authenticated user's groups.
    pub groups: Groups<'a>,
    /// The Kubernetes verb, or the lower-cased method of a non-resource request.
    pub verb: Cow<'a, str>,
    /// Empty for cluster-scoped requests and those over all namespaces.
    pub namespace: Cow<'a, str>,
    /// Empty for the core group.
    pub api_group: Cow<'a, str>,
    /// The resource in the plural.
    pub resource: Cow<'a, str>,
    /// Empty when the request is about the resource itself.
    pub subresource: Cow<'a, str>,
    /// Empty for requests without a name, such as list.
    pub name: Cow<'a, str>,
    /// The decoded path, without the query.
    pub path: Cow<'a, str>,
    /// Whether the request is about a resource.
    pub resource_request: bool,
}

/// The groups of a user.
#[derive(Debug, Clone)]
pub enum Groups<'a> {
    /// A JSON list of strings, read when asked for.
    Json(&'a [u8]),
    /// Names.
    Names(&'a [String]),
}

impl Default for Groups<'_> {
    fn default() -> Self {
        Groups::Names(&[])
    }
}

impl<'a> Groups<'a> {
    /// The groups in their order.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        let (list, names) = match self {
            Groups::Json(list) => (*list, [].as_slice()),
            Groups::Names(names) => ([].as_slice(), *names),
        };
        let read = scan::elements(list).filter_map(move |element| text::of_value(&list[element]));
        read.chain(names.iter().map(|name| Cow::Borrowed(name.as_str())))
    }
}

impl Groups<'_> {
    /// Whether one of the groups is one of these.
    #[must_use]
    pub fn any_of(&self, names: &[String]) -> bool {
        match self {
            Groups::Json(list) => scan::elements(list)
                .any(|element| names.iter().any(|name| text::is(&list[element.clone()], name))),
            Groups::Names(groups) => groups.iter().any(|group| names.contains(group)),
        }
    }
}

impl<'a> Attributes<'a> {
    /// The attributes that the API server's policy saw for this event's request.
    #[must_use]
    pub fn of(event: &Event<'a>) -> Attributes<'a> {
        let user = event.user();
        let verb = event.verb();
        let path = path::of_request_uri(event.raw(Field::RequestUri).unwrap_or_default());
        let mut attributes = Attributes {
            user: user.map(|user| user.username()),
            groups: Groups::Json(user.map_or(&[], |user| user.groups_list())),
            verb,
            path,
            ..Attributes::default()
        };
        if let Some(object) = event.object_ref() {
            attributes.take_object(object);
        }
        attributes
    }

    fn take_object(&mut self, object: ObjectRef<'a>) {
        self.resource_request = true;
        self.api_group = object.api_group;
        self.resource = object.resource;
        self.subresource = object.subresource;
        self.namespace = object.namespace;
        self.name = object.name;
        if self.verb == "create" {
            self.take_target();
        }
    }

    /// Of a create the server has filled name and namespace from the body, after it had decided; the path has what
    /// the policy saw.
    fn take_target(&mut self) {
        let (namespace, name) = match &self.path {
            Cow::Borrowed(path) => match path::target(path) {
                Some(target) => (Cow::Borrowed(target.namespace), Cow::Borrowed(target.name)),
                None => return,
            },
            Cow::Owned(path) => match path::target(path) {
                Some(target) => (Cow::Owned(target.namespace.to_owned()), Cow::Owned(target.name.to_owned())),
                None => return,
            },
        };
        self.namespace = namespace;
        self.name = name;
    }
}

#[cfg(test)]
mod tests {
    use super::Attributes;
    use crate::Event;

    fn event(verb: &str, uri: &str, user: &str, object: &str) -> String {
        format!(
            r#"{{"level":"Metadata","stage":"ResponseComplete","requestURI":"{uri}","verb":"{verb}","user":{user}{object}}}"#
        )
    }

    #[test]
    fn a_create_has_the_name_and_namespace_of_its_path_and_not_of_its_body() {
        let object = r#","objectRef":{"resource":"pods","namespace":"from-body","name":"from-body","apiVersion":"v1"}"#;
        let line = event("create", "/api/v1/pods", "{}", object);
        let event = Event::scan(line.as_bytes()).unwrap();
        let attributes = Attributes::of(&event);
        assert_eq!((attributes.namespace.as_ref(), attributes.name.as_ref()), ("", ""));
    }

    #[test]
    fn a_create_of_a_subresource_keeps_the_name_of_its_path() {
        let object =
            r#","objectRef":{"resource":"pods","namespace":"a","name":"web","subresource":"eviction"}"#;
        let line = event("create", "/api/v1/namespaces/a/pods/web/eviction", "{}", object);
        let event = Event::scan(line.as_bytes()).unwrap();
        let attributes = Attributes::of(&event);
        assert_eq!((attributes.namespace.as_ref(), attributes.name.as_ref()), ("a", "web"));
    }

    #[test]
    fn a_list_keeps_the_name_that_its_field_selector_gave() {
        let object = r#","objectRef":{"resource":"pods","namespace":"a","name":"x"}"#;
        let line = event("list", "/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dx", "{}", object);
        assert_eq!(Attributes::of(&Event::scan(line.as_bytes()).unwrap()).name, "x");
    }

    #[test]
    fn an_empty_user_is_nobody_and_an_absent_object_is_no_resource() {
        let line = event("get", "/healthz?verbose", "{}", "");
        let event = Event::scan(line.as_bytes()).unwrap();
        let attributes = Attributes::of(&event);
        assert_eq!((attributes.user.is_none(), attributes.resource_request), (true, false));
        assert_eq!(attributes.path, "/healthz");
    }

    #[test]
    fn the_authenticated_user_counts_and_the_impersonated_one_does_not() {
        let object = r#","impersonatedUser":{"username":"root","groups":["system:masters"]}"#;
        let line = event("get", "/healthz", r#"{"username":"jane","groups":["dev","dev"]}"#, object);
        let event = Event::scan(line.as_bytes()).unwrap();
        let attributes = Attributes::of(&event);
        assert_eq!(attributes.user.as_deref(), Some("jane"));
        assert_eq!(attributes.groups.iter().collect::<Vec<_>>(), ["dev", "dev"]);
    }
}
