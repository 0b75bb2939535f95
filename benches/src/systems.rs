//! What is measured, each behind the same few questions.

mod llama_index;
mod longshore;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;
use serde::Serialize;

use crate::passes::Pass;
use crate::tools::Tools;

pub(crate) use self::llama_index::{LlamaIndex, Variant};
pub(crate) use self::longshore::Longshore;

/// An index in the making.
pub(crate) struct Job<'a> {
    /// The documents.
    pub(crate) corpus: &'a Path,
    /// The system's own folder.
    pub(crate) data: PathBuf,
    /// Base URL of the embedding endpoint.
    pub(crate) url: &'a str,
}

/// What an index holds in the end.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Content {
    /// Points in the vector store.
    pub(crate) chunks: u64,
    /// Files of the corpus that have some.
    pub(crate) files: u64,
    /// Files that search answers with and that are not in the corpus.
    pub(crate) stale: u64,
    /// Answers to a query that has some.
    pub(crate) hits: u64,
}

/// A system under measurement.
pub(crate) trait System {
    /// For tables.
    fn name(&self) -> &'static str;

    /// What it takes part in.
    fn takes_part(&self, pass: Pass) -> bool;

    /// One process that makes the index equal to the corpus, then exits.
    fn ingest(&self, job: &Job<'_>) -> Command;

    /// The seconds that count, where they are not all of the process's: what it printed says it.
    fn own_seconds(&self, _printed: &str) -> Option<f64> {
        None
    }

    /// Looks into the index; none where nothing is stored.
    fn content(&self, job: &Job<'_>) -> anyhow::Result<Option<Content>>;
}

/// Every system that the tools allow, the one that all are compared with first.
pub(crate) fn all(tools: &Tools) -> Vec<Box<dyn System>> {
    let mut all: Vec<Box<dyn System>> = vec![
        Box::new(Longshore::with_model(&tools.longshore)),
        Box::new(Longshore::without_model(&tools.longshore)),
    ];
    if let Some(python) = &tools.python {
        for variant in [Variant::Plain, Variant::Async, Variant::NoStore] {
            all.push(Box::new(LlamaIndex::new(python, variant)));
        }
    }
    all
}

/// Runs a command that looks something up; returns what it printed.
fn ask(mut command: Command) -> anyhow::Result<String> {
    let output = command.output()?;
    ensure!(
        output.status.success(),
        "{command:?} failed with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}
