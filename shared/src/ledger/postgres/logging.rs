//! The filter of log lines that goes for every process, on PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;

use super::PostgresLedger;
use crate::ledger::calls::logging;
use crate::ledger::{LedgerError, Logging, LoggingChange};

#[async_trait]
impl Logging for PostgresLedger {
    async fn logging(&self) -> Result<Option<LoggingChange>, LedgerError> {
        self.look(|db| async move { logging::now(&*db).await }).await
    }

    async fn set_logging(
        &self,
        filter: &str,
        lasts: Duration,
        by: &str,
    ) -> Result<LoggingChange, LedgerError> {
        self.write(|db| async move { logging::set(&*db, filter, lasts, by).await })
            .await
    }

    async fn reset_logging(&self) -> Result<(), LedgerError> {
        self.write(|db| async move { logging::reset(&*db).await }).await
    }
}
