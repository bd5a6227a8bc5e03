//! What a destination is called, where it leads, and what it shows to be let in.
//!
//! Promise: what is told of it holds no secret, not even one that an address has in its query.

use std::path::{Path, PathBuf};

use chassis::Secret;

use super::Destination;

impl Destination {
    /// The `type` that the configuration gave it.
    pub fn kind(&self) -> &'static str {
        match self {
            Destination::Datadog(_) => "datadog",
            Destination::Elasticsearch(_) => "elasticsearch",
            Destination::Http(_) => "http",
            Destination::SplunkHec(_) => "splunk_hec",
            Destination::Otlp(_) => "otlp",
            Destination::Loki(_) => "loki",
            Destination::Kafka(_) => "kafka",
            Destination::File(_) => "file",
            Destination::Stdout(_) => "stdout",
            Destination::Lake(_) => "lake",
        }
    }

    /// Where it delivers to, for people; holds no secret.
    pub fn target(&self) -> String {
        match self {
            Destination::Datadog(datadog) => datadog.base(),
            Destination::Elasticsearch(elastic) => format!("{} index {}", plain(&elastic.url), elastic.index),
            Destination::Http(http) => plain(&http.url).to_owned(),
            Destination::SplunkHec(splunk) => plain(&splunk.url).to_owned(),
            Destination::Otlp(otlp) => plain(&otlp.target()).to_owned(),
            Destination::Loki(loki) => plain(&loki.push_url()).to_owned(),
            Destination::Kafka(kafka) => format!("{} topic {}", kafka.brokers.join(","), kafka.topic),
            Destination::File(file) => file.path.display().to_string(),
            Destination::Stdout(_) => "standard output".to_owned(),
            Destination::Lake(lake) => lake.location().to_string(),
        }
    }

    /// What it shows to be let in.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        let secret = match self {
            Destination::Datadog(datadog) => datadog.key(),
            Destination::Elasticsearch(elastic) => elastic.auth.secret(),
            Destination::Http(http) => http.auth.secret(),
            Destination::SplunkHec(splunk) => Some(Secret::from_file(&splunk.token_file)),
            Destination::Otlp(otlp) => otlp.auth.secret(),
            Destination::Loki(loki) => loki.auth.secret(),
            Destination::Kafka(kafka) => {
                kafka.sasl.as_ref().map(|sasl| Secret::from_file(&sasl.password_file))
            }
            Destination::File(_) | Destination::Stdout(_) | Destination::Lake(_) => None,
        };
        secret.into_iter().collect()
    }

    /// What no other destination may write to: a file, a lake, standard output. None for what takes from many.
    pub fn place(&self) -> Option<(&'static str, PathBuf)> {
        let plain = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let place = match self {
            Destination::Datadog(_)
            | Destination::Elasticsearch(_)
            | Destination::Http(_)
            | Destination::SplunkHec(_)
            | Destination::Otlp(_)
            | Destination::Loki(_)
            | Destination::Kafka(_) => return None,
            Destination::File(file) => plain(&file.path),
            Destination::Stdout(_) => PathBuf::new(),
            Destination::Lake(lake) if lake.endpoint.is_some() => lake.location().to_string().into(),
            Destination::Lake(lake) => {
                plain(Path::new(lake.url.strip_prefix("file://").unwrap_or(&lake.url)))
            }
        };
        Some((self.kind(), place))
    }
}

/// An address without its query, which may hold a token.
fn plain(url: &str) -> &str {
    url.split_once('?').map_or(url, |(url, _)| url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_its_query() {
        assert_eq!(plain("https://in.example/x?token=hunter2"), "https://in.example/x");
        assert_eq!(plain("http://127.0.0.1:1"), "http://127.0.0.1:1");
    }
}
