//! Where lines come from.

use std::fmt;

use crate::Origin;

impl Origin {
    /// The part of the origin that identifies it; tags, source and service may change without making it
    /// another one. Safe as a storage key.
    pub fn key(&self) -> String {
        [&self.cluster, &self.node, &self.collector, &self.path]
            .map(|part| part.replace('\n', " "))
            .join("\n")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.cluster, &self.node, &self.collector] {
            if !part.is_empty() {
                write!(f, "{part}:")?;
            }
        }
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_do_not_change_the_identity_and_paths_do() {
        let origin =
            Origin { collector: "cp-1".into(), path: "/var/log/audit.log".into(), ..Origin::default() };
        let tagged = Origin { tags: vec!["env:prod".into()], service: "audit".into(), ..origin.clone() };
        let other = Origin { path: "/var/log/other.log".into(), ..origin.clone() };
        assert_eq!(origin.key(), tagged.key());
        assert_ne!(origin.key(), other.key());
        assert_eq!(origin.to_string(), "cp-1:/var/log/audit.log");
    }
}
