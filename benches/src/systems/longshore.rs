//! Longshore, as a user runs it: defaults everywhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Content, Job, System, ask};
use crate::passes::Pass;

/// `longshore up DIR --once`.
pub(crate) struct Longshore {
    binary: PathBuf,
    has_model: bool,
}

impl Longshore {
    /// Dense vectors and full-text search.
    pub(crate) fn with_model(binary: &Path) -> Self {
        Self {
            binary: binary.to_path_buf(),
            has_model: true,
        }
    }

    /// Full-text search alone: what a user gets without an embedding endpoint.
    pub(crate) fn without_model(binary: &Path) -> Self {
        Self {
            has_model: false,
            ..Self::with_model(binary)
        }
    }

    fn ask(&self, job: &Job<'_>, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--data-dir").arg(&job.data);
        ask(command)
    }
}

impl System for Longshore {
    fn name(&self) -> &'static str {
        if self.has_model {
            "Longshore"
        } else {
            "Longshore, no model"
        }
    }

    fn takes_part(&self, pass: Pass) -> bool {
        self.has_model || !matches!(pass, Pass::ColdSlowModel | Pass::Resumed)
    }

    fn ingest(&self, job: &Job<'_>) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("up").arg(job.corpus).arg("--once");
        command.arg("--data-dir").arg(&job.data);
        if self.has_model {
            command.args(["--embedding-model", "test", "--embedding-base-url", job.url]);
        }
        command
    }

    fn content(&self, job: &Job<'_>) -> anyhow::Result<Option<Content>> {
        let status: Value = serde_json::from_str(&self.ask(job, &["status", "--json"])?)?;
        let files = self.ask(job, &["files", "--json", "--status", "INDEXED"])?;
        let found: Value = serde_json::from_str(&self.ask(job, &["search", "vacuum a table", "--json"])?)?;
        let (mut present, mut stale) = (0, 0);
        for line in files.lines() {
            let file: Value = serde_json::from_str(line)?;
            let path = job.corpus.join(file["path"].as_str().unwrap_or_default());
            *(if path.is_file() { &mut present } else { &mut stale }) += 1;
        }
        Ok(Some(Content {
            chunks: status["stats"]["chunks"].as_u64().unwrap_or_default(),
            files: present,
            stale,
            hits: found["hits"].as_array().map_or(0, Vec::len) as u64,
        }))
    }
}
