//! Keeps the audit log from growing without end.

use std::sync::Arc;
use std::time::Duration;

use shared::ledger::ControlLedger;
use tokio_util::sync::CancellationToken;

/// Between looks.
const EVERY: Duration = Duration::from_secs(3600);

/// Forgets entries that are older than `kept`, from time to time. Replicas that do so at the same time do no harm.
pub async fn run(ledger: Arc<dyn ControlLedger>, kept: Duration, stop: CancellationToken) {
    loop {
        if let Err(error) = ledger.forget_audit(kept).await {
            tracing::warn!(%error, "old entries of the audit log were not removed, trying again later");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
