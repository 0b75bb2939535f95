//! Dense vectors from an OpenAI-compatible endpoint: OpenAI, Azure OpenAI, Ollama, vLLM and their like.
//!
//! `async-openai` writes the requests and reads the replies. Its retries are replaced by our own transport (an HTTP service
//! beneath it), which also sees `Retry-After` and keeps refusals out of that crate's logs: see
//! `docs/decisions/embeddings.md`. One call is one request; retries, batches and concurrency belong to
//! [`batching`](super::batching).

mod refusal;
mod reply;
mod settings;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use async_openai::Client;
use async_openai::config::{AzureConfig, Config, OpenAIConfig};
use async_openai::error::OpenAIError;
use async_trait::async_trait;
use serde::Serialize;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use self::refusal::Asked;
use self::reply::Reply;
use super::{Embedded, Embedder, codes};
use crate::outbound::{Refusal, Transport};
use crate::retry::Failure;

pub use self::settings::EmbeddingSettings;

/// Longest reply that is read: 2,048 vectors of 4,096 printed floats are about 100 MB.
const MAX_REPLY: usize = 256 << 20;

/// An embedding model behind an OpenAI-compatible endpoint.
pub struct OpenAiEmbedder {
    client: Client<Box<dyn Config>>,
    settings: EmbeddingSettings,
    /// Length of the model's vectors: as set, or else that of the first ones seen.
    dimensions: OnceLock<usize>,
    /// Base64 is a quarter of the size of printed floats, and far cheaper to read. Not every server knows it.
    base64: AtomicBool,
}

/// One embeddings request; see the
/// [API reference](https://platform.openai.com/docs/api-reference/embeddings/create).
#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [String],
    /// Left out for floats, as some servers refuse fields that they do not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
}

impl OpenAiEmbedder {
    /// An embedder for these settings. Sends nothing yet: see [`OpenAiEmbedder::probe`].
    ///
    /// # Errors
    ///
    /// `embedder_misconfigured` when a setting cannot be right.
    pub fn new(settings: EmbeddingSettings) -> Result<Self, Failure> {
        settings.check()?;
        let transport = Transport::new(settings.timeout, MAX_REPLY)
            .map_err(|error| Failure::throttled(codes::MISCONFIGURED, format!("no http client: {error}")))?;
        let client = Client::with_config(endpoint(&settings))
            .with_http_service(transport.into_openai(settings.api_key.is_some()));
        let dimensions = settings
            .dimensions
            .map_or_else(OnceLock::new, |set| OnceLock::from(set as usize));
        Ok(Self {
            client,
            settings,
            dimensions,
            base64: AtomicBool::new(true),
        })
    }

    /// The same for an index whose vectors have this length: a reply with any other is refused from the first on.
    #[must_use]
    pub fn expecting(self, dimensions: usize) -> Self {
        self.dimensions.get_or_init(|| dimensions);
        self
    }

    /// Embeds one short text, to fail early and clearly at start-up. Returns the length of the model's vectors.
    ///
    /// # Errors
    ///
    /// What [`Embedder::embed`] returns; the message names the setting to look at.
    pub async fn probe(&self) -> Result<usize, Failure> {
        let embedded =
            self.embed(&["probe".to_owned()])
                .await
                .map_err(|failure| match failure.code.as_str() {
                    // Nothing is wrong with such a text, so something is wrong with the settings.
                    codes::TEXT_REFUSED | codes::BAD_REPLY => {
                        let message = format!("{} does not embed: {}", self.settings, failure.message);
                        Failure::throttled(codes::MISCONFIGURED, message)
                    }
                    _ => failure,
                })?;
        Ok(embedded.vectors.first().map_or(0, Vec::len))
    }

    /// The length of the model's vectors, once known.
    #[must_use]
    pub fn dimensions(&self) -> Option<usize> {
        self.dimensions.get().copied()
    }

    /// The settings in use.
    #[must_use]
    pub fn settings(&self) -> &EmbeddingSettings {
        &self.settings
    }

    async fn ask(&self, texts: &[String], base64: bool) -> Result<Reply, OpenAIError> {
        let request = Request {
            model: &self.settings.model,
            input: texts,
            encoding_format: base64.then_some("base64"),
            dimensions: self.settings.dimensions,
        };
        // The crate logs the bodies of replies that it cannot read. They are not ours to show.
        self.client
            .embeddings()
            .create_byot(request)
            .with_subscriber(Dispatch::none())
            .await
    }

    /// Asks for base64 until a server refuses it and then takes the same texts without: a text that happens to speak of
    /// base64 must not slow down all others.
    async fn ask_in_some_encoding(&self, texts: &[String]) -> Result<Reply, OpenAIError> {
        let base64 = self.base64.load(Ordering::Relaxed);
        let reply = self.ask(texts, base64).await;
        match &reply {
            Err(error) if base64 && Refusal::of(error).is_some_and(refusal::blames_encoding) => {
                let plain = self.ask(texts, false).await;
                if plain.is_ok() {
                    tracing::info!(
                        model = self.settings.model,
                        "embedder refuses base64, asking for floats"
                    );
                    self.base64.store(false, Ordering::Relaxed);
                }
                plain
            }
            _ => reply,
        }
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn model(&self) -> &str {
        &self.settings.model
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, Failure> {
        if texts.is_empty() {
            return Ok(Embedded {
                vectors: Vec::new(),
                tokens: 0,
            });
        }
        let reply = self
            .ask_in_some_encoding(texts)
            .await
            .map_err(|error| failure(&error, &self.settings, texts))?;
        let tokens = reply.tokens();
        let vectors = reply
            .into_vectors(texts.len(), self.dimensions())
            .map_err(|problem| {
                Failure::transient(codes::BAD_REPLY, format!("{}: {problem}", self.settings))
            })?;
        if let Some(first) = vectors.first() {
            self.dimensions.get_or_init(|| first.len());
        }
        Ok(Embedded { vectors, tokens })
    }
}

/// Where requests go. The crate's defaults come from the environment, so each of them is replaced.
fn endpoint(settings: &EmbeddingSettings) -> Box<dyn Config> {
    let key = settings.api_key.as_ref().map_or("", |key| key.expose());
    match (&settings.azure_api_version, settings.azure_deployment()) {
        (Some(version), (resource, deployment)) => Box::new(
            AzureConfig::new()
                .with_api_base(resource)
                .with_deployment_id(deployment)
                .with_api_version(version)
                .with_api_key(key),
        ),
        (None, _) => Box::new(
            OpenAIConfig::new()
                .with_api_base(settings.base_url.trim_end_matches('/'))
                .with_api_key(key)
                .with_org_id("")
                .with_project_id(""),
        ),
    }
}

/// Errors of the crate, in our words. Its own texts are not passed on: they may hold what was sent or received.
fn failure(error: &OpenAIError, settings: &EmbeddingSettings, texts: &[String]) -> Failure {
    match error {
        OpenAIError::Boxed(_) if let Some(refused) = Refusal::of(error) => {
            refusal::failure(refused, &Asked { settings, texts })
        }
        OpenAIError::JSONDeserialize(error, _) => Failure::transient(
            codes::BAD_REPLY,
            format!(
                "{settings} sent a reply that is not a list of embeddings: {}",
                reply::place(error)
            ),
        ),
        OpenAIError::InvalidArgument(_) => Failure::throttled(
            codes::MISCONFIGURED,
            format!("{settings}: the request could not be written"),
        ),
        _ => Failure::throttled(codes::UNAVAILABLE, format!("{settings}: the request failed")),
    }
}
