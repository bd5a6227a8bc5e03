//! The annotation `authorization.k8s.io/reason`: which binding allowed a request.
//!
//! Promise: what RBAC wrote is read completely and written again byte for byte; anything else is refused.

use serde::{Deserialize, Serialize};

use std::fmt;
use std::str::FromStr;

use super::{Binding, RoleKind, Subject};
use crate::go_text::quoted;

/// A binding by which a request was allowed: which role it gives, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Via {
    /// The binding's namespace; empty for a ClusterRoleBinding.
    pub namespace: String,
    /// The binding's name.
    pub binding: String,
    /// The kind of the role.
    pub role_kind: RoleKind,
    /// The name of the role.
    pub role: String,
    /// The subject of the binding that the request's user is.
    pub subject: Subject,
}

/// The text is no reason that RBAC gives for allowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a reason that RBAC gives for allowing a request")]
pub struct BadReason;

impl Via {
    /// What the binding gives to one of its subjects.
    #[must_use]
    pub fn new(binding: &Binding, subject: Subject) -> Via {
        Via {
            namespace: binding.namespace.clone(),
            binding: binding.name.clone(),
            role_kind: binding.role_kind,
            role: binding.role.clone(),
            subject,
        }
    }

    /// Whether this is that binding.
    #[must_use]
    pub fn is_by(&self, binding: &Binding) -> bool {
        (&self.namespace, &self.binding) == (&binding.namespace, &binding.name)
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = if self.namespace.is_empty() {
            ("ClusterRoleBinding", self.binding.clone())
        } else {
            ("RoleBinding", format!("{}/{}", self.binding, self.namespace))
        };
        let subject = match &self.subject {
            Subject::User(name) | Subject::Group(name) => name.clone(),
            Subject::ServiceAccount { namespace, name } => format!("{name}/{namespace}"),
        };
        write!(
            f,
            "RBAC: allowed by {kind} {} of {} {} to {} {}",
            quoted(&name),
            self.role_kind.name(),
            quoted(&self.role),
            self.subject.kind(),
            quoted(&subject)
        )
    }
}

impl FromStr for Via {
    type Err = BadReason;

    fn from_str(text: &str) -> Result<Via, BadReason> {
        let rest = text.strip_prefix("RBAC: allowed by ").ok_or(BadReason)?;
        let (kind, rest) = rest.split_once(' ').ok_or(BadReason)?;
        let (name, rest) = unquoted(rest)?;
        let (namespace, binding) = match kind {
            "ClusterRoleBinding" => (String::new(), name),
            "RoleBinding" => apart(&name)?,
            _ => return Err(BadReason),
        };
        let (role_kind, rest) =
            rest.strip_prefix(" of ").and_then(|rest| rest.split_once(' ')).ok_or(BadReason)?;
        let role_kind = match role_kind {
            "Role" => RoleKind::Role,
            "ClusterRole" => RoleKind::ClusterRole,
            _ => return Err(BadReason),
        };
        let (role, rest) = unquoted(rest)?;
        let (kind, rest) =
            rest.strip_prefix(" to ").and_then(|rest| rest.split_once(' ')).ok_or(BadReason)?;
        let (name, rest) = unquoted(rest)?;
        let subject = match kind {
            "User" => Subject::User(name),
            "Group" => Subject::Group(name),
            "ServiceAccount" => {
                let (namespace, name) = apart(&name)?;
                Subject::ServiceAccount { namespace, name }
            }
            _ => return Err(BadReason),
        };
        let via = Via { namespace, binding, role_kind, role, subject };
        if rest.is_empty() { Ok(via) } else { Err(BadReason) }
    }
}

/// Namespace and name of `name/namespace`.
fn apart(text: &str) -> Result<(String, String), BadReason> {
    let (name, namespace) = text.rsplit_once('/').ok_or(BadReason)?;
    Ok((namespace.to_owned(), name.to_owned()))
}

/// What stands in the quotes at the beginning, as Go quotes it, and what follows them.
pub(super) fn unquoted(text: &str) -> Result<(String, &str), BadReason> {
    let mut rest = text.strip_prefix('"').ok_or(BadReason)?;
    let mut bytes = Vec::new();
    loop {
        let c = rest.chars().next().ok_or(BadReason)?;
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => break,
            '\\' => rest = escape(rest, &mut bytes)?,
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Ok((String::from_utf8_lossy(&bytes).into_owned(), rest))
}

/// Takes the escape that follows a backslash, and gives what is behind it.
fn escape<'t>(rest: &'t str, bytes: &mut Vec<u8>) -> Result<&'t str, BadReason> {
    let kind = rest.chars().next().ok_or(BadReason)?;
    let plain = match kind {
        '"' | '\\' => kind as u8,
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        'x' | 'u' | 'U' => {
            let digits = if kind == 'x' {
                2
            } else if kind == 'u' {
                4
            } else {
                8
            };
            let hex = rest.get(1..=digits).ok_or(BadReason)?;
            let number = u32::from_str_radix(hex, 16).map_err(|_| BadReason)?;
            match (kind, char::from_u32(number)) {
                ('x', _) => bytes.push(u8::try_from(number).map_err(|_| BadReason)?),
                (_, Some(c)) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                (_, None) => return Err(BadReason),
            }
            return Ok(&rest[digits + 1..]);
        }
        _ => return Err(BadReason),
    };
    bytes.push(plain);
    Ok(&rest[1..])
}
