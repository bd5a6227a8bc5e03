//! Names and labels for what is proposed.
//!
//! Promises: any user name gives a valid object name and a valid label of at most 63 characters; a name that had to be
//! changed ends in a hash of the user, and so does that of a user who is called as a group is.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::super::Subject;

/// The longest name of an object here; the API server takes somewhat longer ones.
const LONGEST_NAME: usize = 200;
/// The longest value of a label.
const LONGEST_LABEL: usize = 63;

/// What the objects for one user are called.
pub(super) struct Naming {
    pub(super) subject: Subject,
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

impl Naming {
    /// Names that begin with `prefix`, labels whose keys begin with `domain`.
    pub(super) fn new(prefix: &str, domain: &str, user: &str, subject: Subject) -> Naming {
        // `group:dev` is what the objects for a group are called.
        let salt = if subject.kind() != "Group" && user.starts_with("group:") { "User " } else { "" };
        let labels =
            [(format!("{domain}generated"), "true".to_owned()), (format!("{domain}user"), label(user, salt))];
        Naming {
            subject,
            name: format!("{prefix}{}", object_name(user, salt)),
            labels: labels.into(),
            annotations: [(
                format!("{domain}version"),
                concat!("auditrail-", env!("CARGO_PKG_VERSION")).to_owned(),
            )]
            .into(),
        }
    }
}

/// A path segment of plain characters.
fn object_name(user: &str, salt: &str) -> String {
    fitted(user, salt, LONGEST_NAME, |c| c.is_ascii_alphanumeric() || "-_.:@".contains(c))
}

/// The value of a label.
fn label(user: &str, salt: &str) -> String {
    fitted(user, salt, LONGEST_LABEL, |c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// The user in characters that fit; with a hash when that is not the user, or when there is something to put before it.
fn fitted(user: &str, salt: &str, longest: usize, fits: impl Fn(char) -> bool) -> String {
    let plain: String = user.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    let ends = |c: char| !c.is_ascii_alphanumeric();
    let plain = plain.trim_matches(ends);
    if plain == user && plain.len() <= longest && !plain.is_empty() && salt.is_empty() {
        return plain.to_owned();
    }
    let hash = hash(&format!("{salt}{user}"));
    // All characters are ASCII by now, so that any length cuts between two of them.
    let kept = plain[..plain.len().min(longest - hash.len() - 1)].trim_end_matches(ends);
    if kept.is_empty() { format!("u-{hash}") } else { format!("{kept}-{hash}") }
}

/// A few characters that tell texts apart.
pub(super) fn hash(text: &str) -> String {
    Sha256::digest(text).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{label, object_name};

    #[test]
    fn names_and_labels_are_valid_and_two_users_never_share_one() {
        let long = "x".repeat(300);
        let users =
            ["alice", "a-b", "a:b", "a/b", "a b", "system:serviceaccount:ns:sa", "", "..", "é", "-", &long];
        for user in users {
            let (name, label) = (object_name(user, ""), label(user, ""));
            assert!(label.len() <= 63 && name.len() <= 200, "{user}");
            for text in [&name, &label] {
                assert!(text.starts_with(|c: char| c.is_ascii_alphanumeric()), "{text}");
                assert!(text.ends_with(|c: char| c.is_ascii_alphanumeric()), "{text}");
            }
            let same = users.iter().filter(|other| object_name(other, "") == name).count();
            assert_eq!(same, 1, "{user}");
        }
        assert_eq!(object_name("system:serviceaccount:ns:sa", ""), "system:serviceaccount:ns:sa");
        assert!(label("system:serviceaccount:ns:sa", "").starts_with("system-serviceaccount-ns-sa-"));
    }
}
