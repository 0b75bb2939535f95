//! What the sandbox promises, proved with a child that does what a hostile document might.

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
