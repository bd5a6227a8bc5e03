//! How wide a request reaches, in the words of Kubernetes' request metrics.
//!
//! `resource`: one object (it has a name, or is created); `namespace`: all of a kind in one namespace;
//! `cluster`: all of a kind, or objects that have no namespace; `nonresource`: no object at all.

use audit::ObjectRef;

/// The scope of a request with this verb to this object.
pub(crate) fn of(verb: &str, object: Option<&ObjectRef<'_>>) -> &'static str {
    match object {
        None => "nonresource",
        Some(object) if !object.name.is_empty() || verb == "create" => "resource",
        Some(object) if !object.namespace.is_empty() => "namespace",
        Some(_) => "cluster",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_or_create_is_one_object_then_the_namespace_counts() {
        let object = |namespace: &'static str, name: &'static str| ObjectRef {
            namespace: namespace.into(),
            name: name.into(),
            ..ObjectRef::default()
        };
        for (verb, object, scope) in [
            ("get", Some(object("web", "a")), "resource"),
            ("list", Some(object("", "selected-by-field")), "resource"),
            ("create", Some(object("web", "")), "resource"),
            ("list", Some(object("web", "")), "namespace"),
            ("deletecollection", Some(object("web", "")), "namespace"),
            ("watch", Some(object("", "")), "cluster"),
            ("get", None, "nonresource"),
            ("create", None, "nonresource"),
        ] {
            assert_eq!(of(verb, object.as_ref()), scope, "{verb} {object:?}");
        }
    }
}
