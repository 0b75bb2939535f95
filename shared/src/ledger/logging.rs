//! What every process logs for a while, because somebody wants to see more.

use std::time::Duration;

use async_trait::async_trait;

use super::LedgerError;
use crate::clock::UnixMillis;

/// A filter that somebody set for every process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingChange {
    /// See [`LogFilter`](crate::service::logging::LogFilter).
    pub filter: String,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub set_at: UnixMillis,
    /// When it ends.
    pub until: UnixMillis,
    /// How long that is from now, by the ledger's time.
    pub left: Duration,
}

/// The filter of log lines that goes for every process. All calls are atomic; the latest change counts.
#[async_trait]
pub trait Logging: Send + Sync + 'static {
    /// The filter that every process goes by now; `None` when each goes by its own.
    async fn logging(&self) -> Result<Option<LoggingChange>, LedgerError>;

    /// Sets the filter for so long, in place of one that is set.
    async fn set_logging(
        &self,
        filter: &str,
        lasts: Duration,
        by: &str,
    ) -> Result<LoggingChange, LedgerError>;

    /// Ends the filter that is set; does nothing when none is.
    async fn reset_logging(&self) -> Result<(), LedgerError>;
}
