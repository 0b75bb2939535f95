//! Servers in place of the embedded parts: each of ledger, queue and vector store by itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, Parser};
use shared::clock::Clock;
use shared::ids::IndexId;
use shared::ledger::ControlLedger;
use shared::ledger::sqlite::SqliteLedger;
use shared::queue::Queue;
use shared::queue::memory::MemoryQueue;
use shared::settings::{LedgerArgs, QueueArgs, VectorArgs};
use shared::vectors::Vectors;

use crate::data_dir::DataDir;
use crate::lazy_vectors::LazyVectors;

/// The collection's generation, as in a fleet.
const GENERATION: u32 = 1;

/// Which servers to use.
#[derive(Clone, Debug, Args)]
pub(crate) struct BackendArgs {
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) queue: QueueArgs,
    #[command(flatten)]
    pub(crate) vectors: VectorArgs,
}

/// The same from the environment alone, for commands that have no such flags.
#[derive(Parser)]
struct FromEnvironment {
    #[command(flatten)]
    backends: BackendArgs,
}

impl BackendArgs {
    /// As the environment says.
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        Ok(FromEnvironment::try_parse_from(["longshore"])?.backends)
    }

    /// Is the ledger a server's? Then others may use it too.
    pub(crate) fn has_ledger(&self) -> bool {
        !self.ledger.database_url.is_empty()
    }

    /// Is the queue a broker's?
    pub(crate) fn has_queue(&self) -> bool {
        !self.queue.amqp_url.is_empty()
    }

    /// The ledger: the server's, or the one in the data folder.
    pub(crate) async fn open_ledger(
        &self,
        data: &DataDir,
        clock: &Arc<dyn Clock>,
    ) -> anyhow::Result<Arc<dyn ControlLedger>> {
        if self.has_ledger() {
            return Ok(self.ledger.open().await?);
        }
        let (path, clock) = (data.ledger(), Arc::clone(clock));
        Ok(tokio::task::spawn_blocking(move || SqliteLedger::open(&path, clock)).await??)
    }

    /// The work queue: the broker's, or one in memory.
    pub(crate) async fn open_queue(&self) -> anyhow::Result<Arc<dyn Queue>> {
        if !self.has_queue() {
            return Ok(Arc::new(MemoryQueue::default()));
        }
        let queue = self.queue.open(BTreeSet::new(), None)?;
        queue.check().await?;
        Ok(queue)
    }

    /// The points: the server's, or those in the data folder.
    pub(crate) async fn open_vectors(
        &self,
        data: &DataDir,
        index: &IndexId,
        dense_size: Option<usize>,
    ) -> anyhow::Result<Arc<dyn Vectors>> {
        if self.vectors.qdrant_url.is_none() {
            return Ok(Arc::new(LazyVectors::new(data.vectors(), dense_size)));
        }
        Ok(self.vectors.open()?.open(index, GENERATION, dense_size).await?)
    }

    /// A ledger on a server must hold this index alone: this process would take up the files of others as its own.
    pub(crate) async fn check_alone(
        &self,
        ledger: &dyn ControlLedger,
        index: &IndexId,
    ) -> anyhow::Result<()> {
        let others: Vec<String> = ledger
            .indexes()
            .await?
            .into_iter()
            .filter(|record| record.id != *index)
            .map(|record| record.id.to_string())
            .collect();
        if self.has_ledger() && !others.is_empty() {
            bail!(
                "the database holds other indexes ({}): give `longshore up` a database of its own, or a schema with \
                 --database-schema",
                others.join(", ")
            );
        }
        Ok(())
    }
}
