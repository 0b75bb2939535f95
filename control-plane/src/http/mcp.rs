//! `POST /mcp`: the tools for language-model clients, by the Model Context Protocol over Streamable HTTP.
//!
//! Each message is answered by itself, with JSON: no sessions, so any replica answers any of them. Browsers send `Origin`;
//! only pages of this machine are answered. Names of hosts are checked where those of all requests are.

use std::sync::Arc;

use axum::body::{Body as HttpBody, to_bytes};
use axum::extract::State;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::Response;
use axum::{Extension, Router};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Api;
use super::errors::{ApiError, ErrorCode, Problem, of_rejection};
use super::extract::Body;
use crate::mcp::Tools;
use crate::mcp::reach::{MAX_ANSWER_BYTES, Within};

/// Origins of pages that may call the tools: those that this machine serves itself.
const ORIGINS: [&str; 6] = [
    "http://localhost:*",
    "https://localhost:*",
    "http://127.0.0.1:*",
    "https://127.0.0.1:*",
    "http://[::1]:*",
    "https://[::1]:*",
];

/// A message of the Model Context Protocol: JSON-RPC 2.0.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}))]
pub struct McpMessage {
    /// `2.0`.
    #[schema(example = "2.0")]
    pub jsonrpc: String,
    /// Given back with the answer; a notification has none, and gets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<McpId>,
    /// What is asked: `initialize`, `tools/list`, `tools/call`, `ping`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "tools/list")]
    pub method: Option<String>,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub params: Option<Value>,
    /// The outcome, in answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    /// Why there is none, in answers: `code`, `message`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub error: Option<Value>,
}

/// The id of a message.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum McpId {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

/// Everything that a request from outside passes, for requests that the tools make.
#[derive(Clone)]
pub(super) struct Routes(Router);

/// The routes, with themselves in reach of the tools. A call then passes what any other request does, the check of its
/// key included; what the tools reach cannot call the tools in turn.
pub(super) fn reachable(routes: Router) -> Router {
    routes.clone().layer(Extension(Routes(routes)))
}

/// Answers a message of a language-model client. It may search and read documents with the tools that `tools/list` describes.
#[utoipa::path(
    post,
    path = "/mcp",
    tag = "mcp",
    request_body = McpMessage,
    responses(
        (status = OK, description = "The answer", body = McpMessage),
        (status = ACCEPTED, description = "A notification, which has no answer"),
        (status = BAD_REQUEST, description = "An answer with an error, or a problem", content((McpMessage = "application/json"), (Problem = "application/problem+json"))),
        (status = NOT_FOUND, description = "There is no such method", content((McpMessage = "application/json"), (Problem = "application/problem+json"))),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = ["search"]))
)]
pub(super) async fn message(
    State(api): State<Arc<Api>>,
    routes: Option<Extension<Routes>>,
    headers: HeaderMap,
    Body(message): Body<McpMessage>,
) -> Result<Response, ApiError> {
    let Some(Extension(Routes(routes))) = routes else {
        return Err(ApiError::new(
            ErrorCode::NotFound,
            "the tools are not served here",
        ));
    };
    let within = Within {
        routes,
        authorization: headers.get(AUTHORIZATION).cloned(),
    };
    let tools = Tools::new(Arc::new(within)).counting(api.metrics.mcp_calls.clone());
    let service = StreamableHttpService::new(
        move || Ok(tools.clone()),
        Arc::new(NeverSessionManager::default()),
        StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_sse_keep_alive(None)
            .with_allowed_origins(ORIGINS),
    );
    let (parts, body) = service.handle(request(headers, &message)?).await.into_parts();
    let is_json = parts
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if parts.status.is_success() || is_json {
        return Ok(Response::from_parts(parts, HttpBody::new(body)));
    }
    let text = to_bytes(HttpBody::new(body), MAX_ANSWER_BYTES)
        .await
        .unwrap_or_default();
    Err(refusal(parts.status, &String::from_utf8_lossy(&text)))
}

/// The message as the library takes it.
fn request(mut headers: HeaderMap, message: &McpMessage) -> Result<Request<HttpBody>, ApiError> {
    let bytes = serde_json::to_vec(message)
        .map_err(|error| ApiError::new(ErrorCode::InvalidBody, error.to_string()))?;
    for (name, value) in [
        (CONTENT_TYPE, "application/json"),
        // What is answered is JSON always: nobody has to take streams.
        (ACCEPT, "application/json, text/event-stream"),
        // Which names the service may be called by has been checked for the request as a whole.
        (HOST, "localhost"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.remove(CONTENT_LENGTH);
    let mut request = Request::post("/mcp")
        .body(HttpBody::from(bytes))
        .map_err(|error| ApiError::new(ErrorCode::InvalidBody, error.to_string()))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The library's plain-text refusals as problems.
fn refusal(status: StatusCode, text: &str) -> ApiError {
    let code = match status {
        StatusCode::FORBIDDEN => ErrorCode::Forbidden,
        // Its word for JSON that is no message; the content type is right by now.
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorCode::InvalidBody,
        status if status.is_server_error() => ErrorCode::Internal,
        status => of_rejection(status, ErrorCode::BadRequest),
    };
    ApiError::new(code, text)
}

#[cfg(test)]
mod tests;
