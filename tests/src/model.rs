//! An embedding model for tests that run processes: the test server on a runtime of its own.

use std::ops::Deref;

use tokio::runtime::Runtime;

use crate::embedding_server::EmbeddingServer;

/// A running model. What the server counts and how it misbehaves is reached through it.
pub struct Model {
    server: EmbeddingServer,
    _runtime: Runtime,
}

impl Model {
    /// Starts the server.
    ///
    /// # Errors
    /// When no runtime can be had.
    pub fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let server = runtime.block_on(EmbeddingServer::start());
        Ok(Self {
            server,
            _runtime: runtime,
        })
    }
}

impl Deref for Model {
    type Target = EmbeddingServer;
    fn deref(&self) -> &EmbeddingServer {
        &self.server
    }
}
