//! Where changes are noticed. What comes in is a hint that something at a path may have changed, nothing more.

pub mod dead_letters;
pub mod folder;
