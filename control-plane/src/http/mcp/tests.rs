//! Messages to `/mcp` through the routes, behind the guard that asks for keys.

use axum::body::Body;
use serde_json::json;
use shared::blobs::source::Source;
use shared::clock::ManualClock;
use shared::index_settings::IndexSettings;
use shared::ledger::Ledger as _;
use shared::secret::Secret;
use tower::ServiceExt;

use super::super::guard::{Guard, LimitSettings, Place};
use super::super::guarded;
use super::super::search::tests::Shelved;
use super::super::tests::api;
use super::*;
use crate::metrics::Metrics;
use crate::search::tests::shelf::{Shelf, index};

const ADMIN: &str = "an-admin-key-for-these-tests";

/// Two indexes, and keys with the scope `search`, as `Authorization` takes them.
struct Desk {
    router: Router,
    metrics: Arc<Metrics>,
    /// For the index with documents.
    reader: String,
    /// For the other index.
    stranger: String,
    /// For an index that is not there.
    lost: String,
    /// For every index.
    librarian: String,
    _folder: tempfile::TempDir,
}

async fn desk() -> Desk {
    let shelf = Shelf::new(None).await;
    shelf
        .publish("guides/a b.md", &["The crane lifts.", "It has a hook."], |_| {})
        .await;
    let elsewhere = "elsewhere".parse().unwrap();
    shelf.ledger.ensure_index(&elsewhere, &json!({})).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let opener = Shelved {
        shelf: Arc::clone(&shelf),
        settings: IndexSettings::new(Source::Folder(folder.path().to_owned()), "english"),
    };
    let ledger = Arc::clone(&shelf.ledger);
    let api = api(ledger, Arc::new(opener), Arc::new(ManualClock::at(0)));
    let metrics = Arc::clone(&api.metrics);
    let guard = Guard::new(
        Place::Anywhere,
        Some(&Secret::new(ADMIN)),
        None,
        &LimitSettings::default(),
        Arc::clone(&shelf.ledger) as _,
        Arc::clone(&metrics),
    );
    let mut desk = Desk {
        router: guarded(Arc::new(api), None, guard),
        metrics,
        reader: String::new(),
        stranger: String::new(),
        lost: String::new(),
        librarian: String::new(),
        _folder: folder,
    };
    desk.reader = desk
        .key(json!({ "scopes": ["search"], "indexes": [index()] }))
        .await;
    desk.stranger = desk
        .key(json!({ "scopes": ["search"], "indexes": [elsewhere] }))
        .await;
    desk.lost = desk
        .key(json!({ "scopes": ["search"], "indexes": ["absent"] }))
        .await;
    desk.librarian = desk.key(json!({ "scopes": ["search"] })).await;
    desk
}

