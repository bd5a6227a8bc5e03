//! Documents behind the first one.

use super::Findings;
use crate::policy::document::Document;

/// kube-apiserver reads the first document only, and says nothing about the others.
pub(super) fn check(document: &Document, findings: &mut Findings) {
    if let Some(place) = document.ignored_from {
        let message =
            "kube-apiserver reads only the first document of the file; this one is ignored without a word";
        let fix = "put all rules into one document, or remove this one";
        findings.warning("ignored-document", place, None, message.to_owned(), fix.to_owned());
    }
}
