//! `policy lint`: what is wrong in policy files, with line and column.
//!
//! Promise: exit 0 when nothing is worse than a note, 1 for warnings, 2 for errors, whatever the format.

mod sarif;

use std::process::ExitCode;

use audit::lint::{Finding, Severity};
use serde_json::json;

use crate::cli::{Lint, LintFormat};
use crate::exit::Failure;
use crate::policy_file;
use crate::say;

/// Prints the findings.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn lint(arguments: &Lint) -> Result<ExitCode, Failure> {
    let mut findings = Vec::new();
    for file in &arguments.files {
        let text = policy_file::read(file).map_err(Failure::usage)?;
        findings.extend(of_file(&policy_file::name(file), &text));
    }
    say::result(&text(arguments, &findings)?)?;
    Ok(verdict(&findings))
}

/// A finding with the name of its file.
type Found = (String, Finding);

fn of_file(name: &str, text: &str) -> Vec<Found> {
    audit::lint::lint(text).into_iter().map(|finding| (name.to_owned(), finding)).collect()
}

fn verdict(findings: &[Found]) -> ExitCode {
    let worst = findings.iter().map(|(_, finding)| finding.severity).max();
    ExitCode::from(match worst {
        Some(Severity::Error) => 2,
        Some(Severity::Warning) => 1,
        Some(Severity::Note) | None => 0,
    })
}

fn text(arguments: &Lint, findings: &[Found]) -> anyhow::Result<String> {
    let format = if arguments.json { LintFormat::Json } else { arguments.format };
    let value = match format {
        LintFormat::Text => return Ok(findings.iter().map(as_text).collect()),
        LintFormat::Json => findings.iter().map(as_json).collect(),
        LintFormat::Sarif => sarif::log(findings),
    };
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

fn as_text((file, finding): &Found) -> String {
    let Finding { line, column, code, message, fix, severity, .. } = finding;
    format!("{file}:{line}:{column}: {}[{code}]: {message}\n    fix: {fix}\n", severity.name())
}

fn as_json((file, finding): &Found) -> serde_json::Value {
    json!({
        "file": file,
        "line": finding.line,
        "column": finding.column,
        "rule": finding.rule,
        "code": finding.code,
        "severity": finding.severity.name(),
        "message": finding.message,
        "fix": finding.fix,
    })
}
