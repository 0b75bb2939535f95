//! Server-sent events, on one connection after the other.

use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use futures::StreamExt;
use serde::de::DeserializeOwned;
use sse_stream::{Sse, SseStream};
use tokio::time::Instant;

use super::{Client, Request};
use crate::exit::Exit;
use crate::failure;
use crate::output::note;

/// Between two tries to connect.
const APART: Duration = Duration::from_secs(1);
/// For so long nobody has to answer: a control plane that is restarted is back before.
const PATIENCE: Duration = Duration::from_secs(60);

/// An event.
pub(crate) struct Event<T> {
    /// Its name.
    pub(crate) name: String,
    /// What it says.
    pub(crate) data: T,
}

/// The events of something, until it ends.
pub(crate) struct Events<'a> {
    client: &'a Client,
    request: Request,
    open: Option<SseStream<Body>>,
    last_id: Option<String>,
    /// Since when nobody answers.
    alone: Option<Instant>,
}

impl<'a> Events<'a> {
    pub(super) fn new(client: &'a Client, request: Request) -> Self {
        Self {
            client,
            request,
            open: None,
            last_id: None,
            alone: None,
        }
    }

    /// The next event. A connection that breaks is made again, where the last one ended.
    ///
    /// # Errors
    /// When the API refuses, or nobody has answered for a minute.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> anyhow::Result<Event<T>> {
        loop {
            let Some(open) = &mut self.open else {
                self.connect().await?;
                continue;
            };
            match open.next().await {
                Some(Ok(Sse {
                    event: Some(name),
                    data: Some(data),
                    id,
                    ..
                })) => {
                    self.last_id = id.or(self.last_id.take());
                    self.alone = None;
                    let data = serde_json::from_str(&data)
                        .context("an event is not what this build of longshore expects")?;
                    return Ok(Event { name, data });
                }
                // A sign of life.
                Some(Ok(_)) => self.alone = None,
                Some(Err(_)) | None => {
                    self.open = None;
                    // The next connection begins where this one ended.
                    tokio::time::sleep(APART).await;
                }
            }
        }
    }

    async fn connect(&mut self) -> anyhow::Result<()> {
        let mut request = self.request.clone();
        if let Some(id) = &self.last_id {
            request = request.header("last-event-id", id)?;
        }
        match self.client.stream(&request).await {
            Ok(body) => {
                self.open = Some(SseStream::new(body));
                Ok(())
            }
            Err(error) if failure::exit(&error) == Exit::Unavailable => {
                if self.alone.is_none() {
                    note(&format!("{error}; trying again"));
                }
                let since = *self.alone.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    return Err(error);
                }
                tokio::time::sleep(APART).await;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
