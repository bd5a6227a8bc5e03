//! What was asked by whom, as keys.
//!
//! Promise: a key holds nothing longer than the bound of kept texts, and no query of a path.

use serde::{Deserialize, Serialize};

use crate::clip::clip;
use crate::rows::{Rows, Words};
use crate::shares::Owned;

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Action {
    /// Whose permissions decide.
    pub(super) subject: String,
    pub(super) verb: String,
    pub(super) api_group: String,
    pub(super) resource: String,
    pub(super) subresource: String,
    pub(super) namespace: String,
    /// Of what is no resource.
    pub(super) path: String,
}

/// One kind of refused request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Refusal {
    pub(super) action: Action,
    pub(super) kind: Kind,
}

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Caller {
    pub(super) source_ip: String,
    pub(super) user: String,
    pub(super) client: String,
}

impl Owned for Action {
    type Owner = String;

    fn owner(&self) -> &String {
        &self.subject
    }
}

impl Owned for Refusal {
    type Owner = String;

    fn owner(&self) -> &String {
        &self.action.subject
    }
}

impl Owned for Caller {
    type Owner = String;

    fn owner(&self) -> &String {
        if self.user.is_empty() { &self.source_ip } else { &self.user }
    }
}

/// Who refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Authorization: no role allows it.
    NotAllowed,
    /// Authorization allowed it; what comes behind refused it: the check against giving more than one has, admission,
    /// a quota.
    RefusedLater,
    /// Nobody decided about the request itself: it was refused before, as an impersonation that is not allowed is.
    Undecided,
}

impl Kind {
    /// By the annotation `authorization.k8s.io/decision` of a request that ended with 403.
    fn of(decision: Option<&str>) -> Kind {
        match decision {
            Some("allow") => Kind::RefusedLater,
            Some(_) => Kind::NotAllowed,
            None => Kind::Undecided,
        }
    }

    /// Whether the API server's answer says more than the other columns and the authorizer's reason, of which it is made
    /// when authorization refused.
    pub(super) fn has_message(self) -> bool {
        self != Kind::NotAllowed
    }

    /// In a sentence.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Kind::NotAllowed => "no role allows it",
            Kind::RefusedLater => {
                "authorization allowed it, then it was refused: a check against giving more than one has \
                 (escalate, bind), admission, a quota, or, for evictions, a PodDisruptionBudget"
            }
            Kind::Undecided => {
                "refused before anything was decided about the request itself, as an impersonation that is not \
                 allowed is"
            }
        }
    }
}

/// What kind of subject a user name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectKind {
    /// A person, or a program with a person's way of authentication.
    User,
    /// `system:serviceaccount:NAMESPACE:NAME`.
    ServiceAccount,
    /// `system:node:NAME`.
    Node,
    /// Nobody logged in.
    Anonymous,
}

impl SubjectKind {
    /// By the name.
    #[must_use]
    pub fn of(user: &str) -> SubjectKind {
        match user {
            "" | "system:anonymous" => SubjectKind::Anonymous,
            user if user.starts_with("system:serviceaccount:") => SubjectKind::ServiceAccount,
            user if user.starts_with("system:node:") => SubjectKind::Node,
            _ => SubjectKind::User,
        }
    }
}

/// It only carries changes of other roles on, which are told themselves.
const AGGREGATION: &str = "system:serviceaccount:kube-system:clusterrole-aggregation-controller";

const TEXTS: [&str; 9] = [
    "user",
    "impersonated_user",
    "verb",
    "api_group",
    "resource",
    "subresource",
    "namespace",
    "client",
    "source_ip",
];

/// The columns that keys are made of.
pub(super) struct Columns<'b> {
    texts: [Words<'b>; 9],
    decision: Words<'b>,
}

impl<'b> Columns<'b> {
    pub(super) fn of(rows: &Rows<'b>) -> Columns<'b> {
        Columns { texts: TEXTS.map(|column| rows.words(column)), decision: rows.words("decision") }
    }

    fn text(&self, column: usize, row: usize) -> &'b str {
        self.texts[column].at(row).unwrap_or_default()
    }

    pub(super) fn is_non_resource(&self, row: usize) -> bool {
        self.texts[4].at(row).is_none()
    }

    /// Whether it was refused by authorization or after it: also an eviction that a PodDisruptionBudget holds back, which
    /// is answered like too many requests; those are answered before authorization.
    pub(super) fn is_refused(&self, row: usize, code: i32) -> bool {
        let is_held_back = || self.text(5, row) == "eviction" && self.decision.at(row) == Some("allow");
        code == 403 || code == 429 && is_held_back()
    }

    /// Whether roles or bindings were changed with success in a way that can take something away.
    pub(super) fn takes_away(&self, row: usize, code: i32) -> bool {
        (200..300).contains(&code)
            && self.text(3, row) == "rbac.authorization.k8s.io"
            && matches!(self.text(2, row), "update" | "patch" | "delete" | "deletecollection")
            && self.subject(row) != AGGREGATION
    }

    fn subject(&self, row: usize) -> &'b str {
        self.texts[1].at(row).unwrap_or_else(|| self.text(0, row))
    }

    /// What was asked, of a resource.
    pub(super) fn action(&self, row: usize) -> Action {
        let [subject, verb, api_group, resource, subresource, namespace, path] = self.texts_of(row).map(clip);
        Action { subject, verb, api_group, resource, subresource, namespace, path }
    }

    /// The same, as the texts of an action in their order.
    pub(super) fn texts_of(&self, row: usize) -> [&'b str; 7] {
        let text = |column| self.text(column, row);
        [self.subject(row), text(2), text(3), text(4), text(5), text(6), ""]
    }

    pub(super) fn refusal_of_resource(&self, row: usize) -> Refusal {
        Refusal { action: self.action(row), kind: Kind::of(self.decision.at(row)) }
    }

    /// What was refused; the rows have `request_uri` too.
    pub(super) fn refusal(&self, rows: &Rows<'_>, row: usize) -> Refusal {
        let mut refusal = self.refusal_of_resource(row);
        if self.is_non_resource(row) {
            let uris = rows.words("request_uri");
            let uri = uris.at(row).unwrap_or_default();
            refusal.action.path = clip(uri.split('?').next().unwrap_or_default());
        }
        refusal
    }

    /// What makes up the key of a refused request for no resource, before it is cut.
    pub(super) fn paths(&self, rows: &Rows<'b>) -> impl Fn(usize) -> ([&'b str; 6], Option<&'b str>) {
        let uris = rows.words("request_uri");
        move |row| {
            let subject = self.subject(row);
            let uri = uris.at(row).unwrap_or_default();
            let path = uri.split('?').next().unwrap_or_default();
            let [verb, group, subresource, namespace] = [2, 3, 5, 6].map(|column| self.text(column, row));
            ([subject, verb, group, subresource, namespace, path], self.decision.at(row))
        }
    }

    pub(super) fn caller(&self, row: usize) -> Caller {
        let text = |column| clip(self.text(column, row));
        Caller { source_ip: text(8), user: text(0), client: text(7) }
    }
}
