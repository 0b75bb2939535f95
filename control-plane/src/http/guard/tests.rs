use std::collections::BTreeSet;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::Method;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use serde_json::{Value, json};
use shared::ids::{AuditId, IndexId};
use tokio::sync::Notify;
use tower::ServiceExt as _;
use utoipa_axum::routes;

use super::*;
use crate::http::tests::routes;

const ADMIN: &str = "an-admin-key-for-these-tests";

/// Two handlers that no service has: one fails in all ways, one waits.
#[utoipa::path(post, path = "/indexes/{index}/boom", tag = "work", params(("index" = String, Path)), security(("key" = ["ingest"])))]
async fn boom() -> StatusCode {
    panic!("a planted panic")
}

#[utoipa::path(get, path = "/slow", tag = "work", security(("key" = ["search"])))]
async fn slow(Extension(gate): Extension<Arc<Gate>>) -> &'static str {
    gate.entered.notify_one();
    gate.open.notified().await;
    "done"
}

#[derive(Default)]
struct Gate {
    entered: Notify,
    open: Notify,
}

struct Desk {
    router: Router,
    ledger: Arc<dyn ControlLedger>,
    metrics: Arc<Metrics>,
    gate: Arc<Gate>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Desk {
    fn new(place: Place, limits: &LimitSettings) -> Self {
        let (routes, ledger, metrics) = routes();
        Self::on(routes, ledger, metrics, place, limits)
    }

    fn on(
        routes: OpenApiRouter,
        ledger: Arc<dyn ControlLedger>,
        metrics: Arc<Metrics>,
        place: Place,
        limits: &LimitSettings,
    ) -> Self {
        let admin = Secret::new(ADMIN);
        let guard = Guard::new(
            place,
            Some(&admin),
            None,
            limits,
            Arc::clone(&ledger),
            Arc::clone(&metrics),
        );
        let gate = Arc::new(Gate::default());
        let planted = OpenApiRouter::new().routes(routes!(boom)).routes(routes!(slow));
        Self {
            router: around(routes.merge(planted), guard).layer(Extension(Arc::clone(&gate))),
            ledger,
            metrics,
            gate,
        }
    }

    fn locked() -> Self {
        Self::new(Place::Anywhere, &LimitSettings::default())
    }

    async fn send(&self, request: Request) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Answer {
            status,
            headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        }
    }

