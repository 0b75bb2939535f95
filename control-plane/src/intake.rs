//! Where changes are noticed. What comes in is a hint that something at a path may have changed, nothing more.
//!
//! A source that reports by itself goes [`events`] (what was said) → [`router`] (whom it concerns) → [`accept`] (the
//! ledger); a watched [`folder`] is compared where the operating system points.

pub mod accept;
pub mod dead_letters;
pub mod events;
pub mod feed;
pub mod folder;
pub mod router;
