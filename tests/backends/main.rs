//! Ledgers, queues, stores and sources against the real thing, or the nearest that can be had.

mod instances;
mod postgres;
mod qdrant;
mod rabbitmq;
mod sources;
mod sqlite;
