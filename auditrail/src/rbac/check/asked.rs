//! What was asked, as the request that the API server would get.
//!
//! Promises: a request has the namespace and the name that the server reads from its URL, whatever was asked; what is
//! left out or put in is told. Where the answer rests on a word that nothing is called by, or on a name that was not
//! given, that is told too.

use anyhow::{Error, anyhow};
use audit::rbac::{self, Rbac, Request, Target, Who};

/// Verbs of requests without a name, whatever they are about.
const NAMELESS: &str = "deletecollection";
/// The methods of HTTP, which are the verbs for paths.
const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];
/// The most names of objects that are told.
const NAMED: usize = 5;

/// What was asked.
pub(super) struct Asked {
    pub(super) request: Request,
    /// What is another than it was asked for, and why.
    pub(super) notes: Vec<String>,
}

impl Asked {
    /// Something with a resource.
    pub(super) fn resource(verb: &str, resource: &str, namespace: &str, name: &str) -> Asked {
        let (group, resource) = rbac::of_full(resource);
        let mut notes = Vec::new();
        let name = named(verb, &resource, name, &mut notes);
        let namespace = placed(&group, &resource, namespace, name, &mut notes);
        Asked { request: Request::resource(verb, &group, &resource, namespace, name), notes }
    }

    /// Something with a path.
    pub(super) fn path(verb: &str, path: &str) -> Result<Asked, Error> {
        if !path.starts_with('/') {
            return Err(anyhow!("a path begins with `/`: write --path /{path}"));
        }
        let request = Request::uri(verb, path);
        let Target::Path(decoded) = &request.target else { return Err(anyhow!("{path} is no path")) };
        if is_of_resource(decoded) {
            return Err(anyhow!(
                "{decoded} is the path of a resource, which is decided by its parts: ask with --resource, -n and --name"
            ));
        }
        let mut notes = Vec::new();
        if path.contains('?') {
            notes.push("the query of a path is no part of what is decided, and is left out".to_owned());
        }
        if !METHODS.contains(&verb) {
            notes.push(format!("requests for paths have one of these verbs: {}", METHODS.join(", ")));
        }
        Ok(Asked { request, notes })
    }

    /// What explains the answer, and may be another than was meant.
    pub(super) fn hints(&self, rbac: &Rbac, who: &Who, allowed: bool) -> Vec<String> {
        let mut hints = Vec::new();
        let Request { verb, target } = &self.request;
        if verb.chars().any(char::is_uppercase) {
            hints.push(format!("verbs are in lower case: did you mean `{}`?", verb.to_ascii_lowercase()));
        }
        if let Target::Resource { group, resource, subresource, .. } = target {
            let resource = match subresource.as_str() {
                "" => resource.clone(),
                subresource => format!("{resource}/{subresource}"),
            };
            hints.extend(unknown(rbac, group, &resource, allowed));
        }
        hints.extend(Some(()).filter(|()| !allowed).and_then(|()| self.only_for(rbac, who)));
        hints
    }

    /// Which names a rule allows it for, when it has none itself.
    fn only_for(&self, rbac: &Rbac, who: &Who) -> Option<String> {
        let Target::Resource { name, .. } = &self.request.target else { return None };
        let bindings = rbac.bindings_for(who, self.request.namespace());
        let rules = bindings.into_iter().flat_map(|binding| rbac.rules_of(binding));
        let mut names: Vec<&str> = rules
            .filter(|rule| !rule.resource_names.is_empty() && name.is_empty())
            .filter(|rule| rule.but_for_names().allows(&self.request))
            .flat_map(|rule| rule.resource_names.iter().map(String::as_str))
            .collect();
        names.sort_unstable();
        names.dedup();
        let more = if names.len() > NAMED { ", ..." } else { "" };
        names.truncate(NAMED);
        let told = (!names.is_empty()).then(|| names.join(", ") + more)?;
        Some(match has_name(&self.request.verb, &self.request) {
            true => format!("there are rules that allow it for these names only: {told}; ask with --name"),
            false => format!(
                "there are rules with `resourceNames` ({told}); they never allow a `{}`, which has no name",
                self.request.verb
            ),
        })
    }
}

/// The name that the request has.
fn named<'n>(verb: &str, resource: &str, name: &'n str, notes: &mut Vec<String>) -> &'n str {
    if name.is_empty() || has_name_for(verb, resource.contains('/')) {
        if !name.is_empty() && matches!(verb, "list" | "watch") {
            notes.push(format!("a `{verb}` has a name only with the field selector metadata.name={name}"));
        }
        return name;
    }
    notes.push(format!("a `{verb}` has no name when it is decided: --name {name} is left out"));
    ""
}

