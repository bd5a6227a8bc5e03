//! Cluster roles that take their rules from others.
//!
//! Promises: the rules that the controller has already put into an aggregated role count, and those that it would
//! put there count too, through any number of steps and circles; no rule comes twice.

use std::collections::{BTreeMap, HashSet};

use super::{Operator, Role, RoleKind, Rule, Selector};

/// The rules of each role, in the order of the roles.
pub(super) fn resolve(roles: &[Role]) -> Vec<Vec<Rule>> {
    roles.iter().enumerate().map(|(index, role)| rules(roles, index, role)).collect()
}

fn rules(roles: &[Role], index: usize, role: &Role) -> Vec<Rule> {
    let mut found = role.rules.clone();
    if role.aggregation.is_none() {
        return found;
    }
    let mut known: HashSet<Rule> = found.iter().cloned().collect();
    let mut visited = vec![false; roles.len()];
    let mut open = vec![index];
    while let Some(next) = open.pop() {
        if std::mem::replace(&mut visited[next], true) {
            continue;
        }
        for rule in &roles[next].rules {
            if known.insert(rule.clone()) {
                found.push(rule.clone());
            }
        }
        let Some(aggregation) = &roles[next].aggregation else { continue };
        let selected = roles.iter().enumerate().rev().filter(|(_, other)| {
            other.kind == RoleKind::ClusterRole
                && aggregation.selectors.iter().any(|selector| selector.selects(&other.labels))
        });
        open.extend(selected.map(|(index, _)| index));
    }
    found
}

impl Selector {
    /// Whether something with these labels is selected.
    #[must_use]
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.expressions.iter().all(|expression| {
                let value = labels.get(&expression.key);
                let listed = value.is_some_and(|value| expression.values.contains(value));
                match expression.operator {
                    Operator::In => listed,
                    Operator::NotIn => !listed,
                    Operator::Exists => value.is_some(),
                    Operator::DoesNotExist => value.is_none(),
                }
            })
    }
}
