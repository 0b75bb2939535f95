//! Sees to it that every index has its repairs running, and that deleted ones go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shared::ids::IndexId;
use shared::ledger::{ControlLedger, Erased, IndexRecord, IndexState};
use shared::shutdown::Tasks;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::duties::Duties;
use crate::indexes::{Indexes, Opener};

/// Between looks at the list of indexes.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Processors look at an index's record every few seconds. Its points are removed only when each of them must have seen that
/// it is going; one that comes later finds no row to claim.
pub const NOTICE: Duration = Duration::from_secs(15);
/// Rows removed per transaction.
const ERASE_BATCH: u32 = 1000;
/// Longest wait for an index's repairs to end.
const DRAIN: Duration = Duration::from_secs(5);

/// The loop over all indexes.
pub struct Keeper {
    /// The indexes.
    pub indexes: Arc<Indexes>,
    /// Their rows.
    pub ledger: Arc<dyn ControlLedger>,
    /// Which of them are ours to delete.
    pub duties: Arc<Duties>,
}

impl Keeper {
    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut kept: HashMap<IndexId, (i64, Tasks)> = HashMap::new();
        let mut going: HashMap<IndexId, Instant> = HashMap::new();
        loop {
            match self.indexes.records().await {
                Ok(records) => {
                    self.indexes.keep_open(&records).await;
                    self.look(&records, &mut kept, &mut going).await;
                }
                Err(error) => tracing::warn!(%error, "the list of indexes cannot be read, trying again"),
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        for (_, tasks) in kept.values() {
            tasks.stop();
        }
        for (_, tasks) in kept.values() {
            tasks.drain(DRAIN).await;
        }
    }

    async fn look(
        &self,
        records: &[IndexRecord],
        kept: &mut HashMap<IndexId, (i64, Tasks)>,
        going: &mut HashMap<IndexId, Instant>,
    ) {
        let living = |id: &IndexId, made: i64| {
            let same = |record: &&IndexRecord| record.id == *id && record.created_at == made;
            records
                .iter()
                .find(same)
                .is_some_and(|record| record.state != IndexState::Deleting)
        };
        kept.retain(|id, (made, tasks)| {
            let stays = living(id, *made);
            if !stays {
                tasks.stop();
            }
            stays
        });
        for record in records
            .iter()
            .filter(|record| record.state != IndexState::Deleting)
        {
            if kept.contains_key(&record.id) {
                continue;
            }
            match self.indexes.of_record(record).await {
                Ok(index) => {
                    let tasks = Tasks::new();
                    if let Some(upkeep) = &index.upkeep {
                        upkeep.start(&tasks);
                    }
                    kept.insert(record.id.clone(), (record.created_at, tasks));
                }
                Err(error) => tracing::warn!(index.id = %record.id, "{error}; trying again"),
            }
        }
        going.retain(|id, _| {
            records
                .iter()
                .any(|record| record.id == *id && record.state == IndexState::Deleting)
        });
        for record in records
            .iter()
            .filter(|record| record.state == IndexState::Deleting)
        {
            let since = *going.entry(record.id.clone()).or_insert_with(Instant::now);
            let duty = format!("delete:{}", record.id);
            if since.elapsed() >= NOTICE
                && let Some(opener) = self.indexes.opener()
                && self.duties.hold(&duty, NOTICE).await
                && let Err(error) = self.delete(&record.id, opener).await
            {
                tracing::warn!(index.id = %record.id, "deleting the index: {error:#}; trying again");
            }
        }
    }

    /// Takes deletion one step further; whatever stops it, the next look goes on.
    async fn delete(&self, index: &IndexId, opener: &Arc<dyn Opener>) -> anyhow::Result<()> {
        // Refused while a worker holds a file: its points would come after the collection is gone.
        if self.ledger.erase_index(index, 0).await? == Erased::Refused {
            return Ok(());
        }
        opener.destroy(index).await?;
        while self.ledger.erase_index(index, ERASE_BATCH).await? == Erased::More {}
        tracing::info!(index.id = %index, "index deleted");
        Ok(())
    }
}
