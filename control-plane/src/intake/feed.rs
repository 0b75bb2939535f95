//! Blob events from a queue that somebody else fills.

use std::time::Duration;

use shared::queue::QueueError;
use shared::queue::rabbit::{EventFeed, FeedMessage, FeedSettings};
use shared::trace::{TARGET, TRACEPARENT, context, spans};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::accept::{Intake, NotTaken};

/// Between attempts to reach broker or ledger.
const PAUSE: Duration = Duration::from_secs(2);

/// Takes events until told to stop. A message is acknowledged when the ledger has what it says, or keeps it as a dead letter.
pub async fn run(settings: FeedSettings, intake: Intake, stop: CancellationToken) {
    loop {
        let work = take_all(&settings, &intake);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            ended = work => if let Err(error) = ended {
                tracing::warn!(%error, "events cannot be taken from queue {} now, trying again", settings.queue);
            },
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn take_all(settings: &FeedSettings, intake: &Intake) -> Result<(), QueueError> {
    let mut feed = EventFeed::open(settings).await?;
    loop {
        let message = feed.next().await?;
        let span = tracing::trace_span!(
            target: TARGET, "receive events", otel.kind = "consumer", messaging.system = "rabbitmq",
            messaging.operation.type = "process", messaging.destination.name = settings.queue,
        );
        if !span.is_disabled() {
            let sender = message.headers[TRACEPARENT].as_str().and_then(context::sender);
            spans::below_all(&span, sender.into_iter().collect());
        }
        take(&settings.queue, &message, intake).instrument(span).await;
        message.ack().await?;
    }
}

/// Returns once the ledger has what the message says.
async fn take(queue: &str, message: &FeedMessage, intake: &Intake) {
    loop {
        let taken = match intake
            .handle(queue, &message.body, message.content_type.as_deref())
            .await
        {
            Ok(_receipt) => return,
            Err(NotTaken::Unreadable(unreadable)) => {
                tracing::warn!(queue, "a message is no blob event: {unreadable}");
                intake.keep_unreadable(queue, &message.body, &unreadable).await
            }
            Err(NotTaken::Ledger(error)) => Err(error),
        };
        match taken {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(%error, queue, "an event could not be recorded, trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
