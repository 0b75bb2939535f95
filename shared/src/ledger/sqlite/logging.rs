//! The filter of log lines that goes for every process, on SQLite.

use std::time::Duration;

use async_trait::async_trait;

use super::SqliteLedger;
use crate::ledger::calls::logging;
use crate::ledger::{LedgerError, Logging, LoggingChange};

#[async_trait]
impl Logging for SqliteLedger {
    async fn logging(&self) -> Result<Option<LoggingChange>, LedgerError> {
        self.read(async move |db| logging::now(db).await).await
    }

    async fn set_logging(
        &self,
        filter: &str,
        lasts: Duration,
        by: &str,
    ) -> Result<LoggingChange, LedgerError> {
        let (filter, by) = (filter.to_owned(), by.to_owned());
        self.write(async move |db| logging::set(db, &filter, lasts, &by).await)
            .await
    }

    async fn reset_logging(&self) -> Result<(), LedgerError> {
        self.write(async move |db| logging::reset(db).await).await
    }
}
