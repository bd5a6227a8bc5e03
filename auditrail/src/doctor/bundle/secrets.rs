//! The secrets that this configuration knows, so that they can be cut out of whatever is passed on.
//!
//! Promise: services never say them; that they are cut out besides is for what nobody thought of.

use chassis::Secret;
use chassis::datadog::Environment;

use super::super::Subject;
use crate::show::MASK;

/// A shorter one would be found in every text.
const SHORTEST: usize = 4;

/// Known secrets.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    pub(super) fn of(subject: &Subject<'_>) -> Secrets {
        let configuration = &subject.placed.configuration;
        let agent = chassis::config::environment().and_then(Environment::read).ok();
        let mut known: Vec<Secret> = subject
            .placed
            .shipper
            .destinations
            .values()
            .flat_map(|destination| destination.secrets())
            .collect();
        if let Ok(insight) = configuration.section::<insight::Config>() {
            known.extend(insight.token_file.map(Secret::from_file));
        }
        if let Ok(router) = configuration.section::<router::Config>() {
            known.extend(router.redact_key_file.map(Secret::from_file));
        }
        if let Some(agent) = agent {
            let endpoints = agent.additional_endpoints.into_iter().filter_map(|endpoint| endpoint.api_key);
            known.extend(
                endpoints.chain([agent.api_key, agent.proxy_https, agent.proxy_http].into_iter().flatten()),
            );
        }
        let revealed = known.iter().filter_map(|secret| Some(secret.reveal().ok()?.as_str().to_owned()));
        Secrets(revealed.filter(|secret| secret.len() >= SHORTEST).collect())
    }

    /// The text without them.
    pub(super) fn cut(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| text.replace(secret.as_str(), MASK))
    }
}
