//! `policy lint`: what is wrong in policy files, with line and column.

use std::process::ExitCode;

use audit::lint::{Finding, Severity};
use serde_json::json;

use crate::cli::Lint;
use crate::exit::Failure;
use crate::policy_file;
use crate::say;

/// Prints the findings; 0 clean, 1 warnings, 2 errors.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn lint(arguments: &Lint) -> Result<ExitCode, Failure> {
    let mut findings = Vec::new();
    for file in &arguments.files {
        let text = policy_file::read(file).map_err(Failure::usage)?;
        findings
            .extend(audit::lint::lint(&text).into_iter().map(|finding| (policy_file::name(file), finding)));
    }
    say::result(&text(arguments.json, &findings)?)?;
    let worst = |severity| findings.iter().any(|(_, finding)| finding.severity == severity);
    Ok(ExitCode::from(match () {
        () if worst(Severity::Error) => 2,
        () if worst(Severity::Warning) => 1,
        () => 0,
    }))
}

fn text(json: bool, findings: &[(String, Finding)]) -> anyhow::Result<String> {
    if json {
        let all: Vec<_> = findings.iter().map(as_json).collect();
        return Ok(serde_json::to_string_pretty(&all)? + "\n");
    }
    Ok(findings.iter().map(|(file, finding)| as_text(file, finding)).collect())
}

fn as_text(file: &str, finding: &Finding) -> String {
    let Finding { line, column, code, message, fix, .. } = finding;
    format!("{file}:{line}:{column}: {}[{code}]: {message}\n    fix: {fix}\n", severity(finding))
}

fn as_json((file, finding): &(String, Finding)) -> serde_json::Value {
    json!({
        "file": file,
        "line": finding.line,
        "column": finding.column,
        "rule": finding.rule,
        "code": finding.code,
        "severity": severity(finding),
        "message": finding.message,
        "fix": finding.fix,
    })
}

fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
