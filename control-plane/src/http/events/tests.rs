mod refusals;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Method;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use prometheus::Registry;
use serde_json::{Value, json};
use shared::blob_path::BlobPath;
use shared::clock::SystemClock;
use shared::file_state::FileState;
use shared::ids::FileId;
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{ControlLedger, FileFilter, IndexState, Ledger};
use shared::secret::Secret;
use tokio::sync::Notify;
use tower::ServiceExt;

use super::*;
use crate::http::guard::{Guard, LimitSettings, Place, around};
use crate::intake::accept::tests::{FixedPlaces, index_place};
use crate::intake::events::samples::{self, cloud_event, event_grid};
use crate::intake::router::IndexPlace;
use crate::metrics::Metrics;

const KEY: &str = "s3cret/key+with=signs";

/// The routes over a ledger in a file, which a test can damage.
struct Desk {
    folder: tempfile::TempDir,
    ledger: Arc<SqliteLedger>,
    metrics: Arc<Metrics>,
    indexes: Vec<IndexPlace>,
    router: Router,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn error(&self) -> &str {
        self.body["detail"].as_str().unwrap()
    }

    /// Accepted, duplicates, ignored, unowned, refused.
    fn counts(&self) -> [u64; 5] {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        ["accepted", "duplicates", "ignored", "unowned", "refused"]
            .map(|name| self.body[name].as_u64().unwrap())
    }
}

impl Desk {
    async fn new(key: Option<&str>, indexes: Vec<IndexPlace>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(&folder.path().join("ledger.db"), Arc::new(SystemClock)).unwrap();
        for index in &indexes {
            ledger.ensure_index(&index.index, &json!({})).await.unwrap();
        }
        let metrics = Arc::new(Metrics::register(&Registry::new()).unwrap());
        let intake = Intake {
            ledger: ledger.clone(),
            indexes: Arc::new(FixedPlaces(indexes.clone())),
            nudge: Arc::new(Notify::new()),
            metrics: Arc::clone(&metrics),
        };
        let guard = Guard::new(
            Place::Unlocked,
            None,
            key.map(Secret::new),
            &LimitSettings::default(),
            ledger.clone(),
            Arc::clone(&metrics),
        );
        Self {
            folder,
            ledger,
            metrics,
            indexes,
            router: around(routes(intake), guard),
        }
    }

