//! `policy lint`: what is wrong in policy files, with line and column, and the corrected files.
//!
//! Promises: exit 0 when nothing is worse than a note, 1 for warnings, 2 for errors, whatever the format. A file is
//! corrected as a whole or not at all; stdout has either findings or a corrected text, never both.

mod rewrite;
mod sarif;

use std::path::Path;
use std::process::ExitCode;

use anyhow::anyhow;
use audit::TargetVersion;
use audit::lint::{Edit, Finding, Fixed, Severity};
use serde_json::json;

use crate::cli::{Lint, LintFormat};
use crate::exit::Failure;
use crate::policy_file;
use crate::say;

/// Prints the findings, after correction those that are left.
///
/// # Errors
/// When a file cannot be read or written, or several corrected texts would go to stdout.
pub(crate) fn lint(arguments: &Lint) -> Result<ExitCode, Failure> {
    let to_stdout = arguments.fix
        && (arguments.dry_run || arguments.files.iter().any(|file| policy_file::is_stdin(file)));
    if to_stdout && arguments.files.len() > 1 {
        return Err(Failure::usage(anyhow!(
            "only one corrected text can be printed: give one file at a time"
        )));
    }
    let mut findings = Vec::new();
    for file in &arguments.files {
        let mut text = policy_file::read(file, "policy", policy_file::LARGEST).map_err(Failure::usage)?;
        if arguments.fix {
            text = corrected(file, text, arguments.target_version, to_stdout)?;
        }
        findings.extend(of_file(&policy_file::name(file), &text, arguments));
    }
    let shown = text(arguments, &findings)?;
    if to_stdout {
        say::bare(shown.trim_end())
    } else {
        say::result(&shown)?
    }
    Ok(verdict(&findings))
}

/// Corrects a file, or prints its corrected text; what was corrected is said.
fn corrected(file: &Path, text: String, target: TargetVersion, to_stdout: bool) -> anyhow::Result<String> {
    let Fixed { text: new, mended } = audit::lint::fix_for(&text, target);
    let verb = if to_stdout { "corrects" } else { "corrected" };
    if to_stdout {
        say::result(&new)?;
    } else if new != text {
        rewrite::whole(file, &new)?;
    }
    let name = policy_file::name(file);
    for Finding { line, column, code, fix, .. } in &mended {
        say::bare(&format!("{name}:{line}:{column}: {verb} [{code}]: {fix}"));
    }
    Ok(new)
}

/// A finding with the name of its file, and how to mend it where the format tells of that.
struct Found {
    file: String,
    finding: Finding,
    edits: Vec<Edit>,
}

fn of_file(name: &str, text: &str, arguments: &Lint) -> Vec<Found> {
    let findings = audit::lint::lint_for(text, arguments.target_version);
    let edits = match format(arguments) {
        LintFormat::Sarif => audit::lint::edits(text, &findings, arguments.target_version),
        LintFormat::Text | LintFormat::Json => vec![Vec::new(); findings.len()],
    };
    let found = |(finding, edits)| Found { file: name.to_owned(), finding, edits };
    findings.into_iter().zip(edits).map(found).collect()
}

fn format(arguments: &Lint) -> LintFormat {
    if arguments.json { LintFormat::Json } else { arguments.format }
}

fn verdict(findings: &[Found]) -> ExitCode {
    let worst = findings.iter().map(|found| found.finding.severity).max();
    ExitCode::from(match worst {
        Some(Severity::Error) => 2,
        Some(Severity::Warning) => 1,
        Some(Severity::Note) | None => 0,
    })
}

fn text(arguments: &Lint, findings: &[Found]) -> anyhow::Result<String> {
    let value = match format(arguments) {
        LintFormat::Text => return Ok(findings.iter().map(as_text).collect()),
        LintFormat::Json => findings.iter().map(as_json).collect(),
        LintFormat::Sarif => sarif::log(findings),
    };
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

fn as_text(Found { file, finding, .. }: &Found) -> String {
    let Finding { line, column, code, message, fix, severity, .. } = finding;
    format!("{file}:{line}:{column}: {}[{code}]: {message}\n    fix: {fix}\n", severity.name())
}

fn as_json(Found { file, finding, .. }: &Found) -> serde_json::Value {
    json!({
        "file": file,
        "line": finding.line,
        "column": finding.column,
        "rule": finding.rule,
        "code": finding.code,
        "severity": finding.severity.name(),
        "message": finding.message,
        "fix": finding.fix,
        "replacement": finding.replacement,
    })
}
