//! Whether the stages behind the collector and the router answer, where the configuration names them, and whether their
//! clocks agree with ours.

use std::time::SystemTime;

use chassis::config::Origin;

use super::finding::Finding;
use super::{Subject, clock};
use crate::credentials::Credentials;
use crate::exit::Failure;

const NAME: &str = "next stage";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let configuration = &subject.placed.configuration;
    // What the configuration does not name is joined by calls.
    let named = |key: &str| configuration.origin_of(key) != Origin::Default;
    let mut said = Vec::new();
    if named("collector.next") {
        said.extend(of_stage(subject, "collector.next", "router", &subject.placed.collector.next));
    }
    if named("router.next") {
        // What is wrong in the section is said where its policies are looked at.
        let router = configuration.section::<router::Config>().ok();
        said.extend(
            router.iter().flat_map(|router| of_stage(subject, "router.next", "shipper", &router.next)),
        );
    }
    said
}

fn of_stage(subject: &Subject<'_>, key: &str, service: &str, address: &str) -> Vec<Finding> {
    let caller = match Credentials::default().caller(subject.arguments.config.as_deref(), false) {
        Ok(caller) => caller,
        Err(Failure::Usage(error) | Failure::Failed(error)) => {
            return vec![Finding::error(NAME, &format!("{address} cannot be asked: {error}"))];
        }
    };
    match subject.runtime.block_on(caller.health(address)) {
        Ok(health) => {
            let date = health.date.as_deref().and_then(shipper::http_date);
            let skew = date.and_then(|date| clock::skewed(address, date, SystemTime::now()));
            let serves = match health.serves {
                true => Finding::ok(NAME, format!("{address} serves")),
                false => {
                    let what = format!("{address} answers and does not serve; look at its own status");
                    Finding::warning(NAME, &what)
                }
            };
            [serves].into_iter().chain(skew).collect()
        }
        Err(_) if subject.service(service).is_some() => {
            vec![Finding::ok(NAME, "joined by calls in one process")]
        }
        Err(error) => {
            let what = format!(
                "{address} does not answer: {error}; start it, or correct {key}; a single `up` needs none"
            );
            vec![Finding::error(NAME, &what)]
        }
    }
}
