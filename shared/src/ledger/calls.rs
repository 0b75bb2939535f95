//! Which statements make up a call, and in which order; the same for every SQL database.
//!
//! Each function runs inside one transaction of its caller. Its first statement decides; what follows goes with the
//! change: a line of history, files that waited, the counts of runs.

pub(super) mod approvals;
pub(super) mod attempts;
pub(super) mod audit;
pub(super) mod breakers;
pub(super) mod catalog;
pub(super) mod control;
pub(super) mod index_settings;
pub(super) mod instances;
pub(super) mod keys;
pub(super) mod logging;
mod notes;
pub(super) mod queries;
pub(super) mod requests;
mod rows;
pub(super) mod runs;
pub(super) mod upkeep;
pub(super) mod usage;
