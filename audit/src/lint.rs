//! What is wrong with a policy, with its place and its remedy.

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The policy does something else than it looks like, in a way that deserves a look.
    Warning,
    /// kube-apiserver refuses the policy, or silently ignores a part of it.
    Error,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable name of this kind of finding, such as `misplaced-field`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The index of the rule it is about.
    pub rule: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// All findings about the text of a policy, in the order of their places.
#[must_use]
pub fn lint(_text: &str) -> Vec<Finding> {
    Vec::new()
}
