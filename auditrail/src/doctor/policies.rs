//! Whether the policies that the configuration names can be applied, and what is wrong with them.

use std::path::Path;

use audit::lint::Severity;

use super::Subject;
use super::finding::Finding;
use crate::policy_file;

const NAME: &str = "policy";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let configuration = &subject.placed.configuration;
    let router = match configuration.section::<router::Config>() {
        Ok(router) => router,
        Err(error) => return vec![Finding::error(NAME, &error.to_string())],
    };
    let own = router.routes.iter().filter_map(|route| route.policy.as_deref());
    let mut files: Vec<&Path> = router.policy.as_deref().into_iter().chain(own).collect();
    files.sort_unstable();
    files.dedup();
    files.into_iter().map(of_file).collect()
}

fn of_file(path: &Path) -> Finding {
    let text = match policy_file::read(path, "policy", policy_file::LARGEST) {
        Ok(text) => text,
        Err(error) => return Finding::error(NAME, &format!("{error:#}")),
    };
    let findings = audit::lint::lint(&text);
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let path = path.display();
    let what =
        format!("{path}: {errors} errors, {warnings} warnings; `auditrail policy lint {path}` tells each");
    match (errors, warnings) {
        (0, 0) => Finding::ok(NAME, format!("{path}: nothing to find fault with")),
        (0, _) => Finding::warning(NAME, &what),
        _ => Finding::error(NAME, &what),
    }
}
