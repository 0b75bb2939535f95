//! Why is this document not found? One walk from source to search that says where it stops.
//!
//! Each step asks one dependency, with a limit on its patience, and turns what it hears into a verdict; the sentences are
//! made in `why/verdicts.rs`, which is pure. A dependency that does not answer is a warning: the walk goes on with the next.

mod verdicts;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::clock::UnixMillis;
use shared::ids::{FileId, IndexId};
use shared::index_settings::{IndexSettings, Scope};
use shared::ledger::{ControlLedger, FileRow, HistoryEntry, IndexRecord, RunRecord};
use shared::vectors::SearchMode;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::indexes::Index;
use crate::search::{MAX_LIMIT, SearchQuery};

/// Longest wait for each dependency.
const PATIENCE: Duration = Duration::from_secs(10);
/// Entries of the history among which the latest commit is looked for.
const HISTORY: u32 = 100;

/// The steps on the way from a blob to a hit, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// Is the blob there, and readable?
    Source,
    /// Is it part of the index?
    Rules,
    /// What does the ledger know of it?
    Ledger,
    /// What was made of it?
    Conversion,
    /// In how many pieces is it?
    Chunks,
    /// Are they in the vector store?
    Vectors,
    /// Does the query find it?
    Search,
}

/// What a step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing stands in the way here.
    Ok,
    /// It may be found all the same, but not as it should be, or this could not be looked at.
    Warning,
    /// It is not found because of this.
    Stop,
}

/// A step of the walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyStep {
    /// Which.
    pub name: StepName,
    /// What it found.
    pub verdict: Verdict,
    /// The same as a sentence, with what to do about it.
    pub says: String,
    /// Facts behind it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<String, String>,
}

/// The whole walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyAnswer {
    /// The index.
    pub index: IndexId,
    /// The document.
    pub path: BlobPath,
    /// Can it be found?
    pub found: bool,
    /// The first step that it does not get past.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stops_at: Option<StepName>,
    /// The answer in a sentence, with what to do.
    pub says: String,
    /// Every step that was looked at.
    pub steps: Vec<WhyStep>,
}

/// What the walk goes by.
pub struct Why {
    /// The index, open, or why it cannot be opened.
    pub index: Result<Arc<Index>, String>,
    /// Its record.
    pub record: IndexRecord,
    /// Its rows.
    pub ledger: Arc<dyn ControlLedger>,
    /// The time now.
    pub now: UnixMillis,
}

/// What the ledger said of a file.
struct Known {
    row: FileRow,
    run: Option<RunRecord>,
    /// The latest commit, when the history still has it.
    commit: Option<HistoryEntry>,
}

impl Why {
    /// Walks.
    pub async fn answer(&self, path: BlobPath, query: Option<&str>) -> WhyAnswer {
        let mut steps = Vec::new();
        let source = self.source(&path).await;
        let known = self.known(&path).await;
        let tag = source.detail.get("etag").cloned();
        steps.push(source);
        steps.push(verdicts::rules(left_out(&self.record, &path)));
        match known {
            Err(trouble) => steps.push(verdicts::unknown(StepName::Ledger, &trouble)),
            Ok(None) => steps.push(verdicts::never_reported(&self.record)),
            Ok(Some(known)) => {
                steps.push(verdicts::ledger(
                    &known.row,
                    known.run.as_ref(),
                    &self.record,
                    tag.as_deref(),
                    self.now,
                ));
                if known.row.version.is_some() {
                    steps.push(verdicts::conversion(&known.row, known.commit.as_ref()));
                    steps.push(verdicts::chunks(&known.row));
                }
                if let Some(step) = self.vectors(&known.row).await {
                    steps.push(step);
                }
                if let (Some(query), Some(_)) = (query, known.row.live_claim) {
                    steps.push(self.search(&path, query).await);
                }
            }
        }
        verdicts::conclude(self.record.id.clone(), path, steps)
    }

    async fn source(&self, path: &BlobPath) -> WhyStep {
        match &self.index {
            Err(trouble) => verdicts::unknown(StepName::Source, trouble),
            Ok(index) => match patiently(index.blobs.head(path)).await {
                None => verdicts::unknown(StepName::Source, "it does not answer"),
                Some(found) => verdicts::source(&found),
            },
        }
    }

    async fn known(&self, path: &BlobPath) -> Result<Option<Known>, String> {
        let index = &self.record.id;
        let file = FileId::of(index, path);
        let ask = async {
            let Some(row) = self.ledger.file(index, file).await? else {
                return Ok(None);
            };
            let run = match row.run {
                Some(run) => self.ledger.run(run).await?,
                None => None,
            };
            let history = self.ledger.history_before(index, file, None, HISTORY).await?;
            let commit = history.into_iter().find(|entry| entry.event == "committed");
            Ok::<_, shared::ledger::LedgerError>(Some(Known { row, run, commit }))
        };
        match patiently(ask).await {
            None => Err("it does not answer".to_owned()),
            Some(known) => known.map_err(|error| error.to_string()),
        }
    }

    /// Nothing to say where search is to show nothing.
    async fn vectors(&self, row: &FileRow) -> Option<WhyStep> {
        let (live, version) = (row.live_claim?, row.version.as_ref()?);
        Some(match &self.index {
            Err(trouble) => verdicts::unknown(StepName::Vectors, trouble),
            Ok(index) => match patiently(index.vectors.count_claim(live)).await {
                None => verdicts::unknown(StepName::Vectors, "it does not answer"),
                Some(Err(error)) => verdicts::unknown(StepName::Vectors, &error.to_string()),
                Some(Ok(points)) => verdicts::vectors(points, version.chunks),
            },
        })
    }

    async fn search(&self, path: &BlobPath, query: &str) -> WhyStep {
        let index = match &self.index {
            Err(trouble) => return verdicts::unknown(StepName::Search, trouble),
            Ok(index) => index,
        };
        let modes: &[SearchMode] = if index.search.embedder.is_some() {
            &[SearchMode::Hybrid, SearchMode::FullText, SearchMode::Vector]
        } else {
            &[SearchMode::FullText]
        };
        let mut places = Vec::new();
        for mode in modes {
            let wanted = SearchQuery {
                query: query.to_owned(),
                mode: Some(*mode),
                limit: MAX_LIMIT,
                ..SearchQuery::default()
            };
            let place = match patiently(index.search.search(&wanted)).await {
                None => Err("it does not answer".to_owned()),
                Some(Err(error)) => Err(error.to_string()),
                Some(Ok(answer)) => Ok(answer.hits.iter().position(|hit| hit.path == *path)),
            };
            places.push((*mode, place));
        }
        verdicts::search(&places)
    }
}

/// Why the index does not cover a path; `None` when it does. The one place that asks the index's rules.
fn left_out(record: &IndexRecord, path: &BlobPath) -> Option<String> {
    let settings = IndexSettings::of(record).ok()?;
    let scope = Scope::of(&settings).ok()?;
    scope.left_out(path).map(|reason| reason.to_string())
}

async fn patiently<T>(ask: impl Future<Output = T>) -> Option<T> {
    timeout(PATIENCE, ask).await.ok()
}
