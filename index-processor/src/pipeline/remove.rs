//! After the commit: the points of the claim that was live before.

use shared::ids::ClaimId;
use shared::retry::{Failure, Step};
use tokio::time::Instant;

use super::{Pipeline, Report};

impl Pipeline {
    /// Removes a claim's points.
    ///
    /// # Errors
    /// When the vector store fails. Search leaves the points out all the same; the removal is tried again.
    pub async fn remove(&self, claim: ClaimId, report: &mut Report) -> Result<(), Failure> {
        report.begin(Step::Remove);
        let started = Instant::now();
        self.vectors
            .delete_claims(&[claim])
            .await
            .map_err(|error| super::upsert::failure(&error))?;
        let took = report.time("delete_ms", started);
        self.metrics.chunks_delete_seconds.observe(took.as_secs_f64());
        self.metrics.claims_removed.inc();
        self.metrics.step(Step::Remove, took);
        Ok(())
    }
}
