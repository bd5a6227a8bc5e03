//! What should not be allowed lightly.
//!
//! Promise: each danger has a name that stays and one sentence that says what it comes to; a wildcard is as dangerous
//! as the worst that it covers, wherever it stands: in a rule `*` is never only itself, also where a request said so.

use super::{Names, Permission, Subject};

/// Something that should be granted with care only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Danger {
    /// A name for programs.
    pub code: &'static str,
    /// What it comes to.
    pub why: &'static str,
}

/// Verbs, API group, resources (with subresources), name and sentence of a danger.
type Row = (&'static [&'static str], &'static str, &'static [&'static str], &'static str, &'static str);

const RBAC: &str = "rbac.authorization.k8s.io";
const READ: [&str; 3] = ["get", "list", "watch"];
const WRITE: [&str; 3] = ["create", "update", "patch"];
const DELETE: [&str; 2] = ["delete", "deletecollection"];
const ANY: [&str; 0] = [];

const IMPERSONATE: &str = "whoever may act as somebody else may do all that they may";

const ROWS: [Row; 15] = [
    (
        &["escalate"],
        RBAC,
        &["roles", "clusterroles"],
        "escalate",
        "whoever may escalate can write any permission into a role, so holds all of them",
    ),
    (
        &["bind"],
        RBAC,
        &["roles", "clusterroles"],
        "bind",
        "whoever may bind a role can give it to themselves",
    ),
    (
        &WRITE,
        RBAC,
        &["rolebindings", "clusterrolebindings"],
        "write-bindings",
        "bindings decide who may do what; they can only give what their writer has, but to anybody",
    ),
    (
        &DELETE,
        RBAC,
        &["rolebindings", "clusterrolebindings"],
        "delete-bindings",
        "without their bindings others are locked out, and parts of the cluster stop working",
    ),
    (&["impersonate"], "", &["users", "groups", "serviceaccounts"], "impersonate", IMPERSONATE),
    (&["impersonate"], "authentication.k8s.io", &["userextras", "uids"], "impersonate", IMPERSONATE),
    (
        &READ,
        "",
        &["secrets"],
        "read-secrets",
        "secrets hold passwords and keys; list and watch show their content too",
    ),
    (
        &["create"],
        "",
        &["serviceaccounts/token"],
        "create-tokens",
        "a token of a service account gives all that the account may do",
    ),
    (
        &["create", "get"],
        "",
        &["pods/exec", "pods/attach", "pods/portforward"],
        "into-containers",
        "a way into containers gives their files, their network and the tokens mounted there",
    ),
    (
        &["patch", "update"],
        "",
        &["pods/ephemeralcontainers"],
        "into-containers",
        "a way into containers gives their files, their network and the tokens mounted there",
    ),
    (
        &ANY,
        "",
        &["nodes/proxy"],
        "node-proxy",
        "the kubelet behind it runs commands in every pod of the node, and its log is not the audit log",
    ),
    (
        &WRITE,
        "admissionregistration.k8s.io",
        &["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
        "write-webhooks",
        "a webhook sees and changes what others write, secrets included",
    ),
    (
        &DELETE,
        "admissionregistration.k8s.io",
        &[
            "mutatingwebhookconfigurations",
            "validatingwebhookconfigurations",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
        ],
        "delete-admission",
        "what they refuse or change is then written as it comes",
    ),
    (
        &["approve", "sign"],
        "certificates.k8s.io",
        &["signers"],
        "sign-certificates",
        "a signed certificate is a login under the name that is in it",
    ),
    (
        &WRITE,
        "certificates.k8s.io",
        &["certificatesigningrequests/approval"],
        "sign-certificates",
        "a signed certificate is a login under the name that is in it",
    ),
];

/// The dangers of a permission, and of giving it to this subject.
#[must_use]
pub fn dangers(subject: Option<&Subject>, permission: &Permission, names: &Names) -> Vec<Danger> {
    let mut found: Vec<Danger> = subject.and_then(open_to_all).into_iter().collect();
    if permission.is_wildcard() {
        let why = "a wildcard also covers what will be added later, and what nobody thought of";
        found.push(Danger { code: "wildcard", why });
    }
    if let Permission::Resource { group, resource, verb } = permission {
        // Newer clusters ask for one of these in the place of `impersonate`.
        if verb.starts_with("impersonate:") || verb.starts_with("impersonate-on:") {
            found.push(Danger { code: "impersonate", why: IMPERSONATE });
        }
        let covers = |own: &str, other: &str| own == "*" || own == other;
        let rows = ROWS.iter().filter(|(verbs, of, resources, ..)| {
            let of_verb = verbs.is_empty() || verbs.iter().any(|other| covers(verb, other));
            covers(group, of) && of_verb && resources.iter().any(|other| covers_resource(resource, other))
        });
        // To read one secret by its name is what most programs need.
        let is_one = matches!(names, Names::Only(names) if names.len() == 1) && verb == "get";
        let rows = rows.filter(|row| row.3 != "read-secrets" || !is_one);
        found.extend(rows.map(|row| Danger { code: row.3, why: row.4 }));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a rule for `own` counts for `other`, a resource of the table.
fn covers_resource(own: &str, other: &str) -> bool {
    let of_all =
        own.strip_prefix("*/").is_some_and(|own| other.split_once('/').is_some_and(|of| of.1 == own));
    own == "*" || own == other || of_all || other == "userextras" && own.starts_with("userextras/")
}

fn open_to_all(subject: &Subject) -> Option<Danger> {
    let (Subject::User(name) | Subject::Group(name)) = subject else { return None };
    matches!(name.as_str(), "system:anonymous" | "system:unauthenticated").then_some(Danger {
        code: "anonymous",
        why: "everybody who reaches the API server gets it, without a login",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(user: &str, group: &str, resource: &str, verb: &str, names: Names) -> Vec<&'static str> {
        let [group, resource, verb] = [group, resource, verb].map(str::to_owned);
        let permission = Permission::Resource { group, resource, verb };
        dangers(Some(&Subject::User(user.to_owned())), &permission, &names)
            .iter()
            .map(|found| found.code)
            .collect()
    }

    #[test]
    fn every_danger_is_found_and_harmless_things_are_not() {
        for (verbs, group, resources, code, _) in ROWS {
            let verb = verbs.first().copied().unwrap_or("get");
            for resource in resources {
                assert_eq!(codes("jane", group, resource, verb, Names::All), [code], "{verb} {resource}");
            }
        }
        assert_eq!(codes("system:anonymous", "", "pods", "get", Names::All), ["anonymous"]);
        assert!(codes("jane", "*", "*", "*", Names::All).len() > 9);
        let named = |names: &[&str]| Names::Only(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(codes("jane", "", "secrets", "get", named(&["a"])), [""; 0]);
        assert_eq!(codes("jane", "", "secrets", "get", named(&["a", "b"])), ["read-secrets"]);
        assert_eq!(codes("jane", "", "secrets", "list", named(&["a"])), ["read-secrets"]);
        assert_eq!(
            codes("jane", "authentication.k8s.io", "userextras/scopes", "impersonate", Names::All),
            ["impersonate"]
        );
        for (group, resource, verb) in
            [("", "pods", "list"), ("", "secrets", "create"), ("apps", "deployments/scale", "patch")]
        {
            assert_eq!(codes("jane", group, resource, verb, Names::All), [""; 0]);
        }
    }
    #[test]
    fn a_star_is_a_wildcard_wherever_a_rule_would_read_it_as_one() {
        let path = |path: &str, verb: &str| {
            let permission = Permission::Path { path: path.to_owned(), verb: verb.to_owned() };
            dangers(None, &permission, &Names::All).iter().map(|found| found.code).collect::<Vec<_>>()
        };
        for (of, verb) in [("/*", "get"), ("*", "get"), ("/foo*", "get"), ("/x**", "get"), ("/x", "*")] {
            assert_eq!(path(of, verb), ["wildcard"], "{verb} {of}");
        }
        assert_eq!(path("/a*b", "get"), [""; 0], "within a path it is a letter like others");
        assert_eq!(codes("jane", "", "*/exec", "create", Names::All), ["into-containers", "wildcard"]);
        assert_eq!(codes("jane", "", "*/token", "create", Names::All), ["create-tokens", "wildcard"]);
        assert_eq!(codes("jane", "apps", "*/scale", "update", Names::All), ["wildcard"]);
        assert_eq!(codes("jane", "", "pods/*", "get", Names::All), [""; 0], "which is no form of rules");
    }

    #[test]
    fn to_act_as_somebody_in_parts_is_to_act_as_somebody() {
        for verb in ["impersonate:user-info", "impersonate:serviceaccount", "impersonate-on:user-info:list"] {
            assert_eq!(
                codes("jane", "authentication.k8s.io", "users", verb, Names::All),
                ["impersonate"],
                "{verb}"
            );
        }
    }
}
