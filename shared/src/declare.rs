//! Declares metrics in a registry, so that each `metrics.rs` is a list and nothing else.
//!
//! A label comes with its values where all of them are known. Those series are there from the start, at zero: a counter that
//! appears with its first event shows that event to nobody who asks by how much it grew.

mod few;
mod sampled;

use std::sync::{Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{
    Error, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

pub use self::few::Few;
pub use self::sampled::Sampled;

/// A label's name and, where they are known, all of its values.
pub type Label<'a> = (&'a str, &'a [&'a str]);

/// A metric as it was declared, for the documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What it is.
    pub help: String,
    /// Its labels with their values; none where they are open.
    pub labels: Vec<(String, Vec<String>)>,
}

/// A registry to declare metrics in. Every method fails when the name is taken or not a legal one.
pub struct Declare<'a> {
    registry: &'a Registry,
    declared: Mutex<Vec<Declared>>,
}

impl<'a> Declare<'a> {
    /// Declares in `registry`.
    #[must_use]
    pub fn new(registry: &'a Registry) -> Self {
        Self {
            registry,
            declared: Mutex::default(),
        }
    }

    /// What was declared here, in order.
    #[must_use]
    pub fn into_declared(self) -> Vec<Declared> {
        self.declared.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep<M: Collector + Clone + 'static>(
        &self,
        metric: M,
        kind: &'static str,
        (name, help): (&str, &str),
        labels: &[Label<'_>],
    ) -> Result<M, Error> {
        self.registry.register(Box::new(metric.clone()))?;
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        self.declared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Declared {
                name: name.to_owned(),
                kind,
                help: help.to_owned(),
                labels: labels
                    .iter()
                    .map(|(label, values)| ((*label).to_owned(), owned(values)))
                    .collect(),
            });
        Ok(metric)
    }

    /// A counter.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.keep(IntCounter::new(name, help)?, "counter", (name, help), &[])
    }

    /// Counters by labels.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn counters(&self, name: &str, help: &str, labels: &[Label<'_>]) -> Result<IntCounterVec, Error> {
        let metric = IntCounterVec::new(Opts::new(name, help), &names(labels))?;
        for values in combinations(labels) {
            metric.get_metric_with_label_values(&values)?;
        }
        self.keep(metric, "counter", (name, help), labels)
    }

    /// A gauge.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, Error> {
        self.keep(IntGauge::new(name, help)?, "gauge", (name, help), &[])
    }

    /// Gauges by labels; none is there before it is set.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn gauges(&self, name: &str, help: &str, labels: &[Label<'_>]) -> Result<IntGaugeVec, Error> {
        let metric = IntGaugeVec::new(Opts::new(name, help), &names(labels))?;
        self.keep(metric, "gauge", (name, help), labels)
    }

    /// Gauges by labels whose values have a fraction: shares and prices.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn fractions(&self, name: &str, help: &str, labels: &[Label<'_>]) -> Result<GaugeVec, Error> {
        let metric = GaugeVec::new(Opts::new(name, help), &names(labels))?;
        self.keep(metric, "gauge", (name, help), labels)
    }

    /// Counters that are read where they are kept.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn sampled_counters(&self, name: &str, help: &str, labels: &[Label<'_>]) -> Result<Sampled, Error> {
        let metric = IntCounterVec::new(Opts::new(name, help), &names(labels))?;
        self.keep(Sampled::counters(metric), "counter", (name, help), labels)
    }

    /// Gauges that are read where they are kept.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn sampled_gauges(&self, name: &str, help: &str, labels: &[Label<'_>]) -> Result<Sampled, Error> {
        let metric = IntGaugeVec::new(Opts::new(name, help), &names(labels))?;
        self.keep(Sampled::gauges(metric), "gauge", (name, help), labels)
    }

    /// A histogram with upper bounds in seconds.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn seconds(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, Error> {
        let metric = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?;
        self.keep(metric, "histogram", (name, help), &[])
    }

    /// Histograms by labels, with upper bounds in seconds.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn seconds_by(
        &self,
        name: &str,
        help: &str,
        labels: &[Label<'_>],
        buckets: &[f64],
    ) -> Result<HistogramVec, Error> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let metric = HistogramVec::new(options, &names(labels))?;
        for values in combinations(labels) {
            metric.get_metric_with_label_values(&values)?;
        }
        self.keep(metric, "histogram", (name, help), labels)
    }
}

fn names<'a>(labels: &[Label<'a>]) -> Vec<&'a str> {
    labels.iter().map(|(name, _)| *name).collect()
}

/// Every series there can be; none when the values of a label are open.
fn combinations<'a>(labels: &[Label<'a>]) -> Vec<Vec<&'a str>> {
    labels.iter().fold(vec![Vec::new()], |before, (_, values)| {
        let with = |so_far: &Vec<&'a str>, value: &'a str| so_far.iter().copied().chain([value]).collect();
        before
            .iter()
            .flat_map(|so_far| values.iter().map(move |value| with(so_far, value)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_whose_labels_are_known_are_there_from_the_start() {
        let registry = Registry::new();
        let declare = Declare::new(&registry);
        let known: &[Label<'_>] = &[("kind", &["file", "run"]), ("action", &["stop"])];
        declare.counters("known_total", "known", known).unwrap();
        declare
            .counters("open_total", "open", &[("kind", &["file"]), ("code", &[])])
            .unwrap();
        let families = registry.gather();
        assert_eq!(families.len(), 1, "{families:?}");
        assert_eq!(families[0].get_metric().len(), 2);
        let declared = declare.into_declared();
        assert_eq!(declared[1].labels[1], ("code".to_owned(), Vec::new()));
    }

    #[test]
    fn sampled_series_of_the_same_labels_are_added_up() {
        let registry = Registry::new();
        let sampled = Declare::new(&registry)
            .sampled_counters("sampled_total", "sampled", &[("of", &[])])
            .unwrap();
        sampled.add(&["a"], || 3);
        sampled.add(&["a"], || 4);
        for _ in 0..2 {
            let families = registry.gather();
            let value = families[0].get_metric()[0].get_counter().get_value();
            assert!((value - 7.0).abs() < 0.1, "{value}");
        }
    }

    #[test]
    fn values_from_outside_are_few() {
        let few = Few::new(2);
        assert_eq!(few.of("a"), "a");
        assert_eq!(few.of("b"), "b");
        assert_eq!(few.of("c"), "other");
        assert_eq!(few.of("a"), "a");
    }
}
