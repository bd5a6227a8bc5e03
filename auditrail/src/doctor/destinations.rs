//! Whether destinations can be delivered to: their secrets can be read, a running shipper has no trouble with them, and,
//! where that is wanted, Datadog knows the key.

use std::time::SystemTime;

use chassis::datadog::Environment;
use shipper::{Datadog, Destination};

use super::finding::Finding;
use super::{Subject, clock, lake_dir};

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let agent = chassis::config::environment().and_then(Environment::read);
    let config = match agent.and_then(|agent| subject.placed.shipper.clone().with_environment(&agent)) {
        Ok(config) => config,
        Err(error) => return vec![Finding::error("destinations", &error.to_string())],
    };
    let of_each = |(name, destination): (&String, &Destination)| of_destination(subject, name, destination);
    config.destinations.iter().flat_map(of_each).collect()
}

fn of_destination(subject: &Subject<'_>, name: &str, destination: &Destination) -> Vec<Finding> {
    let check = format!("destination {name}");
    let mut said: Vec<Finding> = Vec::new();
    for secret in destination.secrets() {
        said.extend(secret.reveal().err().map(|error| Finding::error(&check, &error.to_string())));
    }
    if let Destination::Datadog(datadog) = destination {
        if datadog.lacks_key() {
            let why = "there is no API key; name a file in `api_key_file`, or set DD_API_KEY where it runs";
            said.push(Finding::error(&check, why));
        } else if subject.arguments.online && datadog.key().is_some() && said.is_empty() {
            said.extend(online(subject, &check, datadog));
        }
    }
    if let Destination::Lake(lake) = destination {
        said.extend(lake_dir::check(&check, lake));
    }
    let running = subject.running().iter().flat_map(|service| &service.destinations);
    for told in running.filter(|told| told.name == name && !told.problem.is_empty()) {
        let what = format!("the running shipper says ({}): {}", told.state, told.problem);
        said.push(if told.state == "held" {
            Finding::error(&check, &what)
        } else {
            Finding::warning(&check, &what)
        });
    }
    if said.is_empty() {
        said.push(Finding::ok(&check, destination.target()));
    }
    said
}

/// What Datadog says to the key, and what its clock does.
fn online(subject: &Subject<'_>, check: &str, datadog: &Datadog) -> Vec<Finding> {
    let answer = match subject.runtime.block_on(datadog.ask_for_its_key()) {
        Ok(answer) => answer,
        Err(why) => {
            let what =
                format!("nobody could be asked about the key: {why}; look at the network, or the proxy");
            return vec![Finding::error(check, &what)];
        }
    };
    let url = &answer.url;
    let origin = datadog.key().map(|key| key.origin()).unwrap_or_default();
    let key = match answer.code {
        200 => Finding::ok(check, format!("{url} knows the key from {origin}")),
        401 | 403 => {
            let what = format!(
                "{url} does not know the key from {origin} ({}); put the right one there, and look at the site",
                answer.code
            );
            Finding::error(check, &what)
        }
        code => {
            let what = format!("{url} says {code} and nothing about the key; ask again later");
            Finding::warning(check, &what)
        }
    };
    let skew = answer.date.and_then(|date| clock::skewed(url, date, SystemTime::now()));
    [key].into_iter().chain(skew).collect()
}
