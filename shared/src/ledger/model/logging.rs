//! The filter of log lines that goes for every process, in the model.

use std::time::Duration;

use async_trait::async_trait;

use super::ModelLedger;
use crate::ledger::{LedgerError, Logging, LoggingChange, millis};

#[async_trait]
impl Logging for ModelLedger {
    async fn logging(&self) -> Result<Option<LoggingChange>, LedgerError> {
        let (tables, now) = self.enter();
        let lasting = tables.logging.as_ref().filter(|change| change.until > now);
        Ok(lasting.map(|change| LoggingChange {
            left: Duration::from_millis(change.until.abs_diff(now)),
            ..change.clone()
        }))
    }

    async fn set_logging(
        &self,
        filter: &str,
        lasts: Duration,
        by: &str,
    ) -> Result<LoggingChange, LedgerError> {
        let (mut tables, now) = self.enter();
        let change = LoggingChange {
            filter: filter.to_owned(),
            set_by: by.to_owned(),
            set_at: now,
            until: now + millis(lasts),
            left: lasts,
        };
        tables.logging = Some(change.clone());
        Ok(change)
    }

    async fn reset_logging(&self) -> Result<(), LedgerError> {
        self.enter().0.logging = None;
        Ok(())
    }
}
