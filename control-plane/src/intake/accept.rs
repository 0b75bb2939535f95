//! Takes events over: after [`Intake::take`] returned a receipt, nothing in the batch can be forgotten, and the sender may be
//! told so (HTTP 200, AMQP ack). After an error it must not: the sender repeats the whole batch, and what was recorded the first
//! time is recorded again, which costs a look.
//!
//! Events without an owner are counted in the receipt and are not an error: an error would make a source that reports more than
//! anybody indexes repeat it for days.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use shared::ids::IndexId;
use shared::ledger::{Change, ControlLedger, DeadLetter, LedgerError};
use tokio::sync::Notify;
use uuid::Uuid;

use super::events::{self, Batch, BlobEvent, Unreadable, Why};
use super::router::{Entry, IndexPlace, Outcome, route};
use crate::metrics::Metrics;
use crate::traced;

/// Changes recorded per transaction: bounds the ledger's longest write.
const ENQUEUE_BATCH: usize = 1000;
/// Dead letters that one batch can make; one more tells how many there would have been.
const MOST_LETTERS: usize = 100;
/// Problems that a receipt names.
const MOST_PROBLEMS: usize = 20;
/// Namespace under which ids of dead letters are derived, so that an event which comes twice is kept once.
const LETTER_NAMESPACE: Uuid = Uuid::from_u128(0x6c6f_6e67_7368_6f72_6500_6465_6164_0001);

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Receipt {
    /// Events recorded for at least one index.
    pub accepted: usize,
    /// Events that are recorded already: twice in the batch, or a directory's that was known.
    pub duplicates: usize,
    /// Events that change nothing: other types, placeholders of folders, empty directories.
    pub ignored: usize,
    /// Events about an account, container or path that no index is made from.
    pub unowned: usize,
    /// Events kept as dead letters.
    pub refused: usize,
    /// What was wrong with the first of those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// Why an event was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = RefusedEvent)]
pub struct Problem {
    /// The event's id.
    pub event: String,
    /// For people.
    pub problem: String,
}

/// Records what a batch says. `origin` names where it came from, for dead letters.
///
/// # Errors
/// When the ledger does not answer; part of the batch may be recorded, and the whole of it can be repeated.
pub async fn accept(
    ledger: &dyn ControlLedger,
    indexes: &[IndexPlace],
    origin: &str,
    batch: &Batch,
) -> Result<Receipt, LedgerError> {
    let outcomes = record(ledger, indexes, &batch.events).await?;
    keep(ledger, origin, batch).await?;
    let count = |wanted: Outcome| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    let problems = batch.set_aside.iter().take(MOST_PROBLEMS).map(|event| Problem {
        event: event.id.clone(),
        problem: event.problem.clone(),
    });
    Ok(Receipt {
        accepted: count(Outcome::Accepted),
        duplicates: count(Outcome::Duplicate),
        ignored: count(Outcome::Ignored) + batch.ignored + usize::from(batch.validation.is_some()),
        unowned: count(Outcome::Unowned),
        refused: batch.set_aside.len(),
        problems: problems.collect(),
    })
}

/// Records events with the indexes that own them; what became of each.
async fn record(
    ledger: &dyn ControlLedger,
    indexes: &[IndexPlace],
    events: &[BlobEvent],
) -> Result<Vec<Outcome>, LedgerError> {
    let routes = route(events, indexes);
    let mut outcomes = routes.outcomes;
    for (index, entries) in routes.entries {
        match record_for(ledger, &index, entries, &mut outcomes).await {
            // Deleted since its place was read: whatever else owns the events has them.
            Err(LedgerError::UnknownIndex(_)) => {}
            other => other?,
        }
    }
    Ok(outcomes)
}

async fn record_for(
    ledger: &dyn ControlLedger,
    index: &IndexId,
    entries: Vec<(usize, Entry)>,
    outcomes: &mut [Outcome],
) -> Result<(), LedgerError> {
    let mut waiting: Vec<(usize, Change)> = Vec::new();
    for (number, entry) in entries {
        match entry {
            Entry::Change(change) => {
                // What is reported is a run as well: the index's batch of events.
                let change = Change {
                    batch: true,
                    ..change
                };
                waiting.push((number, change));
                if waiting.len() == ENQUEUE_BATCH {
                    enqueue(ledger, index, &mut waiting, outcomes).await?;
                }
            }
            Entry::Operation(operation) => {
                // In the order of the batch: a blob that changed before its directory was renamed.
                enqueue(ledger, index, &mut waiting, outcomes).await?;
                let fresh = ledger.open_operation(&operation).await?;
                let outcome = if fresh {
                    Outcome::Accepted
                } else {
                    Outcome::Duplicate
                };
                outcomes[number] = outcomes[number].max(outcome);
            }
        }
    }
    enqueue(ledger, index, &mut waiting, outcomes).await
}

async fn enqueue(
    ledger: &dyn ControlLedger,
    index: &IndexId,
    waiting: &mut Vec<(usize, Change)>,
    outcomes: &mut [Outcome],
) -> Result<(), LedgerError> {
    let (numbers, changes): (Vec<usize>, Vec<Change>) = waiting.drain(..).unzip();
    if !changes.is_empty() {
        traced::enqueue(ledger, index, &changes).await?;
    }
    for number in numbers {
        outcomes[number] = Outcome::Accepted;
    }
    Ok(())
}

/// Keeps what was set aside.
async fn keep(ledger: &dyn ControlLedger, origin: &str, batch: &Batch) -> Result<(), LedgerError> {
    let letter = |reason: &str, problem: String, body: String| DeadLetter {
        id: letter_id(origin, &problem, &body),
        received_at: 0,
        queue: origin.to_owned(),
        reason: reason.to_owned(),
        problem,
        body,
    };
    for event in batch.set_aside.iter().take(MOST_LETTERS) {
        let kept = letter(event.why.name(), event.problem.clone(), event.body.clone());
        ledger.keep_dead_letter(&kept).await?;
        tracing::warn!(
            event.id = ?event.id, event.format = batch.format.name(), origin,
            "an event was set aside as a dead letter: {}", event.problem
        );
    }
    if let Some(first) = batch.set_aside.get(MOST_LETTERS) {
        let more = batch.set_aside.len() - MOST_LETTERS;
        let problem = format!(
            "{more} more events of one batch could not be used, the first: {}",
            first.problem
        );
        let kept = letter(Why::Unusable.name(), problem, first.body.clone());
        ledger.keep_dead_letter(&kept).await?;
    }
    Ok(())
}

fn letter_id(origin: &str, problem: &str, body: &str) -> Uuid {
    Uuid::new_v5(
        &LETTER_NAMESPACE,
        format!("{origin}\n{problem}\n{body}").as_bytes(),
    )
}

/// Knows what the indexes are made from.
#[async_trait]
pub trait IndexPlaces: Send + Sync + 'static {
    /// Every index that is made from a container or bucket, as it is now.
    ///
    /// # Errors
    /// When the ledger does not answer.
    async fn index_places(&self) -> Result<Vec<IndexPlace>, LedgerError>;
}

