//! The operations of the OpenAPI document, found by a request's method and path.
//!
//! Paths are matched by a router of the same kind as the one that serves them, made from the same templates: the two cannot
//! differ in what they take a path for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::RawPathParams;
use axum::http::{Extensions, Method, Request, Uri};
use axum::response::Response;
use axum::routing::any;
use serde_json::Value;
use shared::ids::IndexId;
use tower::ServiceExt;

use super::Scope;

/// What a method of a path does and asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Operation {
    /// Its id in the document.
    pub(in crate::http) id: String,
    /// Its first tag.
    pub(in crate::http) tag: String,
    /// Is it answered without a key?
    pub(in crate::http) open: bool,
    /// Each of these allows it; `admin` always does.
    pub(in crate::http) scopes: BTreeSet<Scope>,
    /// The shared secret of event senders allows it too.
    pub(in crate::http) events_key: bool,
}

impl Operation {
    /// Does it change something for others? Searches are asked by POST and change nothing; what sources report is in the
    /// files' own history.
    pub(in crate::http) fn is_change(&self, method: &Method) -> bool {
        !method.is_safe() && !self.scopes.contains(&Scope::Search) && !self.events_key && !self.open
    }
}

/// What a request is about.
#[derive(Clone)]
pub(in crate::http) enum Found {
    /// Nothing is there.
    Nothing,
    /// The path takes other methods: these.
    OtherMethods(String),
    /// An operation.
    Operation {
        /// It.
        operation: Arc<Operation>,
        /// The index that the path names, if its template has one; `None` inside when what is there cannot be a name.
        index: Option<Option<IndexId>>,
    },
}

/// All operations.
#[derive(Clone)]
pub(in crate::http) struct Table {
    router: Router,
}

/// The operations of one path, by method.
type Methods = BTreeMap<String, Arc<Operation>>;

/// What the router tells about a path.
#[derive(Clone)]
struct Matched {
    methods: Arc<Methods>,
    index: Option<Option<IndexId>>,
}

impl Table {
    /// Reads the document, whose paths are still templates of the router.
    pub(in crate::http) fn new(document: &Value) -> Self {
        let mut router = Router::new();
        let paths = document["paths"].as_object();
        for (template, item) in paths.into_iter().flatten() {
            let methods: Methods = item
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(method, _)| METHODS.contains(&method.as_str()))
                .map(|(method, described)| (method.to_ascii_uppercase(), Arc::new(read(described))))
                .collect();
            let (methods, has_index) = (Arc::new(methods), template.contains("{index}"));
            let tell = move |params: Result<RawPathParams, _>| async move {
                let name = params.ok().and_then(|params: RawPathParams| {
                    let index = params.iter().find(|(name, _)| *name == "index");
                    index.and_then(|(_, value)| IndexId::new(value).ok())
                });
                let mut response = Response::new(Body::empty());
                response.extensions_mut().insert(Matched {
                    methods,
                    index: has_index.then_some(name),
                });
                response
            };
            router = router.route(template, any(tell));
        }
        Self { router }
    }

    /// What a request is about.
    pub(in crate::http) async fn find(&self, method: &Method, uri: &Uri) -> Found {
        let mut question = Request::new(Body::empty());
        *question.uri_mut() = uri.clone();
        *question.extensions_mut() = Extensions::new();
        let Ok(answer) = self.router.clone().oneshot(question).await;
        let Some(matched) = answer.extensions().get::<Matched>() else {
            return Found::Nothing;
        };
        // As axum does it.
        let wanted = if method == Method::HEAD {
            "GET"
        } else {
            method.as_str()
        };
        match matched.methods.get(wanted) {
            Some(operation) => Found::Operation {
                operation: Arc::clone(operation),
                index: matched.index.clone(),
            },
            None => {
                let names: Vec<&str> = matched.methods.keys().map(String::as_str).collect();
                Found::OtherMethods(names.join(", "))
            }
        }
    }
}

