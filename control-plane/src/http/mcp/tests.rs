//! Messages to `/mcp` through the routes, behind a check of keys.

use axum::body::Body;
use axum::middleware;
use axum::response::IntoResponse;
use prometheus::Registry;
use serde_json::json;
use shared::blobs::folder::Folder;
use shared::blobs::source::Source;
use shared::clock::ManualClock;
use shared::index_settings::IndexSettings;
use shared::ledger::{IndexRecord, IndexState};
use tokio::sync::Notify;
use tower::ServiceExt;

use super::super::access::{Caller, Scope};
use super::super::routes;
use super::*;
use crate::indexes::{Index, Indexes};
use crate::metrics::Metrics;
use crate::search::tests::shelf::{Shelf, index};

/// The key of a reader of the index, and one for another index.
const READER: &str = "Bearer reader";
const STRANGER: &str = "Bearer stranger";

/// Lets in the two keys, each to its index.
async fn guard(mut request: axum::extract::Request, next: middleware::Next) -> Response {
    let key = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|key| key.to_str().ok());
    let indexes = match key {
        Some(READER) => [index()],
        Some(STRANGER) => ["elsewhere".parse().unwrap()],
        _ => return ApiError::new(ErrorCode::Unauthorized, "the key is missing or wrong").into_response(),
    };
    let mut caller = Caller::local();
    caller.key = key.map(str::to_owned);
    caller.scopes = [Scope::Search].into();
    caller.indexes = Some(indexes.into());
    if request.uri().path().starts_with("/indexes/conformance")
        && let Err(refused) = caller.check(&index())
    {
        return refused.into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

struct Desk {
    router: Router,
    metrics: Arc<Metrics>,
    _folder: tempfile::TempDir,
}

async fn desk() -> Desk {
    let shelf = Shelf::new(None).await;
    shelf
        .publish("guides/a b.md", &["The crane lifts.", "It has a hook."], |_| {})
        .await;
    let folder = tempfile::tempdir().unwrap();
    let search = shelf.search();
    let metrics = Arc::clone(&search.metrics);
    let index = Index {
        record: IndexRecord {
            id: index(),
            state: IndexState::Active,
            settings: json!({}),
            created_at: 0,
            comparison: None,
        },
        settings: IndexSettings::new(Source::Folder(folder.path().to_owned()), "english"),
        blobs: Arc::new(Folder::open(folder.path()).unwrap()),
        vectors: Arc::clone(&search.vectors),
        search,
        reconciler: None,
        upkeep: None,
    };
    let api = Api {
        indexes: Arc::new(Indexes::sole(Arc::clone(&shelf.ledger) as _, index)),
        ledger: Arc::clone(&shelf.ledger) as _,
        nudge: Arc::new(Notify::new()),
        clock: Arc::new(ManualClock::at(0)),
        registry: Registry::new(),
        metrics: Arc::clone(&metrics),
    };
    Desk {
        router: reachable(routes(Arc::new(api)).layer(middleware::from_fn(guard))),
        metrics,
        _folder: folder,
    }
}

impl Desk {
    async fn send(&self, request: Request<Body>) -> (StatusCode, String, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind
            .map(|kind| kind.to_str().unwrap().to_owned())
            .unwrap_or_default();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, kind, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn post(&self, key: &str, body: &str, more: &[(&str, &str)]) -> (StatusCode, String, Value) {
        let mut request = Request::post("/mcp")
            .header(AUTHORIZATION, key)
            .header(CONTENT_TYPE, "application/json");
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }

    /// The result of a method; its error when there is none.
    async fn ask(&self, key: &str, method: &str, params: Value) -> Value {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let (status, kind, answer) = self.post(key, &message.to_string(), &[]).await;
        assert_eq!(
            (status, kind.as_str()),
            (StatusCode::OK, "application/json"),
            "{answer}"
        );
        assert_eq!(answer["id"], 1);
        answer.get("result").unwrap_or(&answer["error"]).clone()
    }

    async fn call(&self, key: &str, tool: &str, arguments: Value) -> Value {
        self.ask(key, "tools/call", json!({ "name": tool, "arguments": arguments }))
            .await
    }
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn every_message_is_answered_by_itself() {
    let desk = desk().await;
    let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } });
    let hello = desk.ask(READER, "initialize", hello).await;
    assert_eq!(hello["protocolVersion"], "2025-06-18");
    assert_eq!(hello["serverInfo"]["name"], "longshore");
    let started = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let (status, _, answer) = desk.post(READER, &started.to_string(), &[]).await;
    assert_eq!((status, answer), (StatusCode::ACCEPTED, Value::Null));

    let listed = desk.ask(READER, "tools/list", json!({})).await;
    let tools = listed["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["search", "get_document", "file_status", "list_indexes"]);
    assert!(
        tools
            .iter()
            .all(|tool| tool["annotations"]["readOnlyHint"] == true)
    );

    let found = desk.call(READER, "search", json!({ "query": "crane" })).await;
    assert!(text(&found).contains("guides/a b.md"), "{found}");
    let passage = &found["structuredContent"]["passages"][0];
    assert_eq!(passage["text"], "The crane lifts.");
    let arguments = json!({ "path": passage["path"], "from": passage["from"], "etag": passage["etag"] });
    let document = desk.call(READER, "get_document", arguments).await;
    assert!(text(&document).contains("It has a hook."), "{document}");
    let status = desk
        .call(READER, "file_status", json!({ "path": "guides/a b.md" }))
        .await;
    assert_eq!(status["structuredContent"]["searchable"], true, "{status}");
    let indexes = desk.call(READER, "list_indexes", json!({})).await;
    assert_eq!(indexes["structuredContent"]["indexes"][0]["index"], "conformance");

    let unknown = desk.call(READER, "delete_index", json!({})).await;
    assert_eq!(unknown["code"], -32602, "{unknown}");
    let calls = |tool, outcome| desk.metrics.mcp_calls.with_label_values(&[tool, outcome]).get();
    assert_eq!((calls("search", "ok"), calls("unknown", "refused")), (1, 1));
}

#[tokio::test]
async fn the_tools_may_do_what_the_key_may() {
    let desk = desk().await;
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let (status, _, problem) = desk.post("Bearer nobody", &list, &[]).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::UNAUTHORIZED, &json!("unauthorized"))
    );

    for (tool, arguments) in [
        ("search", json!({ "query": "crane", "index": "conformance" })),
        (
            "get_document",
            json!({ "path": "guides/a b.md", "index": "conformance" }),
        ),
        (
            "file_status",
            json!({ "path": "guides/a b.md", "index": "conformance" }),
        ),
    ] {
        let refused = desk.call(STRANGER, tool, arguments).await;
        assert_eq!(refused["isError"], true, "{refused}");
        assert_eq!(text(&refused), "the key is not for index conformance (forbidden)");
    }
    let none = desk.call(STRANGER, "search", json!({ "query": "crane" })).await;
    assert_eq!(
        text(&none),
        "there is no index, or none that the key is for (bad_arguments)"
    );
    let indexes = desk.call(STRANGER, "list_indexes", json!({})).await;
    assert_eq!(indexes["structuredContent"]["indexes"], json!([]));
}

