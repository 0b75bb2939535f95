//! The interface through the front door: who may ask, clients that race, services that are killed in between.

mod races;
mod restarts;
mod safety;
