//! Roles and bindings as they were, from the log of who wrote them.
//!
//! Promises: an object at a moment is what the last write before it left; one that was created later did not exist;
//! one that the log says nothing of is what the caller knows it as. Where the log tells that an object was written but
//! not what came of it, that is said, not guessed. Dry runs and refused writes change nothing. Bounded: at most
//! `MOST_WRITES` writes are kept, and those beyond are counted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Objects, read};
use crate::{Event, Stage};

const GROUP: &str = "rbac.authorization.k8s.io";
/// The resources whose writes matter, and their kinds.
const RESOURCES: [(&str, &str); 4] = [
    ("roles", "Role"),
    ("clusterroles", "ClusterRole"),
    ("rolebindings", "RoleBinding"),
    ("clusterrolebindings", "ClusterRoleBinding"),
];
/// The most writes that are kept.
const MOST_WRITES: usize = 100_000;

/// Kind, namespace and name of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    kind: String,
    namespace: String,
    name: String,
}

/// What a write left.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Write {
    /// Whether there was nothing before.
    created: bool,
    after: After,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum After {
    /// This role or binding.
    Object(Objects),
    Gone,
    /// Something that the log does not tell.
    Untold,
}

/// A deletion of many objects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Many {
    kind: String,
    namespace: String,
    at: (i64, String),
}

/// Writes of roles and bindings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    of: BTreeMap<Key, BTreeMap<(i64, String), Write>>,
    kept: usize,
    /// Deletions of many objects of which the log does not tell which.
    untold: BTreeSet<Many>,
    beyond: u64,
}

/// Roles and bindings at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Then {
    /// What there was.
    pub objects: Objects,
    /// What is not certain about it.
    pub doubts: Vec<String>,
}

