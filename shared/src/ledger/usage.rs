//! What embedding costs: tokens by index and day, and the budget that they are taken from.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::LedgerError;
use crate::clock::UnixMillis;
use crate::ids::IndexId;

/// Milliseconds of a day; days begin at midnight UTC.
pub const DAY: UnixMillis = 24 * 60 * 60 * 1000;

/// What an index used on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Usage {
    /// The day, as its midnight UTC in Unix milliseconds.
    pub day: UnixMillis,
    /// Tokens embedded, and those that requests under way may come to.
    pub tokens: u64,
    /// Chunks embedded.
    pub embedded: u64,
    /// Chunks whose vectors were there.
    pub reused: u64,
    /// Bytes of the blobs that the chunks are of.
    pub bytes: u64,
}

/// Something to add to today's usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageNote {
    /// Tokens; negative when fewer were used than were taken from the budget.
    pub tokens: i64,
    /// Chunks embedded.
    pub embedded: u64,
    /// Chunks whose vectors were there.
    pub reused: u64,
    /// Bytes of blobs.
    pub bytes: u64,
}

/// May the tokens be spent?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spending {
    /// They are taken from today's budget.
    Granted,
    /// The budget of today does not have so many left.
    Refused {
        /// Tokens spent today.
        spent: u64,
        /// Milliseconds until the next day begins.
        next_day_in: UnixMillis,
    },
}

/// Usage of every index. All calls are atomic.
#[async_trait]
pub trait UsageLedger: Send + Sync + 'static {
    /// Takes tokens from today's budget of an index, if it has as many left. A call whose answer was lost may have taken them: the
    /// count is then too high, never too low.
    async fn spend(&self, index: &IndexId, tokens: u64, limit: u64) -> Result<Spending, LedgerError>;

    /// Adds to today's usage.
    async fn note_usage(&self, index: &IndexId, note: &UsageNote) -> Result<(), LedgerError>;

    /// The latest days on which something was used, newest first.
    async fn usage(&self, index: &IndexId, days: u32) -> Result<Vec<Usage>, LedgerError>;

    /// Files whose next attempt waits because of a failure with this code are due now; returns how many.
    async fn wake_waiting(&self, index: &IndexId, code: &str) -> Result<u64, LedgerError>;
}
