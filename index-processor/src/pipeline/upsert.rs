//! Step 5: points under the attempt's own claim, durable before the commit.

use shared::blobs::BlobMeta;
use shared::ids::PointId;
use shared::ledger::Claim;
use shared::retry::{Failure, Step};
use shared::vectors::{Payload, Point, VectorsError};
use tokio::time::Instant;

use super::chunk::Cut;
use super::{Pipeline, Report};

/// Points per request.
const UPSERT_BATCH: usize = 256;

impl Pipeline {
    /// `dense` has one vector a chunk, or is empty for an index without a model.
    pub(super) async fn upsert(
        &self,
        claim: &Claim,
        meta: &BlobMeta,
        cut: Cut,
        dense: Vec<Vec<f32>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let count = cut.chunks.len();
        let mut dense = dense.into_iter();
        let mut points = Vec::with_capacity(count.min(UPSERT_BATCH));
        for (ordinal, prepared) in (0_u32..).zip(cut.chunks) {
            points.push(Point {
                id: PointId::of(claim.hold.claim_id, ordinal),
                dense: dense.next(),
                bm25: prepared.bm25,
                payload: Payload {
                    file_id: claim.hold.file_id,
                    claim: claim.hold.claim_id,
                    path: claim.path.clone(),
                    ordinal,
                    chunk_hash: prepared.hash,
                    heading_path: prepared.chunk.heading_path,
                    text: prepared.chunk.text,
                    start: prepared.chunk.range.start as u64,
                    end: prepared.chunk.range.end as u64,
                    place: prepared.place,
                    mime: cut.mime.clone(),
                    converter: cut.converter.clone(),
                    etag: meta.etag.clone(),
                    modified: Some(meta.modified),
                    metadata: meta.metadata.clone(),
                },
            });
            if points.len() == UPSERT_BATCH {
                self.vectors
                    .upsert(std::mem::take(&mut points))
                    .await
                    .map_err(|error| failure(&error))?;
            }
        }
        if !points.is_empty() {
            self.vectors
                .upsert(points)
                .await
                .map_err(|error| failure(&error))?;
        }
        self.metrics.chunks_upserted.inc_by(count as u64);
        let took = report.time("upsert_ms", started);
        self.metrics.chunks_upsert_seconds.observe(took.as_secs_f64());
        self.metrics.step(Step::Upsert, took);
        report.note("chunks", count);
        Ok(())
    }
}

/// What a vector store's error means for the attempt.
pub(super) fn failure(error: &VectorsError) -> Failure {
    match error {
        VectorsError::Unavailable(_) => Failure::throttled("vectors_unavailable", error.to_string()),
        VectorsError::Mismatch { .. } => Failure::throttled("vectors_mismatch", error.to_string()),
        VectorsError::Refused(_) => Failure::permanent("vectors_refused", error.to_string()),
    }
}
