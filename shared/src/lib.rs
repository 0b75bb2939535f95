//! Vocabulary of both services, and the backends behind it.
//!
//! This crate knows neither the control plane nor the index processors. It holds what they agree on: ids, the
//! file's lifecycle, the wake-up message, and one narrow trait per outside system ([`ledger::Ledger`],
//! [`queue::Queue`], [`vectors::Vectors`], [`embedder::Embedder`], [`blobs::Blobs`], [`clock::Clock`]). Each
//! trait has a conformance suite that every backend passes, doubles included.

pub mod blob_path;
pub mod blobs;
pub mod circuit;
pub mod clock;
pub mod declare;
pub mod embedder;
pub mod file_state;
pub mod governor;
pub mod ids;
pub mod index_parts;
pub mod index_settings;
pub mod ledger;
pub mod limiter;
pub mod models;
pub mod outbound;
pub mod place;
pub mod queue;
pub mod retry;
mod schema;
pub mod secret;
pub mod service;
pub mod settings;
pub mod shutdown;
pub mod trace;
pub mod vectors;
pub mod version;
pub mod work_message;
