//! Text to dense vectors.

pub mod batching;
pub mod bm25;
pub mod codes;
pub mod openai;

use async_trait::async_trait;

use crate::retry::Failure;

/// The answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// One vector a text, in the order of the texts.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens that the provider charged; 0 when it does not say.
    pub tokens: u64,
}

/// A provider of dense vectors.
///
/// Failures carry their class ([`Failure`]): a refused key or an endpoint that is down is `Throttled` (not the file's
/// fault), a text that the model refuses is `Permanent`.
#[async_trait]
pub trait Embedder: Send + Sync + 'static {
    /// The model's name; vectors of different models never mix in a collection.
    fn model(&self) -> &str;

    /// Embeds texts; none is empty. Returns one vector a text, all of one length.
    async fn embed(&self, texts: &[String]) -> Result<Embedded, Failure>;
}
