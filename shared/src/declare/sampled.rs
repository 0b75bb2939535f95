//! Metrics that are read where they are kept, when somebody asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, IntGaugeVec};

type Read = Box<dyn Fn() -> u64 + Send + Sync>;

/// The values of the labels, and where to read.
type Series = (Vec<String>, Read);

/// A metric by labels whose values something else keeps. Clones share it; series with equal labels are added up.
#[derive(Clone)]
pub struct Sampled {
    family: Family,
    series: Arc<Mutex<Vec<Series>>>,
}

#[derive(Clone)]
enum Family {
    Counters(IntCounterVec),
    Gauges(IntGaugeVec),
}

impl Sampled {
    pub(super) fn counters(family: IntCounterVec) -> Self {
        Self {
            family: Family::Counters(family),
            series: Arc::default(),
        }
    }

    pub(super) fn gauges(family: IntGaugeVec) -> Self {
        Self {
            family: Family::Gauges(family),
            series: Arc::default(),
        }
    }

    /// Reads one more series from now on. There must be as many labels as were declared, or the series is left out.
    pub fn add(&self, labels: &[&str], read: impl Fn() -> u64 + Send + Sync + 'static) {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.series
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((labels, Box::new(read)));
    }
}

impl Collector for Sampled {
    fn desc(&self) -> Vec<&Desc> {
        match &self.family {
            Family::Counters(family) => family.desc(),
            Family::Gauges(family) => family.desc(),
        }
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // Held to the end: two may ask at once.
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sums: BTreeMap<&[String], u64> = BTreeMap::new();
        for (labels, read) in series.iter() {
            *sums.entry(labels).or_default() += read();
        }
        match &self.family {
            Family::Counters(family) => {
                family.reset();
                for (labels, sum) in sums {
                    if let Ok(counter) = family.get_metric_with_label_values(labels) {
                        counter.inc_by(sum);
                    }
                }
                family.collect()
            }
            Family::Gauges(family) => {
                for (labels, sum) in sums {
                    if let Ok(gauge) = family.get_metric_with_label_values(labels) {
                        gauge.set(i64::try_from(sum).unwrap_or(i64::MAX));
                    }
                }
                family.collect()
            }
        }
    }
}
