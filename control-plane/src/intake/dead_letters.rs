//! Messages that the queue gave up become rows that people can see.

use std::sync::Arc;
use std::time::Duration;

use shared::ledger::{ControlLedger, DeadLetter as Kept};
use shared::queue::QueueError;
use shared::queue::rabbit::{DeadLetter, RabbitQueue};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::metrics::Metrics;

/// Letters in hand at a time.
const PREFETCH: u16 = 32;
/// Characters of a body that are kept.
const BODY_CHARS: usize = 4096;
/// Between attempts to reach queue or ledger.
const PAUSE: Duration = Duration::from_secs(2);
/// Namespace under which a letter's id is derived from its content, so that one that comes twice is kept once.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c6f_6e67_7368_6f72_6500_6465_6164_0001);

/// Keeps every dead letter until told to stop. A file whose wake-up died is woken again by the dispatcher: the letter only
/// tells that something is wrong.
pub async fn run(
    queue: Arc<RabbitQueue>,
    ledger: Arc<dyn ControlLedger>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let work = keep_all(&queue, &*ledger, &metrics);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            ended = work => if let Err(error) = ended {
                tracing::warn!(%error, "dead letters cannot be taken now, trying again");
            },
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn keep_all(
    queue: &RabbitQueue,
    ledger: &dyn ControlLedger,
    metrics: &Metrics,
) -> Result<(), QueueError> {
    let mut letters = queue.dead_letters(PREFETCH).await?;
    loop {
        let letter = letters.next().await?;
        let kept = describe(&letter);
        tracing::warn!(
            queue = kept.queue,
            reason = kept.reason,
            "dead letter: {}",
            kept.problem
        );
        metrics
            .dead_letters
            .with_label_values(&[reason_label(&kept.reason)])
            .inc();
        while let Err(error) = ledger.keep_dead_letter(&kept).await {
            tracing::warn!(%error, "a dead letter could not be kept, trying again");
            tokio::time::sleep(PAUSE).await;
        }
        letter.ack().await?;
    }
}

/// The reasons that RabbitMQ documents; anything else is one label.
fn reason_label(reason: &str) -> &'static str {
    match reason {
        "rejected" => "rejected",
        "delivery_limit" => "delivery_limit",
        "maxlen" => "maxlen",
        "expired" => "expired",
        _ => "other",
    }
}

fn describe(letter: &DeadLetter) -> Kept {
    let text = String::from_utf8_lossy(&letter.body);
    let problem = match &letter.message {
        Ok(message) => format!("the wake-up of {} was given back too often", message.path),
        Err(why) => why.clone(),
    };
    let identity = format!(
        "{:?}\n{}\n{}",
        letter.first_death_at, letter.queue, letter.headers
    );
    let mut seed = identity.into_bytes();
    seed.extend_from_slice(&letter.body);
    Kept {
        id: Uuid::new_v5(&NAMESPACE, &seed),
        received_at: 0,
        queue: letter.queue.clone(),
        reason: letter.reason.clone(),
        problem,
        body: text.chars().filter(|c| *c != '\0').take(BODY_CHARS).collect(),
    }
}
