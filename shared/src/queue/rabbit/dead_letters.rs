//! Wake-ups that nobody could work with: not understood, or given back too often.

use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::Value;

use super::super::QueueError;
use super::receipt::Receipt;
use super::subscription::Subscription;
use super::{headers, wire};
use crate::clock::UnixMillis;
use crate::work_message::WorkMessage;

/// Bytes of a body that are kept; our own are a few hundred long.
pub const KEPT_BODY: usize = 64 * 1024;

/// The dead letters as they arrive. Mends itself like every consumer.
pub struct DeadLetters(pub(super) Subscription);

/// A message that ended in the dead letters. Settle it with [`DeadLetter::ack`] once it is stored; one that is dropped
/// comes back.
pub struct DeadLetter {
    /// The queue that it died in.
    pub queue: String,
    /// Why: `rejected` (not understood), `delivery_limit` (given back too often), `expired` or `maxlen`.
    pub reason: String,
    /// When it first died, to the second, by the broker's clock.
    pub first_death_at: Option<UnixMillis>,
    /// Its headers, those that the broker added included.
    pub headers: Value,
    /// Its body, at most [`KEPT_BODY`] bytes of it.
    pub body: Vec<u8>,
    /// The wake-up in it, or why there is none.
    pub message: Result<WorkMessage, String>,
    receipt: Receipt,
}

impl DeadLetters {
    /// Waits for the next dead letter; cancel safe.
    ///
    /// # Errors
    /// [`QueueError::Closed`] when no more will come, because the queue was closed for shutdown.
    pub async fn next(&mut self) -> Result<DeadLetter, QueueError> {
        let (delivery, receipt) = self.0.next().await.ok_or(QueueError::Closed)?;
        Ok(DeadLetter::read(delivery, receipt))
    }
}

impl DeadLetter {
    /// Removes it from the broker.
    ///
    /// # Errors
    /// When the broker did not take the acknowledgement; the dead letter will come again.
    pub async fn ack(self) -> Result<(), QueueError> {
        self.receipt.ack().await
    }

    fn read(delivery: Delivery, receipt: Receipt) -> Self {
        let message = wire::decode(&delivery.properties, &delivery.data);
        let table = delivery.properties.headers().clone().unwrap_or_default();
        let death = first_death(&table);
        let mut body = delivery.data;
        body.truncate(KEPT_BODY);
        let unknown = || "unknown".to_owned();
        Self {
            queue: word(&table, "x-first-death-queue")
                .or_else(|| word(death?, "queue"))
                .unwrap_or_else(unknown),
            reason: word(&table, "x-first-death-reason")
                .or_else(|| word(death?, "reason"))
                .unwrap_or_else(unknown),
            first_death_at: death.and_then(death_time),
            headers: headers::to_json(&table),
            body,
            message,
            receipt,
        }
    }
}

impl std::fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLetter")
            .field("queue", &self.queue)
            .field("reason", &self.reason)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

/// The oldest entry of the history that the broker keeps in a message.
fn first_death(table: &FieldTable) -> Option<&FieldTable> {
    let deaths = table.inner().get("x-death")?.as_array()?.as_slice();
    let deaths = deaths.iter().filter_map(AMQPValue::as_field_table);
    deaths.min_by_key(|death| death_time(death))
}

fn death_time(death: &FieldTable) -> Option<UnixMillis> {
    let seconds = death.inner().get("time")?.as_timestamp()?;
    i64::try_from(seconds).ok()?.checked_mul(1000)
}

fn word(table: &FieldTable, name: &str) -> Option<String> {
    match table.inner().get(name)? {
        AMQPValue::LongString(value) => Some(String::from_utf8_lossy(value.as_bytes()).into_owned()),
        AMQPValue::ShortString(value) => Some(value.as_str().to_owned()),
        _ => None,
    }
}
