//! What an index is made from and with; kept with its record in the ledger.

mod approval;
mod budget;
mod change;
mod chunking;
mod document_type;
pub mod fields;
mod files;
mod limits;
mod retry;
mod scope;

use serde::{Deserialize, Serialize};

pub use self::approval::{ApprovalSettings, Otherwise};
pub use self::budget::{BUDGET_SPENT, Budget, OVER_BUDGET};
pub use self::change::{Changed, NotChanged, change, check_names};
pub use self::chunking::{ChunkStrategy, ChunkUnit, Chunking, TypeChunking};
pub use self::document_type::DocumentType;
pub use self::files::FileRules;
pub use self::limits::Limits;
pub use self::retry::{RetrySettings, StepRetry};
pub use self::scope::{LeftOut, Scope};
use crate::blob_path::BlobPath;
use crate::blobs::source::Source;

/// Settings of an index. Both services read them, so they hold names and sizes, never keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IndexSettings {
    /// Where its documents are.
    pub source: Source,
    /// The folder inside the source that it covers; empty for all of it.
    #[serde(default)]
    pub prefix: String,
    /// Language of the full-text search: its stop words and word stems.
    #[serde(default = "english")]
    pub language: String,
    /// The model of its dense vectors, if it has them.
    #[serde(default)]
    pub embedding: Option<ModelSettings>,
    /// Which files of the source belong to it.
    #[serde(default)]
    pub files: FileRules,
    /// How much one file may take.
    #[serde(default)]
    pub limits: Limits,
    /// How documents are cut.
    #[serde(default)]
    pub chunking: Chunking,
    /// When removals wait for approval, and for how long.
    #[serde(default)]
    pub approval: ApprovalSettings,
    /// What embedding may cost.
    #[serde(default)]
    pub budget: Budget,
    /// How failures are tried again.
    #[serde(default)]
    pub retry: RetrySettings,
    /// What a later build has set and this one does not know, by name: passed over, and kept when the rest is changed.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

/// A model and its endpoint, without the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelSettings {
    /// The address in front of `/embeddings`.
    pub url: String,
    /// The model's name.
    pub model: String,
    /// Size of its vectors, as it answered when the index was made.
    pub dimensions: usize,
    /// Version of the Azure OpenAI API, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_api_version: Option<String>,
    /// The model is asked to shorten its vectors to this size; none for what the service is set to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortened_to: Option<u32>,
}

/// The language when none is named.
#[must_use]
pub fn english() -> String {
    "english".to_owned()
}

/// The settings in an index's record cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the settings of index {index} cannot be read, it was made by another build of longshore: {error}")]
pub struct UnreadableSettings {
    index: crate::ids::IndexId,
    error: serde_json::Error,
}

impl IndexSettings {
    /// Everything else by default: the whole source, words only.
    #[must_use]
    pub fn new(source: Source, language: &str) -> Self {
        Self {
            source,
            prefix: String::new(),
            language: language.to_owned(),
            embedding: None,
            files: FileRules::default(),
            limits: Limits::default(),
            chunking: Chunking::default(),
            approval: ApprovalSettings::default(),
            budget: Budget::default(),
            retry: RetrySettings::default(),
            unknown: serde_json::Map::new(),
        }
    }

    /// The settings that a record holds.
    ///
    /// # Errors
    /// When another build made the index.
    pub fn of(record: &crate::ledger::IndexRecord) -> Result<Self, UnreadableSettings> {
        serde_json::from_value(record.settings.clone()).map_err(|error| UnreadableSettings {
            index: record.id.clone(),
            error,
        })
    }

    /// What is wrong with them, each problem with the field's name in front; empty when they can be used. `has_model` says
    /// whether the index has, or is going to have, an embedding model.
    #[must_use]
    pub fn problems(&self, has_model: bool) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.prefix.is_empty()
            && let Err(error) = BlobPath::new(self.prefix.as_str())
        {
            problems.push(format!("prefix: {error}"));
        }
        if let Err(error) = crate::embedder::bm25::Bm25::new(&self.language) {
            problems.push(format!("language: {error}"));
        }
        problems.extend(Scope::of(self).err().into_iter().flatten());
        problems.extend(self.files.problems());
        problems.extend(self.limits.problems());
        problems.extend(self.chunking.problems(has_model));
        if !(0.0..=1.0).contains(&self.approval.share) {
            problems.push("approval.share: it is a share, from 0 to 1".to_owned());
        }
        let price = self.budget.price_per_million_tokens;
        if price.is_some_and(|price| !price.is_finite() || price < 0.0) {
            problems.push("budget.price_per_million_tokens: a price is not negative".to_owned());
        }
        problems.extend(self.retry.check().err());
        problems
    }

    /// Names what an index's own settings make of a document: files that were made under another stamp are out of date. It
    /// is the part of a version's fingerprint behind the hyphen; in front of it is what the index processors are set to.
    #[must_use]
    pub fn stamp(&self) -> String {
        let model = self.embedding.as_ref().map(|model| &model.model);
        // Absent settings are not written, so that a setting that a later build adds changes no stamp.
        let chunking = serde_json::to_string(&self.chunking).unwrap_or_default();
        let made_with = format!("{chunking}\n{}\n{model:?}", self.language.to_lowercase());
        crate::ids::content_hash(made_with.as_bytes())[..8].to_owned()
    }
}

/// The two halves of a version's fingerprint: what index processors are set to, and the index's [`IndexSettings::stamp`].
#[must_use]
pub fn halves(fingerprint: &str) -> (&str, &str) {
    fingerprint.split_once('-').unwrap_or((fingerprint, ""))
}
