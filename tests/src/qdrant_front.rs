//! A stand-in for a Qdrant server, for tests where none can be installed: the server's gRPC interface in front of Qdrant
//! Edge, its engine as a library.
//!
//! It is a double. It offers what Longshore asks for, answers the rest with `UNIMPLEMENTED`, holds Longshore's points
//! only, and knows no shards, replicas or optimisers. Where it differs from the server it is stricter: a filter needs a
//! payload index, and a message may have 4 MiB. What was acknowledged survives `kill -9`.
//!
//! The tests of `backends/qdrant.rs` run against the server as well when `QDRANT_URL` is set.

#![expect(clippy::result_large_err, reason = "tonic's type of error")]

mod collections;
mod collections_api;
mod convert;
mod points_api;
pub mod process;
mod unsupported;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use qdrant_client::qdrant::collections_server::CollectionsServer;
use qdrant_client::qdrant::points_server::PointsServer;
use qdrant_client::qdrant::qdrant_server::{Qdrant, QdrantServer};
use qdrant_client::qdrant::{HealthCheckReply, HealthCheckRequest};
use shared::secret::Secret;
use shared::shutdown::Tasks;
use tokio::net::TcpListener;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};

use self::collections::Collections;

/// How a front starts.
#[derive(Clone, Debug)]
pub struct FrontSettings {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the collections are.
    pub dir: PathBuf,
    /// The key that requests must carry, if any.
    pub api_key: Option<Secret>,
}

/// A running front; it stops when dropped.
#[derive(Debug)]
pub struct QdrantFront {
    address: SocketAddr,
    refusals: Arc<AtomicUsize>,
    tasks: Tasks,
}

impl QdrantFront {
    /// Opens the collections and listens.
    ///
    /// # Errors
    /// When the address is taken or the folder cannot be used.
    pub async fn start(settings: FrontSettings) -> anyhow::Result<Self> {
        let dir = settings.dir.clone();
        let collections = tokio::task::spawn_blocking(move || Collections::open(dir)).await??;
        let collections = Arc::new(collections);
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("listening on {}", settings.listen))?;
        let address = listener.local_addr()?;
        let incoming = TcpIncoming::from_listener(listener, true, None).map_err(anyhow::Error::from_boxed)?;
        let refusals = Arc::new(AtomicUsize::new(0));
        let gate = Gate {
            api_key: settings.api_key.clone(),
            refusals: Arc::clone(&refusals),
        };
        let tasks = Tasks::new();
        let stopping = tasks.stopping();
        let (check, ask) = (gate.clone(), gate);
        tasks.spawn(async move {
            let serving = Server::builder()
                .add_service(CollectionsServer::with_interceptor(
                    collections_api::Api(Arc::clone(&collections)),
                    move |request| check.admit(request),
                ))
                .add_service(PointsServer::with_interceptor(
                    points_api::Api(collections),
                    move |request| ask.admit(request),
                ))
                .add_service(QdrantServer::new(Health))
                .serve_with_incoming(incoming);
            // Connections are cut rather than drained, as by a server that is killed.
            drop(stopping.run_until_cancelled(serving).await);
        });
        Ok(Self {
            address,
            refusals,
            tasks,
        })
    }

    /// For `QDRANT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Refuses the next requests as the server does whose rate limit is exceeded, asking to wait a second.
    pub fn refuse_next(&self, requests: usize) {
        self.refusals.store(requests, Ordering::SeqCst);
    }
}

impl Drop for QdrantFront {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

/// What every request passes.
#[derive(Clone)]
struct Gate {
    api_key: Option<Secret>,
    refusals: Arc<AtomicUsize>,
}

impl Gate {
    fn admit(&self, request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.api_key {
            let sent = request.metadata().get("api-key");
            let sent = sent.and_then(|sent| sent.to_str().ok());
            match sent {
                Some(sent) if sent == key.expose() => {}
                Some(_) => return Err(Status::unauthenticated("Invalid API key or JWT")),
                None => {
                    return Err(Status::unauthenticated(
                        "Must provide an API key or an Authorization bearer token",
                    ));
                }
            }
        }
        let refused = self
            .refusals
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if refused.is_ok() {
            let mut metadata = MetadataMap::new();
            metadata.insert("retry-after", MetadataValue::from_static("1"));
            return Err(Status::with_metadata(
                Code::ResourceExhausted,
                "Rate limiting exceeded: Write rate limit exceeded",
                metadata,
            ));
        }
        Ok(request)
    }
}

/// Tells what this is.
struct Health;

#[tonic::async_trait]
impl Qdrant for Health {
    async fn health_check(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckReply>, Status> {
        Ok(Response::new(HealthCheckReply {
            title: "Longshore's stand-in for a Qdrant server".to_owned(),
            version: "1.18.0-front".to_owned(),
            commit: None,
        }))
    }
}
