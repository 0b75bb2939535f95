//! The shard in its folder: opened, used, opened again after a failure, closed.

use std::any::Any;
use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use qdrant_edge::{EdgeShard, OperationError, OperationResult};

use super::config::{self, Limits};
use super::journal::Journal;
use super::{convert, segments, wal};
use crate::vectors::VectorsError;

/// A shard that outlives failures of the engine inside it.
pub(super) struct Shard {
    dir: PathBuf,
    dense_size: Option<usize>,
    limits: Limits,
    state: RwLock<State>,
}

enum State {
    /// In use. The lock on the folder is held as long as the file is open.
    Open {
        edge: Box<EdgeShard>,
        journal: Mutex<Journal>,
        lock: File,
    },
    /// Closed after a failure, for the given reason, and to be opened again.
    Broken { reason: String, lock: File },
    /// Closed for good.
    Closed,
}

impl Shard {
    pub(super) fn open(
        dir: PathBuf,
        dense_size: Option<usize>,
        limits: Limits,
    ) -> Result<Self, VectorsError> {
        let lock = lock(&dir)?;
        config::check(&dir, dense_size)?;
        let (edge, journal) = load(&dir, dense_size, limits)?;
        Ok(Self {
            dir,
            dense_size,
            limits,
            state: RwLock::new(State::Open { edge, journal, lock }),
        })
    }

    /// Uses the shard, beside other users.
    pub(super) fn with<T>(
        &self,
        act: impl FnOnce(&EdgeShard) -> OperationResult<T>,
    ) -> Result<T, VectorsError> {
        match &*self.read() {
            State::Open { edge, .. } => guard(|| act(edge))?.map_err(|error| failure(&error)),
            State::Broken { reason, .. } => Err(VectorsError::Unavailable(reason.clone())),
            State::Closed => Err(closed()),
        }
    }

    /// Puts updates into the journal, which makes them durable. After an error nothing has happened.
    pub(super) fn record<'a>(&self, frames: impl Iterator<Item = &'a [u8]>) -> Result<(), VectorsError> {
        match &*self.read() {
            State::Open { journal, .. } => {
                let appended = locked(journal).append(frames);
                appended.map_err(|error| io_failure("write the journal of", &self.dir, &error))
            }
            State::Broken { reason, .. } => Err(VectorsError::Unavailable(reason.clone())),
            State::Closed => Err(closed()),
        }
    }

    /// Lets the engine flush and empties the journal.
    pub(super) fn checkpoint(&self) -> Result<(), VectorsError> {
        match &*self.read() {
            State::Open { edge, journal, .. } => {
                guard(|| edge.flush())?;
                let cleared = locked(journal).clear();
                cleared.map_err(|error| io_failure("empty the journal of", &self.dir, &error))
            }
            State::Broken { reason, .. } => Err(VectorsError::Unavailable(reason.clone())),
            State::Closed => Err(closed()),
        }
    }

    /// Has the journal grown enough for a checkpoint?
    pub(super) fn journal_is_long(&self) -> bool {
        match &*self.read() {
            State::Open { journal, .. } => locked(journal).bytes() >= self.limits.journal_bytes,
            State::Broken { .. } | State::Closed => false,
        }
    }

    /// Has the engine's log grown enough to be emptied?
    pub(super) fn log_is_long(&self) -> bool {
        wal::finished_bytes(&self.dir).is_ok_and(|bytes| bytes >= self.limits.log_bytes)
    }

    /// An error once the shard is closed for good.
    pub(super) fn check_open(&self) -> Result<(), VectorsError> {
        if matches!(*self.read(), State::Closed) {
            Err(closed())
        } else {
            Ok(())
        }
    }

    /// Opens the shard again if it is broken.
    pub(super) fn repair(&self) -> Result<(), VectorsError> {
        let broken = matches!(*self.read(), State::Broken { .. });
        if broken {
            self.reopen("it is broken")
        } else {
            Ok(())
        }
    }

    /// Closes the shard and opens it again from what is on disk, with an empty log. Waits for readers.
    pub(super) fn reopen(&self, reason: &str) -> Result<(), VectorsError> {
        let mut state = self.write();
        let lock = match std::mem::replace(&mut *state, State::Closed) {
            State::Open { edge, lock, .. } => {
                // What the flush misses is in the journal.
                discard(edge);
                lock
            }
            State::Broken { lock, .. } => lock,
            State::Closed => return Err(closed()),
        };
        match load(&self.dir, self.dense_size, self.limits) {
            Ok((edge, journal)) => {
                *state = State::Open { edge, journal, lock };
                Ok(())
            }
            Err(error) => {
                let reason = format!("the vectors were closed because {reason}, and {error}");
                *state = State::Broken { reason, lock };
                Err(error)
            }
        }
    }

    /// Closes for good. What was acknowledged is on disk already; the rest is to save space and time.
    pub(super) fn close(&self) {
        let mut state = self.write();
        if let State::Open { edge, journal, lock } = std::mem::replace(&mut *state, State::Closed)
            && discard(edge)
        {
            let tidied = locked(&journal).clear().and_then(|()| wal::empty(&self.dir));
            if let Err(error) = tidied {
                tracing::warn!(dir = %self.dir.display(), %error, "cannot tidy up closed vectors");
            }
            drop(lock);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the engine and turns its panics into errors.
pub(super) fn guard<T>(act: impl FnOnce() -> T) -> Result<T, VectorsError> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| VectorsError::Unavailable(panic_text(&*panic)))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!(
        "the vector engine failed: {}",
        text.unwrap_or("it gave no reason")
    )
}

