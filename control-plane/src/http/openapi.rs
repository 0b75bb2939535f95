//! `GET /openapi.json`: the description of the interface, made from the handlers.

mod examples;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, Info, OpenApi, OpenApiBuilder};

use super::errors::Problem;

/// What each tag is about, in the order of the document.
const TAGS: [(&str, &str); 18] = [
    (
        "indexes",
        "Indexes: a source and a prefix, and how its files are made searchable.",
    ),
    ("search", "Search in an index."),
    ("files", "The files of an index, what became of each, and why."),
    ("runs", "Batches of work, and how far they are."),
    ("plan", "What a run would do, and what it would cost."),
    ("usage", "What was spent on embeddings, and what may be."),
    ("approvals", "Removals that wait for a decision."),
    ("generations", "A second build of an index beside the live one."),
    (
        "status",
        "Files and runs in the shape that users of Durable Functions know.",
    ),
    ("work", "What is to be done, and what could not be."),
    ("breakers", "Dependencies that are given a rest."),
    ("dependencies", "What the service depends on, and how it fares."),
    ("events", "Where sources report what changed."),
    ("keys", "API keys: who may do what."),
    ("audit", "Who changed what."),
    ("logging", "What every process logs, for a while."),
    (
        "mcp",
        "Search as tools for language models (Model Context Protocol).",
    ),
    ("service", "The service itself."),
];

/// The document before the handlers add themselves.
pub(super) fn frame() -> OpenApi {
    let mut info = Info::new("Longshore", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Keeps a search index true to a blob store.\n\nEvery operation but those of health needs a key, sent as \
         `Authorization: Bearer KEY`; the scopes that an operation names are alternatives, and `admin` allows all. A key may \
         be limited to some indexes. Errors are problem details (RFC 9457) with a stable `code`; `docs/errors.md` says what \
         to do about each. Every answer has an `x-request-id`, yours if you sent one. Any operation may answer 401, 403, 413, \
         429 or 503 (the latter two with `Retry-After`)."
            .to_owned(),
    );
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An API key. The scopes of an operation are alternatives; `admin` allows all.",
        ))
        .build();
    let events_key = ApiKey::Header(ApiKeyValue::with_description(
        "x-longshore-key",
        "The shared secret of event senders (`--events-key`); as `Authorization: Bearer` or `?key=` too.",
    ));
    let mut components = Components::new();
    components.add_security_scheme("key", SecurityScheme::Http(key));
    components.add_security_scheme("events_key", SecurityScheme::ApiKey(events_key));
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .build()
}

/// The document as the routes describe themselves, with an id for each operation: its tag and the handler's name. Paths are
/// templates of the router.
pub(super) fn described(document: &OpenApi) -> Value {
    // Plain data: writing it cannot fail.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    for operation in operations(&mut document) {
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        let name = operation["operationId"].as_str().unwrap_or_default();
        operation["operationId"] = json!(format!("{tag}_{name}"));
    }
    document
}

/// Every operation of a document.
fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut();
    let items = paths.into_iter().flat_map(|paths| paths.values_mut());
    items
        .filter_map(Value::as_object_mut)
        .flat_map(|item| item.values_mut())
        .filter(|operation| operation.is_object())
}

/// The document as it is served.
#[derive(Clone)]
pub(super) struct Document(Bytes);

impl Document {
    /// Finishes a document: wildcards of the router become plain parameters, as the specification knows no others; tags are
    /// explained, and what has no example gets one made of those of its fields.
    pub(super) fn finish(mut document: Value) -> Arc<Self> {
        let paths = std::mem::take(&mut document["paths"]);
        let renamed = paths.as_object().into_iter().flatten();
        document["paths"] = renamed
            .map(|(path, item)| (path.replace("{*", "{"), item.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let used: BTreeSet<String> = operations(&mut document)
            .filter_map(|operation| operation["tags"][0].as_str().map(str::to_owned))
            .collect();
        document["tags"] = TAGS
            .iter()
            .filter(|(name, _)| used.contains(*name))
            .map(|(name, about)| json!({ "name": name, "description": about }))
            .collect();
        let schemas = document["components"]["schemas"].clone();
        for operation in operations(&mut document) {
            examples::add(operation, &schemas);
        }
        Arc::new(Self(format!("{document:#}\n").into()))
    }

    /// Its text.
    #[cfg(test)]
    pub(super) fn text(&self) -> &[u8] {
        &self.0
    }
}

/// This description of the interface (OpenAPI 3.1).
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "service",
    responses((status = OK, description = "This document", body = Object), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn document(Extension(document): Extension<Arc<Document>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], document.0.clone())
}

#[cfg(test)]
mod tests;
