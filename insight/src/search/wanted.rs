//! Which events are looked for.
//!
//! Promise: an empty word asks for nothing; `*` stands for any text in names; all words must hold.

use serde::{Deserialize, Serialize};

use crate::filter::fits;
use crate::rows::Rows;

/// What is asked for; the names are those of the columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    /// Who asked; `*` stands for any text.
    pub(crate) user: String,
    /// The program, by its own word; `*` stands for any text.
    pub(crate) client: String,
    /// The verb.
    pub(crate) verb: String,
    /// The resource (`pods`, `pods/log`, `*` for any text).
    pub(crate) resource: String,
    /// The namespace; `*` stands for any text.
    pub(crate) namespace: String,
    /// The object's name; `*` stands for any text.
    pub(crate) name: String,
    /// The status code: `403`, or a class of them: `4xx`.
    pub(crate) code: String,
    /// What was decided: `allow` or `forbid`.
    pub(crate) decision: String,
    /// The audit ID, in whole.
    pub(crate) audit_id: String,
    /// A text in the request's path or query.
    pub(crate) uri: String,
}

impl Wanted {
    /// Whether rows are wanted.
    pub(super) fn among<'b>(&'b self, rows: &Rows<'b>) -> impl Fn(usize) -> bool + use<'b> {
        let (resource, subresource) = self.resource.split_once('/').unwrap_or((&self.resource, ""));
        let columns = [
            ("user", self.user.as_str()),
            ("client", &self.client),
            ("verb", &self.verb),
            ("resource", resource),
            ("subresource", subresource),
            ("namespace", &self.namespace),
            ("name", &self.name),
            ("decision", &self.decision),
        ];
        let asked = columns.into_iter().filter(|(_, pattern)| !pattern.is_empty());
        let columns: Vec<Vec<bool>> = asked
            .map(|(column, pattern)| {
                let text = rows.text(column);
                let fits = text.which(|text| fits(pattern, text));
                (0..rows.len()).map(fits).collect()
            })
            .collect();
        let (audit_id, uri, code) = (rows.words("audit_id"), rows.words("request_uri"), rows.codes());
        move |row| {
            columns.iter().all(|fits| fits[row])
                && (self.audit_id.is_empty() || audit_id.at(row) == Some(self.audit_id.as_str()))
                && (self.uri.is_empty() || uri.at(row).is_some_and(|uri| uri.contains(&self.uri)))
                && (self.code.is_empty() || is_code(&self.code, code(row)))
        }
    }
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
}
