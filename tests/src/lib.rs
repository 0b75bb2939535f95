//! Harness of the end-to-end proofs.

pub mod embedding_server;
