//! Vectors of queries, so that what many people ask is embedded once.
//!
//! Kept by model, endpoint, dimensions and text, for a limited time and in limited memory. Equal queries that come at once wait
//! for one embedding; a failure is not kept. Different queries that come at once share requests: the embedder behind this is
//! a [`Batcher`](shared::embedder::batching::Batcher).

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use shared::embedder::Embedder;
use shared::index_settings::ModelSettings;
use shared::retry::Failure;

/// Bytes that an entry takes beside its text and vector.
const OVERHEAD: usize = 150;

/// What a vector is kept under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    space: Arc<str>,
    dimensions: usize,
    text: String,
}

/// A cache that the indexes of a process share. Clones are the same cache.
#[derive(Clone, Debug, Default)]
pub struct QueryCache {
    /// `None` keeps nothing.
    cache: Option<Cache<Key, Arc<[f32]>>>,
    /// What the vectors asked for here are of; see [`Self::of`].
    space: Arc<str>,
}

/// Where a vector came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Somebody had asked before, or asked at the same time.
    Kept,
    /// The model.
    Embedded,
}

impl QueryCache {
    /// A cache of at most so many bytes, whose entries live so long. Without bytes nothing is kept.
    #[must_use]
    pub fn new(bytes: u64, time_to_live: Duration) -> Self {
        if bytes == 0 {
            return Self::default();
        }
        let weigh = |key: &Key, vector: &Arc<[f32]>| {
            let bytes = key.space.len() + key.text.len() + 4 * vector.len() + OVERHEAD;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder()
            .max_capacity(bytes)
            .weigher(weigh)
            .time_to_live(time_to_live)
            .build();
        Self {
            cache: Some(cache),
            ..Self::default()
        }
    }

    /// The same cache, for an index with this model. Two services may have different models under the same name, and one
    /// model that shortens its vectors gives others: all that is set of it tells them apart.
    #[must_use]
    pub fn of(&self, model: Option<&ModelSettings>) -> Self {
        let space = model.map_or_else(String::new, |model| {
            let ModelSettings {
                url,
                model,
                dimensions,
                azure_api_version,
                shortened_to,
            } = model;
            format!("{url:?} {model:?} {dimensions} {azure_api_version:?} {shortened_to:?}")
        });
        Self {
            cache: self.cache.clone(),
            space: space.into(),
        }
    }

    /// The vector of a query, embedded unless it is known.
    pub(super) async fn vector(
        &self,
        embedder: &dyn Embedder,
        dimensions: usize,
        text: &str,
    ) -> Result<(Arc<[f32]>, Origin), Failure> {
        let embed = async {
            let mut embedded = embedder.embed(&[text.to_owned()]).await?;
            Ok::<Arc<[f32]>, Failure>(embedded.vectors.pop().unwrap_or_default().into())
        };
        let Some(cache) = &self.cache else {
            return Ok((embed.await?, Origin::Embedded));
        };
        let key = Key {
            space: Arc::clone(&self.space),
            dimensions,
            text: text.to_owned(),
        };
        let entry = cache
            .entry(key)
            .or_try_insert_with(embed)
            .await
            .map_err(|failure: Arc<Failure>| Failure::clone(&failure))?;
        let origin = if entry.is_fresh() {
            Origin::Embedded
        } else {
            Origin::Kept
        };
        Ok((entry.into_value(), origin))
    }
}

#[cfg(test)]
mod tests;
