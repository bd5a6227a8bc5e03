//! Findings as SARIF 2.1.0, the form that code scanning takes.
//!
//! Promises: valid under the standard's schema; columns are counted in characters, as everywhere here; a fix is given
//! where `--fix` would make it, and made alone does what `--fix` does about that finding.

use std::path::Path;

use audit::lint::{CODES, Edit};
use serde_json::{Value, json};

use super::Found;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// A log with one run, which has all findings.
pub(super) fn log(findings: &[Found]) -> Value {
    let rules: Vec<Value> = CODES
        .iter()
        .map(|(code, summary)| json!({"id": code, "shortDescription": {"text": summary}}))
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "auditrail policy lint", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn result(found: &Found) -> Value {
    let Found { file, finding, edits } = found;
    let rule = CODES.iter().position(|(code, _)| *code == finding.code);
    let mut result = json!({
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity.name(),
        "message": {"text": format!("{}. To mend it: {}.", finding.message, finding.fix)},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": uri(file)},
                "region": {"startLine": finding.line, "startColumn": finding.column},
            },
        }],
    });
    if !edits.is_empty() {
        result["fixes"] = json!([{
            "description": {"text": finding.fix},
            "artifactChanges": [{
                "artifactLocation": {"uri": uri(file)},
                "replacements": edits.iter().map(replacement).collect::<Vec<_>>(),
            }],
        }]);
    }
    result
}

fn replacement(edit: &Edit) -> Value {
    let Edit { from, to, text } = edit;
    let region = json!({"startLine": from.0, "startColumn": from.1, "endLine": to.0, "endColumn": to.1});
    if text.is_empty() {
        return json!({"deletedRegion": region});
    }
    json!({"deletedRegion": region, "insertedContent": {"text": text}})
}

/// A path as a URI: relative as it is, absolute with its scheme; what is special in a URI is escaped.
fn uri(file: &str) -> String {
    let absolute = Path::new(file).is_absolute();
    let slashes = if cfg!(windows) { file.replace('\\', "/") } else { file.to_owned() };
    let scheme = match (absolute, slashes.starts_with('/')) {
        (true, true) => "file://",
        (true, false) => "file:///",
        (false, _) => "",
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let path = slashes.bytes().map(|byte| {
        let drive = absolute && cfg!(windows) && byte == b':';
        if plain(byte) || drive { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    });
    scheme.to_owned() + &path.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(uri("policies/a b#1.yaml"), "policies/a%20b%231.yaml");
        assert_eq!(uri("stdin"), "stdin");
        #[cfg(unix)]
        assert_eq!(uri("/etc/kubernetes/policy.yaml"), "file:///etc/kubernetes/policy.yaml");
        #[cfg(windows)]
        assert_eq!(uri(r"C:\etc\policy.yaml"), "file:///C:/etc/policy.yaml");
    }
}
