//! The ledger: one server that everybody shares, and a client for each process.

mod catalog;
mod client;
mod planted;
mod server;

pub(super) use client::{LedgerClient, Role};
pub(super) use server::LedgerServer;
