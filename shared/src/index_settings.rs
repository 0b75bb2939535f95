//! What an index is made from and with; kept with its record in the ledger.

mod approval;
mod budget;
mod chunking;
mod files;
mod retry;

use serde::{Deserialize, Serialize};

pub use self::approval::ApprovalSettings;
pub use self::budget::Budget;
pub use self::chunking::Chunking;
pub use self::files::FileRules;
pub use self::retry::RetrySettings;
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
    pub language: String,
    /// The model of its dense vectors, if it has them.
    pub embedding: Option<ModelSettings>,
    /// Which files of the source belong to it.
    #[serde(default)]
    pub files: FileRules,
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
            chunking: Chunking::default(),
            approval: ApprovalSettings::default(),
            budget: Budget::default(),
            retry: RetrySettings::default(),
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
}
