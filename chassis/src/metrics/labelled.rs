//! Metrics told apart by labels, with a bound on how many.
//!
//! Promise: of a metric at most [`MOST_SERIES`] label values are told apart, and one more, [`OTHER`], takes the
//! rest; nothing is lost from the sum.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, TypedMetric};

/// How many label values of one metric are told apart.
pub const MOST_SERIES: usize = 1000;

/// The label value that takes those beyond [`MOST_SERIES`].
pub const OTHER: &str = "other";

/// Counters told apart by labels.
pub type Counters = Labelled<Counter>;
/// Gauges told apart by labels.
pub type Gauges = Labelled<Gauge>;
/// Distributions told apart by labels.
pub type Histograms = Labelled<Histogram, Bounds>;

type Values = Vec<(&'static str, String)>;

/// One metric with labels; clones share it.
#[derive(Clone)]
pub struct Labelled<M, C = fn() -> M> {
    names: &'static [&'static str],
    family: Family<Values, M, C>,
    /// How many label values are told apart.
    series: Arc<Mutex<usize>>,
}

impl<M: Clone, C: MetricConstructor<M>> Labelled<M, C> {
    pub(super) fn new(names: &'static [&'static str], make: C) -> Self {
        Self { names, family: Family::new_with_constructor(make), series: Arc::default() }
    }

    /// The metric for these label values, in the order of the declaration. Cheap, but look it up once for
    /// each batch rather than for each event.
    ///
    /// # Panics
    /// When there are not as many values as labels: a mistake in the program.
    pub fn of(&self, values: &[&str]) -> M {
        assert_eq!(values.len(), self.names.len(), "the labels are {:?}", self.names);
        let set: Values =
            self.names.iter().copied().zip(values.iter().map(|&value| value.to_owned())).collect();
        if let Some(known) = self.known(&set) {
            return known;
        }
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.known(&set) {
            return known;
        }
        if *series < MOST_SERIES {
            *series += 1;
            return self.family.get_or_create_owned(&set);
        }
        let rest: Values = self.names.iter().map(|&name| (name, OTHER.to_owned())).collect();
        self.family.get_or_create_owned(&rest)
    }

    fn known(&self, set: &Values) -> Option<M> {
        self.family.get(set).map(|known| known.clone())
    }
}

impl<M, C> fmt::Debug for Labelled<M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Labelled").field("names", &self.names).finish_non_exhaustive()
    }
}

impl<M: EncodeMetric + TypedMetric, C: MetricConstructor<M>> EncodeMetric for Labelled<M, C> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.family.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}

/// The upper bounds of a distribution, ascending.
#[derive(Debug, Clone)]
pub struct Bounds(pub(super) &'static [f64]);

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_bounded_and_nothing_is_lost_from_the_sum() {
        let counters = Counters::new(&["user"], Counter::default);
        for user in 0..MOST_SERIES + 50 {
            counters.of(&[&user.to_string()]).inc();
        }
        assert_eq!(*counters.series.lock().unwrap(), MOST_SERIES);
        assert_eq!(counters.of(&[OTHER]).get(), 50);
        assert_eq!(counters.of(&["7"]).get(), 1);
    }

    #[test]
    #[should_panic(expected = "the labels are")]
    fn as_many_values_as_labels_are_asked_for() {
        Counters::new(&["user", "verb"], Counter::default).of(&["alice"]);
    }
}
