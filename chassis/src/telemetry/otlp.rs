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
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::registry::LookupSpan;

use super::TelemetryError;
use super::level;
use super::over_http::Client;
use super::settings::{Protocol, Telemetry};

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
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(resource)
        .build();
    opentelemetry::global::set_tracer_provider(provider.clone());
    Ok(Some(provider))
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
    tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_path_gets_the_usual_one() {
        assert_eq!(traces_at("http://127.0.0.1:4318"), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(traces_at("http://127.0.0.1:4318/"), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(traces_at("http://a/otlp/v1/traces"), "http://a/otlp/v1/traces");
    }
}
