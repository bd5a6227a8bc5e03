//! Whose uses are looked at.
//!
//! Promise: nobody who was named goes missing in silence: who is not in the log is told, with names that come near.

use anyhow::anyhow;
use audit::rbac::{Uses, Who};
use clap::Args;
use insight::reports::usage::Usage;

use crate::exit::Failure;
use crate::spelt::shown;

/// How many near names are told.
const NEAR: usize = 3;
/// Shorter names are part of too many others.
const SHORTEST: usize = 4;

/// Who is meant.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Whose {
    /// Only this user; may be given several times. Exit 1 when one who is named is not in the log.
    #[arg(long, value_name = "NAME")]
    user: Vec<String>,
    /// Only this service account; may be given several times.
    #[arg(long, value_name = "NAMESPACE:NAME")]
    serviceaccount: Vec<String>,
    /// Only members of this group; may be given several times.
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// Everybody, also members of `system:masters` and `system:nodes`, whose requests do not need RBAC.
    #[arg(long)]
    all: bool,
}

impl Whose {
    /// Only the uses of those who are meant.
    pub(super) fn of(&self, usage: &Usage) -> Uses {
        usage.of(|who| self.means(who))
    }

    /// Who was named and not seen, in words.
    ///
    /// # Errors
    /// When nobody who was named was seen: there is no answer.
    pub(super) fn unseen(&self, usage: &Usage, uses: &Uses) -> Result<Vec<String>, Failure> {
        let missing = self.missing(uses);
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let all = usage.all();
        let words = missing.iter().map(|missing| missing.words(&all));
        if uses.subjects().next().is_none() {
            let words: Vec<String> = words.map(|words| shown(&words)).collect();
            return Err(Failure::Failed(anyhow!("{}: nothing can be suggested", words.join("; "))));
        }
        Ok(words.collect())
    }

    /// Whether somebody was named.
    pub(super) fn is_named(&self) -> bool {
        !(self.user.is_empty() && self.serviceaccount.is_empty() && self.group.is_empty())
    }

    fn missing(&self, uses: &Uses) -> Vec<Missing> {
        let seen = |user: &str| uses.subjects().any(|who| who.user == user);
        let accounts = self.serviceaccount.iter().map(|account| format!("system:serviceaccount:{account}"));
        let users = self.user.iter().cloned().chain(accounts).filter(|user| !seen(user));
        let groups = self.group.iter().filter(|group| !uses.subjects().any(|who| who.is_in(group)));
        users.map(Missing::User).chain(groups.cloned().map(Missing::Group)).collect()
    }

    fn means(&self, who: &Who) -> bool {
        if !self.is_named() {
            return self.all || !who.is_in("system:masters") && !who.is_in("system:nodes");
        }
        let account = who.user.strip_prefix("system:serviceaccount:");
        self.user.contains(&who.user)
            || account.is_some_and(|account| self.serviceaccount.iter().any(|wanted| wanted == account))
            || self.group.iter().any(|group| who.is_in(group))
    }
}

/// Somebody who was named and is not in the log.
enum Missing {
    User(String),
    Group(String),
}

impl Missing {
    fn words(&self, uses: &Uses) -> String {
        let (words, near) = match self {
            Missing::User(user) => {
                let users = uses.subjects().map(|who| who.user.as_str());
                (format!("{user} is {}", absent(uses)), near(user, users))
            }
            Missing::Group(group) => {
                let groups = uses.subjects().flat_map(|who| &who.groups).map(String::as_str);
                let nobody = match uses.has_others() {
                    true => format!("of the group {group} everybody is {}", absent(uses)),
                    false => format!("nobody of the group {group} is in the log"),
                };
                (nobody, near(group, groups))
            }
        };
        if near.is_empty() { words } else { format!("{words}; near it: {}", near.join(", ")) }
    }
}

/// What is known of somebody who was not seen.
fn absent(uses: &Uses) -> &'static str {
    match uses.has_others() {
        true => "not in the log, or of more users than can be told apart",
        false => "not in the log",
    }
}

/// Names that a name may have meant: the same in other letters, or with the name's last part in them.
fn near<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let name = name.to_lowercase();
    let last = name.rsplit(':').next().unwrap_or_default();
    let mut near: Vec<&str> = Vec::new();
    for other in names {
        let lower = other.to_lowercase();
        let is_near = lower == name || last.len() >= SHORTEST && lower.contains(last);
        if is_near && !near.contains(&other) {
            near.push(other);
        }
        if near.len() == NEAR {
            break;
        }
    }
    near
}
