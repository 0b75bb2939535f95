//! The steps from blob to points, in order.
//!
//! Nothing here decides what search shows: points are written under the attempt's own claim and stay invisible until the
//! commit that follows.

mod capacity;
mod chunk;
mod convert;
mod embed;
mod fetch;
mod remove;
mod rules;
mod upsert;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::blob_path::BlobPath;
use shared::blobs::{BlobError, BlobMeta, Blobs};
use shared::circuit::Dependency;
use shared::embedder::Embedder;
use shared::embedder::bm25::Bm25;
use shared::index_settings::RetrySettings;
use shared::ledger::{Claim, CommitChange, Version};
use shared::retry::{Failure, Step};
use shared::trace::TARGET;
use shared::trace::spans::{Coded, within};
use shared::vectors::Vectors;
use tokio::time::Instant;
use tracing::{Instrument as _, trace_span};

pub use self::capacity::Capacity;
pub use self::rules::Rules;
use crate::chunk::ChunkSettings;
use crate::conversion::Conversion;
use crate::meter::{IndexMeter, Metered};
use crate::metrics::Metrics;
use crate::session::{self, Session};
use crate::settle::Attempt;

/// How files are made into points.
#[derive(Clone, Debug)]
pub struct PipelineSettings {
    /// Largest blob in bytes; larger ones are SKIPPED. An index may have a limit of its own.
    pub max_file_bytes: u64,
    /// Blobs of at most so many bytes are converted where they are, without a thread for computing: for simulations,
    /// which own their only thread. 0 for none, because a document that is slow to convert would hold up its neighbours.
    pub inline_bytes: u64,
    /// How documents are cut, where the index does not say.
    pub chunk: ChunkSettings,
}

/// What belongs to the index.
pub struct PipelineParts {
    /// Where its documents are.
    pub blobs: Arc<dyn Blobs>,
    /// Its points.
    pub vectors: Arc<dyn Vectors>,
    /// Its model.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// Its terms.
    pub bm25: Arc<Bm25>,
    /// What its model is asked for is counted here.
    pub meter: Option<IndexMeter>,
    /// Its settings.
    pub rules: Rules,
    /// What all of this depends on.
    pub needs: Vec<Dependency>,
    /// How its failures are tried again, where that differs from the process.
    pub retry: RetrySettings,
}

/// The steps and what they need.
pub struct Pipeline {
    blobs: Arc<dyn Blobs>,
    vectors: Arc<dyn Vectors>,
    embedder: Option<Arc<dyn Embedder>>,
    bm25: Arc<Bm25>,
    needs: Arc<[Dependency]>,
    retry: RetrySettings,
    conversion: Arc<Conversion>,
    settings: PipelineSettings,
    rules: Rules,
    fingerprint: String,
    capacity: Arc<Capacity>,
    metrics: Arc<Metrics>,
    meter: Option<IndexMeter>,
}

/// Milliseconds by step and counts, for the history.
#[derive(Debug, Default)]
pub struct Report {
    fields: BTreeMap<&'static str, serde_json::Value>,
    step: Option<Step>,
}

impl Report {
    /// A step begins; what fails from now on is its failure.
    pub fn begin(&mut self, step: Step) {
        self.step = Some(step);
    }

    /// The step that is under way, or was last.
    #[must_use]
    pub fn step(&self) -> Step {
        self.step.unwrap_or(Step::Claim)
    }

    /// Notes a value.
    pub fn note(&mut self, name: &'static str, value: impl Into<serde_json::Value>) {
        self.fields.insert(name, value.into());
    }

    /// Notes the time since `started`, in milliseconds with microseconds, and returns it.
    pub fn time(&mut self, name: &'static str, started: Instant) -> Duration {
        let took = started.elapsed();
        self.note(name, (took.as_secs_f64() * 1e6).round() / 1e3);
        took
    }

