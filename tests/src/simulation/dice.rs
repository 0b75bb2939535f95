//! All chance of a run, from its seed.

use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// One source of chance for everything that happens in a run.
pub(super) struct Dice(Mutex<SmallRng>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(SmallRng::seed_from_u64(seed)))
    }

    pub(super) fn chance(&self, probability: f64) -> bool {
        self.with(|random| random.random_bool(probability.clamp(0.0, 1.0)))
    }

    pub(super) fn share(&self) -> f64 {
        self.with(|random| random.random_range(0.0..1.0))
    }

    pub(super) fn between(&self, range: RangeInclusive<u64>) -> u64 {
        self.with(|random| random.random_range(range))
    }

    /// A place among `len`, which must not be 0.
    pub(super) fn place(&self, len: usize) -> usize {
        self.with(|random| random.random_range(0..len))
    }

    pub(super) fn millis(&self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.between(range))
    }

    /// Short times mostly, long ones now and then: half of the draws lie below the square root of the range.
    pub(super) fn skewed(&self, longest: u64) -> u64 {
        let most = self.between(1..=longest.max(1).ilog2().max(1).into());
        self.between(1..=(1 << most).min(longest.max(1)))
    }

    /// Usually short, often about as long as possible.
    pub(super) fn short_or_long(&self, longest: u64) -> u64 {
        if self.chance(0.6) {
            self.skewed(longest)
        } else {
            self.between(longest / 4..=longest)
        }
    }

    fn with<T>(&self, draw: impl FnOnce(&mut SmallRng) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
