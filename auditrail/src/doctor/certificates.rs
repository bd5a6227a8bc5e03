//! Whether the certificates that services show each other can be read, belong together, and hold.

use chassis::tls::{Certificates, Tls};

use super::Subject;
use super::finding::{Finding, Grade};

const NAME: &str = "certificates";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let tls = match Tls::of(&subject.placed.configuration) {
        Ok(None) => return Vec::new(), // services speak in plain text
        Ok(Some(tls)) => tls,
        Err(error) => return vec![Finding::error(NAME, &error.to_string())],
    };
    let certificates = match Certificates::open(&tls, None) {
        Ok(certificates) => certificates,
        Err(why) => return vec![Finding::error(NAME, &why)],
    };
    let problems = certificates.problems();
    let names = certificates.names();
    if !problems.is_empty() {
        let grade = if certificates.is_valid_now() { Grade::Warning } else { Grade::Error };
        return problems.iter().map(|problem| Finding::of(NAME, grade, problem)).collect();
    }
    let path = tls.certificate.display();
    if names.is_empty() {
        let what = format!(
            "{path} has no DNS name and no common name; roles are given to names: issue one that has"
        );
        return vec![Finding::warning(NAME, &what)];
    }
    vec![Finding::ok(NAME, format!("{path} is that of {}; {}", names.join(", "), certificates.holds()))]
}
