//! Under construction.

pub mod chunk;
