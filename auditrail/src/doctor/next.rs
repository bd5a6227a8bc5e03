//! Whether the stage behind the collector answers, where the configuration names one.

use chassis::config::Origin;

use super::Subject;
use super::finding::Finding;
use crate::credentials::Credentials;
use crate::exit::Failure;

const NAME: &str = "next stage";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let placed = &subject.placed;
    if placed.configuration.origin_of("collector.next") == Origin::Default {
        return Vec::new(); // `up` joins its stages by calls
    }
    let address = placed.collector.next.as_str();
    let caller = match Credentials::default().caller(subject.arguments.config.as_deref(), false) {
        Ok(caller) => caller,
        Err(Failure::Usage(error) | Failure::Failed(error)) => {
            return vec![Finding::error(NAME, &format!("{address} cannot be asked: {error}"))];
        }
    };
    vec![match subject.runtime.block_on(caller.is_serving(address)) {
        Ok(true) => Finding::ok(NAME, format!("{address} serves")),
        Ok(false) => {
            Finding::warning(NAME, &format!("{address} answers and does not serve; look at its own status"))
        }
        Err(_) if subject.service("router").is_some() => Finding::ok(NAME, "joined by calls in one process"),
        Err(error) => {
            let what = format!(
                "{address} does not answer: {error}; start it, or correct collector.next; a single `up` needs none"
            );
            Finding::error(NAME, &what)
        }
    }]
}
