//! What every service of the fleet is besides its work: settings, logs, signals, health.

mod alive;
pub mod health;
pub mod logging;
mod run;
mod signals;

pub use run::run;
pub use signals::stop_on_signal;

use std::sync::Arc;

use crate::circuit::checks::Checks;
use crate::circuit::{Circuits, Dependency, DependencyKind};
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

/// Looks at ledger and queue from time to time, work or not. A vector store whose writes fail may still say that it is well, so
/// those who write to it learn from that.
#[must_use]
pub fn backend_checks(circuits: &Circuits, ledger: Arc<dyn Ledger>, queue: &Arc<RabbitQueue>) -> Checks {
    let queue = Arc::clone(queue);
    Checks::new()
        .and(circuits, Dependency::only(DependencyKind::Ledger), move || {
            let ledger = Arc::clone(&ledger);
            async move {
                ledger
                    .indexes()
                    .await
                    .map(drop)
                    .map_err(|error| error.to_string())
            }
        })
        .and(circuits, Dependency::only(DependencyKind::Broker), move || {
            let queue = Arc::clone(&queue);
            async move { queue.check().await.map_err(|error| error.to_string()) }
        })
}

/// Shows how many requests the vector store may get at once.
pub fn show_limits(circuits: &Circuits, store: &Arc<QdrantStore>) {
    let vectors = Dependency::vectors();
    let (reads, writes) = (Arc::clone(store), Arc::clone(store));
    circuits.show_limit(&vectors, "read", move || reads.limits().1);
    circuits.show_limit(&vectors, "write", move || writes.limits().0);
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
