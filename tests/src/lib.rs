//! What the end-to-end proofs share: a folder of documents, a `longshore` to run on it, and a model to embed with.

pub mod embedding_server;
pub mod folder;
pub mod longshore;
pub mod model;
pub mod random;
pub mod simulation;
pub mod wait;
