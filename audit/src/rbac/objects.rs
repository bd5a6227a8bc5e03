//! Roles, bindings and what they name, as the API holds them.
//!
//! Promise: plain data; what a field means is decided elsewhere, and unknown fields are not kept.

use serde::{Deserialize, Serialize};

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::Hash;

use super::BadObjects;

/// Roles and bindings of a cluster, or those of a proposal.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Objects {
    /// Roles and cluster roles.
    pub roles: Vec<Role>,
    /// Role bindings and cluster role bindings.
    pub bindings: Vec<Binding>,
}

impl Objects {
    /// Reads YAML (several documents, lists) or JSON, as `kubectl get -o yaml` and `-o json` write it. Objects of
    /// other kinds are passed over.
    ///
    /// # Errors
    /// [`BadObjects`] says what is wrong and where.
    pub fn read(text: &str) -> Result<Objects, BadObjects> {
        super::read::read(text)
    }

    /// Adds the objects of another text; of two with the same kind, namespace and name the later one counts.
    pub fn add(&mut self, other: Objects) {
        let of_role = |role: &Role| (role.kind, role.namespace.clone(), role.name.clone());
        replace(&mut self.roles, other.roles, of_role);
        replace(&mut self.bindings, other.bindings, |binding| {
            (binding.namespace.clone(), binding.name.clone())
        });
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.bindings.is_empty()
    }
}

/// Adds more; what has the key of something that is there takes its place.
fn replace<T, K: Eq + Hash>(all: &mut Vec<T>, more: Vec<T>, key: impl Fn(&T) -> K) {
    let mut known: HashMap<K, usize> = HashMap::with_capacity(all.len() + more.len());
    for (at, one) in all.iter().enumerate() {
        known.entry(key(one)).or_insert(at);
    }
    for one in more {
        match known.entry(key(&one)) {
            Entry::Occupied(at) => all[*at.get()] = one,
            Entry::Vacant(at) => {
                at.insert(all.len());
                all.push(one);
            }
        }
    }
}

/// What a role is valid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RoleKind {
    /// One namespace.
    Role,
    /// The cluster, or each namespace that binds it.
    ClusterRole,
}

impl RoleKind {
    /// The `kind` of the object.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RoleKind::Role => "Role",
            RoleKind::ClusterRole => "ClusterRole",
        }
    }
}

/// A Role or a ClusterRole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Role {
    /// Which of the two.
    pub kind: RoleKind,
    /// Empty for a ClusterRole.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The labels, which aggregation selects by.
    pub labels: BTreeMap<String, String>,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
    /// The rules that the object has itself.
    pub rules: Vec<Rule>,
    /// Which roles a ClusterRole takes rules from.
    pub aggregation: Option<Aggregation>,
}

impl Role {
    /// Whether this is the role of that kind, namespace and name.
    #[must_use]
    pub fn is(&self, kind: RoleKind, namespace: &str, name: &str) -> bool {
        self.kind == kind && self.namespace == namespace && self.name == name
    }
}

/// A rule: everything that it names, multiplied.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// `apiGroups`.
    pub api_groups: Vec<String>,
    /// `resources`, with subresources as `pods/log`.
    pub resources: Vec<String>,
    /// `resourceNames`; empty for all.
    pub resource_names: Vec<String>,
    /// `nonResourceURLs`.
    pub non_resource_urls: Vec<String>,
    /// `verbs`.
    pub verbs: Vec<String>,
}

/// `aggregationRule`: the rules of all cluster roles that one of these selects.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Aggregation {
    /// `clusterRoleSelectors`.
    pub selectors: Vec<Selector>,
}

/// A label selector; all of it must hold, and an empty one selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Selector {
    /// `matchLabels`.
    pub labels: BTreeMap<String, String>,
    /// `matchExpressions`.
    pub expressions: Vec<Expression>,
}

/// One of `matchExpressions`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Expression {
    /// The label.
    pub key: String,
    /// What is asked of it.
    pub operator: Operator,
    /// The values, for those operators that have some.
    pub values: Vec<String>,
}

/// What a label selector's expression asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operator {
    /// The label has one of the values.
    In,
    /// The label has none of the values, or is absent.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

/// A RoleBinding or a ClusterRoleBinding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Binding {
    /// Empty for a ClusterRoleBinding.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
    /// The kind of the role that is bound.
    pub role_kind: RoleKind,
    /// The name of the role that is bound; a Role is one of the binding's namespace.
    pub role: String,
    /// To whom.
    pub subjects: Vec<Subject>,
}

impl Binding {
    /// The `kind` of the object.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.namespace.is_empty() { "ClusterRoleBinding" } else { "RoleBinding" }
    }
}

/// One of the subjects of a binding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// A user by name.
    User(String),
    /// All members of a group.
    Group(String),
    /// A service account.
    ServiceAccount {
        /// Its namespace; empty in a binding that leaves it out, where that of the binding counts.
        namespace: String,
        /// Its name.
        name: String,
    },
}

impl Subject {
    /// The subject that is this user: a service account when the name is one's.
    #[must_use]
    pub fn of_user(user: &str) -> Subject {
        match user.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':')) {
            Some((namespace, name)) if is_account(namespace, name) => {
                Subject::ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() }
            }
            _ => Subject::User(user.to_owned()),
        }
    }

    /// The `kind` of the subject.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Subject::User(_) => "User",
            Subject::Group(_) => "Group",
            Subject::ServiceAccount { .. } => "ServiceAccount",
        }
    }

    /// The same within a binding of this namespace: no service account is left without one.
    #[must_use]
    pub fn within(&self, namespace: &str) -> Subject {
        match self {
            Subject::ServiceAccount { namespace: own, name } if own.is_empty() => {
                Subject::ServiceAccount { namespace: namespace.to_owned(), name: name.clone() }
            }
            subject => subject.clone(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::User(name) | Subject::Group(name) => write!(f, "{} {name}", self.kind()),
            Subject::ServiceAccount { namespace, name } => write!(f, "{} {namespace}:{name}", self.kind()),
        }
    }
}

fn is_account(namespace: &str, name: &str) -> bool {
    !namespace.is_empty() && !name.is_empty() && !name.contains(':')
}
