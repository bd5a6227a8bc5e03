//! Verbs that no request has.

use super::{Findings, rules};
use crate::policy::spec::PolicySpec;

/// Verbs are compared with their case, and are always lower case.
pub(super) fn check(spec: &PolicySpec, findings: &mut Findings) {
    for (index, rule) in rules(spec) {
        for verb in
            rule.value.verbs.value.iter().filter(|verb| verb.value.contains(|c: char| c.is_ascii_uppercase()))
        {
            let text = &verb.value;
            let message =
                format!("verb `{text}` matches nothing: verbs are lower case and compared with their case");
            findings.warning("uppercase-verb", verb.place, Some(index), message, fix(text));
        }
    }
}

fn fix(verb: &str) -> String {
    match verb.to_ascii_lowercase().as_str() {
        "post" => "write `create` for resources, `post` for nonResourceURLs".to_owned(),
        "put" => "write `update` for resources, `put` for nonResourceURLs".to_owned(),
        lower => format!("write `{lower}`"),
    }
}
