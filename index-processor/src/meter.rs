//! What an index spends on embedding: counted for all, limited where the index has a budget.
//!
//! Without a budget, counts are gathered and written once a second: a process that dies loses a second of them. With one, tokens
//! are taken from the ledger before they are asked for, so that all processors together never overspend; what the provider
//! charged in the end is corrected afterwards, and what failed is given back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bpe_openai::cl100k_base;
use shared::embedder::{Embedded, Embedder};
use shared::ids::IndexId;
use shared::index_settings::{BUDGET_SPENT, OVER_BUDGET};
use shared::ledger::{LedgerError, Spending, UsageLedger, UsageNote};
use shared::retry::Failure;
use tokio_util::sync::CancellationToken;

/// Between writes of what was gathered.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// The counts of a process.
pub struct Meter {
    ledger: Arc<dyn UsageLedger>,
    gathered: Mutex<HashMap<IndexId, UsageNote>>,
}

impl Meter {
    /// Counts into `ledger`.
    #[must_use]
    pub fn new(ledger: Arc<dyn UsageLedger>) -> Self {
        Self {
            ledger,
            gathered: Mutex::default(),
        }
    }

    /// Writes what was gathered from time to time, until told to stop, and once more then.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep(FLUSH_EVERY) => self.flush().await,
            }
        }
        self.flush().await;
    }

    /// Writes what was gathered; what the ledger does not take is kept for the next time.
    pub async fn flush(&self) {
        let gathered: Vec<_> = self.gathered().drain().collect();
        for (index, note) in gathered {
            if let Err(error) = self.ledger.note_usage(&index, &note).await {
                tracing::debug!(%error, index.id = %index, "usage was not noted, trying again");
                self.note(&index, &note);
            }
        }
    }

    fn note(&self, index: &IndexId, note: &UsageNote) {
        let mut gathered = self.gathered();
        let sum = gathered.entry(index.clone()).or_default();
        sum.tokens += note.tokens;
        sum.embedded += note.embedded;
        sum.reused += note.reused;
        sum.bytes += note.bytes;
    }

    fn gathered(&self) -> MutexGuard<'_, HashMap<IndexId, UsageNote>> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The counts of one index, and its budget.
#[derive(Clone)]
pub struct IndexMeter {
    /// Where they go.
    pub meter: Arc<Meter>,
    /// The index.
    pub index: IndexId,
    /// Most tokens in a day.
    pub tokens_per_day: Option<u64>,
}

impl IndexMeter {
    /// Counts the chunks of a file.
    pub(crate) fn chunks(&self, embedded: u64, reused: u64, bytes: u64) {
        let note = UsageNote {
            tokens: 0,
            embedded,
            reused,
            bytes,
        };
        self.meter.note(&self.index, &note);
    }

    fn tokens(&self, tokens: i64) {
        let note = UsageNote {
            tokens,
            ..UsageNote::default()
        };
        self.meter.note(&self.index, &note);
    }

    /// Takes tokens from the budget.
    async fn spend(&self, tokens: u64, limit: u64) -> Result<(), Failure> {
        if tokens > limit {
            let message = format!(
                "its text has about {tokens} tokens, and the index may embed {limit} in a day: raise tokens_per_day, or exclude \
                 the file"
            );
            return Err(Failure::permanent(OVER_BUDGET, message));
        }
        match self.meter.ledger.spend(&self.index, tokens, limit).await {
            Ok(Spending::Granted) => Ok(()),
            Ok(Spending::Refused { spent, next_day_in }) => {
                let message = format!(
                    "{spent} of the {limit} tokens that the index may embed today are spent: it goes on at midnight UTC, or when \
                     tokens_per_day is raised"
                );
                let wait = Duration::from_millis(next_day_in.unsigned_abs());
                Err(Failure::throttled(BUDGET_SPENT, message).retry_after(Some(wait)))
            }
            Err(error) => Err(unavailable(&error)),
        }
    }
}

fn unavailable(error: &LedgerError) -> Failure {
    Failure::throttled("ledger_unavailable", error.to_string())
}

/// A model that counts what it is asked for.
pub(crate) struct Metered {
    /// The model.
    pub(crate) inner: Arc<dyn Embedder>,
    /// The counts.
    pub(crate) meter: IndexMeter,
}

#[async_trait]
impl Embedder for Metered {
    fn model(&self) -> &str {
        self.inner.model()
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, Failure> {
        let Some(limit) = self.meter.tokens_per_day else {
            let answer = self.inner.embed(texts).await?;
            self.meter.tokens(signed(answer.tokens));
            return Ok(answer);
        };
        // The provider's own count is known afterwards; for OpenAI's models this is the same.
        let expected: usize = texts.iter().map(|text| cl100k_base().count(text.as_str())).sum();
        let expected = expected as u64;
        self.meter.spend(expected, limit).await?;
        let answer = self.inner.embed(texts).await;
        match &answer {
            // A provider that does not say is taken to have charged what was expected.
            Ok(answer) if answer.tokens == 0 => {}
            Ok(answer) => self.meter.tokens(signed(answer.tokens) - signed(expected)),
            Err(_) => self.meter.tokens(-signed(expected)),
        }
        answer
    }
}

fn signed(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
