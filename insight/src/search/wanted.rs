//! Which events are looked for.
//!
//! Promises: an empty word asks for nothing, `*` stands for any text in names, and all words must hold; a resource is
//! named as everywhere, with or without its group; what is to be taken exactly is compared as it stands, also where it is
//! empty, has a `*` in it or blanks at its ends.

use std::collections::HashMap;

use audit::rbac::{Request, Target};

use crate::filter::{fits, is_resource, resource_name};
use crate::rows::{Rows, Text};

/// What can be taken exactly.
pub(crate) const EXACT: [&str; 11] =
    ["user", "subject", "as", "client", "verb", "resource", "namespace", "name", "uri", "scope", "source_ip"];
/// How long texts are at least that a report may have cut, and at most: those of 128 and of 256 bytes.
const CUT: [std::ops::RangeInclusive<usize>; 2] = [125..=128, 253..=256];

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Who was authenticated; `*` stands for any text, here and below.
    pub(crate) user: String,
    /// Whose permissions decided: whom the user acted as, or the user.
    pub(crate) subject: String,
    /// As whom the user acted.
    pub(crate) acting_as: String,
    /// The program, by its own word.
    pub(crate) client: String,
    /// The verb.
    pub(crate) verb: String,
    /// The resource (`pods`, `pods/log`, `deployments.apps`).
    pub(crate) resource: String,
    /// The namespace.
    pub(crate) namespace: String,
    /// The object's name.
    pub(crate) name: String,
    /// The status code: `403`, or a class of them: `4xx`.
    pub(crate) code: String,
    /// What was decided: `allow` or `forbid`.
    pub(crate) decision: String,
    /// The audit ID, in whole.
    pub(crate) audit_id: String,
    /// A text in the request's path or query; exactly: its path.
    pub(crate) uri: String,
    /// How wide the request reaches.
    pub(crate) scope: String,
    /// Where it came from.
    pub(crate) source_ip: String,
    /// Names of [`EXACT`] that are taken as they stand.
    pub(crate) exact: Vec<&'static str>,
}

/// What one column must have.
struct Word<'w> {
    text: &'w str,
    exact: bool,
}

impl Word<'_> {
    fn asks(&self) -> bool {
        self.exact || !self.text.is_empty()
    }

    fn is(&self, text: &str) -> bool {
        if !self.exact {
            return fits(self.text, text);
        }
        let is_cut = CUT.iter().any(|lengths| lengths.contains(&self.text.len()));
        text == self.text || is_cut && text.starts_with(self.text)
    }

    /// Whether the word fits where there is no text.
    fn is_none(&self) -> bool {
        self.exact && self.text.is_empty()
    }

    fn in_column(&self, column: &Text<'_>) -> Vec<bool> {
        let fits = column.each(|text| self.is(text));
        column.keys().iter().map(|key| fits.get(*key as usize).copied().unwrap_or(self.is_none())).collect()
    }
}

impl Wanted {
    fn word<'w>(&'w self, name: &str, text: &'w str) -> Word<'w> {
        Word { text, exact: self.exact.contains(&name) }
    }

    /// Whether rows are wanted.
    pub(super) fn among<'b>(&'b self, rows: &Rows<'b>) -> impl Fn(usize) -> bool + use<'b> {
        let columns = [
            ("user", "user", self.user.as_str()),
            ("as", "impersonated_user", &self.acting_as),
            ("client", "client", &self.client),
            ("verb", "verb", &self.verb),
            ("namespace", "namespace", &self.namespace),
            ("name", "name", &self.name),
            ("decision", "decision", &self.decision),
            ("scope", "scope", &self.scope),
            ("source_ip", "source_ip", &self.source_ip),
        ];
        let words = columns.into_iter().map(|(name, column, text)| (column, self.word(name, text)));
        let mut columns: Vec<Vec<bool>> = words
            .filter(|(_, word)| word.asks())
            .map(|(column, word)| word.in_column(&rows.text(column)))
            .collect();
        columns.extend(self.subjects(rows));
        columns.extend(self.resources(rows));
        let uri = self.word("uri", &self.uri);
        let (audit_id, request_uri, code) = (rows.words("audit_id"), rows.words("request_uri"), rows.codes());
        move |row| {
            columns.iter().all(|fits| fits[row])
                && (self.audit_id.is_empty() || audit_id.at(row) == Some(self.audit_id.as_str()))
                && (!uri.asks() || is_uri(&uri, request_uri.at(row).unwrap_or_default()))
                && (self.code.is_empty() || is_code(&self.code, code(row)))
        }
    }

    fn subjects(&self, rows: &Rows<'_>) -> Option<Vec<bool>> {
        let word = Some(self.word("subject", &self.subject)).filter(Word::asks)?;
        let (user, acting_as) = (rows.text("user"), rows.text("impersonated_user"));
        let [of_user, of_other] = [&user, &acting_as].map(|column| word.in_column(column));
        let is = |row: usize| if acting_as.at(row).is_some() { of_other[row] } else { of_user[row] };
        Some((0..rows.len()).map(is).collect())
    }

    fn resources(&self, rows: &Rows<'_>) -> Option<Vec<bool>> {
        let word = Some(self.word("resource", &self.resource)).filter(Word::asks)?;
        let parts = ["api_group", "resource", "subresource"].map(|column| rows.text(column));
        let mut known = HashMap::new();
        let is = |row: usize| {
            let keys = [0, 1, 2].map(|part| parts[part].key(row));
            *known.entry(keys).or_insert_with(|| {
                let [group, resource, subresource] = [0, 1, 2].map(|part| parts[part].or_empty(row));
                match (word.exact, resource) {
                    (true, _) => word.is(&resource_name(group, resource, subresource)),
                    (false, "") => false,
                    (false, _) => is_resource(word.text, group, resource, subresource),
                }
            })
        };
        Some((0..rows.len()).map(is).collect())
    }
}

fn is_uri(word: &Word<'_>, uri: &str) -> bool {
    if !word.exact {
        return uri.contains(word.text);
    }
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    // Reports on roles decode paths, as the authorizer does.
    word.is(path) || matches!(&Request::uri("", uri).target, Target::Path(path) if word.is(path))
}

fn is_code(pattern: &str, code: Option<i32>) -> bool {
    match (pattern.strip_suffix("xx"), code) {
        (_, None) => false,
        (Some(class), Some(code)) => (code / 100).to_string() == class,
        (None, Some(code)) => code.to_string() == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_or_a_class_of_codes_can_be_asked_for() {
        assert!(is_code("403", Some(403)) && is_code("4xx", Some(403)));
        assert!(!is_code("5xx", Some(403)) && !is_code("4xx", None) && !is_code("40", Some(403)));
    }

    #[test]
    fn what_is_taken_exactly_has_no_pattern_in_it_and_a_path_no_query() {
        let exact = |text| Word { text, exact: true };
        assert!(
            exact("*").is("*") && !exact("*").is("alice") && exact(" a ").is(" a ") && !exact("a").is("a ")
        );
        assert!(exact("").is_none() && !Word { text: "*", exact: false }.is_none());
        assert!(is_uri(&exact("/apis"), "/apis?timeout=1s") && !is_uri(&exact("/apis"), "/apis/apps"));
        assert!(is_uri(&exact("/a b"), "/a%20b") && is_uri(&exact("/a%20b"), "/a%20b"));
        let long = "x".repeat(300);
        assert!(
            exact(&long[..128]).is(&long) && exact(&long[..256]).is(&long) && !exact(&long[..200]).is(&long)
        );
    }
}
