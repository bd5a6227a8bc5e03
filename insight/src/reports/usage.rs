//! Who used which permissions, and who was refused which.
//!
//! Promise: the same uses as [`audit::rbac::observe`] finds in the events themselves, from the columns of the table.

mod acting;
mod alike;
mod columns;
mod known;
mod numbered;
mod table;

use audit::rbac::{Left, Uses, Who};
use serde::{Deserialize, Serialize};

use crate::fold::{Closer, Fold};
use crate::rows::Rows;

use alike::Kinds;
use columns::{Columns, What};
use known::Known;

/// Uses of permissions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    known: Known,
}

impl Usage {
    /// The uses of everybody.
    #[must_use]
    pub fn all(&self) -> Uses {
        self.of(|_| true)
    }

    /// The uses of those subjects that are wanted.
    #[must_use]
    pub fn of(&self, wanted: impl Fn(&Who) -> bool) -> Uses {
        self.known.told(wanted)
    }
}

impl Fold for Usage {
    const NAME: &'static str = "usage-4";
    const COLUMNS: &'static [&'static str] = &[
        "time",
        "stage",
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
        "impersonated_groups",
        "impersonated_uid",
        "impersonated_extra",
        "message",
    ];

    fn take(&mut self, rows: &Rows<'_>, _: &mut Closer) {
        let columns = Columns::of(rows);
        let mut uses = Vec::new();
        for row in 0..rows.len() {
            match columns.what(row) {
                What::Nothing => {}
                What::NoUse(left) => {
                    let refused =
                        (left == Left::RefusedImpersonation).then(|| columns.refused(row)).flatten();
                    match refused {
                        Some(refused) => self.known.observe(&refused),
                        None => self.known.leave(left, 1),
                    }
                }
                What::Use => uses.push(u32::try_from(row).expect("a batch has fewer than 2^32 rows")),
            }
        }
        Kinds::of(&columns, &uses).tell(&mut self.known);
        self.known.make_room();
    }

    fn merge(&mut self, other: Self) {
        self.known.merge(other.known);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use audit::rbac;

    use super::*;
    use crate::laws;

    fn truth(lines: &[Vec<u8>]) -> Uses {
        let mut uses = Uses::default();
        for event in lines.iter().filter_map(|line| audit::Event::scan(line).ok()) {
            match rbac::observe(&event) {
                Ok(found) => found.into_iter().for_each(|use_| uses.add(use_)),
                Err(left) => uses.leave(left, 1),
            }
        }
        uses
    }

    fn scenario() -> Vec<Vec<u8>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audit/tests/fixtures/rbac/audit.log.zst");
        laws::lines(&std::fs::read(path).unwrap())
    }

    /// Requests in somebody else's name in all forms: users and service accounts, with groups, UID and extra, at each
    /// stage, allowed and refused, of resources and paths, what creates included.
    fn impersonations() -> Vec<Vec<u8>> {
        let extra = r#""extra":{"scopes":["view","edit"],"acme.com/a\"b":["x"]}"#;
        let acting = [
            r#""username":"bob""#.to_owned(),
            r#""username":"bob","groups":["dev","system:authenticated"]"#.to_owned(),
            r#""username":"bob","groups":["dev","ops"],"uid":"u-1""#.to_owned(),
            format!(r#""username":"bob","groups":["dev"],{extra}"#),
            r#""username":"system:serviceaccount:shop:app","groups":["system:serviceaccounts","x"]"#
                .to_owned(),
            r#""username":"bob","groups":null,"uid":null,"extra":null"#.to_owned(),
            r#""username":"bob","uid":"","extra":["x"]"#.to_owned(),
            r#""groups":["x"],"uid":"u-1""#.to_owned(),
        ];
        let requests = [
            r#""verb":"get","requestURI":"/api/v1/namespaces/shop/pods/a","objectRef":{"resource":"pods","namespace":"shop","name":"a"}"#,
            r#""verb":"patch","requestURI":"/api/v1/namespaces/shop/pods/b","objectRef":{"resource":"pods","namespace":"shop","name":"b"}"#,
            r#""verb":"get","requestURI":"/version?x=1""#,
        ];
        let ends = [
            ("ResponseComplete", 201, "allow"),
            ("ResponseStarted", 200, "allow"),
            ("Panic", 403, "forbid"),
            ("ResponseComplete", 403, "allow"),
        ];
        let mut lines = Vec::new();
        for (n, acting) in acting.iter().enumerate() {
            for (m, request) in requests.iter().enumerate() {
                for (k, (stage, code, decision)) in ends.iter().enumerate() {
                    let time = format!("2026-11-23T06:{n:02}:{m:02}.{k:06}Z");
                    let annotations = format!(r#"{{"authorization.k8s.io/decision":"{decision}"}}"#);
                    lines.push(format!(
                        r#"{{"level":"Metadata","stage":"{stage}",{request},"user":{{"username":"jane","groups":["admins"]}},"impersonatedUser":{{{acting}}},"responseStatus":{{"code":{code}}},"stageTimestamp":"{time}","annotations":{annotations}}}"#
                    ).into_bytes());
                }
            }
        }
        lines
    }

    /// Refusals to act as somebody else: with the answer in the status, in the body, and without one.
    fn refused_impersonations() -> Vec<Vec<u8>> {
        let of_user = r#"users "x" is forbidden: User "bob" cannot impersonate resource "users" in API group "" at the cluster scope"#;
        let of_account = r#"serviceaccounts "x" is forbidden: User "bob" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "shop""#;
        let answers = [Some(of_user), Some(of_account), Some("no"), None];
        let event = |n: usize, of_status: Option<&str>, of_body: Option<&str>| {
            serde_json::json!({
                "level": "RequestResponse", "stage": "ResponseComplete", "verb": "get", "requestURI": "/version",
                "user": {"username": "bob", "groups": ["dev"]},
                "responseStatus": {"code": 403, "message": of_status},
                "responseObject": {"kind": "Status", "message": of_body},
                "stageTimestamp": format!("2026-11-23T06:00:0{n}.000000Z"),
            })
        };
        let all = answers.iter().enumerate();
        let events = all.flat_map(|(n, answer)| [event(n, *answer, None), event(n, None, *answer)]);
        events.map(|event| event.to_string().into_bytes()).collect()
    }

    #[test]
    fn the_laws_of_folds_hold() {
        laws::hold::<Usage>(&scenario());
        laws::hold::<Usage>(&impersonations());
        laws::hold::<Usage>(&refused_impersonations());
    }

    #[test]
    fn a_refused_impersonation_is_what_the_answer_says_and_is_counted_where_there_is_none() {
        let uses = laws::folded::<Usage>(&refused_impersonations()).all();
        let asked: Vec<_> =
            uses.iter().map(|(_, what, seen)| (what.request().to_string(), seen.refused.count)).collect();
        let told = ["impersonate serviceaccounts in shop", "impersonate users in the cluster"];
        assert_eq!(asked, told.map(|asked| (asked.to_owned(), 2)));
        assert_eq!(uses.left().get(&Left::RefusedImpersonation), Some(&4));
    }

    #[test]
    fn the_columns_tell_the_same_uses_as_the_events() {
        for lines in [scenario(), laws::recording(), impersonations(), refused_impersonations()] {
            let (found, truth) = (laws::folded::<Usage>(&lines).all(), truth(&lines));
            assert_eq!(found.left(), truth.left());
            let (found, truth): (Vec<_>, Vec<_>) = (found.iter().collect(), truth.iter().collect());
            assert_eq!(found.len(), truth.len());
            found.iter().zip(&truth).for_each(|(found, truth)| assert_eq!(found, truth));
        }
    }
}
