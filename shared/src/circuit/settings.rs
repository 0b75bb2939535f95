//! When circuits open, as flags.

use std::time::Duration;

use clap::Args;

use super::BreakerPolicy;
use crate::retry::interval;

/// Circuit breakers.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Circuit breakers")]
pub struct CircuitArgs {
    /// Failures in a row after which a dependency (model, vector store, source, conversion service) is left alone for a while.
    #[arg(long, env = "CIRCUIT_FAILURES", default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub circuit_failures: u32,

    /// How long at first, such as 500ms, 5s, 2m; twice as long each time that it fails again.
    #[arg(long, env = "CIRCUIT_OPEN", default_value = "5s", value_name = "TIME", value_parser = interval)]
    pub circuit_open: Duration,

    /// How long at most.
    #[arg(long, env = "CIRCUIT_MAX_OPEN", default_value = "30s", value_name = "TIME", value_parser = interval)]
    pub circuit_max_open: Duration,
}

impl CircuitArgs {
    /// The policy. The longest time is never below the first.
    #[must_use]
    pub fn policy(&self) -> BreakerPolicy {
        BreakerPolicy {
            failures: self.circuit_failures,
            first_open: self.circuit_open,
            max_open: self.circuit_max_open.max(self.circuit_open),
            ..BreakerPolicy::default()
        }
    }
}