/// A message from a queue could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// It never can be: keep it with [`Intake::keep_unreadable`], and acknowledge it.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Not now: leave it in the queue.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Takes events from wherever they come.
#[derive(Clone)]
pub struct Intake {
    /// Where they are recorded.
    pub ledger: Arc<dyn ControlLedger>,
    /// Whom they may concern.
    pub indexes: Arc<dyn IndexPlaces>,
    /// Wakes the dispatcher, and whoever works on operations.
    pub nudge: Arc<Notify>,
    /// What to count.
    pub metrics: Arc<Metrics>,
}

impl Intake {
    /// Records what a batch says. `origin` names where it came from, for dead letters.
    ///
    /// # Errors
    /// When the ledger does not answer: the sender must repeat the batch.
    pub async fn take(&self, origin: &str, batch: &Batch) -> Result<Receipt, LedgerError> {
        let taken = self.recorded(origin, batch).await;
        let count = |outcome, events: usize| self.count(batch.format.name(), outcome, events);
        match &taken {
            Ok(receipt) => {
                count("accepted", receipt.accepted);
                count("duplicate", receipt.duplicates);
                count("ignored", receipt.ignored);
                count("unowned", receipt.unowned);
                count("refused", receipt.refused);
                if receipt.accepted > 0 {
                    self.nudge.notify_one();
                }
            }
            Err(error) => {
                count("unavailable", batch.events.len().max(1));
                tracing::warn!(%error, origin, "events could not be recorded; their sender is asked to repeat them");
            }
        }
        taken
    }

    async fn recorded(&self, origin: &str, batch: &Batch) -> Result<Receipt, LedgerError> {
        let indexes = self.indexes.index_places().await?;
        accept(&*self.ledger, &indexes, origin, batch).await
    }

    /// Takes a message from a queue, in any of the formats. Acknowledge it after a receipt.
    ///
    /// # Errors
    /// See [`NotTaken`].
    pub async fn handle(
        &self,
        origin: &str,
        body: &[u8],
        content_type: Option<&str>,
    ) -> Result<Receipt, NotTaken> {
        let batch = events::parse(body, content_type).inspect_err(|_| self.unreadable("unknown"))?;
        Ok(self.take(origin, &batch).await?)
    }

    /// Keeps a message that is in none of the formats where people can see it.
    ///
    /// # Errors
    /// When the ledger does not answer: leave the message in the queue.
    pub async fn keep_unreadable(
        &self,
        origin: &str,
        body: &[u8],
        problem: &Unreadable,
    ) -> Result<(), LedgerError> {
        let problem = problem.to_string();
        let body: String = String::from_utf8_lossy(body)
            .chars()
            // PostgreSQL has no place for NUL in a text.
            .map(|c| if c == '\0' { '\u{fffd}' } else { c })
            .take(events::KEPT_CHARS)
            .collect();
        let letter = DeadLetter {
            id: letter_id(origin, &problem, &body),
            received_at: 0,
            queue: origin.to_owned(),
            reason: "unreadable".to_owned(),
            problem,
            body,
        };
        self.ledger.keep_dead_letter(&letter).await
    }

    /// Counts a body that nothing was taken from. `source` is the format that it should have had.
    pub(crate) fn unreadable(&self, source: &str) {
        self.count(source, "unreadable", 1);
    }

    fn count(&self, source: &str, outcome: &str, events: usize) {
        self.metrics
            .events
            .with_label_values(&[source, outcome])
            .inc_by(events as u64);
    }
}

#[cfg(test)]
pub(crate) mod tests;
