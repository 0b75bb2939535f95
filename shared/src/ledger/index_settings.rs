//! The part of the ledger that changes the settings of an index.

use async_trait::async_trait;

use super::{IndexRecord, LedgerError, Operation};

/// Another set of settings for an index.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingsChange {
    /// The index as it was when the change was made up: its name, when it was added, and its revision.
    pub from: IndexRecord,
    /// All of its settings from now on.
    pub settings: serde_json::Value,
    /// What has to follow, kept in the same transaction.
    pub follow_up: Option<Operation>,
}

/// Changes settings. The call is atomic.
#[async_trait]
pub trait SettingsLedger: Send + Sync + 'static {
    /// Replaces the settings of an index and raises its revision, if it is still the one that the change was made from.
    /// `None`, and nothing changed, when another change came first, or the index is being deleted or gone. After an unknown
    /// outcome, the revision tells; repeating the call answers `None` when it had succeeded.
    async fn change_settings(&self, change: &SettingsChange) -> Result<Option<IndexRecord>, LedgerError>;
}
