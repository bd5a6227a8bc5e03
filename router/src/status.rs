//! What the router says of itself.
//!
//! Promise: `problems` is empty when all is well; else it says what is the matter and what to do: warnings of
//! policies in force, and destinations that refuse, each until its next receipt.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use proto::Refusal;
use proto::v1::{PolicyStatus, ServiceStatus};

use crate::elevation::Elevations;
use crate::in_force::{Current, InForce};
use crate::policy_file::PolicyFile;
use crate::rules::Rules;

/// What the destinations refused last.
#[derive(Debug, Default)]
pub(crate) struct Refusing(Mutex<BTreeMap<Arc<str>, String>>);

impl Refusing {
    /// The destination refuses.
    pub(crate) fn set(&self, destination: &Arc<str>, refusal: &Refusal) {
        let mut refusing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusing.insert(destination.clone(), refusal.to_string());
    }

    /// The destination takes batches.
    pub(crate) fn clear(&self, destination: &Arc<str>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(destination);
    }

    fn lines(&self) -> Vec<String> {
        let refusing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusing.iter().map(|(name, refusal)| format!("destination `{name}` refuses: {refusal}")).collect()
    }
}

/// The status of a router that started at `started_us`.
pub(crate) fn status(in_force: &InForce, refusing: &Refusing, started_us: i64) -> ServiceStatus {
    let current = in_force.now();
    let mut problems = refusing.lines();
    problems.extend(warnings(&current.rules));
    problems.extend(current.rules.processing.problems());
    problems.extend(current.problem.iter().map(|problem| format!("the rules stay as they were: {problem}")));
    let waits = |key| format!("router.{key} was changed; it holds from the next start on");
    problems.extend(current.waiting.iter().map(waits));
    ServiceStatus {
        service: "router".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_us,
        problems,
        policy: Some(policy(&current, &in_force.elevations)),
        ..ServiceStatus::default()
    }
}

/// What kube-apiserver, too, would accept with a warning.
pub(crate) fn warnings(rules: &Rules) -> impl Iterator<Item = String> {
    rules.policies().flat_map(|(route, file)| {
        let of = route.map(|name| format!(" of route `{name}`")).unwrap_or_default();
        let path = file.path.display();
        file.warnings.iter().map(move |warning| {
            format!(
                "policy {path}{of} is in force, but kube-apiserver would warn: {warning}; \
                 `auditrail policy lint {path}` says what to change"
            )
        })
    })
}

/// What is in force, and why nothing newer is.
pub(crate) fn policy(current: &Current, elevations: &Elevations) -> PolicyStatus {
    PolicyStatus {
        problem: current.problem.clone().unwrap_or_default(),
        set_by_hand: current.set_by_hand,
        elevations: elevations.told(),
        ..current.rules.policy.as_deref().map(in_force).unwrap_or_default()
    }
}

/// A policy as the status tells it.
pub(crate) fn in_force(file: &PolicyFile) -> PolicyStatus {
    PolicyStatus {
        path: file.path.display().to_string(),
        hash: format!("{:016x}", file.policy.hash()),
        rules: file.policy.rules() as u32,
        ..PolicyStatus::default()
    }
}

/// Microseconds since 1970-01-01 UTC; 0 where the clock says an earlier time.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
