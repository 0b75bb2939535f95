//! Changes of settings in the model.

use async_trait::async_trait;

use super::ModelLedger;
use crate::ledger::{ControlLedger, IndexRecord, IndexState, LedgerError, SettingsChange, SettingsLedger};

#[async_trait]
impl SettingsLedger for ModelLedger {
    async fn change_settings(&self, change: &SettingsChange) -> Result<Option<IndexRecord>, LedgerError> {
        let changed = {
            let (mut tables, _) = self.enter();
            let from = &change.from;
            let same = |index: &&mut IndexRecord| {
                index.created_at == from.created_at
                    && index.revision == from.revision
                    && index.state != IndexState::Deleting
            };
            let changed = tables.indexes.get_mut(&from.id).filter(same).map(|index| {
                index.settings = change.settings.clone();
                index.revision += 1;
                index.clone()
            });
            changed.map(|index| tables.shown_index(&index))
        };
        if let (Some(_), Some(operation)) = (&changed, &change.follow_up) {
            self.open_operation(operation).await?;
        }
        Ok(changed)
    }
}
