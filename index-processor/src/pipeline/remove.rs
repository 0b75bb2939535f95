//! After the commit: the points of the claim that was live before.

use shared::ids::ClaimId;
use shared::retry::{Failure, Step};
use shared::trace::TARGET;
use shared::trace::spans::within;
use tokio::time::Instant;
use tracing::trace_span;

use super::{Pipeline, Report};

impl Pipeline {
    /// Removes a claim's points.
    ///
    /// # Errors
    /// When the vector store fails. Search leaves the points out all the same; the removal is tried again.
    pub async fn remove(&self, claim: ClaimId, report: &mut Report) -> Result<(), Failure> {
        report.begin(Step::Remove);
        let started = Instant::now();
        let span = trace_span!(
            target: TARGET, "remove", otel.kind = "client", db.system.name = "qdrant", db.operation.name = "delete",
        );
        let removed = async {
            let removed = self.vectors.delete_claims(&[claim]).await;
            removed.map_err(|error| super::upsert::failure(&error))
        };
        within(span, removed).await?;
        let took = report.time("delete_ms", started);
        self.metrics.chunks_delete_seconds.observe(took.as_secs_f64());
        self.metrics.claims_removed.inc();
        self.metrics.step(Step::Remove, took);
        Ok(())
    }
}
