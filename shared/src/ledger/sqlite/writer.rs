//! One thread writes, and commits in groups.
//!
//! A commit costs a flush to disk, milliseconds; a statement costs microseconds. So the thread takes every request that
//! waits, runs each inside its own savepoint of one transaction, commits once, and only then answers them all. While it
//! flushes, the next group gathers by itself: the busier, the larger the groups, and a lone request never waits for
//! company.
//!
//! A request that fails undoes its own savepoint only. A commit that fails fails all its requests: none of them is in
//! the database, each can be repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::connection::Place;
use super::statements::at_once;
use crate::ledger::LedgerError;
use crate::ledger::database::{DbError, DbResult};

/// Most requests in one transaction.
const GROUP: usize = 512;

/// Requests that may wait before callers do.
const QUEUE: usize = 1024;

/// What a writer has done since it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Requests answered, each one atomic.
    pub requests: u64,
    /// Transactions committed, each one flush to disk.
    pub transactions: u64,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    transactions: AtomicU64,
}

/// A request on its way through the thread.
trait Job: Send {
    /// Does the work; keeps its answer. Returns whether it succeeded.
    fn run(&mut self, db: &Connection, place: &Place) -> bool;
    /// Sends the answer, or the reason why the transaction as a whole failed.
    fn answer(self: Box<Self>, transaction: Result<(), LedgerError>);
}

struct Request<T, W> {
    work: Option<W>,
    result: Option<Result<T, LedgerError>>,
    reply: oneshot::Sender<Result<T, LedgerError>>,
}

impl<T: Send, W: AsyncFnOnce(&Connection) -> DbResult<T> + Send> Job for Request<T, W> {
    fn run(&mut self, db: &Connection, place: &Place) -> bool {
        self.result = self
            .work
            .take()
            .map(|work| at_once(work(db)).map_err(|error| place.explain(error)));
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, transaction: Result<(), LedgerError>) {
        let result = match (self.result, transaction) {
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (Some(Ok(answer)), Ok(())) => Ok(answer),
            (None, Ok(())) => Err(ended()),
        };
        // The caller may have gone; what was written stays.
        self.reply.send(result).ok();
    }
}

/// The handle of the thread.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
}

impl Writer {
    pub(super) fn start(db: Connection, place: Place) -> Result<Self, LedgerError> {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let counters = Arc::new(Counters::default());
        let thread = std::thread::Builder::new()
            .name("ledger-writer".to_owned())
            .spawn({
                let counters = Arc::clone(&counters);
                move || Thread { db, place, counters }.run(waiting)
            })
            .map_err(|error| {
                LedgerError::Unavailable(format!("the ledger's thread cannot start: {error}"))
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            counters,
        })
    }

    /// Runs `work` in a transaction of its own, as far as it can tell; returns once it is on disk.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&Connection) -> DbResult<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Request {
            work: Some(work),
            result: None,
            reply,
        });
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(job).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            requests: self.counters.requests.load(Ordering::Relaxed),
            transactions: self.counters.transactions.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the ledger's thread panicked");
        }
    }
}

fn ended() -> LedgerError {
    LedgerError::Unavailable("the ledger is closed".to_owned())
}

struct Thread {
    db: Connection,
    place: Place,
    counters: Arc<Counters>,
}

impl Thread {
    fn run(self, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut group = Vec::new();
            let transaction = self.commit_together(first, &mut waiting, &mut group);
            let transaction = transaction.map_err(|error| {
                self.abandon();
                self.place.explain(error)
            });
            self.counters
                .requests
                .fetch_add(group.len() as u64, Ordering::Relaxed);
            for job in group {
                job.answer(transaction.clone());
            }
        }
    }

    /// Runs the first request and whatever waits behind it; each ends up in `group`, whose fate is the result.
    fn commit_together(
        &self,
        first: Box<dyn Job>,
        waiting: &mut mpsc::Receiver<Box<dyn Job>>,
        group: &mut Vec<Box<dyn Job>>,
    ) -> DbResult<()> {
        let mut next = Some(first);
        let begun = self.step("BEGIN IMMEDIATE");
        while let Some(mut job) = next {
            let ran = match &begun {
                Ok(()) => self.run_in_savepoint(job.as_mut()),
                Err(_) => Ok(()),
            };
            group.push(job);
            if begun.is_err() {
                break;
            }
            ran?;
            next = if group.len() < GROUP {
                waiting.try_recv().ok()
            } else {
                None
            };
        }
        begun?;
        self.step("COMMIT")?;
        self.counters.transactions.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn run_in_savepoint(&self, job: &mut dyn Job) -> DbResult<()> {
        self.step("SAVEPOINT request")?;
        if !job.run(&self.db, &self.place) {
            // After some failures (out of space, out of memory) SQLite itself ends the whole transaction; then this
            // fails, and so does the group.
            self.step("ROLLBACK TO request")?;
        }
        self.step("RELEASE request")
    }

    fn step(&self, sql: &str) -> DbResult<()> {
        self.db.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// Leaves the connection ready for the next transaction.
    fn abandon(&self) {
        if !self.db.is_autocommit()
            && let Err(DbError::Sqlite(error)) = self.step("ROLLBACK")
        {
            tracing::error!(%error, "the ledger could not roll back");
        }
    }
}
