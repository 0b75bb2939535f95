//! One connection to the broker, made again when it is lost.
//!
//! We supervise connections ourselves: lapin's recovery replays a topology that it remembers, and we would rather declare
//! ours. Attempts to connect are spaced by a capped backoff with jitter; a caller that comes too early gets the last error
//! at once instead of a queue at the door.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use lapin::tcp::AMQPUriTcpExt;
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties, Error, Event};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout};

use super::super::QueueError;
use super::settings::BrokerSettings;
use super::topology::Topology;
use super::trouble::on_connect;
use crate::shutdown::Tasks;

/// How long a polite good-bye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A live connection; closed when the last user drops it.
pub(super) struct Link {
    /// The connection itself.
    pub(super) connection: Connection,
    /// Why the broker reads nothing from us for now, if so (it is low on memory or disk).
    pub(super) blocked: watch::Receiver<Option<String>>,
}

/// A place where the current connection is had from.
pub(super) struct Links {
    name: &'static str,
    broker: BrokerSettings,
    /// What to declare on each new connection.
    topology: Option<Topology>,
    tasks: Tasks,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Arc<Link>>,
    failures: u32,
    failed: Option<(Instant, QueueError)>,
    closed: bool,
}

impl Links {
    /// No connection yet. The broker shows `name` beside the connection.
    pub(super) fn new(
        name: &'static str,
        broker: BrokerSettings,
        topology: Option<Topology>,
        tasks: Tasks,
    ) -> Self {
        Self {
            name,
            broker,
            topology,
            tasks,
            state: Mutex::default(),
        }
    }

    /// The settings it connects with.
    pub(super) fn broker(&self) -> &BrokerSettings {
        &self.broker
    }

    /// The current connection, or a new one.
    pub(super) async fn get(&self) -> Result<Arc<Link>, QueueError> {
        let mut state = self.state.lock().await;
        if state.closed {
            return Err(QueueError::Closed);
        }
        if let Some(link) = &state.current {
            if link.connection.status().connected() {
                return Ok(Arc::clone(link));
            }
            state.current = None;
        }
        if let Some((retry_at, error)) = &state.failed
            && Instant::now() < *retry_at
        {
            return Err(error.clone());
        }
        match self.connect().await {
            Ok(link) => {
                if state.failed.take().is_some() {
                    tracing::info!("the {} is connected to RabbitMQ again", self.name);
                }
                state.failures = 0;
                Ok(Arc::clone(state.current.insert(Arc::new(link))))
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(1);
                let wait = self.broker.reconnect.delay(state.failures, rand::random());
                tracing::warn!(
                    "the {} has no connection, trying again in {wait:?}: {error}",
                    self.name
                );
                state.failed = Some((Instant::now() + wait, error.clone()));
                Err(error)
            }
        }
    }

    /// Gives up a connection that has shown trouble: the next [`Links::get`] makes a new one and declares everything again.
    /// Who still uses it may finish.
    pub(super) async fn retire(&self, link: &Arc<Link>) {
        let mut state = self.state.lock().await;
        if state
            .current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, link))
        {
            state.current = None;
        }
    }

    /// Closes the connection and makes no more.
    pub(super) async fn close(&self) {
        let mut state = self.state.lock().await;
        state.closed = true;
        if let Some(link) = state.current.take() {
            let closing = link.connection.close(200, "longshore stops".into());
            if !matches!(timeout(CLOSE_TIMEOUT, closing).await, Ok(Ok(()))) {
                tracing::debug!("the {} left RabbitMQ without a good-bye", self.name);
            }
        }
    }

    async fn connect(&self) -> Result<Link, QueueError> {
        let address = self.broker.address()?;
        let connecting = timeout(self.broker.connect_timeout, self.dial(address.0.clone()));
        let connection = connecting
            .await
            .unwrap_or_else(|_elapsed| Err(too_slow(self.broker.connect_timeout).into()))
            .map_err(|error| on_connect(&error, &address))?;
        let (blocked, receiver) = watch::channel(None);
        self.watch(&connection, blocked);
        if let Some(topology) = &self.topology {
            topology.declare(&connection).await?;
        }
        Ok(Link {
            connection,
            blocked: receiver,
        })
    }

    /// The network's part has the limit of the whole: the thread that lapin connects on outlives a caller that went away.
    async fn dial(&self, uri: AMQPUri) -> Result<Connection, Error> {
        let (limit, tls) = (self.broker.connect_timeout, self.broker.tls());
        let options =
            ConnectionProperties::default().with_connection_name(format!("longshore {}", self.name).into());
        Connection::connector(
            uri,
            lapin::runtime::default_runtime()?,
            async move |uri: AMQPUri, runtime| {
                timeout(limit, uri.connect_with_config_async(tls.as_ref(), &runtime))
                    .await
                    .unwrap_or_else(|_elapsed| Err(too_slow(limit)))
                    .map_err(Error::from)
            },
            options,
        )
        .await
    }

    /// Notes when the broker blocks and unblocks the connection, and says so once each.
    fn watch(&self, connection: &Connection, blocked: watch::Sender<Option<String>>) {
        let mut events = Box::pin(connection.events_listener());
        let (stop, name) = (self.tasks.stopping(), self.name);
        drop(self.tasks.spawn(async move {
            while let Some(Some(event)) = stop.run_until_cancelled(events.next()).await {
                match event {
                    Event::ConnectionBlocked(reason) => {
                        tracing::warn!(
                            "RabbitMQ takes nothing from the {name} until it has resources again: {reason}"
                        );
                        blocked.send_replace(Some(reason));
                    }
                    Event::ConnectionUnblocked => {
                        tracing::info!("RabbitMQ takes messages from the {name} again");
                        blocked.send_replace(None);
                    }
                    _ => {}
                }
            }
        }));
    }
}

fn too_slow(limit: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {limit:?}"))
}
