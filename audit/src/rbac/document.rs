//! Roles and bindings as the API writes them in JSON.
//!
//! Promise: the same fields as [`to_yaml`](super::to_yaml) writes, so that what reads one reads the other.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Aggregation, Binding, Objects, Role, Rule, Selector, Subject};

const GROUP: &str = "rbac.authorization.k8s.io";
const API_VERSION: &str = "rbac.authorization.k8s.io/v1";

/// A role or a binding, to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'o> {
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregation_rule: Option<AggregationFields<'o>>,
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'o>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_ref: Option<SubjectFields<'o>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<Vec<RuleFields<'o>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subjects: Option<Vec<SubjectFields<'o>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Metadata<'o> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'o BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'o BTreeMap<String, String>,
    name: &'o str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'o str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct AggregationFields<'o> {
    cluster_role_selectors: Vec<SelectorFields<'o>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SelectorFields<'o> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    match_expressions: Vec<ExpressionFields<'o>>,
    match_labels: &'o BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ExpressionFields<'o> {
    key: &'o str,
    operator: String,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    values: &'o [String],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleFields<'o> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    api_groups: &'o [String],
    #[serde(rename = "nonResourceURLs", skip_serializing_if = "<[String]>::is_empty")]
    non_resource_urls: &'o [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    resource_names: &'o [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    resources: &'o [String],
    verbs: &'o [String],
}

/// A subject, or the role that is bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SubjectFields<'o> {
    #[serde(skip_serializing_if = "Option::is_none")]
    api_group: Option<&'static str>,
    kind: &'static str,
    name: &'o str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'o str,
}

/// The objects as documents, roles before bindings.
pub fn documents(objects: &Objects) -> impl Iterator<Item = Document<'_>> {
    objects.roles.iter().map(role).chain(objects.bindings.iter().map(binding))
}

fn role(role: &Role) -> Document<'_> {
    Document {
        aggregation_rule: role.aggregation.as_ref().map(aggregation),
        api_version: API_VERSION,
        kind: role.kind.name(),
        metadata: Metadata {
            annotations: &role.annotations,
            labels: &role.labels,
            name: &role.name,
            namespace: &role.namespace,
        },
        role_ref: None,
        rules: Some(role.rules.iter().map(rule).collect()),
        subjects: None,
    }
}

fn binding(binding: &Binding) -> Document<'_> {
    let (kind, name) = (binding.role_kind.name(), binding.role.as_str());
    Document {
        aggregation_rule: None,
        api_version: API_VERSION,
        kind: binding.kind(),
        metadata: Metadata {
            annotations: &binding.annotations,
            labels: &binding.labels,
            name: &binding.name,
            namespace: &binding.namespace,
        },
        role_ref: Some(SubjectFields { api_group: Some(GROUP), kind, name, namespace: "" }),
        rules: None,
        subjects: Some(binding.subjects.iter().map(subject).collect()),
    }
}

fn aggregation(aggregation: &Aggregation) -> AggregationFields<'_> {
    AggregationFields { cluster_role_selectors: aggregation.selectors.iter().map(selector).collect() }
}

fn selector(selector: &Selector) -> SelectorFields<'_> {
    let expressions = selector.expressions.iter().map(|expression| ExpressionFields {
        key: &expression.key,
        operator: format!("{:?}", expression.operator),
        values: &expression.values,
    });
    SelectorFields { match_expressions: expressions.collect(), match_labels: &selector.labels }
}

fn rule(rule: &Rule) -> RuleFields<'_> {
    RuleFields {
        api_groups: &rule.api_groups,
        non_resource_urls: &rule.non_resource_urls,
        resource_names: &rule.resource_names,
        resources: &rule.resources,
        verbs: &rule.verbs,
    }
}

fn subject(subject: &Subject) -> SubjectFields<'_> {
    let kind = subject.kind();
    match subject {
        Subject::User(name) | Subject::Group(name) => {
            SubjectFields { api_group: Some(GROUP), kind, name, namespace: "" }
        }
        Subject::ServiceAccount { namespace, name } => {
            SubjectFields { api_group: None, kind, name, namespace }
        }
    }
}
