//! An object as kubectl names it: `deploy/web`, `deployments.apps/web`, `pod/web-0`.
//!
//! Promise: what could be meant as a file is a file; a kind is written in the plural, as audit events have it.

use std::path::Path;

/// Short names of resources that everybody uses.
const SHORT: [(&str, &str); 21] = [
    ("cj", "cronjobs"),
    ("cm", "configmaps"),
    ("crd", "customresourcedefinitions"),
    ("csr", "certificatesigningrequests"),
    ("deploy", "deployments"),
    ("ds", "daemonsets"),
    ("ep", "endpoints"),
    ("ev", "events"),
    ("hpa", "horizontalpodautoscalers"),
    ("ing", "ingresses"),
    ("netpol", "networkpolicies"),
    ("no", "nodes"),
    ("ns", "namespaces"),
    ("pdb", "poddisruptionbudgets"),
    ("po", "pods"),
    ("pv", "persistentvolumes"),
    ("pvc", "persistentvolumeclaims"),
    ("rs", "replicasets"),
    ("sa", "serviceaccounts"),
    ("sts", "statefulsets"),
    ("svc", "services"),
];

/// An object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// The resource, with its group where it was written.
    pub(crate) resource: String,
    /// Its name.
    pub(crate) name: String,
}

impl Object {
    /// The object that was written, unless it is a file or no object.
    pub(crate) fn read(written: &Path) -> Option<Object> {
        let (kind, name) = written.to_str()?.split_once('/')?;
        let is_kind = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
        let is_object = kind.starts_with(|c: char| c.is_ascii_lowercase()) && kind.chars().all(is_kind);
        if !is_object || name.is_empty() || name.contains('/') || written.exists() {
            return None;
        }
        let (kind, group) = kind.split_at(kind.find('.').unwrap_or(kind.len()));
        Some(Object { resource: plural(kind) + group, name: name.to_owned() })
    }
}

/// The name of a subresource, unless it is a file.
pub(crate) fn subresource(written: &Path) -> Option<&str> {
    let name = written.to_str().filter(|name| !name.is_empty() && !written.exists())?;
    name.chars().all(|c| c.is_ascii_lowercase()).then_some(name)
}

fn plural(kind: &str) -> String {
    if let Some((_, long)) = SHORT.iter().find(|(short, _)| *short == kind) {
        return (*long).to_owned();
    }
    match kind {
        _ if kind.ends_with("ss") => format!("{kind}es"),
        _ if kind.ends_with('s') => kind.to_owned(),
        _ => match kind.strip_suffix("cy") {
            Some(start) => format!("{start}cies"),
            None => format!("{kind}s"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_short_single_or_plural_with_or_without_its_group() {
        for (written, resource) in [
            ("deploy/web", "deployments"),
            ("deployment/web", "deployments"),
            ("deployments/web", "deployments"),
            ("deployment.apps/web", "deployments.apps"),
            ("ingress/web", "ingresses"),
            ("networkpolicy/web", "networkpolicies"),
            ("endpoints/web", "endpoints"),
        ] {
            let object = Object { resource: resource.into(), name: "web".into() };
            assert_eq!(Object::read(Path::new(written)), Some(object), "{written}");
        }
    }

    #[test]
    fn what_can_be_a_file_is_a_file() {
        for file in
            ["audit.log", "./audit.log", "/var/log", "logs/2026/audit.log", "Logs/a", "src/lib.rs", "-"]
        {
            assert_eq!(Object::read(Path::new(file)), None, "{file}");
        }
        assert_eq!(subresource(Path::new("exec")), Some("exec"));
        assert_eq!(subresource(Path::new("audit.log")), None);
        assert_eq!(subresource(Path::new("src")), None);
    }
}