/// The namespace that the request has.
fn placed<'n>(
    group: &str,
    resource: &str,
    namespace: &'n str,
    name: &'n str,
    notes: &mut Vec<String>,
) -> &'n str {
    let is_namespace = group.is_empty() && resource.split('/').next() == Some("namespaces");
    let own = match rbac::is_namespaced(group, resource) {
        _ if is_namespace => name,
        Some(false) => "",
        Some(true) | None => return namespace,
    };
    if is_namespace && !name.is_empty() {
        if namespace == name {
            return own;
        }
        notes.push(format!("a request for the namespace {name} is decided as one in {name}"));
    } else if !namespace.is_empty() {
        let what = rbac::in_full(group, resource);
        notes.push(format!("{what} are in no namespace: -n {namespace} is left out"));
    }
    own
}

fn has_name(verb: &str, request: &Request) -> bool {
    matches!(&request.target, Target::Resource { subresource, .. } if has_name_for(verb, !subresource.is_empty()))
}

/// Whether such a request can have a name: what is created is named in the body, which the authorizer does not see.
fn has_name_for(verb: &str, of_subresource: bool) -> bool {
    verb != NAMELESS && (verb != "create" || of_subresource)
}

/// What to say of a resource that there is not, as far as anybody can tell.
fn unknown(rbac: &Rbac, group: &str, resource: &str, allowed: bool) -> Option<String> {
    if resource.contains('*') || rbac::is_resource(rbac, group, resource) {
        return None;
    }
    let nothing =
        format!("no rule and no resource of Kubernetes has the name `{}`", rbac::in_full(group, resource));
    match rbac::meant(rbac, group, resource) {
        Some((group, resource)) => {
            Some(format!("{nothing}: did you mean `{}`?", rbac::in_full(&group, &resource)))
        }
        None if allowed => None,
        None => Some(format!("{nothing}: write it as the first column of `kubectl api-resources` does")),
    }
}

/// Whether a path is one that the API server reads as that of a resource.
fn is_of_resource(path: &str) -> bool {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts[0] {
        "api" => parts.len() >= 3,
        "apis" => parts.len() >= 4,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Asked;

    fn asked(verb: &str, resource: &str, namespace: &str, name: &str) -> (String, usize) {
        let asked = Asked::resource(verb, resource, namespace, name);
        (asked.request.to_string(), asked.notes.len())
    }

    #[test]
    fn a_request_has_the_namespace_and_the_name_that_the_server_reads_from_its_url() {
        for (verb, resource, namespace, name, request, notes) in [
            ("get", "namespaces", "", "shop", "get namespaces shop in shop", 1),
            ("get", "namespaces", "other", "shop", "get namespaces shop in shop", 1),
            ("get", "namespaces", "shop", "shop", "get namespaces shop in shop", 0),
            ("update", "namespaces/finalize", "", "shop", "update namespaces/finalize shop in shop", 1),
            ("list", "namespaces", "shop", "", "list namespaces in the cluster", 1),
            ("create", "namespaces", "", "shop", "create namespaces in the cluster", 1),
            ("get", "nodes", "shop", "a", "get nodes a in the cluster", 1),
            ("impersonate", "users", "shop", "bob", "impersonate users bob in the cluster", 1),
            ("impersonate", "serviceaccounts", "shop", "ci", "impersonate serviceaccounts ci in shop", 0),
            ("create", "pods", "shop", "web", "create pods in shop", 1),
            ("create", "pods/exec", "shop", "web", "create pods/exec web in shop", 0),
            ("deletecollection", "pods", "shop", "web", "deletecollection pods in shop", 1),
            ("list", "pods", "shop", "web", "list pods web in shop", 1),
            ("get", "widgets.example.com", "shop", "a", "get widgets.example.com a in shop", 0),
        ] {
            assert_eq!(
                asked(verb, resource, namespace, name),
                (request.to_owned(), notes),
                "{verb} {resource}"
            );
        }
    }

    #[test]
    fn what_is_printed_of_a_resource_is_read_back() {
        for (written, read) in [
            ("deployments.apps/scale", "deployments.apps/scale"),
            ("deployments/scale.apps", "deployments.apps/scale"),
            ("pods/log", "pods/log"),
            ("roles.rbac.authorization.k8s.io", "roles.rbac.authorization.k8s.io"),
            (
                "userextras.authentication.k8s.io/acme.com/team",
                "userextras.authentication.k8s.io/acme.com/team",
            ),
        ] {
            assert_eq!(asked("get", written, "", "").0, format!("get {read} in the cluster"));
        }
    }

    #[test]
    fn a_path_loses_its_query_and_that_of_a_resource_is_none() {
        let request =
            |path| Asked::path("get", path).map(|asked| (asked.request.to_string(), asked.notes.len()));
        assert_eq!(request("/metrics?x=1").unwrap(), ("get /metrics".to_owned(), 1));
        assert_eq!(request("/a%20b").unwrap(), ("get /a b".to_owned(), 0));
        assert_eq!(request("/apis/apps/v1").unwrap(), ("get /apis/apps/v1".to_owned(), 0));
        for path in ["/api/v1/pods", "/apis/apps/v1/deployments", "metrics"] {
            assert!(request(path).is_err(), "{path}");
        }
    }
}
