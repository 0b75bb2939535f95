//! The index processor: takes wake-ups, holds one file at a time in each slot, and brings it from blob to points.
//!
//! [`worker`] receives and claims, [`session`] decides what the claim calls for, [`pipeline`] runs the steps,
//! [`settle`] decides how the attempt ends, and [`lease`] makes sure that an attempt which lost its file stops.

pub mod chunk;
pub mod conversion;
pub mod indexes;
pub mod lease;
pub mod meter;
pub mod metrics;
pub mod pipeline;
pub mod remote;
pub mod session;
pub mod settings;
pub mod settle;
pub mod vision;
pub mod worker;
