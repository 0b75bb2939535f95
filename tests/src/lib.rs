//! What the end-to-end proofs share: a folder of documents, a `longshore` to run on it, and a model to embed with.

pub mod embedding_server;
pub mod folder;
pub mod ledger;
pub mod longshore;
pub mod model;
pub mod postgres;
pub mod random;
pub mod wait;
