//! Programs of the system that read what this crate cannot.
