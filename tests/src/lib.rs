//! What the end-to-end proofs share: a folder of documents, a `longshore` to run on it, a model to embed with, and a
//! stand-in for a Qdrant server.

pub mod arena;
pub mod azurite;
pub mod collector;
pub mod embedding_server;
pub mod fleet;
pub mod folder;
pub mod ledger;
pub mod longshore;
pub mod model;
pub mod postgres;
pub mod prometheus;
pub mod qdrant_front;
pub mod rabbitmq;
pub mod random;
pub mod service;
pub mod simulation;
pub mod upgrade;
pub mod wait;
pub mod walk;
