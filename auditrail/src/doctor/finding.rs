//! A finding: how bad it is, what it is, and what to do.
//!
//! Promise: in text, one line each, in columns; in JSON, the same words.

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Grade {
    Ok,
    /// It works, and will not for ever, or not wholly.
    Warning,
    /// It does not work.
    Error,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    check: String,
    pub(super) grade: Grade,
    what: String,
    /// What to do about it.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    to_do: Option<String>,
}

impl Finding {
    /// All is well.
    pub(super) fn ok(check: &str, what: impl Into<String>) -> Finding {
        Finding { check: check.to_owned(), grade: Grade::Ok, what: what.into(), to_do: None }
    }

    /// Words of our messages: what it is, and behind the first semicolon what to do.
    pub(super) fn of(check: &str, grade: Grade, words: &str) -> Finding {
        let (what, to_do) = words.split_once("; ").map_or((words, None), |(what, to_do)| (what, Some(to_do)));
        Finding { check: check.to_owned(), grade, what: what.to_owned(), to_do: to_do.map(str::to_owned) }
    }

    /// Words that make it worse than well.
    pub(super) fn warning(check: &str, words: &str) -> Finding {
        Finding::of(check, Grade::Warning, words)
    }

    /// Words of what does not work.
    pub(super) fn error(check: &str, words: &str) -> Finding {
        Finding::of(check, Grade::Error, words)
    }
}

/// The findings as text.
pub(super) fn lines(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.check.chars().count()).max().unwrap_or_default();
    let line = |Finding { check, grade, what, to_do }: &Finding| {
        let grade = match grade {
            Grade::Ok => "ok",
            Grade::Warning => "warning",
            Grade::Error => "error",
        };
        let to_do = to_do.as_ref().map(|to_do| format!("; {to_do}")).unwrap_or_default();
        format!("{grade:<7}  {check:<width$}  {what}{to_do}\n")
    };
    findings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_stand_in_columns_and_say_what_to_do() {
        let findings = [Finding::ok("log a", "12 B"), Finding::error("queue", "no room; free some; wait")];
        assert_eq!(lines(&findings), "ok       log a  12 B\nerror    queue  no room; free some; wait\n");
        let json = serde_json::to_value(&findings).unwrap();
        assert_eq!(json[1]["do"], "free some; wait");
        assert_eq!(json[0], serde_json::json!({"check": "log a", "grade": "ok", "what": "12 B"}));
    }
}
