//! Traces over OTLP.
//!
//! Promise: built only when `telemetry.otlp` is set; connects when there is something to send, so that a receiver
//! may start later; the queue of spans is bounded, and what does not fit is dropped, not waited for.

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::registry::LookupSpan;

use super::TelemetryError;
use super::level;
use super::settings::{Protocol, Telemetry};

/// The provider that the settings ask for.
pub(super) fn provider(
    service: &'static str,
    version: &'static str,
    settings: &Telemetry,
) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    let Some(endpoint) = &settings.otlp else { return Ok(None) };
    let refused = |why: String| TelemetryError::Otlp { endpoint: endpoint.clone(), why };
    if settings.protocol == Protocol::Http {
        return Err(refused("`protocol: http` is not supported; use `grpc`".to_owned()));
    }
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
    let exporter = exporter.map_err(|error| refused(error.to_string()))?;
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

/// The layer that turns spans of ours into spans of `provider`.
pub(super) fn layer<S>(provider: &SdkTracerProvider, service: &'static str) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let filter = level::QUIET.iter().map(|library| format!(",{library}=off")).collect::<String>();
    let filter = EnvFilter::builder().parse_lossy(format!("info{filter}"));
    tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(filter)
}
