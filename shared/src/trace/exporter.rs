//! Spans to the collector: in batches, from a queue of bounded length, in a task of its own. Work never waits for it. What
//! finds no room, or is not taken, is counted and gone.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use reqwest::{Client, StatusCode, Url};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::metrics::Spans;
use super::protobuf;

/// Spans that wait; a kilobyte each or less.
const QUEUE: usize = 8192;
/// Spans in a request.
const BATCH: usize = 512;
/// How long the first span of a batch waits for company.
const LINGER: Duration = Duration::from_secs(1);
/// Longest time for a request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Waits before a batch that was not taken is sent again; after the last it is given up.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// Where to send.
pub(super) struct Collector {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) resource: Resource,
}

/// Where ended spans go in.
#[derive(Debug)]
pub(super) struct Intake {
    queue: Sender<SpanData>,
    spans: Arc<Spans>,
}

impl SpanProcessor for Intake {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.queue.try_send(span).is_err() {
            self.spans.dropped.fetch_add(1, Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The task behind the queue.
pub(super) struct Exporter {
    collector: Collector,
    http: Client,
    queue: Receiver<SpanData>,
    spans: Arc<Spans>,
    /// The last batch was not taken.
    failing: bool,
}

/// A queue, and what empties it.
///
/// # Errors
/// When the system has no TLS to offer.
pub(super) fn exporter(
    collector: Collector,
    spans: Arc<Spans>,
) -> Result<(Intake, Exporter), reqwest::Error> {
    let http = Client::builder()
        .timeout(TIMEOUT)
        .connect_timeout(TIMEOUT)
        // A redirect would carry the headers, which may be secret, to wherever it points.
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let (queue, receiver) = mpsc::channel(QUEUE);
    let intake = Intake {
        queue,
        spans: Arc::clone(&spans),
    };
    let exporter = Exporter {
        collector,
        http,
        queue: receiver,
        spans,
        failing: false,
    };
    Ok((intake, exporter))
}

impl Exporter {
    /// Sends until told to stop, and then what is left.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                received = self.queue.recv_many(&mut batch, BATCH) => if received == 0 { return },
            }
            let full_at = Instant::now() + LINGER;
            while batch.len() < BATCH && !stop.is_cancelled() {
                let room = BATCH - batch.len();
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    more = timeout_at(full_at, self.queue.recv_many(&mut batch, room)) => match more {
                        Ok(more) if more > 0 => {}
                        Ok(_) | Err(_) => break,
                    },
                }
            }
            self.deliver(batch, &stop).await;
        }
        self.queue.close();
        loop {
            let mut batch = Vec::new();
            if self.queue.recv_many(&mut batch, BATCH).await == 0 {
                return;
            }
            self.deliver(batch, &stop).await;
        }
    }

    /// Sends a batch, again if need be, but not for long: others wait behind it.
    async fn deliver(&mut self, batch: Vec<SpanData>, stop: &CancellationToken) {
        let count = batch.len() as u64;
        let body = Bytes::from(protobuf::encode(batch, &self.collector.resource));
        let mut pauses = PAUSES.into_iter();
        loop {
            let why = match self.send(body.clone()).await {
                Ok(refused) => {
                    let refused = refused.min(count);
                    self.spans.sent.fetch_add(count - refused, Relaxed);
                    self.spans.failed.fetch_add(refused, Relaxed);
                    if std::mem::take(&mut self.failing) {
                        tracing::info!("the collector takes traces again");
                    }
                    return;
                }
                Err(why) => why,
            };
            // Said once for as long as it lasts.
            if !std::mem::replace(&mut self.failing, true) {
                // Shown by every service and command as they log by default.
                tracing::warn!(
                    target: "longshore",
                    "traces are not taken by {}, the work goes on without: {}",
                    self.collector.url.origin().ascii_serialization(),
                    why.text
                );
            }
            match pauses.next() {
                Some(pause) if why.passing && !stop.is_cancelled() => {
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        () = sleep(pause) => {}
                    }
                }
                _ => break,
            }
        }
        self.spans.failed.fetch_add(count, Relaxed);
    }

    /// One request; the answer says how many spans were refused.
    async fn send(&self, body: Bytes) -> Result<u64, Refused> {
        let request = self
            .http
            .post(self.collector.url.clone())
            .headers(self.collector.headers.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(body);
        let unreachable = |error: reqwest::Error| {
            let why = if error.is_timeout() {
                "no answer in time"
            } else {
                "it cannot be reached"
            };
            Refused {
                text: why.to_owned(),
                passing: true,
            }
        };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Refused {
                text: format!("it answers {status}"),
                passing: passing(status),
            });
        }
        // An answer is some bytes; of one that is longer nothing is to be learnt.
        let short = answer.content_length().is_some_and(|length| length <= 64 << 10);
        let said = if short {
            answer.bytes().await.unwrap_or_default()
        } else {
            Bytes::new()
        };
        Ok(protobuf::refused(&said))
    }
}

/// Why a batch was not taken.
struct Refused {
    text: String,
    /// It may be taken later.
    passing: bool,
}

/// The statuses that OTLP lets one try again.
fn passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests;
