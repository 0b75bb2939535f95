//! Who waits for which text. Plain data: nothing here sends or sleeps.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use opentelemetry::trace::SpanContext;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::Span;

use super::estimate_tokens;
use crate::retry::Failure;

/// A text that a caller wants embedded.
pub(super) struct Order {
    pub(super) text: Arc<str>,
    /// What the caller does, for the log.
    pub(super) origin: Span,
    pub(super) reply: oneshot::Sender<Result<Piece, Failure>>,
    /// The caller's room in memory, given back with the reply or when the caller is found gone.
    pub(super) room: OwnedSemaphorePermit,
    /// The caller's span.
    pub(super) caller: SpanContext,
}

/// What a caller gets for one text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) vector: Vec<f32>,
    pub(super) tokens: u64,
}

/// Texts that go out together.
#[derive(Debug, PartialEq)]
pub(super) struct Batch {
    pub(super) texts: Vec<Arc<str>>,
    /// Times that it was sent.
    pub(super) attempts: u32,
}

struct Waiter {
    origin: Span,
    reply: oneshot::Sender<Result<Piece, Failure>>,
    _room: OwnedSemaphorePermit,
    caller: SpanContext,
}

/// The texts that are wanted. Each is either in the queue or in one batch.
#[derive(Default)]
pub(super) struct Backlog {
    wanted: HashMap<Arc<str>, Vec<Waiter>>,
    queue: VecDeque<Arc<str>>,
}

impl Backlog {
    /// Takes an order; returns whether the text was wanted by somebody else already.
    pub(super) fn add(&mut self, order: Order) -> bool {
        let Order {
            text,
            origin,
            reply,
            room,
            caller,
        } = order;
        let waiters = self.wanted.entry(Arc::clone(&text)).or_default();
        let shared = !waiters.is_empty();
        waiters.push(Waiter {
            origin,
            reply,
            _room: room,
            caller,
        });
        if !shared {
            self.queue.push_back(text);
        }
        shared
    }

    /// Takes the next texts from the queue, oldest first, as many as fit.
    pub(super) fn cut(&mut self, max_texts: usize, max_tokens: u64) -> Option<Batch> {
        let mut texts = Vec::new();
        let mut tokens = 0;
        while let Some(text) = self.queue.front() {
            let more = tokens + estimate_tokens(text);
            if texts.len() == max_texts || (more > max_tokens && !texts.is_empty()) {
                break;
            }
            if let Some(text) = self.queue.pop_front()
                && self.is_wanted(&text)
            {
                tokens = more;
                texts.push(text);
            }
        }
        (!texts.is_empty()).then_some(Batch { texts, attempts: 0 })
    }

    /// Answers everybody who waits for a batch.
    pub(super) fn deliver(&mut self, batch: Batch, vectors: Vec<Vec<f32>>, tokens: u64) {
        let shares = shares(&batch.texts, tokens);
        for ((text, vector), tokens) in batch.texts.into_iter().zip(vectors).zip(shares) {
            let mut waiters = self.wanted.remove(&text).unwrap_or_default().into_iter();
            let Some(first) = waiters.next() else { continue };
            for other in waiters {
                answer(
                    other,
                    Ok(Piece {
                        vector: vector.clone(),
                        tokens: 0,
                    }),
                );
            }
            answer(first, Ok(Piece { vector, tokens }));
        }
    }

    /// What those who wait for a batch do, each once.
    pub(super) fn origins(&self, batch: &Batch) -> Vec<Span> {
        let waiters = batch
            .texts
            .iter()
            .filter_map(|text| self.wanted.get(text))
            .flatten();
        let mut origins: Vec<Span> = Vec::new();
        for waiter in waiters {
            if origins.iter().all(|known| known.id() != waiter.origin.id()) {
                origins.push(waiter.origin.clone());
            }
        }
        origins
    }

    /// Fails everybody who waits for a batch.
    pub(super) fn fail(&mut self, batch: Batch, failure: &Failure) {
        for text in batch.texts {
            for waiter in self.wanted.remove(&text).unwrap_or_default() {
                answer(waiter, Err(failure.clone()));
            }
        }
    }

    /// The spans of those who wait for a batch, each once; none while tracing is off.
    pub(super) fn callers(&self, batch: &Batch) -> Vec<SpanContext> {
        let mut callers: Vec<SpanContext> = Vec::new();
        let waiters = batch.texts.iter().filter_map(|text| self.wanted.get(text));
        for caller in waiters.flatten().map(|waiter| &waiter.caller) {
            if caller.is_valid() && callers.last() != Some(caller) && !callers.contains(caller) {
                callers.push(caller.clone());
            }
        }
        callers
    }

    /// Takes the texts that nobody waits for any more out of a batch that is not under way.
    pub(super) fn prune(&mut self, batch: &mut Batch) {
        batch.texts.retain(|text| self.is_wanted(text));
    }

    /// Takes the texts that nobody waits for any more out of the queue.
    pub(super) fn prune_queue(&mut self) {
        let mut queue = std::mem::take(&mut self.queue);
        queue.retain(|text| self.is_wanted(text));
        self.queue = queue;
    }

    /// Texts in the queue.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Forgets the callers who are gone, and the text when none is left.
    fn is_wanted(&mut self, text: &Arc<str>) -> bool {
        let Some(waiters) = self.wanted.get_mut(text) else {
            return false;
        };
        waiters.retain(|waiter| !waiter.reply.is_closed());
        let wanted = !waiters.is_empty();
        if !wanted {
            self.wanted.remove(text);
        }
        wanted
    }
}

impl Batch {
    /// Two halves, each to be tried anew; a single text comes back as it is.
    pub(super) fn halves(mut self) -> Result<[Self; 2], Self> {
        if self.texts.len() < 2 {
            return Err(self);
        }
        let back = self.texts.split_off(self.texts.len() / 2);
        Ok([
            Self {
                texts: self.texts,
                attempts: 0,
            },
            Self {
                texts: back,
                attempts: 0,
            },
        ])
    }
}

fn answer(waiter: Waiter, result: Result<Piece, Failure>) {
    // A caller that is gone needs no answer.
    drop(waiter.reply.send(result));
}

/// Splits the tokens of a request by the length of its texts, so that the shares add up to the whole.
fn shares(texts: &[Arc<str>], tokens: u64) -> Vec<u64> {
    let whole = texts.iter().map(|text| text.len() as u128).sum::<u128>().max(1);
    let mut length = 0;
    let mut given = 0;
    let share = |text: &Arc<str>| {
        length += text.len() as u128;
        let upto = u64::try_from(u128::from(tokens) * length / whole).unwrap_or(tokens);
        let share = upto - given;
        given = upto;
        share
    };
    texts.iter().map(share).collect()
}

#[cfg(test)]
mod tests;
