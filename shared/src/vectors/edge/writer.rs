//! The thread that owns all writes: group commit.
//!
//! A sync costs the same for one update as for fifty, so the thread takes all updates that wait, appends them to the
//! journal, syncs once, applies them to the engine, and answers. Updates that arrive meanwhile form the next group; under
//! load groups grow by themselves, and a lone update waits for nobody.
//!
//! Checkpoints and upkeep run on the same thread: the engine's flush would panic if it met a running optimisation.

use std::sync::{Arc, mpsc};
use std::thread;

use qdrant_edge::{EdgeShard, UpdateOperation};
use tokio::sync::oneshot;

use super::convert;
use super::journal::{self, Change};
use super::shard::Shard;
use crate::vectors::VectorsError;

/// Most updates in a group, so that the first of them does not wait for ever.
const GROUP: usize = 64;

pub(super) type Reply = oneshot::Sender<Result<(), VectorsError>>;

/// What the thread is asked to do.
pub(super) enum Command {
    /// Make durable and apply.
    Update(Update, Reply),
    /// Merge, index, and empty the log.
    Maintain(Reply),
    /// Make durable and close the shard.
    Close(Reply),
}

/// An update in its two forms, made by the caller so that the thread need not.
pub(super) struct Update {
    frame: Vec<u8>,
    operation: Box<UpdateOperation>,
}

impl Update {
    pub(super) fn new(change: Change) -> Result<Self, VectorsError> {
        let frame = journal::frame(&change).map_err(|error| VectorsError::Refused(error.to_string()))?;
        Ok(Self {
            frame,
            operation: Box::new(convert::update(change)?),
        })
    }
}

/// A handle on the thread, which ends when the handle is dropped or the shard is closed.
pub(super) struct Writer {
    commands: mpsc::Sender<Command>,
}

impl Writer {
    pub(super) fn start(shard: Arc<Shard>) -> Result<Self, VectorsError> {
        let (commands, received) = mpsc::channel();
        thread::Builder::new()
            .name("vectors-writer".to_owned())
            .spawn(move || run(&shard, &received))
            .map_err(|error| {
                VectorsError::Unavailable(format!("cannot start the writer of the vectors: {error}"))
            })?;
        Ok(Self { commands })
    }

    /// Sends a command and waits until it is done.
    pub(super) async fn send(&self, command: impl FnOnce(Reply) -> Command) -> Result<(), VectorsError> {
        let closed = || VectorsError::Unavailable("the vector store is closed".to_owned());
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }
}

fn run(shard: &Shard, commands: &mpsc::Receiver<Command>) {
    while let Ok(first) = commands.recv() {
        let mut updates = Vec::new();
        let mut last = None;
        for command in std::iter::once(first).chain(commands.try_iter()) {
            match command {
                Command::Update(operation, reply) => updates.push((operation, reply)),
                other => last = Some(other),
            }
            if last.is_some() || updates.len() == GROUP {
                break;
            }
        }
        commit(shard, updates);
        match last {
            Some(Command::Maintain(reply)) => answer(reply, maintain(shard)),
            Some(Command::Close(reply)) => {
                shard.close();
                answer(reply, Ok(()));
                return;
            }
            Some(Command::Update(..)) | None => {}
        }
    }
    shard.close();
}

/// Makes a group durable, applies it, and answers.
fn commit(shard: &Shard, updates: Vec<(Update, Reply)>) {
    if updates.is_empty() {
        return;
    }
    let frames = updates.iter().map(|(update, _)| update.frame.as_slice());
    if let Err(error) = shard.repair().and_then(|()| shard.record(frames)) {
        tracing::error!(%error, "writing vectors failed");
        updates
            .into_iter()
            .for_each(|(_, reply)| answer(reply, Err(error.clone())));
        return;
    }
    let mut broken = None;
    for (update, reply) in updates {
        let result = match &broken {
            None => shard.with(|edge| edge.update(*update.operation)),
            Some(error) => Err(VectorsError::clone(error)),
        };
        // A refused update is its caller's affair; after any other failure the shard is not to be trusted.
        if let Err(error @ VectorsError::Unavailable(_)) = &result {
            broken = Some(error.clone());
        }
        answer(reply, result);
    }
    if let Some(error) = broken {
        fail(shard, &error);
    } else if shard.journal_is_long() {
        tidy(shard);
    }
}

/// Flushes, and keeps the engine's log from growing without end.
fn tidy(shard: &Shard) {
    match shard.checkpoint() {
        Ok(()) if shard.log_is_long() => reopen(shard, "its log had grown"),
        Ok(()) => {}
        Err(error) => fail(shard, &error),
    }
}

fn maintain(shard: &Shard) -> Result<(), VectorsError> {
    shard.repair()?;
    let optimised = shard.checkpoint().and_then(|()| shard.with(EdgeShard::optimize));
    match optimised {
        // Opening again gives new segments their payload indexes and makes writable ones.
        Ok(true) => shard.reopen("it was optimised"),
        Ok(false) => Ok(()),
        Err(error) => {
            fail(shard, &error);
            Err(error)
        }
    }
}

/// The engine is not to be trusted any more: starts it again.
fn fail(shard: &Shard, error: &VectorsError) {
    tracing::error!(%error, "the vector engine failed, opening the vectors again");
    reopen(shard, &error.to_string());
}

fn reopen(shard: &Shard, reason: &str) {
    if let Err(error) = shard.reopen(reason) {
        tracing::error!(%error, "the vectors cannot be opened, the next write tries again");
    }
}

/// Tells the caller, unless it has gone away.
fn answer(reply: Reply, result: Result<(), VectorsError>) {
    drop(reply.send(result));
}