/// Drops a shard, which flushes it and so may panic. Says whether all is on disk.
fn discard(edge: Box<EdgeShard>) -> bool {
    let flushed = guard(|| drop(edge));
    if let Err(error) = &flushed {
        tracing::warn!(%error, "the last flush of the vectors failed");
    }
    flushed.is_ok()
}

fn locked(journal: &Mutex<Journal>) -> MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens what is on disk, or makes it, and brings it up to the journal.
fn load(
    dir: &Path,
    dense_size: Option<usize>,
    limits: Limits,
) -> Result<(Box<EdgeShard>, Mutex<Journal>), VectorsError> {
    wal::empty(dir).map_err(|error| io_failure("empty the log of", dir, &error))?;
    let layout = config::layout(dense_size, limits);
    let unopened = |error: OperationError| {
        VectorsError::Unavailable(format!("cannot open the vectors in {}: {error}", dir.display()))
    };
    guard(|| segments::top_up(dir, &layout, limits.writable_segments))?.map_err(unopened)?;
    let edge = guard(|| EdgeShard::load(dir, Some(layout)))?.map_err(unopened)?;
    let update = |operation| guard(|| edge.update(operation))?.map_err(|error| failure(&error));
    config::payload_indexes().into_iter().try_for_each(update)?;

    let mut journal = Journal::open(dir, |change| match update(convert::update(change)?) {
        Err(VectorsError::Refused(reason)) => {
            // Its caller was told so too.
            tracing::warn!(%reason, "the vector engine refuses a journaled update");
            Ok(())
        }
        applied => applied.map_err(Replay::Failed),
    })
    .map_err(|error| match error {
        Replay::Unread(error) => io_failure("read the journal of", dir, &error),
        Replay::Failed(error) => error,
    })?;
    if journal.bytes() > 0 {
        guard(|| edge.flush())?;
        journal
            .clear()
            .map_err(|error| io_failure("empty the journal of", dir, &error))?;
    }
    Ok((Box::new(edge), Mutex::new(journal)))
}

/// Why the journal could not be applied.
enum Replay {
    Unread(io::Error),
    Failed(VectorsError),
}

impl From<io::Error> for Replay {
    fn from(error: io::Error) -> Self {
        Self::Unread(error)
    }
}

impl From<VectorsError> for Replay {
    fn from(error: VectorsError) -> Self {
        Self::Failed(error)
    }
}

fn lock(dir: &Path) -> Result<File, VectorsError> {
    fs::create_dir_all(dir).map_err(|error| io_failure("make the folder of", dir, &error))?;
    let file = File::create(dir.join("lock")).map_err(|error| io_failure("lock", dir, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(VectorsError::Unavailable(format!(
            "the vectors in {} are in use by another process, or were not closed by this one",
            dir.display()
        ))),
        Err(TryLockError::Error(error)) => Err(io_failure("lock", dir, &error)),
    }
}

fn io_failure(what: &str, dir: &Path, error: &io::Error) -> VectorsError {
    VectorsError::Unavailable(format!("cannot {what} the vectors in {}: {error}", dir.display()))
}

fn closed() -> VectorsError {
    VectorsError::Unavailable("the vector store is closed".to_owned())
}

/// Is it the request's fault or the store's?
fn failure(error: &OperationError) -> VectorsError {
    let reason = error.to_string();
    match error {
        OperationError::WrongVectorDimension { .. }
        | OperationError::VectorNameNotExists { .. }
        | OperationError::PointIdError { .. }
        | OperationError::TypeError { .. }
        | OperationError::TypeInferenceError { .. }
        | OperationError::ValidationError { .. }
        | OperationError::WrongSparse
        | OperationError::WrongMulti
        | OperationError::MissingRangeIndexForOrderBy { .. }
        | OperationError::MissingMapIndexForFacet { .. }
        | OperationError::VariableTypeError { .. }
        | OperationError::NonFiniteNumber { .. } => VectorsError::Refused(reason),
        OperationError::ServiceError { .. }
        | OperationError::InconsistentStorage { .. }
        | OperationError::OutOfMemory { .. }
        | OperationError::Cancelled { .. }
        | OperationError::Timeout { .. } => VectorsError::Unavailable(reason),
    }
}
