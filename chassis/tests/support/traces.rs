//! Spans that a test records, and what a receiver has to see of them.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;

/// Two spans of ours, one in the other, and one of a library below the exporter.
pub(crate) fn record() {
    let outer = tracing::info_span!("collector.push", batch = 7);
    outer.in_scope(|| {
        tracing::info_span!("router.decide").in_scope(|| ());
        tracing::info_span!(target: "h2::client", "frame").in_scope(|| ());
    });
}

/// Our two spans are there with their service, in one trace, and nothing else is.
pub(crate) fn check(request: &ExportTraceServiceRequest) {
    let [resource] = &request.resource_spans[..] else { panic!("{request:?}") };
    let attributes = &resource.resource.as_ref().unwrap().attributes;
    for (key, wanted) in [("service.name", "chassis-test"), ("service.version", "1.2.3")] {
        let found = attributes.iter().find(|one| one.key == key).unwrap();
        let value = found.value.as_ref().unwrap().value.as_ref().unwrap();
        assert_eq!(value, &Value::StringValue(wanted.to_owned()));
    }
    let spans: Vec<_> = resource.scope_spans.iter().flat_map(|scope| &scope.spans).collect();
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["router.decide", "collector.push"]);
    assert_eq!((&spans[0].trace_id, &spans[0].parent_span_id), (&spans[1].trace_id, &spans[1].span_id));
}
