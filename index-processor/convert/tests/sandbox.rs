//! What the sandbox promises, proved with a child that does what a hostile document might.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

#[path = "sandbox/broken.rs"]
mod broken;
#[path = "sandbox/confined.rs"]
mod confined;
#[path = "sandbox/lifetime.rs"]
mod lifetime;
#[path = "sandbox/load.rs"]
mod load;
#[path = "sandbox/support.rs"]
mod support;
