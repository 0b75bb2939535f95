//! The thread that owns all writes: group commit.
//!
//! A flush costs about the same for one update as for fifty, so the thread takes all updates that wait, applies them,
//! flushes once, and only then answers them. Updates that arrive meanwhile form the next group; under load groups
//! grow by themselves, and a lone update waits for nobody.
//!
//! Upkeep runs on the same thread: the engine's flush would panic if it met a running optimisation.

use std::sync::{Arc, mpsc};
use std::thread;

use qdrant_edge::{EdgeShard, UpdateOperation};
use tokio::sync::oneshot;

use super::shard::Shard;
use crate::vectors::VectorsError;

/// Most updates in a group, so that the first of them does not wait for ever.
const GROUP: usize = 64;

pub(super) type Reply = oneshot::Sender<Result<(), VectorsError>>;

/// What the thread is asked to do.
pub(super) enum Command {
    /// Apply and make durable.
    Update(Box<UpdateOperation>, Reply),
    /// Merge, index, and empty the log.
    Maintain(Reply),
    /// Make durable and close the shard.
    Close(Reply),
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

/// Applies a group, flushes, and answers.
fn commit(shard: &Shard, updates: Vec<(Box<UpdateOperation>, Reply)>) {
    if updates.is_empty() {
        return;
    }
    if let Err(error) = shard.repair() {
        updates
            .into_iter()
            .for_each(|(_, reply)| answer(reply, Err(error.clone())));
        return;
    }
    let mut results = Vec::with_capacity(updates.len());
    let mut outcome = Ok(());
    for (operation, reply) in updates {
        let result = match &outcome {
            Ok(()) => shard.with(|edge| edge.update(*operation)),
            Err(error) => Err(VectorsError::clone(error)),
        };
        // A refused update is its caller's affair; after any other failure the shard is not to be trusted.
        if let Err(error @ VectorsError::Unavailable(_)) = &result {
            outcome = Err(error.clone());
        }
        results.push((reply, result));
    }
    let outcome = outcome.and_then(|()| flush(shard));
    match &outcome {
        Ok(()) if shard.log_is_long() => reopen(shard, "its log had grown"),
        Ok(()) => {}
        Err(error) => {
            tracing::error!(%error, "writing vectors failed, opening them again");
            reopen(shard, &error.to_string());
        }
    }
    for (reply, result) in results {
        // Without the flush nothing is durable, whatever its update said.
        answer(reply, outcome.clone().and(result));
    }
}

fn flush(shard: &Shard) -> Result<(), VectorsError> {
    shard.with(|edge| {
        edge.flush();
        Ok(())
    })
}

fn maintain(shard: &Shard) -> Result<(), VectorsError> {
    shard.repair()?;
    let outcome = shard
        .with(EdgeShard::optimize)
        .and_then(|changed| flush(shard).map(|()| changed));
    match outcome {
        // Opening again gives new segments their payload indexes and empties the log.
        Ok(true) => shard.reopen("it was optimised"),
        Ok(false) => Ok(()),
        Err(error) => {
            reopen(shard, &error.to_string());
            Err(error)
        }
    }
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
