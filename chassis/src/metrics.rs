//! What this process counts, for `/metrics`.
//!
//! Promise: a metric is declared once by name and may be asked for again, which gives the same one; labels are
//! bounded: after [`MOST_SERIES`] distinct values further ones are counted together under `other`. Nothing is
//! ever removed while the process lives.
//!
//! Names: `auditrail_<crate>_<noun>_<unit>[_total]`, declared in one `metrics.rs` per crate.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use prometheus_client::encoding::text;
use prometheus_client::registry::{Metric, Registry};

use described::Said;

pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::gauge::Gauge;
pub use prometheus_client::metrics::histogram::Histogram;

mod described;
mod labelled;

pub use described::{Description, Kind, described};
pub use labelled::{Counters, Gauges, Histograms, Labelled, MOST_SERIES, OTHER};

/// The media type of [`render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A counter that only grows. `name` ends in `_total`.
///
/// # Panics
/// When `name` is no valid name, or was declared before as something else: a mistake in the program.
pub fn counter(name: &'static str, help: &'static str) -> Counter {
    declare(counted(name), said(Kind::Counter, &[], help), Counter::default)
}

/// A value that goes up and down.
///
/// # Panics
/// As [`counter`].
pub fn gauge(name: &'static str, help: &'static str) -> Gauge {
    declare(name, said(Kind::Gauge, &[], help), Gauge::default)
}

/// A distribution with the given upper bounds, ascending.
///
/// # Panics
/// As [`counter`].
pub fn histogram(name: &'static str, help: &'static str, bounds: &'static [f64]) -> Histogram {
    declare(name, said(Kind::Histogram, &[], help), || Histogram::new(bounds.iter().copied()))
}

/// Counters told apart by labels: `counters("..._total", "...", &["destination"]).of(&["datadog"])`.
///
/// # Panics
/// As [`counter`].
pub fn counters(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Counters {
    declare(counted(name), said(Kind::Counter, labels, help), || Counters::new(labels, Counter::default))
}

/// Gauges told apart by labels.
///
/// # Panics
/// As [`counter`].
pub fn gauges(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Gauges {
    declare(name, said(Kind::Gauge, labels, help), || Gauges::new(labels, Gauge::default))
}

/// Distributions told apart by labels.
///
/// # Panics
/// As [`counter`].
pub fn histograms(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    bounds: &'static [f64],
) -> Histograms {
    declare(name, said(Kind::Histogram, labels, help), || Histograms::new(labels, labelled::Bounds(bounds)))
}

/// All that was declared, as OpenMetrics text.
#[must_use]
pub fn render() -> String {
    let declared = DECLARED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut page = String::new();
    text::encode(&mut page, &declared.registry).expect("writing into a string cannot fail");
    page
}

static DECLARED: LazyLock<Mutex<Declared>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Declared {
    registry: Registry,
    by_name: BTreeMap<&'static str, Box<dyn Any + Send>>,
    said: BTreeMap<&'static str, Said>,
}

fn said(kind: Kind, labels: &'static [&'static str], help: &'static str) -> Said {
    Said { kind, labels, help }
}

fn declare<M: Metric + Clone>(name: &'static str, said: Said, make: impl FnOnce() -> M) -> M {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    assert!(name.starts_with("auditrail_") && name.bytes().all(valid), "`{name}` is no metric name of ours");
    let mut declared = DECLARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = declared.by_name.get(name) {
        let same = known.downcast_ref::<M>().cloned();
        drop(declared);
        return same.unwrap_or_else(|| panic!("metric `{name}` was declared as something else"));
    }
    let metric = make();
    declared.registry.register(name, said.help, metric.clone());
    declared.said.insert(name, said);
    declared.by_name.insert(name, Box::new(metric.clone()));
    metric
}

/// The name as the registry wants it: the text format adds `_total` to every counter by itself.
fn counted(name: &'static str) -> &'static str {
    let stem = name.strip_suffix("_total");
    stem.unwrap_or_else(|| panic!("counter `{name}` must end in `_total`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_asked_for_twice_is_one_metric() {
        counter("auditrail_chassis_twice_total", "Asked for twice").inc();
        counter("auditrail_chassis_twice_total", "Asked for twice").inc();
        assert!(render().contains("\nauditrail_chassis_twice_total 2\n"), "{}", render());
    }

    #[test]
    fn every_kind_is_rendered_under_its_own_name() {
        gauge("auditrail_chassis_room_bytes", "Room").set(7);
        histogram("auditrail_chassis_wait_seconds", "Wait", &[0.1, 1.0]).observe(0.5);
        counters("auditrail_chassis_sent_total", "Sent", &["to"]).of(&["lake"]).inc_by(3);
        gauges("auditrail_chassis_lag_bytes", "Lag", &["source"]).of(&["a"]).set(4);
        histograms("auditrail_chassis_push_seconds", "Push", &["to"], &[1.0]).of(&["b"]).observe(2.0);
        let page = render();
        for line in [
            "auditrail_chassis_room_bytes 7",
            "auditrail_chassis_wait_seconds_bucket{le=\"1.0\"} 1",
            "auditrail_chassis_sent_total{to=\"lake\"} 3",
            "auditrail_chassis_lag_bytes{source=\"a\"} 4",
            "auditrail_chassis_push_seconds_count{to=\"b\"} 1",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is missing in\n{page}");
        }
        assert!(page.ends_with("# EOF\n"));
    }

    #[test]
    #[should_panic(expected = "was declared as something else")]
    fn a_name_has_one_kind() {
        gauge("auditrail_chassis_kind_bytes", "A gauge");
        histogram("auditrail_chassis_kind_bytes", "Not a gauge", &[1.0]);
    }

    #[test]
    #[should_panic(expected = "must end in `_total`")]
    fn a_counter_is_named_as_a_total() {
        counter("auditrail_chassis_read_bytes", "Read");
    }
}
