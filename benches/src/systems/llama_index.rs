//! LlamaIndex's `IngestionPipeline`; its settings are in `peers/llama_index_pipeline.py`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use super::{Content, Job, System, ask};
use crate::passes::Pass;
use crate::tools::own_file;

/// Where the peer puts its vectors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// Qdrant's local mode, on disk.
    Qdrant,
    /// Nowhere: its best case, whatever the store.
    None,
}

/// The peer.
pub(crate) struct LlamaIndex {
    python: PathBuf,
    store: Store,
}

impl LlamaIndex {
    /// With an interpreter that has its packages.
    pub(crate) fn new(python: &Path, store: Store) -> Self {
        Self {
            python: python.to_path_buf(),
            store,
        }
    }

    fn command(&self, what: &str, job: &Job<'_>) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(own_file("peers/llama_index_pipeline.py")).arg(what);
        command.arg(job.corpus).arg(&job.data).args(["--url", job.url]);
        if self.store == Store::None {
            command.args(["--store", "none"]);
        }
        command
    }
}

/// The line that the script ends with.
fn printed(text: &str) -> anyhow::Result<Value> {
    let line = text.lines().last().context("the peer printed nothing")?;
    Ok(serde_json::from_str(line)?)
}

impl System for LlamaIndex {
    fn name(&self) -> &'static str {
        match self.store {
            Store::Qdrant => "LlamaIndex",
            Store::None => "LlamaIndex, no store",
        }
    }

    fn takes_part(&self, pass: Pass) -> bool {
        // Without a store it cannot know what changed.
        self.store == Store::Qdrant || matches!(pass, Pass::Cold | Pass::ColdSlowModel)
    }

    fn ingest(&self, job: &Job<'_>) -> Command {
        self.command("ingest", job)
    }

    fn own_seconds(&self, text: &str) -> Option<f64> {
        printed(text).ok()?["own_s"].as_f64()
    }

    fn content(&self, job: &Job<'_>) -> anyhow::Result<Option<Content>> {
        if self.store == Store::None {
            return Ok(None);
        }
        let answer = printed(&ask(self.command("check", job))?)?;
        let count = |name: &str| {
            answer[name]
                .as_u64()
                .with_context(|| format!("no {name} in {answer}"))
        };
        Ok(Some(Content {
            chunks: count("chunks")?,
            files: count("files")?,
            stale: count("stale")?,
            hits: count("hits")?,
        }))
    }
}
