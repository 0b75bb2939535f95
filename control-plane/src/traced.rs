//! Changes are recorded, and each begins the trace of a version.

use shared::clock::{Clock as _, SystemClock};
use shared::ids::IndexId;
use shared::ledger::{Change, Ledger, LedgerError};
use shared::trace::spans;

/// Records changes in one transaction; see [`Ledger::enqueue`].
///
/// # Errors
/// When the ledger does not answer.
pub(crate) async fn enqueue<L: Ledger + ?Sized>(
    ledger: &L,
    index: &IndexId,
    changes: &[Change],
) -> Result<(), LedgerError> {
    let began = SystemClock.now();
    let versions = ledger.enqueue(index, changes).await?;
    let reasons = changes.iter().map(|change| change.reason);
    spans::enqueued(index, versions.iter().zip(reasons), began);
    Ok(())
}
