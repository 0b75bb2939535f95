//! What every service of the fleet is besides its work: settings, logs, signals, health.

pub mod health;
mod run;
mod signals;

pub use run::run;
pub use signals::stop_on_signal;
