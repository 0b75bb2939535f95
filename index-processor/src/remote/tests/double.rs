//! A server that answers by a script, and notes what it was asked.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use shared::shutdown::Tasks;
use tokio::net::TcpListener;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A file of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentFile {
    pub(crate) disposition: String,
    pub(crate) content_type: String,
    pub(crate) content: Vec<u8>,
}

/// One answer.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Whole {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// None, for as long as the connection is there.
    Hang,
    /// Half of a body.
    BreakOff(String),
    /// A body without an end.
    Endless,
    /// A body that is said to have ten gigabytes.
    Announced,
}

impl Reply {
    pub(crate) fn json(value: &Value) -> Self {
        Self::status(200, &value.to_string())
    }

    pub(crate) fn status(status: u16, body: &str) -> Self {
        Self::Whole {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        match self {
            Self::Whole {
                status,
                mut headers,
                body,
            } => {
                headers.push((name, value.into()));
                Self::Whole {
                    status,
                    headers,
                    body,
                }
            }
            other => other,
        }
    }
}

type Script = dyn Fn(&Seen) -> Reply + Send + Sync;

struct State {
    script: Box<Script>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    trouble: VecDeque<Reply>,
    latency: Duration,
    in_flight: usize,
    most_in_flight: usize,
    seen: Vec<Seen>,
}

/// A running double; it stops when dropped.
pub(crate) struct Double {
    address: SocketAddr,
    state: Arc<State>,
    tasks: Tasks,
}

impl Double {
    pub(crate) async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            script: Box::new(script),
            inner: Mutex::default(),
        });
        let app = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&state));
        let tasks = Tasks::new();
        let stop = tasks.stopping();
        tasks.spawn(async move {
            tokio::select! {
                _ = async { axum::serve(listener, app).await } => {}
                () = stop.cancelled() => {}
            }
        });
        Self {
            address,
            state,
            tasks,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// These answers come first, before the script is asked.
    pub(crate) fn trouble(&self, replies: impl IntoIterator<Item = Reply>) {
        self.lock().trouble.extend(replies);
    }

    /// Every answer takes this long.
    pub(crate) fn slow_down(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.lock().most_in_flight
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.state.lock()
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

async fn answer(
    Shared(state): Shared<Arc<State>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let seen = Seen {
        method,
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        body,
    };
    let (trouble, latency) = {
        let mut inner = state.lock();
        inner.seen.push(seen.clone());
        inner.in_flight += 1;
        inner.most_in_flight = inner.most_in_flight.max(inner.in_flight);
        (inner.trouble.pop_front(), inner.latency)
    };
    let reply = trouble.unwrap_or_else(|| (state.script)(&seen));
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    state.lock().in_flight -= 1;
    match reply {
        Reply::Whole {
            status,
            headers,
            body,
        } => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Reply::Hang => std::future::pending().await,
        Reply::BreakOff(half) => {
            let broken = futures::stream::iter([Ok(Bytes::from(half)), Err(io::Error::other("broken off"))]);
            Body::from_stream(broken).into_response()
        }
        Reply::Endless => {
            let piece = Bytes::from(vec![b' '; 64 << 10]);
            Body::from_stream(futures::stream::repeat_with(move || {
                Ok::<_, io::Error>(piece.clone())
            }))
            .into_response()
        }
        Reply::Announced => {
            let mut response =
                Body::from_stream(futures::stream::pending::<io::Result<Bytes>>()).into_response();
            response
                .headers_mut()
                .insert("content-length", "10737418240".parse().unwrap());
            response
        }
    }
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The address by which it was asked.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.header("host"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether a text occurs anywhere in it.
    pub(crate) fn holds(&self, text: &str) -> bool {
        let body = String::from_utf8_lossy(&self.body);
        body.contains(text) || self.path.contains(text) || self.query.contains(text)
    }

    /// The texts of the form's fields of this name.
    pub(crate) fn fields(&self, name: &str) -> Vec<String> {
        self.form()
            .into_iter()
            .filter(|part| !part.disposition.contains("filename"))
            .filter(|part| part.disposition.contains(&format!("name=\"{name}\"")))
            .map(|part| String::from_utf8(part.content).unwrap())
            .collect()
    }

    /// The files of the form.
    pub(crate) fn files(&self) -> Vec<SentFile> {
        let mut parts = self.form();
        parts.retain(|part| part.disposition.contains("filename"));
        parts
    }

    /// The parts of a `multipart/form-data` body (RFC 7578).
    fn form(&self) -> Vec<SentFile> {
        let (_, boundary) = self.header("content-type").split_once("boundary=").unwrap();
        let delimiter = format!("--{}", boundary.trim_matches('"'));
        let mut parts = Vec::new();
        let mut rest: &[u8] = &self.body;
        while let Some(at) = find(rest, delimiter.as_bytes()) {
            rest = &rest[at + delimiter.len()..];
            let Some(end) = find(rest, delimiter.as_bytes()) else {
                break;
            };
            let part = &rest[..end];
            let head = find(part, b"\r\n\r\n").unwrap();
            let headers = String::from_utf8(part[..head].to_vec()).unwrap();
            let header = |name: &str| {
                headers
                    .lines()
                    .find(|line| line.to_ascii_lowercase().starts_with(name))
                    .unwrap_or_default()
                    .to_owned()
            };
            parts.push(SentFile {
                disposition: header("content-disposition:"),
                content_type: header("content-type:"),
                content: part[head + 4..part.len() - 2].to_vec(),
            });
        }
        parts
    }
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}
