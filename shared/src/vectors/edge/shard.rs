//! The shard in its folder: opened, used, opened again after a failure, closed.

use std::any::Any;
use std::fs::{self, File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use qdrant_edge::{EdgeShard, OperationError, OperationResult};

use super::config::{self, Limits};
use super::wal;
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
    Open { edge: EdgeShard, lock: File },
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
        let edge = load(&dir, dense_size, limits)?;
        Ok(Self {
            dir,
            dense_size,
            limits,
            state: RwLock::new(State::Open { edge, lock }),
        })
    }

    /// Has the log grown enough to be emptied?
    pub(super) fn log_is_long(&self) -> bool {
        wal::finished_bytes(&self.dir).is_ok_and(|bytes| bytes >= self.limits.log_bytes)
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
            State::Open { edge, lock } => {
                discard(edge);
                lock
            }
            State::Broken { lock, .. } => lock,
            State::Closed => return Err(closed()),
        };
        match load(&self.dir, self.dense_size, self.limits) {
            Ok(edge) => {
                *state = State::Open { edge, lock };
                Ok(())
            }
            Err(error) => {
                let reason = format!("the vectors were closed because {reason}, and {error}");
                *state = State::Broken { reason, lock };
                Err(error)
            }
        }
    }

    /// Closes for good. What was acknowledged is on disk already.
    pub(super) fn close(&self) {
        let mut state = self.write();
        if let State::Open { edge, lock } = std::mem::replace(&mut *state, State::Closed) {
            discard(edge);
            // Only to save space; the next opening does the same.
            if let Err(error) = wal::empty(&self.dir) {
                tracing::warn!(dir = %self.dir.display(), %error, "cannot empty the log of the vectors");
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

/// Drops a shard, which flushes it and so may panic.
fn discard(edge: EdgeShard) {
    if let Err(error) = guard(|| drop(edge)) {
        tracing::warn!(%error, "the last flush of the vectors failed");
    }
}

fn load(dir: &Path, dense_size: Option<usize>, limits: Limits) -> Result<EdgeShard, VectorsError> {
    wal::empty(dir).map_err(|error| io_failure("empty the log of", dir, &error))?;
    let edge =
        guard(|| EdgeShard::load(dir, Some(config::layout(dense_size, limits))))?.map_err(|error| {
            VectorsError::Unavailable(format!("cannot open the vectors in {}: {error}", dir.display()))
        })?;
    for operation in config::payload_indexes() {
        guard(|| edge.update(operation))?.map_err(|error| failure(&error))?;
    }
    Ok(edge)
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

fn io_failure(what: &str, dir: &Path, error: &std::io::Error) -> VectorsError {
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
