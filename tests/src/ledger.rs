//! What is asked of any ledger.

pub mod against_model;
pub mod rig;
