//! Under construction.

pub mod convert;
pub mod document;
