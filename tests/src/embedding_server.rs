//! An OpenAI-compatible embedding server that misbehaves on demand.
//!
//! Vectors follow from the text alone: equal texts have equal unit vectors, different ones are as good as orthogonal. Writing
//! them is cheap (see [`vectors`]), so that a benchmark measures its client.

pub mod faults;
mod http;
pub mod vectors;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::shutdown::Tasks;
use tokio::net::TcpListener;
use tokio::time::Instant;

use self::faults::{Fault, Faults};
use self::vectors::Writer;

/// Requests whose times are kept.
const MAX_RECORDS: usize = 10_000;

/// How a server starts.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Numbers in a vector.
    pub dimensions: usize,
    /// Time that each request takes at least.
    pub latency: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            dimensions: 8,
            latency: Duration::ZERO,
        }
    }
}

/// What a server was asked for so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerCounts {
    /// Requests, refused ones included.
    pub requests: u64,
    /// Requests that were answered with vectors, or should have been.
    pub answered: u64,
    /// Texts of those.
    pub texts: u64,
    /// Their tokens, at four bytes each.
    pub tokens: u64,
    /// Texts that had been embedded before: paid twice.
    pub repeated: u64,
    /// Most requests under way at one time.
    pub most_in_flight: u64,
}

/// One request, as it came in.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it came in.
    pub at: Instant,
    /// Its texts.
    pub texts: Vec<String>,
    /// The path and query.
    pub path: String,
    /// The key, from either header.
    pub key: Option<String>,
}

/// A running server; it stops when dropped.
#[derive(Debug)]
pub struct EmbeddingServer {
    address: SocketAddr,
    state: Arc<State>,
    tasks: Tasks,
}

/// What requests share.
#[derive(Debug)]
struct State {
    writer: Writer,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    faults: Faults,
    counts: ServerCounts,
    in_flight: u64,
    seen: HashSet<u64>,
    records: Vec<Record>,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EmbeddingServer {
    /// A server on a free local port, with short vectors and no latency.
    pub async fn start() -> Self {
        Self::start_with(ServerSettings::default())
            .await
            .expect("a free local port")
    }

    /// A server with these settings.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub async fn start_with(settings: ServerSettings) -> std::io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let faults = Faults {
            latency_ms: settings.latency.as_millis() as u64,
            ..Faults::default()
        };
        let inner = Inner {
            faults,
            ..Inner::default()
        };
        let state = Arc::new(State {
            writer: Writer::new(settings.dimensions),
            inner: Mutex::new(inner),
        });
        let tasks = Tasks::new();
        tasks.spawn(http::serve(listener, Arc::clone(&state), tasks.stopping()));
        Ok(Self {
            address,
            state,
            tasks,
        })
    }

    /// The base address for clients, ending in `/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The address without a path, as the resource of an Azure client.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked for since the start or the last [`EmbeddingServer::reset`].
    pub fn counts(&self) -> ServerCounts {
        self.state.lock().counts
    }

    /// The requests since the start or the last [`EmbeddingServer::reset`], oldest first; at most the first 10,000.
    pub fn records(&self) -> Vec<Record> {
        self.state.lock().records.clone()
    }

    /// Forgets counts, records and seen texts; faults stay.
    pub fn reset(&self) {
        self.state.lock().reset();
    }

    /// Lets the next requests fail so, in addition to those that are to fail already.
    pub fn fail_next(&self, times: usize, fault: Fault) {
        self.state
            .lock()
            .faults
            .next
            .extend(std::iter::repeat_n(fault, times));
    }

    /// Changes how it behaves from now on.
    pub fn set(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.state.lock().faults);
    }
}

impl Drop for EmbeddingServer {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

impl Inner {
    fn reset(&mut self) {
        self.counts = ServerCounts::default();
        self.seen.clear();
        self.records.clear();
    }

    /// Notes a request that comes in; returns what is to go wrong with it.
    fn arrive(&mut self, record: Record) -> Option<Fault> {
        self.counts.requests += 1;
        self.in_flight += 1;
        self.counts.most_in_flight = self.counts.most_in_flight.max(self.in_flight);
        let fault = self.faults.judge(&record);
        if self.records.len() < MAX_RECORDS {
            self.records.push(record);
        }
        fault
    }

    /// Notes texts that are embedded.
    fn embedded(&mut self, texts: &[String]) -> u64 {
        let tokens = texts.iter().map(|text| text.len().div_ceil(4) as u64).sum();
        self.counts.answered += 1;
        self.counts.texts += texts.len() as u64;
        self.counts.tokens += tokens;
        let seen = texts
            .iter()
            .filter(|text| !self.seen.insert(vectors::seed(text)))
            .count();
        self.counts.repeated += seen as u64;
        tokens
    }
}
