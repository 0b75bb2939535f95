//! LlamaIndex's `IngestionPipeline`; its settings are in `peers/llama_index_pipeline.py`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use super::{Content, Job, System, ask};
use crate::passes::Pass;
use crate::tools::own_file;

/// How the peer runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// One request at a time, vectors in Qdrant's local mode on disk.
    Plain,
    /// Several requests at a time, through its asynchronous interface.
    Async,
    /// As plain, but vectors go nowhere: its best case, whatever the store.
    NoStore,
}

/// The peer.
pub(crate) struct LlamaIndex {
    python: PathBuf,
    variant: Variant,
}

impl LlamaIndex {
    /// With an interpreter that has its packages.
    pub(crate) fn new(python: &Path, variant: Variant) -> Self {
        Self {
            python: python.to_path_buf(),
            variant,
        }
    }

    fn command(&self, what: &str, job: &Job<'_>) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(own_file("peers/llama_index_pipeline.py")).arg(what);
        command.arg(job.corpus).arg(&job.data).args(["--url", job.url]);
        command.args(match self.variant {
            Variant::Plain => None,
            Variant::Async => Some("--async"),
            Variant::NoStore => Some("--no-store"),
        });
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
        match self.variant {
            Variant::Plain => "LlamaIndex",
            Variant::Async => "LlamaIndex, async",
            Variant::NoStore => "LlamaIndex, no store",
        }
    }

    fn takes_part(&self, pass: Pass) -> bool {
        // Requests in flight matter when there are many; and without a store it cannot know what changed.
        self.variant == Variant::Plain || matches!(pass, Pass::Cold | Pass::ColdSlowModel)
    }

    fn ingest(&self, job: &Job<'_>) -> Command {
        self.command("ingest", job)
    }

    fn own_seconds(&self, text: &str) -> Option<f64> {
        printed(text).ok()?["own_s"].as_f64()
    }

    fn content(&self, job: &Job<'_>) -> anyhow::Result<Option<Content>> {
        if self.variant == Variant::NoStore {
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