impl History {
    /// Whether an event may be a write that matters.
    #[must_use]
    pub fn matters(group: &str, resource: &str, verb: &str) -> bool {
        const WRITES: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];
        group == GROUP && RESOURCES.iter().any(|(own, _)| *own == resource) && WRITES.contains(&verb)
    }

    /// Takes in what an event tells.
    pub fn add(&mut self, event: &Event<'_>) {
        let done = event.stage() == Stage::ResponseComplete && matches!(event.code(), Some(200..=299));
        let Some(object) = event.object_ref().filter(|_| done) else { return };
        let (verb, uri) = (event.verb(), event.request_uri());
        let dry = uri.split_once('?').is_some_and(|(_, query)| query.contains("dryRun="));
        if dry
            || !object.subresource.is_empty()
            || !History::matters(&object.api_group, &object.resource, &verb)
        {
            return;
        }
        let kind = RESOURCES.iter().find(|(own, _)| *own == object.resource).map_or("", |(_, kind)| kind);
        let at = (event.stage_micros().unwrap_or_default(), event.audit_id().chars().take(64).collect());
        let answer = objects(event.response_object(), &object.namespace);
        let key = Key {
            kind: kind.to_owned(),
            namespace: object.namespace.to_string(),
            name: object.name.to_string(),
        };
        match verb.as_ref() {
            "deletecollection" if keys(&answer).is_empty() => {
                // A list of none tells that there were none.
                if event.response_object().is_none_or(|text| text.len() <= 2) {
                    self.put_many(Many { kind: key.kind, namespace: key.namespace, at });
                }
            }
            "deletecollection" => {
                keys(&answer)
                    .into_iter()
                    .for_each(|key| self.put(key, &at, Write { created: false, after: After::Gone }));
            }
            "delete" => self.put(key, &at, Write { created: false, after: After::Gone }),
            verb => {
                let asked = (verb != "patch").then(|| objects(event.request_object(), &object.namespace));
                let told = [Some(answer), asked].into_iter().flatten().find(|told| keys(told).len() == 1);
                let created = verb == "create" || event.code() == Some(201);
                let (key, after) = match told {
                    Some(told) => (keys(&told).remove(0), After::Object(told)),
                    None => (key, After::Untold),
                };
                self.put(key, &at, Write { created, after });
            }
        }
    }

    /// Takes in what another history knows.
    pub fn merge(&mut self, other: History) {
        for (key, writes) in other.of {
            writes.into_iter().for_each(|(at, write)| self.put(key.clone(), &at, write));
        }
        other.untold.into_iter().for_each(|many| self.put_many(many));
        self.beyond += other.beyond;
    }

    fn put(&mut self, key: Key, at: &(i64, String), write: Write) {
        if self.kept == MOST_WRITES {
            self.beyond += 1;
            return;
        }
        let writes = self.of.entry(key).or_default();
        match writes.get_mut(at) {
            // The same audit ID twice at the same time: clients choose it; either order must give the same.
            Some(known) => *known = known.clone().max(write),
            None => {
                writes.insert(at.clone(), write);
                self.kept += 1;
            }
        }
    }

    fn put_many(&mut self, many: Many) {
        if self.kept < MOST_WRITES {
            self.kept += usize::from(self.untold.insert(many));
        } else if !self.untold.contains(&many) {
            self.beyond += 1;
        }
    }

    /// Roles and bindings at that time (microseconds since the Unix epoch), where `known` is what they are at some
    /// other time, before or after.
    #[must_use]
    pub fn at(&self, known: &Objects, time: i64) -> Then {
        let mut then = Then { objects: known.clone(), doubts: Vec::new() };
        for (key, writes) in &self.of {
            let before = writes.iter().take_while(|((at, _), _)| *at <= time).last();
            let after = writes.iter().find(|((at, _), _)| *at > time);
            match (before, after) {
                (Some((_, Write { after: After::Object(objects), .. })), _) => {
                    then.objects.add(objects.clone())
                }
                (Some((_, Write { after: After::Gone, .. })), _) => then.remove(key),
                (Some((_, Write { after: After::Untold, .. })), _) => {
                    then.doubt(key, "was written before, and the log does not hold what came of it");
                }
                (None, Some((_, Write { created: true, .. }))) => then.remove(key),
                (None, Some(_)) if key.is_in(known) => {
                    then.doubt(key, "was changed later, and is taken as it is given");
                }
                (None, Some(_)) => {
                    then.doubt(key, "was there already when the log begins, and is not given");
                }
                (None, None) => {}
            }
        }
        then.doubts.extend(self.doubts_of_many(time));
        if self.beyond > 0 {
            then.doubts.push(format!("{} writes are beyond what is kept", self.beyond));
        }
        then
    }

    /// What deletions of many leave open about that time.
    fn doubts_of_many(&self, time: i64) -> impl Iterator<Item = String> {
        let mut counts: BTreeMap<(bool, &str, &str), u64> = BTreeMap::new();
        for Many { kind, namespace, at: (at, _) } in &self.untold {
            *counts.entry((*at > time, kind, namespace)).or_default() += 1;
        }
        counts.into_iter().map(|((later, kind, namespace), count)| {
            let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
            let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
            let told = |when| format!("many {kind}s{place} were deleted at once {when} ({times}), and the log does not tell which");
            match later {
                false => told("before"),
                true => told("later") + ": those that are older than the log are missing here, unless they are given",
            }
        })
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.of.is_empty() && self.untold.is_empty()
    }
}

impl Then {
    fn remove(&mut self, key: &Key) {
        self.objects.roles.retain(|role| {
            role.kind.name() != key.kind || (&role.namespace, &role.name) != (&key.namespace, &key.name)
        });
        self.objects.bindings.retain(|binding| {
            binding.kind() != key.kind || (&binding.namespace, &binding.name) != (&key.namespace, &key.name)
        });
    }

    fn doubt(&mut self, key: &Key, what: &str) {
        let place = if key.namespace.is_empty() { String::new() } else { format!("/{}", key.namespace) };
        self.doubts.push(format!("{} {}{place} {what}", key.kind, key.name));
    }
}

impl Key {
    fn is_in(&self, objects: &Objects) -> bool {
        keys(objects).contains(self)
    }
}

fn keys(objects: &Objects) -> Vec<Key> {
    let key = |kind: &str, namespace: &str, name: &str| Key {
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let roles = objects.roles.iter().map(|role| key(role.kind.name(), &role.namespace, &role.name));
    let bindings = objects.bindings.iter().map(|one| key(one.kind(), &one.namespace, &one.name));
    roles.chain(bindings).collect()
}

/// The roles and bindings of a body; none when it holds none.
fn objects(body: Option<&[u8]>, namespace: &str) -> Objects {
    let text = body.and_then(|body| std::str::from_utf8(body).ok()).unwrap_or_default();
    read::read_in(text, namespace).unwrap_or_default()
}
