//! The server's face: the embeddings route of OpenAI and of Azure, and the routes that observe and control it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::faults::{Fault, Faults};
use super::{Record, ServerCounts, State};

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    model: String,
    input: Input,
    #[serde(default)]
    encoding_format: Option<String>,
    #[serde(default)]
    dimensions: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

/// Serves until told to stop; requests under way are dropped then.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>, stop: CancellationToken) {
    let app = Router::new()
        .route("/v1/embeddings", post(embeddings))
        .route("/openai/deployments/{deployment}/embeddings", post(embeddings))
        .route("/counts", get(counts))
        .route("/reset", post(reset))
        .route("/faults", post(change_faults))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(&state));
    let door = Door { listener, state };
    tokio::select! {
        served = async { axum::serve(door, app).await } => served.expect("axum serves without end"),
        () = stop.cancelled() => {}
    }
}

/// Takes connections, unless the server is down.
struct Door {
    listener: TcpListener,
    state: Arc<State>,
}

impl axum::serve::Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let accepted = axum::serve::Listener::accept(&mut self.listener).await;
            // Replies are one write; without this they wait for acknowledgements.
            if !self.state.lock().faults.down && accepted.0.set_nodelay(true).is_ok() {
                return accepted;
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

async fn counts(Shared(state): Shared<Arc<State>>) -> Json<ServerCounts> {
    Json(state.lock().counts)
}

async fn reset(Shared(state): Shared<Arc<State>>) -> StatusCode {
    state.lock().reset();
    StatusCode::NO_CONTENT
}

/// Replaces all faults; what is left out is as if nothing were wrong.
async fn change_faults(Shared(state): Shared<Arc<State>>, Json(faults): Json<Faults>) -> StatusCode {
    state.lock().faults = faults;
    StatusCode::NO_CONTENT
}

/// Counts a request as under way until it is answered or its client is gone.
struct UnderWay(Arc<State>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}

async fn embeddings(
    Shared(state): Shared<Arc<State>>,
    path: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request: Request = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let texts = match request.input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
    };
    let base64 = request.encoding_format.as_deref() == Some("base64");
    let record = Record {
        at: Instant::now(),
        texts: texts.clone(),
        path: path.to_string(),
        key: key(&headers),
    };

    let (faults, fault) = {
        let mut inner = state.lock();
        let mut fault = inner.arrive(record);
        let full = inner
            .faults
            .max_in_flight
            .is_some_and(|max| inner.in_flight > max);
        if full && fault.is_none() {
            fault = Some(Fault::Throttle { retry_after: None });
        }
        let faults = Faults {
            next: Default::default(),
            ..inner.faults.clone()
        };
        (faults, fault)
    };
    let _under_way = UnderWay(Arc::clone(&state));

    match &fault {
        Some(Fault::Throttle { retry_after }) => return throttled(*retry_after),
        Some(Fault::Status { status, message }) => {
            return refusal(
                StatusCode::from_u16(*status).unwrap_or(StatusCode::IM_A_TEAPOT),
                message,
            );
        }
        Some(Fault::Hang) => std::future::pending().await,
        _ => {}
    }
    if faults.model.as_ref().is_some_and(|model| *model != request.model) {
        return refusal(StatusCode::NOT_FOUND, "the model does not exist");
    }
    if request
        .dimensions
        .is_some_and(|wanted| wanted != state.writer.dimensions())
    {
        return refusal(
            StatusCode::BAD_REQUEST,
            "this model does not support specifying dimensions",
        );
    }
    if base64 && faults.refuse_base64 {
        return refusal(StatusCode::BAD_REQUEST, "unknown parameter: encoding_format");
    }
    if faults.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(faults.latency_ms)).await;
    }
    let tokens = state.lock().embedded(&texts);
    let reply = reply(
        &state,
        &texts,
        tokens,
        base64 && !faults.ignore_base64,
        faults.reverse,
        fault.as_ref(),
    );
    if fault == Some(Fault::BreakOff) {
        let half = reply.slice(..reply.len() / 2);
        let broken = futures::stream::iter([Ok(half), Err(io::Error::other("broken off"))]);
        return json(Body::from_stream(broken));
    }
    json(Body::from(reply))
}

fn key(headers: &HeaderMap) -> Option<String> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &header::HeaderValue| value.to_str().ok())
    };
    let bearer = text("authorization").map(|value| value.trim_start_matches("Bearer").trim());
    bearer.or_else(|| text("api-key")).map(str::to_owned)
}

/// Writes a reply, and what is to be wrong with it.
fn reply(
    state: &State,
    texts: &[String],
    tokens: u64,
    base64: bool,
    reverse: bool,
    fault: Option<&Fault>,
) -> Bytes {
    let writer = &state.writer;
    let each = writer.dimensions() * if base64 { 6 } else { 14 } + 64;
    let mut out = Vec::with_capacity(texts.len() * each);
    out.extend_from_slice(br#"{"object":"list","model":"test","data":["#);
    let count = texts.len() - usize::from(fault == Some(&Fault::WrongCount) && !texts.is_empty());
    for position in 0..count {
        let number = if reverse { count - 1 - position } else { position };
        let last = position + 1 == count;
        let index = if last && fault == Some(&Fault::RepeatedIndex) {
            0
        } else {
            number
        };
        let short = usize::from(last && fault == Some(&Fault::WrongSize));
        out.extend_from_slice(format!(r#"{{"object":"embedding","index":{index},"embedding":"#).as_bytes());
        if last && fault == Some(&Fault::NotANumber) {
            out.extend_from_slice(format!("[{}null]", "1,".repeat(writer.dimensions() - 1)).as_bytes());
        } else if base64 {
            writer.encode(&texts[number], short, &mut out);
        } else {
            writer.print(&texts[number], short, &mut out);
        }
        out.extend_from_slice(if last { b"}" } else { b"}," });
    }
    if fault != Some(&Fault::MalformedJson) {
        let end = format!(r#"],"usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#);
        out.extend_from_slice(end.as_bytes());
    }
    out.into()
}

fn json(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn throttled(retry_after: Option<f64>) -> Response {
    let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, "rate limit reached");
    if let Some(seconds) = retry_after {
        let value = seconds.to_string().parse().expect("a number is a header value");
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

fn refusal(status: StatusCode, message: &str) -> Response {
    let error = serde_json::json!({ "error": { "message": message, "type": "refusal", "code": null } });
    (status, Json(error)).into_response()
}
