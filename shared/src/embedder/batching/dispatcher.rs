//! The task behind a [`Batcher`](super::Batcher): it owns the texts and decides when which request starts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::backlog::{Backlog, Batch, Order};
use super::{BatchSettings, Counts};
use crate::circuit::CIRCUIT_OPEN;
use crate::embedder::{Embedded, Embedder, codes};
use crate::governor::{Gate, Governor};
use crate::retry::{Failure, FailureClass};
use crate::shutdown::Tasks;
use crate::trace::{TARGET, spans};

/// Orders that are taken at once, so that callers who come together share requests.
const INTAKE: usize = 64;

pub(super) struct Dispatcher {
    embedder: Arc<dyn Embedder>,
    settings: BatchSettings,
    intake: mpsc::Receiver<Vec<Order>>,
    gone: Arc<Notify>,
    counts: Arc<Counts>,
    tasks: Tasks,
    governor: Governor,
    backlog: Backlog,
    /// Batches that were sent before and go before the queue.
    again: VecDeque<Batch>,
    /// Batches that wait out their delay.
    delayed: Vec<(Instant, Batch)>,
    in_flight: FuturesUnordered<BoxFuture<'static, Answer>>,
}

/// How a request ended.
struct Answer {
    batch: Batch,
    sent_at: Instant,
    was_full: bool,
    result: Result<Embedded, Failure>,
}

impl Dispatcher {
    pub(super) fn new(
        embedder: Arc<dyn Embedder>,
        settings: BatchSettings,
        intake: mpsc::Receiver<Vec<Order>>,
        gone: Arc<Notify>,
        counts: Arc<Counts>,
        tasks: Tasks,
    ) -> Self {
        Self {
            governor: Governor::new(settings.in_flight),
            embedder,
            settings,
            intake,
            gone,
            counts,
            tasks,
            backlog: Backlog::default(),
            again: VecDeque::new(),
            delayed: Vec::new(),
            in_flight: FuturesUnordered::new(),
        }
    }

    /// Runs until nobody can order any more and everything is done, or until told to stop and everything is done.
    pub(super) async fn run(mut self) {
        let stopping = self.tasks.stopping();
        let mut open = true;
        let mut orders = Vec::new();
        loop {
            let wake = self.send(Instant::now());
            self.show();
            if (!open || stopping.is_cancelled()) && self.is_idle() && self.intake.is_empty() {
                return;
            }
            tokio::select! {
                received = self.intake.recv_many(&mut orders, INTAKE), if open => {
                    open = received > 0;
                    self.take(orders.drain(..).flatten());
                }
                Some(answer) = self.in_flight.next(), if !self.in_flight.is_empty() => self.settle(answer),
                () = until(wake), if wake.is_some() => {}
                () = self.gone.notified() => self.forget(),
                () = stopping.cancelled(), if !stopping.is_cancelled() => {}
            }
        }
    }

    fn take(&mut self, orders: impl Iterator<Item = Order>) {
        for order in orders {
            if self.backlog.add(order) {
                self.counts.shared_texts.fetch_add(1, Relaxed);
            }
        }
    }

    /// Starts every request that may start; returns when to look again by itself.
    fn send(&mut self, now: Instant) -> Option<Instant> {
        for (_, batch) in self.delayed.extract_if(.., |(due, _)| *due <= now) {
            self.again.push_back(batch);
        }
        loop {
            match self.governor.gate(self.in_flight.len(), now) {
                Gate::Open => match self.next_batch() {
                    Some(batch) => self.start(batch, now),
                    None => return self.next_due(),
                },
                Gate::Full => return None,
                Gate::Paused(until) => return (!self.is_idle()).then_some(until),
            }
        }
    }

    fn next_batch(&mut self) -> Option<Batch> {
        while let Some(mut batch) = self.again.pop_front() {
            self.backlog.prune(&mut batch);
            if !batch.texts.is_empty() {
                return Some(batch);
            }
        }
        self.backlog.cut(self.settings.texts, self.settings.tokens)
    }

    fn next_due(&self) -> Option<Instant> {
        self.delayed.iter().map(|(due, _)| *due).min()
    }