#[tokio::test]
async fn refusals_of_the_interface_reach_the_model() {
    let desk = desk().await;
    for (tool, arguments, told) in [
        (
            "search",
            json!({ "query": "x".repeat(4_001) }),
            "longer than 4000 characters (bad_request)",
        ),
        ("search", json!({ "query": " " }), "say what to look for"),
        ("search", json!({ "query": "x", "limit": 1000 }), "limit 1000"),
        (
            "search",
            json!({ "query": "x", "index": "absent" }),
            "(index_not_found)",
        ),
        (
            "search",
            json!({ "query": "x", "filter": { "globs": ["["] } }),
            "(bad_request)",
        ),
        ("get_document", json!({ "path": "absent.md" }), "(file_not_found)"),
        (
            "get_document",
            json!({ "path": "guides/a b.md", "etag": "old" }),
            "(document_changed)",
        ),
        (
            "get_document",
            json!({ "path": "guides/a b.md", "max_bytes": 0 }),
            "max_bytes 0",
        ),
        ("file_status", json!({ "path": "absent.md" }), "(file_not_found)"),
    ] {
        let refused = desk.call(READER, tool, arguments.clone()).await;
        assert_eq!(refused["isError"], true, "{refused}");
        assert!(text(&refused).contains(told), "{arguments:.80} gets {refused}");
    }
}

#[tokio::test]
async fn what_is_no_message_is_a_problem() {
    let desk = desk().await;
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let long = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "x".repeat(3 << 20) } }).to_string();
    for (body, headers, code) in [
        ("{", &[][..], "invalid_body"),
        ("[]", &[], "invalid_body"),
        ("{}", &[], "invalid_body"),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, &[], "invalid_body"),
        (&long, &[], "too_large"),
        (&list, &[("origin", "https://evil.example")], "forbidden"),
        (&list, &[("origin", "null")], "forbidden"),
        (&list, &[("mcp-protocol-version", "1999-01-01")], "bad_request"),
    ] {
        let (status, kind, problem) = desk.post(READER, body, headers).await;
        assert!(
            status.is_client_error(),
            "{body:.80} {headers:?} gets {status} {problem}"
        );
        assert_eq!(
            kind, "application/problem+json",
            "{body:.80} {headers:?} gets {problem}"
        );
        assert_eq!(problem["code"], code, "{body:.80} {headers:?} gets {problem}");
    }
    let (status, _, _) = desk
        .post(READER, &list, &[("origin", "http://localhost:3000")])
        .await;
    assert_eq!(status, StatusCode::OK);
    let get = Request::get("/mcp")
        .header(AUTHORIZATION, READER)
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        desk.send(get).await.0,
        StatusCode::METHOD_NOT_ALLOWED,
        "no streams"
    );
    let nothing = json!({ "jsonrpc": "2.0", "id": 1, "method": "indexes/delete" }).to_string();
    let (_, _, answer) = desk.post(READER, &nothing, &[]).await;
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
}
