//! The embedding model.

use clap::Args;

use crate::embedder::openai::EmbeddingSettings;
use crate::secret::Secret;

/// Dense vectors, next to full-text search.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Embedding model (without one, search is full-text only)")]
pub struct EmbeddingArgs {
    /// Base URL of an OpenAI-compatible endpoint, for example http://localhost:11434/v1 (Ollama).
    #[arg(
        long,
        env = "EMBEDDING_BASE_URL",
        value_name = "URL",
        requires = "embedding_model"
    )]
    pub embedding_base_url: Option<String>,

    /// Model, for example text-embedding-3-small; on Azure OpenAI the deployment.
    #[arg(
        long,
        env = "EMBEDDING_MODEL",
        value_name = "MODEL",
        requires = "embedding_base_url"
    )]
    pub embedding_model: Option<String>,

    /// Key of the endpoint. Give it as the environment variable: a command line can be read by others.
    #[arg(
        long,
        env = "EMBEDDING_API_KEY",
        value_name = "KEY",
        hide_env_values = true,
        default_value = ""
    )]
    pub embedding_api_key: Secret,

    /// Ask the model for vectors of this size.
    #[arg(long, env = "EMBEDDING_DIMENSIONS", value_name = "N")]
    pub embedding_dimensions: Option<u32>,

    /// Version of the Azure OpenAI API; setting it selects Azure's form of URL and key.
    #[arg(long, env = "EMBEDDING_AZURE_API_VERSION", value_name = "VERSION")]
    pub embedding_azure_api_version: Option<String>,

    /// Most texts in one request.
    #[arg(long, env = "EMBEDDING_BATCH_SIZE", default_value_t = 128, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=2048))]
    pub embedding_batch_size: u16,

    /// Most requests at a time.
    #[arg(long, env = "EMBEDDING_MAX_IN_FLIGHT", default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub embedding_max_in_flight: u16,
}

impl EmbeddingArgs {
    /// The settings of the model; `None` when there is none.
    #[must_use]
    pub fn settings(&self) -> Option<EmbeddingSettings> {
        let (url, model) = (self.embedding_base_url.as_ref()?, self.embedding_model.as_ref()?);
        Some(EmbeddingSettings {
            dimensions: self.embedding_dimensions,
            azure_api_version: self.embedding_azure_api_version.clone(),
            batch_size: usize::from(self.embedding_batch_size),
            max_in_flight: usize::from(self.embedding_max_in_flight),
            api_key: (!self.embedding_api_key.is_empty()).then(|| self.embedding_api_key.clone()),
            ..EmbeddingSettings::new(url, model)
        })
    }
}
