//! Servers in place of the embedded parts: each of ledger, queue and vector store by itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, Parser};
use shared::clock::Clock;
use shared::embedder::openai::EmbeddingSettings;
use shared::ids::IndexId;
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{ControlLedger, IndexRecord};
use shared::queue::Queue;
use shared::queue::memory::MemoryQueue;
use shared::settings::{EmbeddingArgs, LedgerArgs, QueueArgs, VectorArgs};
use shared::vectors::Collections;
use shared::vectors::edge::EdgeFolders;

use crate::data_dir::DataDir;

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

#[derive(Parser)]
struct ModelFromEnvironment {
    #[command(flatten)]
    embedding: EmbeddingArgs,
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
    pub(crate) fn open_collections(
        &self,
        data: &DataDir,
        main: &IndexId,
    ) -> anyhow::Result<Arc<dyn Collections>> {
        if self.vectors.qdrant_url.is_none() {
            let folders = EdgeFolders::new(data.collections()).with_home(main.clone(), data.vectors());
            return Ok(Arc::new(folders));
        }
        Ok(self.vectors.open()?)
    }

    /// A ledger on a server must hold nothing but this data folder's indexes: this process would take up the files of others
    /// as its own. Once it was alone in there, what came later is taken for its own.
    pub(crate) fn check_alone(
        &self,
        data: &DataDir,
        records: &[IndexRecord],
        wanted: &IndexId,
    ) -> anyhow::Result<()> {
        let names = records.iter().map(|record| record.id.base_str());
        let others: Vec<&str> = names.filter(|name| *name != wanted.as_str()).collect();
        if self.has_ledger() && !others.is_empty() && data.main_index().is_none() {
            bail!(
                "the database holds other indexes ({}): give `longshore up` a database of its own, or a schema with \
                 --database-schema",
                others.join(", ")
            );
        }
        Ok(())
    }
}

/// The model that the environment names, for commands that have no such flags; what is wrong there is for `up` to say.
pub(crate) fn model_of_environment() -> Option<EmbeddingSettings> {
    let model = ModelFromEnvironment::try_parse_from(["longshore"]).ok()?;
    model.embedding.settings()
}
