//! Reads, on a few connections of their own, beside the writer.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::Place;
use super::statements::at_once;
use crate::clock::Clock;
use crate::ledger::LedgerError;
use crate::ledger::database::DbResult;

/// Reads at a time. They are short and come from the page cache; more would only compete for processors.
const READERS: usize = 4;

pub(super) struct Readers {
    shared: Arc<Shared>,
    turns: Semaphore,
}

struct Shared {
    place: Place,
    clock: Arc<dyn Clock>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Opens connections as they are needed.
    pub(super) fn new(place: Place, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared {
            place,
            clock,
            idle: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            turns: Semaphore::new(READERS),
        }
    }

    /// Runs `work` on one snapshot of the database.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&Connection) -> DbResult<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let closed = |_| LedgerError::Unavailable("the ledger is closed".to_owned());
        let _turn = self.turns.acquire().await.map_err(closed)?;
        let shared = Arc::clone(&self.shared);
        let reading = tokio::task::spawn_blocking(move || {
            shared
                .on_snapshot(work)
                .map_err(|error| shared.place.explain(error))
        });
        reading
            .await
            .map_err(|error| LedgerError::Unavailable(format!("a read of the ledger ended early: {error}")))?
    }
}

impl Shared {
    fn on_snapshot<T>(&self, work: impl AsyncFnOnce(&Connection) -> DbResult<T>) -> DbResult<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = match idle {
            Some(db) => db,
            None => self.place.open_reader(&self.clock)?,
        };
        let snapshot = db.unchecked_transaction()?;
        let result = at_once(work(&snapshot));
        snapshot.finish()?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
        result
    }
}
