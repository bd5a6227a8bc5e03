//! Who still calls APIs that are about to go, and in which release that breaks.
//!
//! Promise: every request to an API that the server itself marked as deprecated (`k8s.io/deprecated`) is counted with
//! who made it and with what, and with the release that the server names (`k8s.io/removed-release`).

use serde::{Deserialize, Serialize};

use crate::fold::{Closer, Fold};
use crate::requests::Requests;
use crate::rows::Rows;
use crate::shares::{Owned, Shares};
use crate::tally::Tally;

/// Calls to deprecated APIs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deprecated {
    calls: Shares<Call, Tally>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Call {
    user: String,
    client: String,
    source_ip: String,
    api_group: String,
    api_version: String,
    resource: String,
    removed_in: String,
}

impl Owned for Call {
    type Owner = String;

    fn owner(&self) -> &String {
        &self.user
    }
}

impl Fold for Deprecated {
    const NAME: &'static str = "deprecated-1";
    const COLUMNS: &'static [&'static str] =
        &["stage", "user", "impersonated_user", "api_group", "annotations"];
    const CLOSER: &'static [&'static str] = &[
        "time",
        "audit_id",
        "user",
        "client",
        "source_ip",
        "api_group",
        "api_version",
        "resource",
        "annotations",
    ];

    fn take(&mut self, rows: &Rows<'_>, closer: &mut Closer) {
        let (requests, annotations) = (Requests::of(rows), rows.annotations());
        for row in 0..rows.len() {
            if requests.is_one(row) && annotations.get(row, "k8s.io/deprecated") == Some("true") {
                closer.pick(row);
            }
        }
    }

    fn look_closer(&mut self, rows: &Rows<'_>) {
        let (time, audit_id, annotations) = (rows.times("time"), rows.words("audit_id"), rows.annotations());
        let texts = ["user", "client", "source_ip", "api_group", "api_version", "resource"]
            .map(|column| rows.words(column));
        for row in 0..rows.len() {
            let [user, client, source_ip, api_group, api_version, resource] =
                [0, 1, 2, 3, 4, 5].map(|column: usize| texts[column].at(row).unwrap_or_default().to_owned());
            let removed_in = annotations.get(row, "k8s.io/removed-release").unwrap_or_default().to_owned();
            let call = Call { user, client, source_ip, api_group, api_version, resource, removed_in };
            self.calls.add(call, Tally::of(time(row), audit_id.at(row)));
        }
    }

    fn merge(&mut self, other: Self) {
        self.calls.merge(other.calls);
    }
}

/// What is told of [`Deprecated`]; the next release to break something comes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Every kind of call.
    pub calls: Vec<Row>,
    /// Calls beyond those that could be told apart.
    pub more: u64,
}

/// One kind of call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The Kubernetes release in which it breaks; empty when the API server does not say.
    pub removed_in: String,
    /// `GROUP/VERSION`, or `VERSION` of the core group.
    pub api: String,
    /// The resource.
    pub resource: String,
    /// Who called.
    pub user: String,
    /// With which program, by its own word.
    pub client: String,
    /// From where.
    pub source_ip: String,
    /// How often.
    #[serde(flatten)]
    pub tally: Tally,
}

impl Deprecated {
    /// The report.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut calls: Vec<Row> = self.calls.iter().map(|(call, tally)| row(call, tally)).collect();
        calls.sort_by(|one, other| {
            let key = |row: &Row| {
                (row.removed_in.is_empty(), release(&row.removed_in), std::cmp::Reverse(row.tally.count))
            };
            key(one).cmp(&key(other)).then_with(|| {
                (&one.api, &one.resource, &one.user).cmp(&(&other.api, &other.resource, &other.user))
            })
        });
        let more = self.calls.rest().map(|(_, tally)| tally.count).sum::<u64>();
        Report { calls, more: more + self.calls.others().map_or(0, |tally| tally.count) }
    }
}

fn row(call: &Call, tally: &Tally) -> Row {
    let api = match call.api_group.as_str() {
        "" => call.api_version.clone(),
        group => format!("{group}/{}", call.api_version),
    };
    Row {
        removed_in: call.removed_in.clone(),
        api,
        resource: call.resource.clone(),
        user: call.user.clone(),
        client: call.client.clone(),
        source_ip: call.source_ip.clone(),
        tally: tally.clone(),
    }
}

/// `1.25` as numbers, since 1.9 comes before 1.22.
fn release(written: &str) -> Vec<u32> {
    written.split('.').map(|part| part.parse().unwrap_or(u32::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws;

    #[test]
    fn the_laws_of_folds_hold() {
        laws::hold::<Deprecated>(&laws::recording());
    }

    #[test]
    fn the_next_release_to_break_something_comes_first() {
        assert!(release("1.9") < release("1.22") && release("1.22") < release("2.0"));
    }

    #[test]
    fn who_calls_what_and_until_when_is_told_as_the_api_server_marked_it() {
        let report = laws::folded::<Deprecated>(&laws::recording()).report();
        assert!(
            report.calls.iter().all(|row| row.removed_in == "1.22" && row.tally.count > 0),
            "{report:#?}"
        );
        assert!(
            report.calls.iter().any(|row| row.api == "extensions/v1beta1" && row.resource == "ingresses")
        );
    }
}