impl Desk {
    /// Makes a key.
    async fn key(&self, mut wanted: Value) -> String {
        wanted["name"] = json!("test");
        let request = Request::post("/apiKeys")
            .header(AUTHORIZATION, format!("Bearer {ADMIN}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(wanted.to_string()))
            .unwrap();
        let (status, _, made) = self.send(request).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        format!("Bearer {}", made["secret"].as_str().unwrap())
    }

    /// What is in the audit log, but for the making of keys.
    async fn changes(&self) -> Vec<Value> {
        let request = Request::get("/audit").header(AUTHORIZATION, format!("Bearer {ADMIN}"));
        let (_, _, mut page) = self.send(request.body(Body::empty()).unwrap()).await;
        let mut entries: Vec<Value> = serde_json::from_value(page["entries"].take()).unwrap();
        entries.retain(|entry| entry["action"] != "keys_create");
        entries
    }

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
    let hello = desk.ask(&desk.reader, "initialize", hello).await;
    assert_eq!(hello["protocolVersion"], "2025-06-18");
    assert_eq!(hello["serverInfo"]["name"], "longshore");
    let started = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let (status, _, answer) = desk.post(&desk.reader, &started.to_string(), &[]).await;
    assert_eq!((status, answer), (StatusCode::ACCEPTED, Value::Null));

    let listed = desk.ask(&desk.reader, "tools/list", json!({})).await;
    let tools = listed["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["search", "get_document", "file_status", "list_indexes"]);
    assert!(
        tools
            .iter()
            .all(|tool| tool["annotations"]["readOnlyHint"] == true)
    );

    let found = desk
        .call(&desk.reader, "search", json!({ "query": "crane" }))
        .await;
    assert!(text(&found).contains("guides/a b.md"), "{found}");
    let passage = &found["structuredContent"]["passages"][0];
    assert_eq!(passage["text"], "The crane lifts.");
    let arguments = json!({ "path": passage["path"], "from": passage["from"], "etag": passage["etag"] });
    let document = desk.call(&desk.reader, "get_document", arguments).await;
    assert!(text(&document).contains("It has a hook."), "{document}");
    let status = desk
        .call(&desk.reader, "file_status", json!({ "path": "guides/a b.md" }))
        .await;
    assert_eq!(status["structuredContent"]["searchable"], true, "{status}");
    let indexes = desk.call(&desk.reader, "list_indexes", json!({})).await;
    assert_eq!(indexes["structuredContent"]["indexes"][0]["index"], "conformance");

    let unknown = desk.call(&desk.reader, "delete_index", json!({})).await;
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
        let refused = desk.call(&desk.stranger, tool, arguments).await;
        assert_eq!(refused["isError"], true, "{refused}");
        assert_eq!(text(&refused), "the key is not for index conformance (forbidden)");
    }
    for (key, seen) in [
        (&desk.reader, &["conformance"][..]),
        (&desk.stranger, &["elsewhere"]),
        (&desk.lost, &[]),
        (&desk.librarian, &["conformance", "elsewhere"]),
    ] {
        let indexes = desk.call(key, "list_indexes", json!({})).await;
        let indexes = indexes["structuredContent"]["indexes"]
            .as_array()
            .unwrap()
            .clone();
        let names: Vec<_> = indexes
            .iter()
            .map(|index| index["index"].as_str().unwrap())
            .collect();
        assert_eq!(names, seen);
    }
    let none = desk.call(&desk.lost, "search", json!({ "query": "crane" })).await;
    assert_eq!(
        text(&none),
        "there is no index, or none that the key is for (bad_arguments)"
    );
    let which = desk
        .call(&desk.librarian, "search", json!({ "query": "crane" }))
        .await;
    assert!(text(&which).contains("one of conformance, elsewhere"), "{which}");

    let feeder = desk.key(json!({ "scopes": ["ingest"] })).await;
    let (status, _, problem) = desk.post(&feeder, &list, &[]).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::FORBIDDEN, &json!("forbidden"))
    );
}

#[tokio::test]
async fn nothing_is_changed_whatever_the_key_allows() {
    let desk = desk().await;
    let admin = format!("Bearer {ADMIN}");
    for key in [&desk.reader, &admin] {
        for (tool, arguments) in [
            ("list_indexes", json!({})),
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
            let result = desk.call(key, tool, arguments).await;
            assert_ne!(result["isError"], true, "{result}");
        }
        // The interface has these; the tools are not a way to them.
        for operation in [
            "delete_index",
            "indexes_delete",
            "keys_create",
            "runs_start",
            "mcp_message",
        ] {
            let refused = desk.call(key, operation, json!({ "index": "conformance" })).await;
            assert_eq!(refused["code"], -32602, "{operation}: {refused}");
        }
        // Names that lead elsewhere when they become part of an address.
        for index in [
            "conformance/pause",
            "../apiKeys",
            "conformance?x=1",
            "conformance%2Fpause",
        ] {
            let refused = desk
                .call(key, "search", json!({ "query": "crane", "index": index }))
                .await;
            assert!(text(&refused).contains("(bad_arguments)"), "{index}: {refused}");
        }
    }
    assert_eq!(desk.changes().await, [] as [Value; 0]);
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
            "(forbidden)",
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
        let refused = desk.call(&desk.reader, tool, arguments.clone()).await;
        assert_eq!(refused["isError"], true, "{refused}");
        assert!(text(&refused).contains(told), "{arguments:.80} gets {refused}");
    }
    let arguments = json!({ "query": "x", "index": "absent" });
    let refused = desk.call(&desk.librarian, "search", arguments).await;
    assert!(text(&refused).contains("(index_not_found)"), "{refused}");
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
        let (status, kind, problem) = desk.post(&desk.reader, body, headers).await;
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
        .post(&desk.reader, &list, &[("origin", "http://localhost:3000")])
        .await;
    assert_eq!(status, StatusCode::OK);
    let get = Request::get("/mcp")
        .header(AUTHORIZATION, &desk.reader)
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        desk.send(get).await.0,
        StatusCode::METHOD_NOT_ALLOWED,
        "no streams"
    );
    let nothing = json!({ "jsonrpc": "2.0", "id": 1, "method": "indexes/delete" }).to_string();
    let (_, _, answer) = desk.post(&desk.reader, &nothing, &[]).await;
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
}
