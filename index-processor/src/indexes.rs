//! Which pipeline a file of an index goes through.

use std::sync::Arc;

use async_trait::async_trait;
use shared::ids::IndexId;
use shared::retry::Failure;

use crate::pipeline::Pipeline;

/// The pipelines of a worker.
#[async_trait]
pub trait Pipelines: Send + Sync + 'static {
    /// The pipeline of an index. A failure says why there is none now; the file is tried again.
    async fn of(&self, index: &IndexId) -> Result<Arc<Pipeline>, Failure>;
}

/// One pipeline for whatever comes: the embedded mode has one index.
pub struct Sole(pub Arc<Pipeline>);

#[async_trait]
impl Pipelines for Sole {
    async fn of(&self, _index: &IndexId) -> Result<Arc<Pipeline>, Failure> {
        Ok(Arc::clone(&self.0))
    }
}
