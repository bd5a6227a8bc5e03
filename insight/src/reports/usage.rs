//! Who used which permissions, and who was refused which.
//!
//! Promise: the same uses as [`audit::rbac::observe`] finds in the events themselves, from the columns of the table;
//! only impersonations are looked at closer, since the table does not hold what else they asked for.

use std::collections::HashMap;

use audit::rbac::{self, Left, Observation, Request, Uses, Via, Who};
use serde::{Deserialize, Serialize};

use crate::fold::{Closer, Fold};
use crate::groups::Groups;
use crate::rows::{Lists, Rows, Text, Words};

/// The most characters of an audit ID that are kept.
const MOST_SAMPLE: usize = 64;

/// Uses of permissions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// All of them.
    pub uses: Uses,
}

impl Fold for Usage {
    const NAME: &'static str = "usage-1";
    const COLUMNS: &'static [&'static str] = &[
        "time",
        "stage",
        "audit_id",
        "verb",
        "user",
        "groups",
        "impersonated_user",
        "api_group",
        "resource",
        "subresource",
        "namespace",
        "name",
        "code",
        "decision",
        "authz_reason",
        "request_uri",
    ];
    const CLOSER: &'static [&'static str] = &["raw"];

    fn take(&mut self, rows: &Rows<'_>, closer: &mut Closer) {
        let columns = Columns::of(rows);
        let groups = columns.groups();
        let mut open: Vec<Option<Same>> = vec![None; groups.len()];
        let mut paths: HashMap<(usize, &str), Option<Same>> = HashMap::new();
        let (time, code) = (rows.times("time"), rows.codes());
        for row in 0..rows.len() {
            let stage = columns.stage.or_empty(row);
            if stage.is_empty() {
                continue;
            }
            if columns.impersonated.at(row).is_some() && stage != "RequestReceived" {
                closer.pick(row);
                continue;
            }
            let allowed = match columns.decided(row, code(row)) {
                Ok(allowed) => allowed,
                Err(left) => {
                    self.uses.leave(left);
                    continue;
                }
            };
            let mut one =
                Same::new(row, u64::from(stage != "ResponseStarted"), time(row).unwrap_or_default());
            if allowed && code(row) == Some(403) {
                one.forbidden_after = one.count;
            }
            if code(row) == Some(201) {
                columns.observation(&one, allowed).created().into_iter().for_each(|use_| self.uses.add(use_));
            }
            let group = groups.of(row);
            let known = match columns.path(row) {
                Some(path) => paths.entry((group, path)).or_default(),
                None => &mut open[group],
            };
            match known {
                Some(same) if columns.is_like(row, same.row) => same.add(&one, &columns.audit_id),
                empty @ None => *empty = Some(one),
                Some(_) => self.uses.add(columns.observation(&one, allowed)),
            }
        }
        for same in open.into_iter().chain(paths.into_values()).flatten() {
            let allowed = columns.decision.or_empty(same.row) == "allow";
            self.uses.add(columns.observation(&same, allowed));
        }
    }

    fn look_closer(&mut self, rows: &Rows<'_>) {
        let line = rows.lines();
        for row in 0..rows.len() {
            let Ok(event) = audit::Event::scan(line(row)) else { continue };
            match rbac::observe(&event) {
                Ok(found) => found.into_iter().for_each(|use_| self.uses.add(use_)),
                Err(left) => self.uses.leave(left),
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.uses.merge(other.uses);
    }
}

/// Rows of one group, as one observation.
#[derive(Debug, Clone)]
struct Same {
    /// A row of them.
    row: usize,
    count: u64,
    forbidden_after: u64,
    first: i64,
    last: i64,
    /// The row of the first one.
    sample: usize,
}

impl Same {
    fn new(row: usize, count: u64, time: i64) -> Same {
        Same { row, count, forbidden_after: 0, first: time, last: time, sample: row }
    }

    fn add(&mut self, one: &Same, ids: &Words<'_>) {
        self.count += one.count;
        self.forbidden_after += one.forbidden_after;
        self.last = self.last.max(one.last);
        let key = |same: &Same| (same.first, sample(ids, same.sample));
        if one.first < self.first || one.first == self.first && key(one) < key(self) {
            (self.first, self.sample) = (one.first, one.sample);
        }
    }
}

fn sample(ids: &Words<'_>, row: usize) -> String {
    ids.at(row).unwrap_or_default().chars().take(MOST_SAMPLE).collect()
}

struct Columns<'b> {
    stage: Text<'b>,
    verb: Text<'b>,
    user: Text<'b>,
    impersonated: Text<'b>,
    /// API group, resource, subresource, namespace and name.
    object: [Text<'b>; 5],
    decision: Text<'b>,
    reason: Text<'b>,
    user_groups: Lists<'b>,
    audit_id: Words<'b>,
    uri: Words<'b>,
}

impl<'b> Columns<'b> {
    fn of(rows: &Rows<'b>) -> Columns<'b> {
        Columns {
            stage: rows.text("stage"),
            verb: rows.text("verb"),
            user: rows.text("user"),
            impersonated: rows.text("impersonated_user"),
            object: ["api_group", "resource", "subresource", "namespace", "name"]
                .map(|column| rows.text(column)),
            decision: rows.text("decision"),
            reason: rows.text("authz_reason"),
            user_groups: rows.groups(),
            audit_id: rows.words("audit_id"),
            uri: rows.words("request_uri"),
        }
    }

    fn groups(&self) -> Groups {
        let [group, resource, subresource, namespace, name] = &self.object;
        Groups::by(&[
            &self.stage,
            &self.verb,
            &self.user,
            group,
            resource,
            subresource,
            namespace,
            name,
            &self.decision,
            &self.reason,
        ])
    }

    /// What the authorizer decided, or why it did not.
    fn decided(&self, row: usize, code: Option<i32>) -> Result<bool, Left> {
        if self.stage.or_empty(row) == "RequestReceived" {
            return Err(Left::Undecided);
        }
        if self.user.at(row).is_none() {
            return Err(Left::Unauthenticated);
        }
        match (self.decision.or_empty(row), code) {
            ("allow", _) => Ok(true),
            ("forbid", _) => Ok(false),
            (_, Some(401)) => Err(Left::Unauthenticated),
            (_, Some(403)) => Err(Left::RefusedImpersonation),
            _ => Err(Left::BeforeAuthorization),
        }
    }

    /// The path of a request that is about no resource, as it is written, without its query.
    fn path(&self, row: usize) -> Option<&'b str> {
        let uri = self.object[1].at(row).is_none().then(|| self.uri.at(row).unwrap_or_default())?;
        uri.split('?').next()
    }

    /// Whether two rows of one group (and one path) are of one request and one subject too.
    fn is_like(&self, row: usize, other: usize) -> bool {
        self.placed(row) == self.placed(other) && self.user_groups.at(row).eq(self.user_groups.at(other))
    }

    fn observation(&self, same: &Same, allowed: bool) -> Observation {
        let row = same.row;
        Observation {
            who: Who::new(self.user.or_empty(row), self.user_groups.at(row)),
            request: self.request(row),
            allowed,
            count: same.count,
            forbidden_after: same.forbidden_after,
            first: same.first,
            last: same.last,
            sample: sample(&self.audit_id, same.sample),
            via: self.reason.at(row).and_then(|reason| reason.parse::<Via>().ok()),
        }
    }

    fn request(&self, row: usize) -> Request {
        let verb = self.verb.or_empty(row);
        if let Some(path) = self.path(row) {
            return Request::uri(verb, path);
        }
        let [group, resource, subresource, namespace, name] =
            self.object.each_ref().map(|column| column.or_empty(row));
        let whole = match subresource {
            "" => resource.to_owned(),
            subresource => format!("{resource}/{subresource}"),
        };
        // The name of a created object comes from its body, which the authorizer did not see.
        let name = if verb == "create" && subresource.is_empty() { "" } else { name };
        let namespace = if self.placed(row) { namespace } else { "" };
        Request::resource(verb, group, &whole, namespace, name)
    }

    /// Whether the namespace is that of the request; a create may have it from the body.
    fn placed(&self, row: usize) -> bool {
        let namespace = self.object[3].or_empty(row);
        self.verb.or_empty(row) != "create"
            || namespace.is_empty()
            || self.uri.at(row).is_some_and(|uri| uri.contains(&format!("/namespaces/{namespace}")))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::laws;

    fn truth(lines: &[Vec<u8>]) -> Uses {
        let mut uses = Uses::default();
        for event in lines.iter().filter_map(|line| audit::Event::scan(line).ok()) {
            match rbac::observe(&event) {
                Ok(found) => found.into_iter().for_each(|use_| uses.add(use_)),
                Err(left) => uses.leave(left),
            }
        }
        uses
    }

    fn scenario() -> Vec<Vec<u8>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audit/tests/fixtures/rbac/audit.log.zst");
        laws::lines(&std::fs::read(path).unwrap())
    }

    #[test]
    fn the_laws_of_folds_hold() {
        laws::hold::<Usage>(&scenario());
    }

    #[test]
    fn the_columns_tell_the_same_uses_as_the_events() {
        for lines in [scenario(), laws::recording()] {
            let (found, truth) = (laws::folded::<Usage>(&lines).uses, truth(&lines));
            assert_eq!(found.left(), truth.left());
            let (found, truth): (Vec<_>, Vec<_>) = (found.iter().collect(), truth.iter().collect());
            assert_eq!(found.len(), truth.len());
            found.iter().zip(&truth).for_each(|(found, truth)| assert_eq!(found, truth));
        }
    }
}
