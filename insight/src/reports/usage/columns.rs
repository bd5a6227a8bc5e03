//! The columns that tell uses, and what a row of them is.

use audit::rbac::{Left, Observation, Who, refused_impersonation};

use super::acting::Acting;
use crate::groups::Groups;
use crate::rows::{Lists, NONE, Rows, Text, Words};

/// What a row is.
pub(super) enum What {
    /// Not of an event.
    Nothing,
    /// Of an event that shows no use.
    NoUse(Left),
    /// Of a use.
    Use,
}

pub(super) struct Columns<'b> {
    pub(super) verb: Text<'b>,
    pub(super) user: Text<'b>,
    pub(super) group: Text<'b>,
    pub(super) resource: Text<'b>,
    pub(super) subresource: Text<'b>,
    pub(super) namespace: Text<'b>,
    pub(super) name: Text<'b>,
    pub(super) decision: Text<'b>,
    pub(super) reason: Text<'b>,
    pub(super) user_groups: Lists<'b>,
    /// A number for the groups of each row, and how many numbers there are.
    pub(super) lists: (Vec<u32>, usize),
    pub(super) acting: Acting<'b>,
    stage: Text<'b>,
    uri: Words<'b>,
    message: Words<'b>,
    stages: Vec<Stage>,
    pub(super) codes: Vec<i32>,
    pub(super) times: Vec<i64>,
    /// Whether a request was allowed, by the number of its decision.
    allowed: Vec<Option<bool>>,
}

/// What matters of a stage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    None,
    Received,
    Started,
    Ended,
}

impl<'b> Columns<'b> {
    pub(super) fn of(rows: &Rows<'b>) -> Columns<'b> {
        let text = |column| rows.text(column);
        let (stage, decision) = (text("stage"), text("decision"));
        let (code, time) = (rows.codes(), rows.times("time"));
        let user_groups = rows.lists("groups");
        Columns {
            verb: text("verb"),
            user: text("user"),
            group: text("api_group"),
            resource: text("resource"),
            subresource: text("subresource"),
            namespace: text("namespace"),
            name: text("name"),
            reason: text("authz_reason"),
            acting: Acting::of(rows),
            lists: user_groups.numbers(),
            user_groups,
            uri: rows.words("request_uri"),
            message: rows.words("message"),
            stages: stage.each(|stage| match stage {
                "" => Stage::None,
                "RequestReceived" => Stage::Received,
                "ResponseStarted" => Stage::Started,
                _ => Stage::Ended,
            }),
            allowed: decision.each(|decision| match decision {
                "allow" => Some(true),
                "forbid" => Some(false),
                _ => None,
            }),
            codes: (0..rows.len()).map(|row| code(row).unwrap_or_default()).collect(),
            times: (0..rows.len()).map(|row| time(row).unwrap_or_default()).collect(),
            stage,
            decision,
        }
    }

    /// Some rows by what their columns say, but for the path of the URI. Columns that hang together come first, so that
    /// there are few groups for as long as possible.
    pub(super) fn groups(&self, rows: &[u32]) -> Groups {
        let lists = (&self.lists.0[..], self.lists.1);
        let of = |groups: Groups, (keys, size): (&[u32], usize)| {
            let keys: Vec<u32> = rows.iter().map(|row| keys[*row as usize]).collect();
            groups.and(&keys, size)
        };
        let keys = [
            &self.stage,
            &self.decision,
            &self.user,
            &self.reason,
            &self.verb,
            &self.group,
            &self.resource,
            &self.subresource,
            &self.namespace,
            &self.name,
        ];
        let keys = keys.map(|column| (column.keys(), column.size()));
        let (subject, object) = keys.split_at(3);
        subject
            .iter()
            .chain([&lists, &self.acting.numbers()])
            .chain(object)
            .copied()
            .fold(Groups::one(rows.len()), of)
    }

    pub(super) fn what(&self, row: usize) -> What {
        let stage = self.stage(row);
        if stage == Stage::None {
            return What::Nothing;
        }
        if stage == Stage::Received {
            return What::NoUse(Left::Undecided);
        }
        if self.user.key(row) == NONE {
            return What::NoUse(Left::Unauthenticated);
        }
        match (self.allowed(row), self.codes[row]) {
            (Some(_), _) => What::Use,
            (None, 401) => What::NoUse(Left::Unauthenticated),
            (None, 403) => What::NoUse(Left::RefusedImpersonation),
            (None, _) => What::NoUse(Left::BeforeAuthorization),
        }
    }

    /// What a refused impersonation asked for, where the API server's answer says so.
    pub(super) fn refused(&self, row: usize) -> Option<Observation> {
        let request = refused_impersonation(self.message.at(row)?)?;
        let time = self.times[row];
        Some(Observation {
            who: Who::new(self.user.or_empty(row), self.user_groups.at(row)),
            request,
            allowed: false,
            count: u64::from(self.counts(row)),
            forbidden_after: 0,
            first: time,
            last: time,
            via: None,
        })
    }

    fn stage(&self, row: usize) -> Stage {
        self.stages.get(self.stage.key(row) as usize).copied().unwrap_or(Stage::None)
    }

    /// Whose permissions decided, and in which groups that is.
    pub(super) fn who(&self, row: usize) -> (&'b str, impl Iterator<Item = &'b str> + use<'b>) {
        match self.acting.name(row) {
            Some(name) => (name, self.acting.groups.at(row)),
            None => (self.user.or_empty(row), self.user_groups.at(row)),
        }
    }

    /// What the authorizer decided, where it did.
    pub(super) fn allowed(&self, row: usize) -> Option<bool> {
        self.allowed.get(self.decision.key(row) as usize).copied().flatten()
    }

    /// Whether this stage counts the request: its end does.
    pub(super) fn counts(&self, row: usize) -> bool {
        self.stage(row) != Stage::Started
    }

    /// Whether the request is about no resource.
    pub(super) fn is_of_path(&self, row: usize) -> bool {
        self.resource.key(row) == NONE
    }

    /// Whether the request is about a subresource.
    pub(super) fn is_of_subresource(&self, row: usize) -> bool {
        !self.subresource.or_empty(row).is_empty()
    }

    /// The path as it is written, without its query.
    pub(super) fn path(&self, row: usize) -> &'b str {
        let uri = self.uri.at(row).unwrap_or_default();
        uri.split_once('?').map_or(uri, |(path, _)| path)
    }

    /// Whether the namespace may be from the body of what is created.
    pub(super) fn may_be_of_body(&self, row: usize) -> bool {
        self.verb.or_empty(row) == "create" && !self.namespace.or_empty(row).is_empty()
    }

    /// Whether the namespace is in the URI.
    pub(super) fn is_placed(&self, row: usize) -> bool {
        const BEFORE: &str = "/namespaces/";
        let (uri, namespace) = (self.uri.at(row).unwrap_or_default(), self.namespace.or_empty(row));
        uri.match_indices(BEFORE).any(|(at, _)| uri[at + BEFORE.len()..].starts_with(namespace))
    }
}
