//! `GET /openapi.json`: the description of the interface, made from the handlers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, Info, OpenApi, OpenApiBuilder, Paths};

/// The document before the handlers add themselves.
pub(super) fn frame() -> OpenApi {
    let mut info = Info::new("Longshore", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Keeps a search index true to a blob store. Errors are problem details (RFC 9457) with a stable `code`."
            .to_owned(),
    );
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An API key. The scopes of an operation are alternatives; `admin` allows all.",
        ))
        .build();
    let mut components = Components::new();
    components.add_security_scheme("key", SecurityScheme::Http(key));
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .build()
}

/// The document as served: wildcards of the router are plain parameters, as the specification knows no others.
pub(super) fn finish(mut document: OpenApi) -> OpenApi {
    let paths = std::mem::replace(&mut document.paths, Paths::new());
    for (path, item) in paths.paths {
        document.paths.paths.insert(path.replace("{*", "{"), item);
    }
    document
}

/// The document.
#[utoipa::path(get, path = "/openapi.json", tag = "service", responses((status = OK, description = "This document")),
    security(("key" = ["search"]), ("key" = ["ingest"])))]
pub(super) async fn document(State(document): State<Arc<OpenApi>>) -> Json<Arc<OpenApi>> {
    Json(document)
}