    async fn open() -> Self {
        Self::new(None, vec![index_place("docs", "")]).await
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

    async fn post(&self, path: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header(CONTENT_TYPE, content_type);
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn azure(&self, events: &Value) -> Answer {
        self.post(
            "/events/azure",
            "application/json; charset=utf-8",
            events.to_string(),
        )
        .await
    }

    async fn files(&self, index: usize) -> Vec<String> {
        let index = &self.indexes[index].index;
        let files = self
            .ledger
            .files(index, &FileFilter::default(), 100)
            .await
            .unwrap();
        files.into_iter().map(|file| file.path.to_string()).collect()
    }

    /// Another program at the database.
    fn sabotage(&self, sql: &str) {
        let db = rusqlite::Connection::open(self.folder.path().join("ledger.db")).unwrap();
        db.execute_batch(sql).unwrap();
    }

    fn counted(&self, source: &str, outcome: &str) -> u64 {
        self.metrics.events.with_label_values(&[source, outcome]).get()
    }
}

fn created(path: &str) -> Value {
    event_grid("BlobCreated", path, &json!({}))
}

#[tokio::test]
async fn event_grid_is_answered_with_its_code() {
    let desk = Desk::open().await;
    let answer = desk.azure(&samples::validation()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.body,
        json!({ "validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6" })
    );
}

#[tokio::test]
async fn web_hooks_are_welcome_if_they_know_the_key() {
    let desk = Desk::new(Some(KEY), vec![]).await;
    let ask = |address: &str| {
        Request::builder()
            .method(Method::OPTIONS)
            .uri(address)
            .header("WebHook-Request-Origin", "eventgrid.azure.net")
            .header("WebHook-Request-Rate", "120")
            .header("WebHook-Request-Callback", "http://127.0.0.1:9/never-fetched")
            .body(Body::empty())
            .unwrap()
    };
    let answer = desk
        .send(ask("/events/azure?key=s3cret%2Fkey%2Bwith%3Dsigns"))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["webhook-allowed-origin"], "eventgrid.azure.net");
    assert_eq!(answer.headers["webhook-allowed-rate"], "*");
    assert!(answer.headers[ALLOW].to_str().unwrap().contains("POST"));

    let answer = desk.send(ask("/events/azure")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(!answer.headers.contains_key("webhook-allowed-origin"));

    let plain = Request::builder().method(Method::OPTIONS).uri("/events/s3");
    let answer = Desk::open().await.send(plain.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(
        !answer.headers.contains_key("webhook-allowed-origin"),
        "nobody asked"
    );
}

#[tokio::test]
async fn what_is_answered_with_200_is_in_the_ledger() {
    let desk = Desk::open().await;
    let answer = desk
        .azure(&json!([created("a.md"), created("b c.md"), created("a.md")]))
        .await;
    assert_eq!(answer.counts(), [2, 1, 0, 0, 0]);
    assert_eq!(desk.files(0).await, ["a.md", "b c.md"]);
    assert_eq!(desk.counted("event_grid", "accepted"), 2);
    assert_eq!(desk.counted("event_grid", "duplicate"), 1);
    assert_eq!(answer.headers[CACHE_CONTROL], "private, no-store");
}

#[tokio::test]
async fn cloud_events_are_taken_in_all_three_modes() {
    let desk = Desk::open().await;
    let event = |path: &str| cloud_event("BlobCreated", path, &json!({}));
    let single = desk
        .post("/events/azure", CLOUD_EVENT, event("single.md").to_string())
        .await;
    assert_eq!(single.counts(), [1, 0, 0, 0, 0]);
    let batch = json!([event("batch-1.md"), event("batch-2.md")]).to_string();
    let batch = desk
        .post(
            "/events/azure",
            "application/cloudevents-batch+json; charset=utf-8",
            batch,
        )
        .await;
    assert_eq!(batch.counts(), [2, 0, 0, 0, 0]);
    for address in ["/events/azure", "/events"] {
        let binary = event("binary %.md");
        let request = Request::post(address)
            .header(CONTENT_TYPE, "application/json")
            .header("ce-specversion", "1.0")
            .header("ce-id", "1")
            .header("ce-source", binary["source"].as_str().unwrap())
            .header("ce-type", "Microsoft.Storage.BlobCreated")
            .header(
                "ce-subject",
                "/blobServices/default/containers/docs/blobs/binary%20%25.md",
            )
            .body(Body::from(binary["data"].to_string()))
            .unwrap();
        assert_eq!(desk.send(request).await.counts(), [1, 0, 0, 0, 0]);
    }
    assert_eq!(
        desk.files(0).await,
        ["batch-1.md", "batch-2.md", "binary %.md", "single.md"]
    );
    assert_eq!(desk.counted("cloud_events", "accepted"), 5);
}

#[tokio::test]
async fn buckets_report_at_their_own_address_or_at_the_common_one() {
    let place = |name: &str, place| IndexPlace {
        place,
        ..index_place(name, "")
    };
    let s3 = crate::intake::events::Source::S3 {
        bucket: "papers".to_owned(),
    };
    let gcs = crate::intake::events::Source::Gcs {
        bucket: "archive".to_owned(),
    };
    let desk = Desk::new(None, vec![place("s3", s3), place("gcs", gcs)]).await;
    let notification = samples::s3("ObjectCreated:Put", "s3+ä.md").to_string();
    let sns = samples::sns(&samples::s3("ObjectCreated:Put", "sns.md").to_string()).to_string();
    let minio = samples::minio("s3:ObjectCreated:Put", "minio.md", "minio.md").to_string();
    let bridge = samples::event_bridge("Object Created", "bridge+1.md").to_string();
    let gcs = samples::gcs("OBJECT_FINALIZE", "gcs.md", &json!({})).to_string();
    for (path, content_type, body) in [
        ("/events/s3", "application/json", &notification),
        ("/events/s3", "text/plain; charset=UTF-8", &sns),
        ("/events", "application/json", &minio),
        ("/events", "Application/JSON", &bridge),
        ("/events/gcs", "application/json", &gcs),
    ] {
        let answer = desk.post(path, content_type, body.clone()).await;
        assert_eq!(answer.counts(), [1, 0, 0, 0, 0], "{path}");
    }
    assert_eq!(
        desk.files(0).await,
        ["bridge+1.md", "minio.md", "s3 ä.md", "sns.md"]
    );
    assert_eq!(desk.files(1).await, ["gcs.md"]);

    let asked = desk
        .post(
            "/events/s3",
            "text/plain",
            samples::sns_confirmation().to_string(),
        )
        .await;
    assert_eq!(asked.counts(), [0, 0, 0, 0, 1]);
    let letters = desk.ledger.dead_letters(10).await.unwrap();
    assert_eq!(letters[0].reason, "needs_confirmation");
    assert!(letters[0].body.contains("SubscribeURL"));
}

#[tokio::test]
async fn unknown_containers_are_counted_and_not_refused() {
    let desk = Desk::open().await;
    let mut foreign = created("a.md");
    foreign["subject"] = json!("/blobServices/default/containers/photos/blobs/a.jpg");
    let mut account = created("b.md");
    account["topic"] = json!(samples::ACCOUNT.replace("contoso", "fabrikam"));
    let answer = desk.azure(&json!([foreign, created("a.md"), account])).await;
    assert_eq!(answer.counts(), [1, 0, 0, 2, 0]);
    assert_eq!(desk.files(0).await, ["a.md"]);
    assert_eq!(desk.counted("event_grid", "unowned"), 2);
}

#[tokio::test]
async fn climbing_paths_are_set_aside_and_their_neighbours_taken() {
    let desk = Desk::open().await;
    let answer = desk
        .azure(&json!([
            created("a.md"),
            created("x/%2e%2e/../b"),
            created("c.md")
        ]))
        .await;
    assert_eq!(answer.counts(), [2, 0, 0, 0, 1]);
    assert!(
        answer.body["problems"][0]["problem"]
            .as_str()
            .unwrap()
            .contains("climbs")
    );
    assert_eq!(desk.files(0).await, ["a.md", "c.md"]);
    let letters = desk.ledger.dead_letters(10).await.unwrap();
    assert_eq!(
        (letters.len(), letters[0].queue.as_str()),
        (1, "POST /events/azure")
    );
}

#[tokio::test]
async fn a_paused_index_records_and_one_on_its_way_out_does_not() {
    let mut indexes = vec![index_place("paused", ""), index_place("leaving", "")];
    indexes[0].state = IndexState::Paused;
    indexes[1].state = IndexState::Deleting;
    let desk = Desk::new(None, indexes).await;
    desk.ledger
        .set_active(&desk.indexes[0].index, false)
        .await
        .unwrap();
    desk.ledger.delete_index(&desk.indexes[1].index).await.unwrap();
    let answer = desk.azure(&json!([created("a.md")])).await;
    assert_eq!(answer.counts(), [1, 0, 0, 0, 0]);
    assert_eq!(desk.files(0).await, ["a.md"]);
    assert_eq!(desk.files(1).await, Vec::<String>::new());
    let id = FileId::of(&desk.indexes[0].index, &BlobPath::new("a.md").unwrap());
    let row = desk
        .ledger
        .file(&desk.indexes[0].index, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.state, FileState::Pending);
}
