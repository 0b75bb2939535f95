//! Step 4: dense vectors. What the store holds for the same text, under whatever claim, is taken from there.

use std::collections::HashSet;

use shared::ids::ChunkHash;
use shared::retry::{Failure, Step};
use tokio::time::Instant;

use super::chunk::Cut;
use super::upsert::failure;
use super::{Pipeline, Report};

impl Pipeline {
    /// One vector a chunk, in order; nothing when the index has no model.
    pub(super) async fn embed(
        &self,
        cut: &Cut,
        bytes: u64,
        report: &mut Report,
    ) -> Result<Vec<Vec<f32>>, Failure> {
        let Some(embedder) = &self.embedder else {
            return Ok(Vec::new());
        };
        let started = Instant::now();
        let mut wanted: Vec<ChunkHash> = cut.chunks.iter().map(|chunk| chunk.hash).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut vectors = self
            .vectors
            .find_dense(&wanted)
            .await
            .map_err(|error| failure(&error))?;
        let reused = vectors.len();

        // The first chunk of each text that is not stored, in the order of the document.
        let mut seen: HashSet<ChunkHash> = HashSet::new();
        let (hashes, texts): (Vec<ChunkHash>, Vec<String>) = cut
            .chunks
            .iter()
            .filter(|chunk| !vectors.contains_key(&chunk.hash) && seen.insert(chunk.hash))
            .map(|chunk| (chunk.hash, chunk.input.clone()))
            .unzip();
        if !texts.is_empty() {
            let embedded = embedder.embed(&texts).await?;
            if embedded.vectors.len() != texts.len() {
                let message = format!(
                    "{} texts were answered by {} vectors",
                    texts.len(),
                    embedded.vectors.len()
                );
                return Err(Failure::transient("embedder_bad_reply", message));
            }
            if let (Some(size), Some(odd)) = (
                self.vectors.dense_size(),
                embedded
                    .vectors
                    .iter()
                    .map(Vec::len)
                    .find(|len| Some(*len) != self.vectors.dense_size()),
            ) {
                let message = format!(
                    "the embedding model answered vectors of {odd} dimensions, the index has {size}: check the model's name"
                );
                return Err(Failure::throttled("embedder_bad_reply", message));
            }
            self.metrics.chunks_embedded.inc_by(texts.len() as u64);
            self.metrics.embedding_tokens.inc_by(embedded.tokens);
            report.note("tokens", embedded.tokens);
            vectors.extend(hashes.into_iter().zip(embedded.vectors));
        }
        if let Some(meter) = &self.meter {
            meter.chunks(texts.len() as u64, reused as u64, bytes);
        }
        self.metrics.chunks_reused.inc_by(reused as u64);
        let took = report.time("embed_ms", started);
        self.metrics.embedding_seconds.observe(took.as_secs_f64());
        self.metrics.step(Step::Embed, took);
        report.note("reused", reused);
        report.note("embedded", texts.len());
        cut.chunks
            .iter()
            .map(|chunk| {
                vectors
                    .get(&chunk.hash)
                    .cloned()
                    .ok_or_else(|| Failure::transient("embedder_bad_reply", "a text was not answered"))
            })
            .collect()
    }
}
