//! Traces over OTLP.
//!
//! Promise: built only when `telemetry.otlp` is set; connects when there is something to send, so that a receiver
//! may start later; the queue of spans is bounded, and what does not fit is dropped, not waited for.

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use super::TelemetryError;
use super::level;
use super::over_http::Client;
use super::settings::{Protocol, Telemetry};

/// Variables that a manifest sets from the pod's own fields, and what they are called in a trace.
const PLACE: [(&str, &str); 7] = [
    ("POD_NAME", "k8s.pod.name"),
    ("POD_NAME", "service.instance.id"),
    ("POD_NAMESPACE", "k8s.namespace.name"),
    ("POD_UID", "k8s.pod.uid"),
    ("NODE_NAME", "k8s.node.name"),
    ("CONTAINER_NAME", "k8s.container.name"),
    ("CLUSTER_NAME", "k8s.cluster.name"),
];

/// A span that lasts as long as the process, for the log lines in it: it belongs to no batch.
const FOR_LOGS_ONLY: &str = "destination";

/// The provider that the settings ask for.
pub(super) fn provider(
    service: &'static str,
    version: &'static str,
    settings: &Telemetry,
) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    let Some(endpoint) = &settings.otlp else { return Ok(None) };
    let exporter = exporter(endpoint, settings.protocol)
        .map_err(|why| TelemetryError::Otlp { endpoint: endpoint.clone(), why })?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample)));
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.version", version))
        .with_attribute(KeyValue::new("service.namespace", "auditrail"))
        .with_attributes(place(|name| std::env::var(name).ok()))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(resource)
        .build();
    opentelemetry::global::set_tracer_provider(provider.clone());
    Ok(Some(provider))
}

/// Where this process runs, as the downward API's variables say; the SDK itself reads `OTEL_RESOURCE_ATTRIBUTES`.
fn place(variable: impl Fn(&str) -> Option<String>) -> Vec<KeyValue> {
    let told = PLACE.iter().filter_map(|&(name, attribute)| {
        let value = variable(name).filter(|value| !value.is_empty())?;
        Some(KeyValue::new(attribute, value))
    });
    told.collect()
}

fn exporter(endpoint: &str, protocol: Protocol) -> Result<SpanExporter, String> {
    let built = match protocol {
        Protocol::Grpc => SpanExporter::builder().with_tonic().with_endpoint(endpoint).build(),
        Protocol::Http => SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new()?)
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_endpoint(traces_at(endpoint))
            .build(),
    };
    built.map_err(|error| error.to_string())
}

/// Where OTLP over HTTP takes traces: below an address without a path at `/v1/traces`, otherwise where it says.
fn traces_at(endpoint: &str) -> String {
    let bare = endpoint.trim_end_matches('/');
    let host = bare.split_once("://").map_or(bare, |(_, host)| host);
    if host.contains('/') { endpoint.to_owned() } else { format!("{bare}/v1/traces") }
}

/// The layer that turns spans of ours into spans of `provider`.
pub(super) fn layer<S>(provider: &SdkTracerProvider, service: &'static str) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let filter = level::QUIET.iter().map(|library| format!(",{library}=off")).collect::<String>();
    let filter = EnvFilter::builder().parse_lossy(format!("info{filter}"));
    let of_a_batch = filter_fn(|metadata| !metadata.is_span() || metadata.name() != FOR_LOGS_ONLY);
    tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(filter.and(of_a_batch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_says_where_it_runs_and_others_say_nothing() {
        let pod = |name: &str| match name {
            "POD_NAME" => Some("shipper-0".to_owned()),
            "NODE_NAME" => Some(String::new()),
            _ => None,
        };
        let told = ["k8s.pod.name", "service.instance.id"].map(|key| KeyValue::new(key, "shipper-0"));
        assert_eq!(place(pod), told);
        assert_eq!(place(|_| None), []);
    }

    #[test]
    fn an_address_without_a_path_gets_the_usual_one() {
        assert_eq!(traces_at("http://127.0.0.1:4318"), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(traces_at("http://127.0.0.1:4318/"), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(traces_at("http://a/otlp/v1/traces"), "http://a/otlp/v1/traces");
    }
}
