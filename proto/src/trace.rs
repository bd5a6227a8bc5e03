//! The trace of a batch where it rests: in a queue, in a spool, in the memory of who sends it again.
//!
//! Promise: nothing is kept where no traces are made; a trace that is not sampled is kept as such, so that later stages
//! decide as the first one did. What was written by somebody else and is no trace is left alone.

use std::fmt;
use std::time::SystemTime;

use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// A span of a batch's trace, to go on from. Written as W3C `traceparent`.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace(SpanContext);

impl Trace {
    /// That of the current span; none where no traces are made.
    #[must_use]
    pub fn current() -> Option<Trace> {
        Trace::of(&Span::current())
    }

    /// That of a span, which must have its parent by now.
    #[must_use]
    pub fn of(span: &Span) -> Option<Trace> {
        let context = span.context().span().span_context().clone();
        context.is_valid().then_some(Trace(context))
    }

    /// What [`fmt::Display`] wrote; none for anything else.
    #[must_use]
    pub fn read(written: &str) -> Option<Trace> {
        let mut parts = written.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version != "00"
            || trace.len() != 32
            || span.len() != 16
            || flags.len() != 2
            || parts.next().is_some()
        {
            return None;
        }
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
        let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
        context.is_valid().then_some(Trace(context))
    }

    /// Makes `span` go on from this one. To be called before anything else is done with it.
    pub fn adopt(&self, span: &Span) {
        // An error means only that no exporter listens to this span.
        let _ = span.set_parent(self.context());
    }

    /// Names this one in `span` as what it repeats.
    pub fn link(&self, span: &Span) {
        span.add_link(self.0.clone());
    }

    /// Notes a span that goes on from this one, began then and ends now.
    pub fn past(&self, name: &'static str, began: SystemTime, attributes: Vec<KeyValue>) {
        let span = SpanBuilder::from_name(name).with_start_time(began).with_attributes(attributes);
        let tracer = opentelemetry::global::tracer("auditrail");
        tracer.build_with_context(span, &self.context()).end();
    }

    fn context(&self) -> Context {
        Context::new().with_remote_span_context(self.0.clone())
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trace(context) = self;
        write!(f, "00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_comes_back_as_it_was_written_and_nothing_else_is_one() {
        let written = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(Trace::read(written).unwrap().to_string(), written);
        let unsampled = written.replace("-01", "-00");
        assert_eq!(Trace::read(&unsampled).unwrap().to_string(), unsampled);
        for other in [
            "",
            "00",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-xaf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(Trace::read(other), None, "{other}");
        }
    }

    #[test]
    fn where_no_traces_are_made_there_is_none_to_keep() {
        assert_eq!(Trace::current(), None);
        assert_eq!(Trace::of(&tracing::info_span!("collector.push")), None);
    }
}
