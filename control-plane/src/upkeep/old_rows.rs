//! Keeps history and tombstones from growing without end.

use super::{Upkeep, UpkeepError};

impl Upkeep {
    /// Removes history beyond what is kept, and old tombstones; returns how many rows.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn prune(&self) -> Result<u64, UpkeepError> {
        let kept = self.settings.history_per_file;
        Ok(self
            .ledger
            .prune(&self.index, kept, self.settings.tombstone_age)
            .await?)
    }
}