    fn start(&mut self, mut batch: Batch, sent_at: Instant) {
        batch.attempts += 1;
        self.counts.requests.fetch_add(1, Relaxed);
        let was_full = self.in_flight.len() + 1 >= self.governor.limit();
        let embedder = Arc::clone(&self.embedder);
        let texts: Vec<String> = batch.texts.iter().map(|text| text.to_string()).collect();
        let span = tracing::trace_span!(
            target: TARGET, "embeddings", otel.kind = "client",
            gen_ai.operation.name = "embeddings", gen_ai.request.model = embedder.model(),
            texts = texts.len(), attempt = batch.attempts,
        );
        if !span.is_disabled() {
            spans::below_all(&span, self.backlog.callers(&batch));
        }
        // A task of its own, so that large replies are read side by side.
        let request = self.tasks.spawn(spans::within(span, async move {
            let embedded = embedder.embed(&texts).await?;
            spans::note(
                "gen_ai.usage.input_tokens",
                i64::try_from(embedded.tokens).unwrap_or(i64::MAX),
            );
            let (got, wanted) = (embedded.vectors.len(), texts.len());
            if got == wanted {
                return Ok(embedded);
            }
            Err(Failure::transient(
                codes::BAD_REPLY,
                format!("{got} vectors for {wanted} texts"),
            ))
        }));
        let request = AbortOnDropHandle::new(request);
        let answer = async move {
            let result = request.await.unwrap_or_else(|_| {
                Err(Failure::transient(
                    codes::BAD_REPLY,
                    "the request broke off, which is a defect of this program",
                ))
            });
            Answer {
                batch,
                sent_at,
                was_full,
                result,
            }
        };
        self.in_flight.push(answer.boxed());
    }

    fn settle(&mut self, answer: Answer) {
        let Answer {
            batch,
            sent_at,
            was_full,
            result,
        } = answer;
        match result {
            Ok(embedded) => {
                self.governor.succeeded(sent_at, was_full);
                self.counts.texts.fetch_add(batch.texts.len() as u64, Relaxed);
                self.counts.tokens.fetch_add(embedded.tokens, Relaxed);
                self.backlog.deliver(batch, embedded.vectors, embedded.tokens);
            }
            Err(failure) if failure.class == FailureClass::Permanent => self.split(batch, &failure),
            Err(failure) => self.try_again(batch, sent_at, &failure),
        }
    }

    /// One text may be to blame for all: the halves are sent apart. The halves go first, so that their callers do not wait
    /// behind texts that came later.
    fn split(&mut self, batch: Batch, failure: &Failure) {
        match batch.halves() {
            Ok([front, back]) => {
                self.counts.splits.fetch_add(1, Relaxed);
                self.again.push_front(back);
                self.again.push_front(front);
            }
            Err(single) => self.backlog.fail(single, failure),
        }
    }

    fn try_again(&mut self, batch: Batch, sent_at: Instant, failure: &Failure) {
        if failure.code == CIRCUIT_OPEN {
            // Nothing was sent, so it tells nothing about load; and to wait here would hold the callers' files.
            return self.backlog.fail(batch, failure);
        }
        let now = Instant::now();
        let wait = self
            .settings
            .retry
            .next_wait(failure, batch.attempts, rand::random());
        let wait = wait.filter(|_| !codes::needs_a_person(failure));
        if failure.class == FailureClass::Throttled {
            self.counts.throttles.fetch_add(1, Relaxed);
            // What the provider asks holds for everybody; a computed delay only for this batch.
            self.governor
                .overloaded(sent_at, now, wait.and(failure.retry_after));
        }
        let Some(wait) = wait else {
            return self.backlog.fail(batch, failure);
        };
        self.counts.retries.fetch_add(1, Relaxed);
        // A request has texts of several files: a line for each.
        for origin in self.backlog.origins(&batch) {
            tracing::debug!(
                parent: &origin,
                model = self.embedder.model(),
                code = failure.code,
                attempt = batch.attempts,
                wait_ms = wait.as_millis(),
                "embedding again in {wait:?}: {failure}"
            );
        }
        self.delayed.push((now + wait, batch));
    }

    /// Drops the texts of callers who are gone, so that their room is free for others.
    fn forget(&mut self) {
        self.backlog.prune_queue();
        for batch in self
            .again
            .iter_mut()
            .chain(self.delayed.iter_mut().map(|(_, batch)| batch))
        {
            self.backlog.prune(batch);
        }
        self.again.retain(|batch| !batch.texts.is_empty());
        self.delayed.retain(|(_, batch)| !batch.texts.is_empty());
    }

    fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
            && self.again.is_empty()
            && self.delayed.is_empty()
            && self.backlog.queued() == 0
    }

    fn show(&self) {
        let waiting = self
            .again
            .iter()
            .chain(self.delayed.iter().map(|(_, batch)| batch));
        let waiting = waiting.map(|batch| batch.texts.len()).sum::<usize>() + self.backlog.queued();
        self.counts.queued.store(waiting, Relaxed);
        self.counts.in_flight.store(self.in_flight.len(), Relaxed);
        self.counts.limit.store(self.governor.limit(), Relaxed);
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
