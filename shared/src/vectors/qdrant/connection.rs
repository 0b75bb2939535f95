//! The client, and how much of it is used at once.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use qdrant_client::config::QdrantConfig;
use qdrant_client::{Qdrant, QdrantError};
use tokio::time::timeout;

use super::errors::CallError;
use super::settings::QdrantSettings;
use crate::limiter::Limiter;
use crate::vectors::VectorsError;

/// Connections to a server. Made when first used and again after a failure.
pub(super) struct Connection {
    pub(super) client: Qdrant,
    address: String,
    timeout: Duration,
    deadline: Duration,
    writes: Arc<Limiter>,
    reads: Arc<Limiter>,
}

/// Searches need not wait behind a queue of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Changes something.
    Write,
    /// Changes nothing.
    Read,
}

impl Connection {
    pub(super) fn new(settings: &QdrantSettings) -> Result<Self, VectorsError> {
        let address = settings.check()?;
        if address.starts_with("https") {
            choose_cryptography();
        }
        let mut config = QdrantConfig::from_url(&address)
            .timeout(settings.timeout)
            .connect_timeout(settings.connect_timeout)
            // It blocks, prints, and fails where the server is merely down.
            .skip_compatibility_check();
        if let Some(key) = settings.api_key.as_ref().filter(|key| !key.is_empty()) {
            config.set_api_key(key.expose());
        }
        let client = Qdrant::new(config)
            .map_err(|error| VectorsError::Refused(format!("cannot use QDRANT_URL: {error}")))?;
        let limiter = || Limiter::new(settings.max_in_flight, settings.timeout, settings.timeout / 2);
        Ok(Self {
            client,
            address,
            timeout: settings.timeout,
            // The client repeats a request that timed out, on a new connection. What counts is the new connection, which
            // the next call finds; the repetition is cut short.
            deadline: settings.timeout + settings.connect_timeout,
            writes: limiter(),
            reads: limiter(),
        })
    }

    /// Time in which the server is to answer, in whole seconds, for its own information.
    pub(super) fn server_timeout(&self) -> u64 {
        self.timeout.as_secs().max(1)
    }

    /// How many writes and how many reads may be under way at the moment.
    pub(super) fn limits(&self) -> (usize, usize) {
        (self.writes.limit(), self.reads.limit())
    }

    /// Makes a request that concerns `collection` when there is a place for it.
    pub(super) async fn call<T>(
        &self,
        lane: Lane,
        collection: &str,
        request: impl Future<Output = Result<T, QdrantError>>,
    ) -> Result<T, CallError> {
        let limiter = match lane {
            Lane::Write => &self.writes,
            Lane::Read => &self.reads,
        };
        let place = limiter.place().await.map_err(|stalled| {
            CallError::unavailable(format!("{} does not get on: {stalled}", self.address))
        })?;
        let failed = match timeout(self.deadline, request).await {
            Ok(Ok(answer)) => {
                place.succeeded();
                return Ok(answer);
            }
            Ok(Err(error)) => CallError::of(&error, collection),
            Err(_) => CallError::unavailable(format!(
                "{} did not answer within {} s (collection {collection})",
                self.address,
                self.deadline.as_secs_f32()
            )),
        };
        if failed.overload {
            place.overloaded(failed.wait);
        } else {
            // A refusal of what was asked is an answer like any other.
            place.succeeded();
        }
        Err(failed)
    }
}

/// The client's TLS takes the process's choice of cryptography, and panics without one where several are compiled in.
fn choose_cryptography() {
    let chosen = rustls::crypto::CryptoProvider::get_default().is_some()
        || rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .is_ok();
    if !chosen {
        // Somebody else was faster, which is as well.
        tracing::debug!("the cryptography of TLS was chosen elsewhere");
    }
}
