//! Label values that come from outside.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Lets so many different values be labels, the first that come; whatever else comes is `other`. A label whose values others
/// choose would otherwise grow without end, and every series costs memory here and in Prometheus.
#[derive(Debug)]
pub struct Few {
    most: usize,
    seen: Mutex<BTreeSet<String>>,
}

impl Few {
    /// At most so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            seen: Mutex::default(),
        }
    }

    /// The value to use as label.
    #[must_use]
    pub fn of<'a>(&self, value: &'a str) -> &'a str {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(value) {
            return value;
        }
        if seen.len() >= self.most {
            return "other";
        }
        seen.insert(value.to_owned());
        value
    }
}