/// Methods in a document.
const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Reads an operation. What does not say who may do it, nobody but `admin` may.
fn read(described: &Value) -> Operation {
    let mut operation = Operation {
        id: described["operationId"].as_str().unwrap_or_default().to_owned(),
        tag: described["tags"][0].as_str().unwrap_or_default().to_owned(),
        open: false,
        scopes: BTreeSet::new(),
        events_key: false,
    };
    for alternative in described["security"].as_array().into_iter().flatten() {
        let Some(alternative) = alternative.as_object() else {
            continue;
        };
        operation.open |= alternative.is_empty();
        operation.events_key |= alternative.contains_key("events_key");
        let names = alternative.get("key").and_then(Value::as_array);
        let scopes = names.into_iter().flatten();
        operation
            .scopes
            .extend(scopes.filter_map(|name| serde_json::from_value::<Scope>(name.clone()).ok()));
    }
    operation
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table() -> Table {
        Table::new(&json!({ "paths": {
            "/healthz": { "get": { "operationId": "alive", "tags": ["service"], "security": [{}] } },
            "/indexes/{index}": {
                "get": { "operationId": "one", "security": [{ "key": ["search"] }, { "key": ["ingest"] }] },
                "delete": { "operationId": "delete", "security": [{ "key": ["admin"] }] },
            },
            "/indexes/{index}/files/{*path}": { "get": { "operationId": "file", "security": [{ "key": ["search"] }] } },
            "/events": { "post": { "operationId": "event", "security": [{ "key": ["ingest"] }, { "events_key": [] }] } },
            "/forgotten": { "get": { "operationId": "forgotten" } },
        }}))
    }

    async fn found(method: Method, path: &str) -> String {
        match table().find(&method, &path.parse().unwrap()).await {
            Found::Nothing => "nothing".to_owned(),
            Found::OtherMethods(methods) => methods,
            Found::Operation { operation, index } => format!("{} {index:?}", operation.id),
        }
    }

    #[tokio::test]
    async fn requests_are_matched_as_the_router_matches_them() {
        let docs = "Some(Some(IndexId(\"docs\")))";
        for (method, path, expected) in [
            (Method::GET, "/healthz", "alive None".to_owned()),
            (Method::HEAD, "/healthz", "alive None".to_owned()),
            (Method::GET, "/healthz/", "nothing".to_owned()),
            (Method::GET, "//healthz", "nothing".to_owned()),
            (Method::GET, "/indexes/docs?a=b", format!("one {docs}")),
            (Method::GET, "/indexes/d%6Fcs", format!("one {docs}")),
            (Method::DELETE, "/indexes/docs", format!("delete {docs}")),
            (Method::POST, "/indexes/docs", "DELETE, GET".to_owned()),
            (Method::GET, "/indexes/%FF", "one Some(None)".to_owned()),
            (
                Method::GET,
                "/indexes/Not%20A%20Name",
                "one Some(None)".to_owned(),
            ),
            (Method::GET, "/indexes/docs/files/a/../b", format!("file {docs}")),
            (Method::GET, "/indexes/docs/files/", "nothing".to_owned()),
            (Method::GET, "/", "nothing".to_owned()),
        ] {
            assert_eq!(found(method, path).await, expected, "{path}");
        }
    }

    #[tokio::test]
    async fn the_document_says_who_may() {
        let operation = |method, path: &'static str| async move {
            match table().find(&method, &path.parse().unwrap()).await {
                Found::Operation { operation, .. } => operation,
                Found::Nothing | Found::OtherMethods(_) => panic!("{path} is not there"),
            }
        };
        let health = operation(Method::GET, "/healthz").await;
        assert!(health.open && health.scopes.is_empty());
        let one = operation(Method::GET, "/indexes/docs").await;
        assert_eq!(one.scopes, BTreeSet::from([Scope::Search, Scope::Ingest]));
        assert!(!one.open && !one.events_key && !one.is_change(&Method::GET));
        assert!(
            operation(Method::DELETE, "/indexes/docs")
                .await
                .is_change(&Method::DELETE)
        );
        let events = operation(Method::POST, "/events").await;
        assert!(events.events_key && !events.is_change(&Method::POST));
        let forgotten = operation(Method::GET, "/forgotten").await;
        assert!(!forgotten.open && forgotten.scopes.is_empty(), "only for admin");
    }
}
