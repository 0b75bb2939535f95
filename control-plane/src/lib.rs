//! The control plane: notices that blobs changed, records it in the ledger, wakes workers, and repairs what was missed.
//!
//! A change walks from [`intake`] through [`reconcile`] into the ledger; [`dispatch`] wakes a worker for it; [`upkeep`]
//! sweeps dead attempts, scrubs dead points and compares source and ledger from time to time. [`search`] and [`http`]
//! are what applications hold in their hands, [`mcp`] is what language models do.

pub mod approvals;
pub mod dependencies;
pub mod dispatch;
pub mod duties;
pub mod estimate;
pub mod generations;
pub mod http;
pub mod indexes;
pub mod intake;
pub mod keeper;
pub mod mcp;
pub mod metrics;
pub mod opener;
pub mod operations;
pub mod reconcile;
pub mod reconciler;
pub mod runs;
pub mod search;
pub mod settings;
mod traced;
pub mod upkeep;
pub mod why;
