//! Declares metrics in a registry, so that each crate's `metrics.rs` is a list and nothing else.

use prometheus::{
    Error, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

/// A registry to declare metrics in. Every method fails when the name is taken or not a legal one.
pub struct Declare<'a>(pub &'a Registry);

impl Declare<'_> {
    /// A counter.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        let metric = IntCounter::new(name, help)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    /// Counters by one label.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn counters(&self, name: &str, help: &str, label: &str) -> Result<IntCounterVec, Error> {
        self.counters_by(name, help, &[label])
    }

    /// Counters by several labels.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn counters_by(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
        let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    /// A gauge.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, Error> {
        let metric = IntGauge::new(name, help)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    /// Gauges by labels.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
        let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    /// Gauges by labels whose values are shares.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn ratios(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, Error> {
        let metric = GaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    /// A histogram with upper bounds in seconds.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn seconds(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, Error> {
        let metric = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    /// Histograms by one label, with upper bounds in seconds.
    ///
    /// # Errors
    /// When the name is taken or not legal.
    pub fn seconds_by(
        &self,
        name: &str,
        help: &str,
        label: &str,
        buckets: &[f64],
    ) -> Result<HistogramVec, Error> {
        let metric = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), &[label])?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}
