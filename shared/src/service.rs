//! What every service of the fleet is besides its work: settings, logs, signals, health.

pub mod health;
mod run;
mod signals;

pub use run::run;
pub use signals::stop_on_signal;

use crate::ledger::Ledger;
use crate::queue::rabbit::RabbitQueue;
use crate::vectors::qdrant::QdrantStore;

/// A name that no other replica has, for leases and logs.
#[must_use]
pub fn replica_name(service: &str) -> String {
    // Not a setting: containers are named by it.
    let host = std::env::var_os("HOSTNAME").unwrap_or_default();
    let host = host.to_string_lossy();
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let place = if host.is_empty() {
        String::new()
    } else {
        format!("{host}-")
    };
    format!("{service}-{place}{}-{}", std::process::id(), &unique[..8])
}

/// Do ledger, queue and vector store answer? The error names the first that does not.
///
/// # Errors
/// When one does not answer.
pub async fn backends_answer(
    ledger: &dyn Ledger,
    queue: &RabbitQueue,
    store: &QdrantStore,
) -> Result<(), String> {
    ledger.indexes().await.map_err(|error| error.to_string())?;
    queue.check().await.map_err(|error| error.to_string())?;
    store.check().await.map_err(|error| error.to_string())?;
    Ok(())
}
