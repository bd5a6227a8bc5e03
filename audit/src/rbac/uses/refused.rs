//! What a refused impersonation was about, from what the API server answered.
//!
//! Promise: an answer that is not one of those is none, whatever a name in it says; names are read as Go quotes them.

use super::super::Request;
use super::super::reason::unquoted;

/// The request that was refused, of an answer such as `users "bob" is forbidden: User "jane" cannot impersonate resource
/// "users" in API group "" at the cluster scope`. What else it would have taken to act as that user is not in it.
#[must_use]
pub fn refused_impersonation(answer: &str) -> Option<Request> {
    let (_, rest) = answer.split_once(' ')?;
    let (name, rest) = unquoted(rest).ok()?;
    let (_, rest) = unquoted(rest.strip_prefix(" is forbidden: User ")?).ok()?;
    let (verb, rest) = rest.strip_prefix(" cannot ")?.split_once(' ')?;
    let (resource, rest) = unquoted(rest.strip_prefix("resource ")?).ok()?;
    let (group, rest) = unquoted(rest.strip_prefix(" in API group ")?).ok()?;
    let namespace = match rest.strip_prefix(" in the namespace ") {
        Some(rest) => unquoted(rest).ok()?.0,
        None => rest.starts_with(" at the cluster scope").then(String::new)?,
    };
    let is_impersonation = verb == "impersonate" || verb.starts_with("impersonate:");
    is_impersonation.then(|| Request::resource(verb, &group, &resource, &namespace, &name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_read_from_the_answer_and_from_no_other() {
        let user = r#"users "jane <\"j\"> cannot" is forbidden: User "bob" cannot impersonate resource "users" in API group "" at the cluster scope"#;
        let account = r#"serviceaccounts "ci" is forbidden: User "bob" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "team-b": why"#;
        let extra = r#"userextras.authentication.k8s.io "p1" is forbidden: User "bob" cannot impersonate resource "userextras/acme.com/project" in API group "authentication.k8s.io" at the cluster scope"#;
        let resource = |group, resource, namespace, name| {
            Some(Request::resource("impersonate", group, resource, namespace, name))
        };
        assert_eq!(refused_impersonation(user), resource("", "users", "", "jane <\"j\"> cannot"));
        assert_eq!(refused_impersonation(account), resource("", "serviceaccounts", "team-b", "ci"));
        assert_eq!(
            refused_impersonation(extra),
            resource("authentication.k8s.io", "userextras/acme.com/project", "", "p1")
        );
        for other in [
            "",
            "users",
            r#"users "x" is forbidden: User "bob" cannot list resource "users" in API group "" at the cluster scope"#,
            r#"users "x" is forbidden: User "b" cannot impersonate resource "users" in API group """#,
            &user[..user.len() - 30],
        ] {
            assert_eq!(refused_impersonation(other), None, "{other}");
        }
    }
}