    /// The fields as a JSON object.
    #[must_use]
    pub fn into_json(self) -> serde_json::Value {
        self.fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

/// Why a step ended the attempt.
enum Stop {
    /// There is nothing to index, and that is the result.
    Skip(Failure),
    /// The attempt failed.
    Fail(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Fail(failure)
    }
}

impl Coded for Stop {
    fn code(&self) -> Option<&str> {
        match self {
            // A result like others.
            Self::Skip(_) => None,
            Self::Fail(failure) => Some(&failure.code),
        }
    }
}

impl Pipeline {
    /// A pipeline. Semantic chunking needs an embedder: without one it cuts recursively.
    #[must_use]
    pub fn new(
        parts: PipelineParts,
        conversion: Arc<Conversion>,
        settings: PipelineSettings,
        capacity: Arc<Capacity>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let fingerprint = fingerprint(&settings, &conversion, &parts.rules.stamp);
        let embedder = match (parts.embedder, parts.meter.clone()) {
            (Some(inner), Some(meter)) => Some(Arc::new(Metered { inner, meter }) as Arc<dyn Embedder>),
            (embedder, _) => embedder,
        };
        Self {
            blobs: parts.blobs,
            vectors: parts.vectors,
            embedder,
            bm25: parts.bm25,
            rules: parts.rules,
            needs: parts.needs.into(),
            retry: parts.retry,
            conversion,
            fingerprint,
            capacity,
            settings,
            metrics,
            meter: parts.meter,
        }
    }

    /// Looks at the blob and decides what the claim calls for.
    pub async fn look(&self, claim: &Claim, report: &mut Report) -> Session {
        report.begin(Step::Fetch);
        let head = if self.rules.scope.owns(&claim.path) {
            let span = trace_span!(target: TARGET, "look", otel.kind = "client");
            self.blobs.head(&claim.path).instrument(span).await
        } else {
            // What the index leaves out is treated as if the source did not have it.
            Err(BlobError::NotFound)
        };
        session::decide(claim, head, &self.fingerprint, self.rules.max_file_bytes)
    }

    /// Makes the blob's points under the claim.
    pub async fn process(&self, claim: &Claim, meta: &BlobMeta, report: &mut Report) -> Attempt {
        let version = |chunks| Version {
            chunks,
            missing: Vec::new(),
            ..session::without_chunks(meta.etag.clone(), &self.fingerprint, meta.size)
        };
        match Box::pin(self.steps(claim, meta, report)).await {
            Ok(change) => Attempt::Ready(change),
            Err(Stop::Skip(failure)) => {
                Attempt::Ready(CommitChange::Skip(version(0), failure.at(report.step())))
            }
            Err(Stop::Fail(failure)) => {
                // Only what the content itself caused is remembered with the content.
                let etag = (failure.code != "changed_while_read").then(|| meta.etag.clone());
                Attempt::Failed { failure, etag }
            }
        }
    }

    async fn steps(&self, claim: &Claim, meta: &BlobMeta, report: &mut Report) -> Result<CommitChange, Stop> {
        report.begin(Step::Fetch);
        let _memory = self.capacity.reserve(meta.size).await?;
        let started = Instant::now();
        let span = trace_span!(target: TARGET, "fetch", otel.kind = "client", file.size = meta.size);
        let fetched = within(span, self.fetch(meta)).await?;
        self.metrics.step(Step::Fetch, report.time("fetch_ms", started));
        if let Some(kept) = session::same_content(
            claim,
            &fetched.blob.meta,
            &fetched.content_hash,
            &self.fingerprint,
        ) {
            return Ok(CommitChange::Keep(kept));
        }
        let read = fetched.blob.meta.clone();
        let version = Version {
            etag: read.etag.clone(),
            content_hash: fetched.content_hash,
            pipeline: self.fingerprint.clone(),
            size: fetched.blob.bytes.len() as u64,
            chunks: 0,
            missing: Vec::new(),
        };
        let inline = read.size <= self.settings.inline_bytes;
        let (cut, missing) = {
            let _turn = self.capacity.turn(claim.attempts).await;
            report.begin(Step::Convert);
            let convert = self.convert(fetched.blob, &version.content_hash, report);
            let (document, file_type) = within(trace_span!(target: TARGET, "convert"), convert).await?;
            let missing = convert::missing(&document);
            if !missing.is_empty() {
                report.note("missing", serde_json::json!(missing));
            }
            let chunking = self.rules.chunk_of(file_type);
            report.begin(Step::Chunk);
            let cut = self.chunk(document, chunking, inline, report);
            (within(trace_span!(target: TARGET, "chunk"), cut).await?, missing)
        };
        let cut = self.chunk_by_meaning(cut, report).await?;
        if cut.chunks.is_empty() {
            return Err(Stop::Skip(Failure::permanent(
                "empty",
                "the document has no text to index",
            )));
        }
        report.begin(Step::Embed);
        let span = trace_span!(target: TARGET, "embed", chunks = cut.chunks.len());
        let dense = within(span, self.embed(&cut, version.size, report)).await?;
        let chunks = u32::try_from(cut.chunks.len()).unwrap_or(u32::MAX);
        report.begin(Step::Upsert);
        let span = trace_span!(
            target: TARGET, "upsert", otel.kind = "client", db.system.name = "qdrant",
            db.operation.name = "upsert", db.operation.batch.size = cut.chunks.len(),
        );
        within(span, self.upsert(claim, &read, cut, dense, report)).await?;
        Ok(CommitChange::Replace(Version {
            chunks,
            missing,
            ..version
        }))
    }
}

/// Everything that decides what points a blob becomes: what this process is set to, a hyphen, and the stamp of the index's own
/// settings, which the control plane can tell as well. A comparison has files made again when the first half differs; a full
/// run when either does.
pub(crate) fn fingerprint(settings: &PipelineSettings, conversion: &Conversion, stamp: &str) -> String {
    let parts = [
        conversion.fingerprint(),
        settings.chunk.fingerprint(),
        format!("steps {STEPS_VERSION}"),
    ];
    let process = shared::ids::ChunkHash::of(&parts.join("\n")).to_string();
    format!("{}-{stamp}", &process[..16])
}

/// Raise it when the steps themselves make other points of the same document.
const STEPS_VERSION: u32 = 3;

impl Pipeline {
    /// Longest time that the index gives one attempt, if it says so.
    #[must_use]
    pub fn longest_attempt(&self) -> Option<Duration> {
        self.rules.longest_attempt
    }

    /// Fingerprint of the settings that files are made with.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What its files need on their way.
    #[must_use]
    pub fn needs(&self) -> &Arc<[Dependency]> {
        &self.needs
    }

    /// How the index's failures are tried again, where that differs from the process.
    #[must_use]
    pub fn retry(&self) -> &RetrySettings {
        &self.retry
    }

    /// Has the blob left the source, so that its file needs no model?
    pub async fn is_gone(&self, path: &BlobPath) -> bool {
        matches!(self.blobs.head(path).await, Err(BlobError::NotFound))
    }
}
