//! How log lines look.
//!
//! Promise: stderr only; colours only on a terminal and without `NO_COLOR`; a line is written whole, and with
//! [`write_lines_through`] never into what somebody else draws there; a JSON line within a span that is traced has its
//! `trace_id` and `span_id`.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use opentelemetry::trace::TraceContextExt;
use tracing::{Event, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{self, FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::{LookupSpan, Registry};

use super::settings::{LogFormat, Telemetry};

type Through = Box<dyn Fn(&mut dyn FnMut()) + Send + Sync>;

static THROUGH: OnceLock<Through> = OnceLock::new();

/// From now on each log line is written inside `through`, for whoever draws on the same terminal: it takes its drawing
/// away, calls what it is given, and draws again. Only the first call counts.
pub fn write_lines_through(through: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static) {
    THROUGH.get_or_init(|| Box::new(through));
}

/// Standard error, by way of [`write_lines_through`].
struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut written = Ok(());
        let mut write = || written = io::stderr().write_all(line);
        match THROUGH.get() {
            Some(through) => through(&mut write),
            None => write(),
        }
        written.map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The layer that writes.
pub(super) fn layer(settings: &Telemetry) -> Box<dyn Layer<Registry> + Send + Sync> {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = fmt::layer().with_writer(|| Lines).with_ansi(wanted && io::stderr().is_terminal());
    match settings.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).map_event_format(Traced).boxed()
        }
    }
}

/// A JSON line that says in which span of which trace it was written, where traces are made.
struct Traced<F>(F);

impl<S, N, F> FormatEvent<S, N> for Traced<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let span = Span::current().context().span().span_context().clone();
        if !span.is_valid() {
            return self.0.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match line.strip_prefix('{') {
            Some(rest) => {
                let (trace, span) = (span.trace_id(), span.span_id());
                write!(writer, "{{\"trace_id\":\"{trace}\",\"span_id\":\"{span}\",{rest}")
            }
            None => writer.write_str(&line),
        }
    }
}
