//! Sees to it that every index has its repairs running, and that deleted ones go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shared::ids::IndexId;
use shared::ledger::{ControlLedger, Erased, IndexRecord, IndexState, LedgerError};
use shared::shutdown::Tasks;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::duties::Duties;
use crate::indexes::{Index, Indexes};
use crate::upkeep::{Upkeep, UpkeepSettings};

/// Between looks at the list of indexes.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Processors look at an index's record every few seconds. Its points are removed only when each of them must have seen that
/// it is going; one that comes later finds no row to claim.
pub const NOTICE: Duration = Duration::from_secs(15);
/// How long the duty of deleting an index is held at least.
const DELETE_LEASE: Duration = Duration::from_secs(15);
/// Rows removed per transaction.
const ERASE_BATCH: u32 = 1000;
/// Longest wait for an index's repairs to end.
const DRAIN: Duration = Duration::from_secs(5);

/// What else runs for an index as long as it is kept, under the same tasks.
pub type Beside = dyn Fn(&Index, &Tasks) + Send + Sync;

/// The loop over all indexes.
pub struct Keeper {
    /// The indexes.
    pub indexes: Arc<Indexes>,
    /// Their rows.
    pub ledger: Arc<dyn ControlLedger>,
    /// Which of them are ours to delete.
    pub duties: Arc<Duties>,
    /// How long an index is on its way out before its points are removed: longer than any processor's list of indexes is
    /// old.
    pub notice: Duration,
    /// What runs beside the repairs of each index, for example a watch of its folder.
    pub beside: Option<Box<Beside>>,
}

impl Keeper {
    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        Keeping::new(self).run(stop).await;
    }

    /// Takes up the indexes that there are, without comparing them with their sources first: the caller does. Nobody else is
    /// at work (`alone`)? Then those that were on their way out need no more notice.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn take_up(self, alone: bool) -> Result<Keeping, LedgerError> {
        let records = self.indexes.records().await?;
        let mut keeping = Keeping::new(self);
        keeping.keep(&records, false).await;
        if alone {
            let now = Instant::now();
            let going = records.iter().filter(|record| is_going(record));
            keeping.going = going.map(|record| (record.id.clone(), now)).collect();
        }
        Ok(keeping)
    }
}

/// A keeper at work.
pub struct Keeping {
    keeper: Keeper,
    kept: HashMap<IndexId, Kept>,
    /// Indexes on their way out, with the time from which their points may go.
    going: HashMap<IndexId, Instant>,
}

/// An index whose repairs run.
struct Kept {
    index: Arc<Index>,
    tasks: Tasks,
}

fn is_going(record: &IndexRecord) -> bool {
    record.state == IndexState::Deleting
}

impl Keeping {
    fn new(keeper: Keeper) -> Self {
        Self {
            keeper,
            kept: HashMap::new(),
            going: HashMap::new(),
        }
    }

    /// Works until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            match self.keeper.indexes.records().await {
                Ok(records) => {
                    self.keep(&records, true).await;
                    self.delete_what_goes(&records).await;
                }
                Err(error) => tracing::warn!(%error, "the list of indexes cannot be read, trying again"),
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        for kept in self.kept.values() {
            kept.tasks.stop();
        }
        for kept in self.kept.values() {
            kept.tasks.drain(DRAIN).await;
        }
    }

    /// Starts what does not run, ends what must not. An index with new settings is opened anew, and so are its repairs.
    async fn keep(&mut self, records: &[IndexRecord], compare_first: bool) {
        self.keeper.indexes.let_go(records).await;
        self.kept.retain(|id, kept| {
            let stays = records.iter().any(|record| {
                record.id == *id
                    && record.created_at == kept.index.record.created_at
                    && record.state != IndexState::Deleting
            });
            if !stays {
                kept.tasks.stop();
            }
            stays
        });
        for record in records.iter().filter(|record| !is_going(record)) {
            let index = match self.keeper.indexes.of_record(record).await {
                Ok(index) => index,
                Err(error) => {
                    tracing::warn!(index.id = %record.id, "{error}; trying again");
                    continue;
                }
            };
            let running = self.kept.get(&record.id);
            if running.is_some_and(|kept| Arc::ptr_eq(&kept.index, &index)) {
                continue;
            }
            if let Some(before) = running {
                before.tasks.stop();
            }
            let tasks = self.start(&index, compare_first);
            self.kept.insert(record.id.clone(), Kept { index, tasks });
        }
    }

    fn start(&self, index: &Index, compare_first: bool) -> Tasks {
        let tasks = Tasks::new();
        // The watch of a folder before anything is compared, so that what changes during a comparison is noticed.
        if let Some(beside) = &self.keeper.beside {
            beside(index, &tasks);
        }
        if let Some(upkeep) = &index.upkeep {
            let settings = UpkeepSettings {
                reconcile_first: upkeep.settings.reconcile_first && compare_first,
                ..upkeep.settings
            };
            let upkeep = Upkeep {
                settings,
                ..upkeep.clone()
            };
            upkeep.start(&tasks);
        }
        tasks
    }

    async fn delete_what_goes(&mut self, records: &[IndexRecord]) {
        self.going
            .retain(|id, _| records.iter().any(|record| record.id == *id && is_going(record)));
        let notice = self.keeper.notice;
        for record in records.iter().filter(|record| is_going(record)) {
            let due = *self
                .going
                .entry(record.id.clone())
                .or_insert_with(|| Instant::now() + notice);
            let duty = format!("delete:{}", record.id);
            if Instant::now() >= due
                && self.keeper.duties.hold(&duty, DELETE_LEASE).await
                && let Err(error) = self.keeper.delete(&record.id).await
            {
                tracing::warn!(index.id = %record.id, "deleting the index: {error:#}; trying again");
            }
        }
    }
}

impl Keeper {
    /// Takes deletion one step further; whatever stops it, the next look goes on.
    async fn delete(&self, index: &IndexId) -> anyhow::Result<()> {
        // Refused while a worker holds a file: its points would come after the collection is gone.
        if self.ledger.erase_index(index, 0).await? == Erased::Refused {
            return Ok(());
        }
        self.indexes.opener().destroy(index).await?;
        while self.ledger.erase_index(index, ERASE_BATCH).await? == Erased::More {}
        tracing::info!(index.id = %index, "index deleted");
        Ok(())
    }
}
