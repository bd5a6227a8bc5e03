//! What kube-apiserver refuses, so that it would not start.

use super::Findings;
use crate::policy::document::Fault;
use crate::policy::is_dns_subdomain;
use crate::{Level, Stage};

/// Each fault with the server's own words.
pub(super) fn check(faults: &[Fault], findings: &mut Findings) {
    for fault in faults {
        let message = format!("kube-apiserver refuses this: {}", fault.message);
        findings.error(code(&fault.message), fault.place, rule(&fault.message), message, fix(&fault.message));
        word(&fault.message).iter().for_each(|word| findings.mended_by(word));
    }
}

/// The index in `rules[3].level: ...`.
fn rule(message: &str) -> Option<usize> {
    message.strip_prefix("rules[")?.split_once(']')?.0.parse().ok()
}

fn code(message: &str) -> &'static str {
    let has = |part: &str| message.contains(part);
    if has("yaml: ") || has("json parse error") || has("invalid character") {
        "syntax"
    } else if has("no kind")
        || has("unknown group version")
        || has("unknown conversion")
        || has("GroupVersion")
    {
        "wrong-kind"
    } else if has("cannot unmarshal") || has("parsing time") {
        "wrong-type"
    } else if has("0 rules") {
        "no-rules"
    } else {
        "invalid-value"
    }
}

fn fix(message: &str) -> String {
    let has = |part: &str| message.contains(part);
    let text = match code(message) {
        "syntax" => {
            "mend the YAML at this place: mind the indentation, use blanks and no tabs, close every quote"
        }
        "wrong-kind" => "begin the file with `apiVersion: audit.k8s.io/v1` and `kind: Policy`",
        "no-rules" => "give the policy at least one rule, such as `- level: Metadata` under `rules:`",
        "wrong-type" if has("into Go struct field") && has("of type []") => {
            "write a list here, such as `[get, list]`"
        }
        "wrong-type" if has("of type string") => {
            "put the value in quotes: without them YAML takes it for something else"
        }
        "wrong-type" => "give the value the type that is named in the message",
        _ if has(".level: Required") => "give the rule a level: None, Metadata, Request or RequestResponse",
        _ if has(".level: Unsupported") => return nearest(message, &Level::ALL.map(Level::name)),
        _ if has("allowed stages") => return nearest(message, &Stage::ALL.map(Stage::name)),
        _ if has("resources.group") => {
            if let Some(group) = group(wrong(message)) {
                return format!("write `{group}`: a group has no capitals, and no version here");
            }
            "write the API group alone, in lower case and without a version; the core group is \"\""
        }
        _ if has("resourceNames") => {
            "name the resources too, such as `resources: [\"*\"]`: names alone are not allowed"
        }
        _ if has("must begin with") => "begin the path with `/`, or write `*` alone for every path",
        _ if has("wildcards") => "put the `*` at the end, and only there",
        _ if has("cannot apply to both") => "make two rules of it: one for the resources, one for the URLs",
        _ => "correct the value",
    };
    text.to_owned()
}

fn nearest(message: &str, allowed: &[&str]) -> String {
    match cased(message, allowed) {
        Some(word) => format!("write `{word}`, with exactly these capitals"),
        None => format!("write one of {}", allowed.join(", ")),
    }
}

/// The allowed word that the wrong one means when its case is put right.
fn cased<'w>(message: &str, allowed: &[&'w str]) -> Option<&'w str> {
    allowed.iter().find(|word| word.eq_ignore_ascii_case(wrong(message))).copied()
}

/// The value that is refused.
fn wrong(message: &str) -> &str {
    message.split("value: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default()
}

/// The word to write instead of a refused value, where there is only one.
fn word(message: &str) -> Option<String> {
    let has = |part: &str| message.contains(part);
    match code(message) {
        "invalid-value" if has(".level: Unsupported") => {
            cased(message, &Level::ALL.map(Level::name)).map(str::to_owned)
        }
        "invalid-value" if has("allowed stages") => {
            cased(message, &Stage::ALL.map(Stage::name)).map(str::to_owned)
        }
        "invalid-value" if has("resources.group") => group(wrong(message)),
        _ => None,
    }
}

/// A group in lower case and without its version; the version alone is the core group.
fn group(wrong: &str) -> Option<String> {
    let lower = wrong.to_ascii_lowercase();
    let (group, version) = lower.split_once('/').unwrap_or((&lower, "v1"));
    let is_version =
        version.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    (is_version && is_dns_subdomain(group)).then(|| group.to_owned())
}