    async fn ask(&self, method: Method, path: &str, key: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !key.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = match body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.unwrap()).await
    }

    async fn make(&self, wanted: Value) -> (String, String) {
        let made = self.ask(Method::POST, "/apiKeys", ADMIN, Some(wanted)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        assert_eq!(made.headers[CACHE_CONTROL], "no-store");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&made.body["key"]["id"]), text(&made.body["secret"]))
    }

    async fn audit(&self) -> Vec<Value> {
        let page = self.ask(Method::GET, "/audit", ADMIN, None).await;
        page.body["entries"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say_for_its_indexes() {
    let desk = Desk::locked();
    for name in ["docs", "other"] {
        let name = IndexId::new(name).unwrap();
        let settings = json!({ "source": "folder" });
        desk.ledger.ensure_index(&name, &settings).await.unwrap();
    }
    let (_, search) = desk.make(json!({ "name": "s", "scopes": ["search"] })).await;
    let (_, docs) = desk
        .make(json!({ "name": "d", "scopes": ["search", "ingest"], "indexes": ["docs"] }))
        .await;
    let (_, owner) = desk
        .make(json!({ "name": "o", "scopes": ["admin"], "indexes": ["docs"] }))
        .await;
    // The right start and another rest.
    let forged = format!("{}{}", &search[..13], &docs[13..]);
    let (get, post) = (Method::GET, Method::POST);
    for (method, path, key, expected) in [
        (&get, "/healthz", "", 200),
        (&get, "/healthz", "wrong", 200),
        (&get, "/indexes", "", 401),
        (&get, "/indexes", "wrong", 401),
        (&get, "/indexes", &forged, 401),
        (&get, "/indexes", ADMIN, 200),
        (&get, "/indexes/docs", &*search, 200),
        (&get, "/indexes/docs", &docs, 200),
        (&get, "/indexes/other", &search, 200),
        (&get, "/indexes/other", &docs, 403),
        (&get, "/indexes/other", &owner, 403),
        (&get, "/indexes/never-made", &docs, 403),
        (&get, "/indexes/Not%20A%20Name", &docs, 403),
        (&get, "/indexes/%FF", &docs, 403),
        (&post, "/indexes/docs/pause", &docs, 403),
        (&post, "/indexes/docs/pause", &owner, 200),
        (&post, "/indexes/other/pause", &owner, 403),
        (&get, "/apiKeys", &search, 403),
        (&get, "/apiKeys", &owner, 403),
        (&post, "/apiKeys", &owner, 403),
        (&get, "/audit", &owner, 403),
        (&get, "/metrics", &docs, 403),
        (&get, "/dead-letters", &owner, 403),
        (&get, "/nowhere", "", 401),
        (&get, "/nowhere", &search, 404),
        (&Method::PUT, "/indexes", "", 401),
        (&Method::PUT, "/indexes", &search, 405),
        (&Method::HEAD, "/indexes", "", 401),
        (&Method::HEAD, "/indexes", &search, 200),
        (&post, "/events", &search, 403),
        (&Method::OPTIONS, "/events", "", 401),
        (&Method::OPTIONS, "/events", &docs, 200),
    ] {
        let body =
            (path == "/apiKeys" && method == post).then(|| json!({ "name": "x", "scopes": ["admin"] }));
        let answer = desk.ask(method.clone(), path, key, body).await;
        assert_eq!(
            answer.status.as_u16(),
            expected,
            "{method} {path} {key}: {}",
            answer.body
        );
        assert_eq!(answer.headers.contains_key(WWW_AUTHENTICATE), expected == 401);
    }
    let listed = desk.ask(Method::GET, "/indexes", &docs, None).await;
    assert_eq!(listed.body.as_array().unwrap().len(), 1, "{}", listed.body);
    let allowed = desk.ask(Method::PUT, "/indexes", &search, None).await;
    assert_eq!(allowed.headers["allow"], "GET, POST");
    assert!(desk.metrics.http_refused.with_label_values(&["forbidden"]).get() > 0);
}

#[tokio::test]
async fn secrets_are_shown_once_and_end_when_they_should() {
    let desk = Desk::locked();
    let (id, first) = desk.make(json!({ "name": "k", "scopes": ["search"] })).await;
    let status = async |key: &str| desk.ask(Method::GET, "/indexes", key, None).await.status.as_u16();
    assert_eq!(status(&first).await, 200);
    for path in [
        "/apiKeys".to_owned(),
        format!("/apiKeys/{id}"),
        "/audit".to_owned(),
    ] {
        let shown = desk.ask(Method::GET, &path, ADMIN, None).await;
        assert_eq!(shown.status, StatusCode::OK);
        let text = shown.body.to_string();
        assert!(!text.contains(&first[13..]) && !text.contains("hash"), "{text}");
    }
    let rotate = format!("/apiKeys/{id}/rotate");
    let rotated = desk.ask(Method::POST, &rotate, ADMIN, None).await;
    let second = rotated.body["secret"].as_str().unwrap().to_owned();
    assert_eq!(
        (status(&first).await, status(&second).await),
        (200, 200),
        "both, for a while"
    );
    let again = desk.ask(Method::POST, &rotate, ADMIN, None).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    let now = desk
        .ask(Method::POST, &format!("{rotate}?overlap_seconds=0"), ADMIN, None)
        .await;
    let third = now.body["secret"].as_str().unwrap().to_owned();
    assert_eq!(
        (status(&first).await, status(&second).await, status(&third).await),
        (401, 401, 200)
    );
    // A replica that has seen the key, and one that revokes it.
    let (routes, ..) = routes();
    let (ledger, metrics) = (Arc::clone(&desk.ledger), Arc::clone(&desk.metrics));
    let other = Desk::on(
        routes,
        ledger,
        metrics,
        Place::Anywhere,
        &LimitSettings::default(),
    );
    assert_eq!(
        other.ask(Method::GET, "/indexes", &third, None).await.status,
        StatusCode::OK
    );
    let revoked = desk
        .ask(Method::DELETE, &format!("/apiKeys/{id}"), ADMIN, None)
        .await;
    assert!(revoked.body["revoked_at"].is_i64(), "{}", revoked.body);
    assert_eq!(status(&third).await, 401, "at once where it was revoked");
    let began = tokio::time::Instant::now();
    while other.ask(Method::GET, "/indexes", &third, None).await.status == StatusCode::OK {
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "it is still accepted elsewhere"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let gone = desk.ask(Method::POST, &rotate, ADMIN, None).await;
    assert_eq!(gone.status, StatusCode::CONFLICT);
    let nobody = "/apiKeys/0198c0de-7a11-7000-8000-000000000001";
    for method in [Method::GET, Method::DELETE] {
        let answer = desk.ask(method, nobody, ADMIN, None).await;
        assert_eq!(answer.body["code"], "key_not_found");
    }
}

#[tokio::test]
async fn keys_that_make_no_sense_are_refused() {
    let desk = Desk::locked();
    for (wanted, why) in [
        (json!({ "name": "", "scopes": ["search"] }), "name"),
        (json!({ "name": "a\u{0}b", "scopes": ["search"] }), "zero"),
        (json!({ "name": "x".repeat(101), "scopes": ["search"] }), "name"),
        (json!({ "name": "x", "scopes": [] }), "scopes"),
        (json!({ "name": "x", "scopes": ["root"] }), "root"),
        (
            json!({ "name": "x", "scopes": ["search"], "indexes": [] }),
            "indexes",
        ),
        (
            json!({ "name": "x", "scopes": ["search"], "indexes": ["A B"] }),
            "index name",
        ),
        (
            json!({ "name": "x", "scopes": ["search"], "expires_at": 5 }),
            "past",
        ),
        (
            json!({ "name": "x", "scopes": ["search"], "colour": 5 }),
            "colour",
        ),
    ] {
        let answer = desk
            .ask(Method::POST, "/apiKeys", ADMIN, Some(wanted.clone()))
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wanted}");
        assert!(
            answer.body["detail"].as_str().unwrap().contains(why),
            "{}",
            answer.body
        );
    }
    let long = format!("/apiKeys/{}/rotate?overlap_seconds=99999999", AuditId::generate());
    assert_eq!(
        desk.ask(Method::POST, &long, ADMIN, None).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn changes_are_written_down_with_their_outcome() {
    let desk = Desk::locked();
    let (id, key) = desk.make(json!({ "name": "deploy", "scopes": ["admin"] })).await;
    let index = IndexId::new("docs").unwrap();
    desk.ledger
        .ensure_index(&index, &json!({ "source": "folder" }))
        .await
        .unwrap();
    desk.ask(Method::POST, "/indexes/docs/pause?key=s3cret", &key, None)
        .await;
    desk.ask(Method::POST, "/indexes/missing/pause", &key, None).await;
    desk.ask(Method::POST, "/indexes/docs/boom", &key, None).await;
    desk.ask(Method::GET, "/indexes", &key, None).await;
    desk.ask(
        Method::POST,
        "/indexes/docs/search",
        &key,
        Some(json!({ "query": "x" })),
    )
    .await;
    desk.ask(Method::POST, "/indexes/docs/pause", "wrong", None).await;
    let entries = desk.audit().await;
    let told: Vec<String> = entries
        .iter()
        .map(|entry| {
            let code = entry["code"].as_str().unwrap_or("-");
            format!(
                "{} {} {} {code}",
                entry["actor"], entry["action"], entry["status"]
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "\"deploy\" \"work_boom\" 500 internal",
            "\"deploy\" \"indexes_pause\" 404 index_not_found",
            "\"deploy\" \"indexes_pause\" 200 -",
            "\"admin key\" \"keys_create\" 201 -",
        ]
    );
    assert_eq!(entries[2]["path"], "/indexes/docs/pause");
    assert_eq!(
        (&entries[2]["index"], &entries[2]["key"]),
        (&json!("docs"), &json!(id))
    );
    assert!(!json!(entries).to_string().contains("s3cret"));

    let first = desk.ask(Method::GET, "/audit?limit=3", ADMIN, None).await;
    let cursor = first.body["cursor"].as_str().unwrap();
    let next = desk
        .ask(
            Method::GET,
            &format!("/audit?limit=3&cursor={cursor}"),
            ADMIN,
            None,
        )
        .await;
    assert_eq!(next.body["entries"].as_array().unwrap().len(), 1);
    assert!(next.body["cursor"].is_null());
    for bad in [
        "x",
        "1-2",
        "-",
        "9999999999999999999999-0198c0de-7a11-7000-8000-000000000001",
    ] {
        let answer = desk
            .ask(Method::GET, &format!("/audit?cursor={bad}"), ADMIN, None)
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn a_panic_is_a_problem_with_the_id_that_is_in_the_log() {
    let desk = Desk::locked();
    let request = |id: &str| {
        Request::post("/indexes/docs/boom")
            .header(AUTHORIZATION, format!("Bearer {ADMIN}"))
            .header("x-request-id", id)
            .body(Body::empty())
            .unwrap()
    };
    let answer = desk.send(request("from-a-caller_1.2")).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.body["code"], "internal");
    assert_eq!(answer.body["request_id"], "from-a-caller_1.2");
    assert_eq!(answer.headers["x-request-id"], "from-a-caller_1.2");
    assert!(
        !answer.body.to_string().contains("planted"),
        "what it said is for the log"
    );
    assert_eq!(desk.audit().await[0]["request_id"], "from-a-caller_1.2");
    for odd in ["", "a b", "a\tb", &"x".repeat(65), "{\"a\":1}"] {
        let answer = desk.send(request(odd)).await;
        let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
        assert!(id != odd && id.len() == 36, "{id}");
        assert_eq!(answer.body["request_id"], id);
    }
}

#[tokio::test]
async fn answers_tell_browsers_to_be_careful() {
    let desk = Desk::locked();
    for path in ["/healthz", "/indexes", "/nowhere"] {
        let answer = desk.ask(Method::GET, path, "", None).await;
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
        assert!(answer.headers.contains_key("content-security-policy"));
    }
}

#[tokio::test]
async fn large_bodies_are_refused_whether_they_say_so_or_not() {
    let desk = Desk::new(
        Place::Anywhere,
        &LimitSettings {
            body: 1000,
            ..LimitSettings::default()
        },
    );
    let request = |path: &str| Request::post(path).header(AUTHORIZATION, format!("Bearer {ADMIN}"));
    let unread = || {
        Body::from_stream(futures::stream::poll_fn(
            |_| -> std::task::Poll<Option<Result<Bytes, std::io::Error>>> { panic!("it is read") },
        ))
    };
    for path in ["/apiKeys", "/indexes/docs/pause"] {
        let said = request(path)
            .header(CONTENT_LENGTH, "1001")
            .body(Body::empty())
            .unwrap();
        let answer = desk.send(said).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        assert!(answer.body["detail"].as_str().unwrap().contains("1000 bytes"));
    }
    let silent = request("/apiKeys").header(CONTENT_TYPE, "application/json");
    let answer = desk
        .send(silent.body(Body::from(" ".repeat(1001))).unwrap())
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["code"]),
        (413, &json!("too_large"))
    );
    let stranger = Request::post("/apiKeys").body(unread()).unwrap();
    assert_eq!(desk.send(stranger).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_busy_service_says_so_and_health_goes_on() {
    let desk = Arc::new(Desk::new(
        Place::Anywhere,
        &LimitSettings {
            concurrent: 1,
            timeout: Duration::from_millis(300),
            ..LimitSettings::default()
        },
    ));
    let slow = desk.ask(Method::GET, "/slow", ADMIN, None);
    let meanwhile = async {
        desk.gate.entered.notified().await;
        let busy = desk.ask(Method::GET, "/indexes", ADMIN, None).await;
        assert_eq!(
            (busy.status.as_u16(), &busy.body["code"]),
            (503, &json!("overloaded"))
        );
        assert!(busy.headers.contains_key(RETRY_AFTER));
        assert_eq!(
            desk.ask(Method::GET, "/healthz", "", None).await.status,
            StatusCode::OK
        );
        desk.gate.open.notify_one();
    };
    let (slow, ()) = tokio::join!(slow, meanwhile);
    assert_eq!(slow.status, StatusCode::OK);
    let given_up = desk.ask(Method::GET, "/slow", ADMIN, None).await;
    assert_eq!(
        (given_up.status.as_u16(), &given_up.body["code"]),
        (503, &json!("timed_out"))
    );
    let after = desk.ask(Method::GET, "/indexes", ADMIN, None).await;
    assert_eq!(after.status, StatusCode::OK, "its place is free again");
}

#[tokio::test]
async fn one_key_cannot_take_all() {
    let limits = LimitSettings {
        rate: 3,
        ..LimitSettings::default()
    };
    let desk = Desk::new(Place::Anywhere, &limits);
    let (_, greedy) = desk
        .make(json!({ "name": "same name", "scopes": ["search"] }))
        .await;
    let (_, other) = desk
        .make(json!({ "name": "same name", "scopes": ["search"] }))
        .await;
    let mut statuses = BTreeSet::new();
    for _ in 0..10 {
        let answer = desk.ask(Method::GET, "/indexes", &greedy, None).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.body["code"], "throttled");
            assert!(answer.headers.contains_key(RETRY_AFTER));
        }
        statuses.insert(answer.status.as_u16());
    }
    assert_eq!(statuses, BTreeSet::from([200, 429]));
    assert_eq!(
        desk.ask(Method::GET, "/indexes", &other, None).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn without_keys_only_this_machine_is_answered() {
    let desk = Desk::new(Place::Machine, &LimitSettings::default());
    let ask = async |host: &str, origin: Option<&str>| {
        let mut request = Request::post("/indexes/docs/pause").header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        desk.send(request.body(Body::empty()).unwrap()).await
    };
    let near = ask("127.0.0.1:7700", None).await;
    assert_eq!(near.body["code"], "index_not_found");
    for (host, origin) in [
        ("evil.example", None),
        ("localhost", Some("https://evil.example")),
    ] {
        let far = ask(host, origin).await;
        assert_eq!(
            (far.status.as_u16(), &far.body["code"]),
            (403, &json!("foreign_host"))
        );
    }
    assert_eq!(desk.audit().await.len(), 1, "what is refused changes nothing");
}
