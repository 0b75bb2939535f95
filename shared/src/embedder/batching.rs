//! Requests that mix the texts of many files.
//!
//! Files are embedded a few chunks at a time by many workers; providers are cheapest and fastest with full requests. A
//! [`Batcher`] is a cheap handle to one task that collects texts from all callers:
//!
//! - a text is sent at once while a request may start, so an idle batcher adds no delay; texts that come while all places
//!   are taken fill the next request;
//! - the [`Governor`](crate::governor::Governor) finds out how many requests the provider takes at once;
//! - a request that is refused for good is halved until the text that it is refused for stands alone;
//! - equal texts that wait or are under way at the same time are sent once;
//! - callers wait for room, so what is held in memory is bounded;
//! - a caller that goes away takes its unsent texts along.

mod backlog;
mod counts;
mod dispatcher;

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};

use self::backlog::{Order, Piece};
use self::dispatcher::Dispatcher;
use super::openai::EmbeddingSettings;
use super::{Embedded, Embedder, codes};
use crate::retry::{Failure, RetryPolicy};
use crate::shutdown::Tasks;
use crate::trace::context;

pub use self::counts::{Counts, CountsNow};

/// How texts are put into requests.
#[derive(Clone, Debug)]
pub struct BatchSettings {
    /// Most texts in a request; 0 counts as 1.
    pub texts: usize,
    /// Most tokens in a request, by [`estimate_tokens`]; a single text may exceed it and then goes alone.
    pub tokens: u64,
    /// Most requests under way; 0 counts as 1.
    pub in_flight: usize,
    /// How often a request is tried, and how long is waited in between.
    pub retry: RetryPolicy,
}

impl From<&EmbeddingSettings> for BatchSettings {
    fn from(settings: &EmbeddingSettings) -> Self {
        Self {
            texts: settings.batch_size,
            tokens: settings.batch_tokens,
            in_flight: settings.max_in_flight,
            retry: RetryPolicy::default(),
        }
    }
}

/// A cheap guess at a text's tokens: a third of its bytes. English has about four bytes a token, Chinese, Japanese and
/// Korean about three, code two to three; and as a token is at least one byte, the truth is at most three times this.
#[must_use]
pub fn estimate_tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(3)
}

/// A handle to the task that embeds for everybody. Clones share it.
///
/// The task ends once no handle is left and nothing is under way. When told to stop it finishes the texts that it has and
/// refuses further ones, so give it [`Tasks`] that are stopped after those of its callers.
#[derive(Clone)]
pub struct Batcher {
    embedder: Arc<dyn Embedder>,
    intake: mpsc::Sender<Vec<Order>>,
    room: Arc<Semaphore>,
    gone: Arc<Notify>,
    counts: Arc<Counts>,
    texts: usize,
    in_flight: usize,
}

impl Batcher {
    /// Starts the task. At most twice the texts of all requests together are held in memory.
    #[must_use]
    pub fn start(embedder: Arc<dyn Embedder>, settings: BatchSettings, tasks: &Tasks) -> Self {
        let texts = settings.texts.max(1);
        let in_flight = settings.in_flight.max(1);
        let settings = BatchSettings {
            texts,
            in_flight,
            ..settings
        };
        let (intake, orders) = mpsc::channel(in_flight);
        let gone = Arc::new(Notify::new());
        let counts = Arc::new(Counts::default());
        let room = Arc::new(Semaphore::new(
            (2 * texts * in_flight).min(Semaphore::MAX_PERMITS),
        ));
        let dispatcher = Dispatcher::new(
            Arc::clone(&embedder),
            settings,
            orders,
            Arc::clone(&gone),
            Arc::clone(&counts),
            tasks.clone(),
        );
        tasks.spawn(dispatcher.run());
        Self {
            embedder,
            intake,
            room,
            gone,
            counts,
            texts,
            in_flight,
        }
    }

    /// What happened so far, for metrics.
    #[must_use]
    pub fn counts(&self) -> CountsNow {
        self.counts.now()
    }

    /// Where it counts; reading there does not keep the task alive.
    #[must_use]
    pub fn counter(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// One request's worth of a caller's texts.
    async fn embed_some(&self, texts: &[String]) -> Result<Vec<Piece>, Failure> {
        let count = u32::try_from(texts.len()).map_err(|_| stopped())?;
        let mut room = Arc::clone(&self.room)
            .acquire_many_owned(count)
            .await
            .map_err(|_| stopped())?;
        let leaving = Leaving(&self.gone);
        let caller = context::running();
        let (orders, pieces): (Vec<_>, Vec<_>) = texts
            .iter()
            .filter_map(|text| {
                let (reply, piece) = oneshot::channel();
                Some((
                    Order {
                        text: text.as_str().into(),
                        origin: tracing::Span::current(),
                        reply,
                        room: room.split(1)?,
                        caller: caller.clone(),
                    },
                    piece,
                ))
            })
            .unzip();
        self.intake.send(orders).await.map_err(|_| stopped())?;
        let mut done = Vec::with_capacity(pieces.len());
        for piece in pieces {
            done.push(piece.await.unwrap_or_else(|_| Err(stopped()))?);
        }
        std::mem::forget(leaving);
        Ok(done)
    }
}

/// The tokens that are reported are the caller's share of the requests that its texts were in; a text that somebody
/// else had asked for first costs nothing.
#[async_trait]
impl Embedder for Batcher {
    fn model(&self) -> &str {
        self.embedder.model()
    }

    /// # Cancellation
    ///
    /// Dropping the future drops the texts that were not sent yet; those that were are finished and forgotten.
    async fn embed(&self, texts: &[String]) -> Result<Embedded, Failure> {
        let parts: Vec<_> = texts
            .chunks(self.texts)
            .map(|some| self.embed_some(some))
            .collect();
        let pieces: Vec<Vec<Piece>> = stream::iter(parts)
            .buffered(self.in_flight + 1)
            .try_collect()
            .await?;
        let tokens = pieces.iter().flatten().map(|piece| piece.tokens).sum();
        let vectors = pieces.into_iter().flatten().map(|piece| piece.vector).collect();
        Ok(Embedded { vectors, tokens })
    }
}

/// Tells the dispatcher that a caller left before its texts were done.
struct Leaving<'a>(&'a Notify);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn stopped() -> Failure {
    Failure::throttled(
        codes::STOPPED,
        "this process is stopping, the text is embedded by the next one",
    )
}

#[cfg(test)]
mod tests;
