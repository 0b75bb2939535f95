//! Searches and documents through the front door.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use shared::blobs::folder::Folder;
use shared::blobs::source::Source;
use shared::clock::ManualClock;
use shared::ids::IndexId;
use shared::index_settings::IndexSettings;
use shared::ledger::IndexRecord;
use shared::vectors::conformance::DIMENSIONS;
use tower::ServiceExt;

use super::super::tests::api;
use super::super::{Api, router};
use super::*;
use crate::indexes::{Index, NewIndex, Opener};
use crate::search::tests::shelf::Shelf;

struct Desk {
    shelf: Arc<Shelf>,
    router: axum::Router,
    _folder: tempfile::TempDir,
}

/// Six files of one chunk that all match "crane".
async fn desk(dense_size: Option<usize>) -> Desk {
    let shelf = Shelf::new(dense_size).await;
    for (number, (path, mime, text)) in [
        ("guides/intro.md", "text/markdown", "crane crane crane crane lift"),
        (
            "guides/deep/more.md",
            "text/markdown",
            "crane crane crane hook lift",
        ),
        (
            "guides/manual.pdf",
            "application/pdf",
            "crane crane hook rope lift",
        ),
        ("reports/q1.pdf", "application/pdf", "crane hook rope winch lift"),
        (
            "reports/q2.PDF",
            "application/pdf",
            "crane rope winch boom lift pulley",
        ),
        (
            "page.html",
            "text/html; charset=utf-8",
            "crane winch boom jib lift pulley mast",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        shelf
            .publish(path, &[text], |payload| {
                payload.mime = mime.to_owned();
                payload.modified = (number != 5).then(|| 1_000 + i64::try_from(number).unwrap());
                payload.place.page = mime.ends_with("pdf").then(|| u32::try_from(number).unwrap());
                payload.converter = if mime.ends_with("pdf") { "pdf" } else { "" }.to_owned();
                payload.metadata = BTreeMap::from([("number".to_owned(), number.to_string())]);
                if number % 2 == 0 {
                    payload.metadata.insert("even".to_owned(), String::new());
                }
            })
            .await;
    }
    serve(shelf)
}

/// Opens every index as what is on the shelf.
pub(in crate::http) struct Shelved {
    pub(in crate::http) shelf: Arc<Shelf>,
    pub(in crate::http) settings: IndexSettings,
}

#[async_trait]
impl Opener for Shelved {
    async fn open(&self, record: &IndexRecord) -> anyhow::Result<Index> {
        let search = self.shelf.search();
        let Source::Folder(folder) = &self.settings.source else {
            anyhow::bail!("the shelf is a folder");
        };
        Ok(Index {
            record: record.clone(),
            settings: self.settings.clone(),
            blobs: Arc::new(Folder::open(folder)?),
            vectors: Arc::clone(&search.vectors),
            search,
            reconciler: None,
            upkeep: None,
        })
    }

    async fn settle(&self, _wanted: &NewIndex) -> anyhow::Result<IndexSettings> {
        Ok(self.settings.clone())
    }

    async fn destroy(&self, _index: &IndexId) -> anyhow::Result<()> {
        Ok(())
    }
}

fn serve(shelf: Arc<Shelf>) -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let search = shelf.search();
    let metrics = Arc::clone(&search.metrics);
    let settings = IndexSettings::new(Source::Folder(folder.path().to_owned()), "english");
    let opener = Shelved {
        shelf: Arc::clone(&shelf),
        settings,
    };
    let ledger = Arc::clone(&shelf.ledger);
    let api = Api {
        metrics,
        ..api(ledger, Arc::new(opener), Arc::new(ManualClock::at(0)))
    };
    Desk {
        shelf,
        router: router(Arc::new(api)),
        _folder: folder,
    }
}

impl Desk {
    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn get(&self, rest: &str) -> (StatusCode, Value) {
        let uri = format!("/indexes/conformance/{rest}");
        self.send(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, body: &Value) -> (StatusCode, Value) {
        let request = Request::post("/indexes/conformance/search").header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    /// Paths of the answer to a search for "crane" with these fields on top.
    async fn found(&self, more: Value) -> Vec<String> {
        let mut body = json!({"query": "crane"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let (status, answer) = self.post(&body).await;
        assert_eq!(status, StatusCode::OK, "{body} gets {answer}");
        paths(&answer)
    }

    async fn refused(&self, more: Value) -> String {
        let mut body = json!({"query": "crane"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let (status, problem) = self.post(&body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body} gets {problem}");
        problem["detail"].as_str().unwrap().to_owned()
    }
}

fn paths(answer: &Value) -> Vec<String> {
    let hits = answer["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["path"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_filter_narrows_the_answer() {
    let desk = desk(None).await;
    let all = desk.found(json!({})).await;
    assert_eq!(all.len(), 6);
    for (filter, expected) in [
        (json!({"paths": ["page.html", "absent.md"]}), &["page.html"][..]),
        (
            json!({"prefixes": ["guides/"]}),
            &["guides/deep/more.md", "guides/intro.md", "guides/manual.pdf"],
        ),
        (
            json!({"prefixes": ["guides/m", "pa"]}),
            &["guides/manual.pdf", "page.html"],
        ),
        (
            json!({"globs": ["**/*.pdf"]}),
            &["guides/manual.pdf", "reports/q1.pdf"],
        ),
        (
            json!({"globs": ["guides/*"]}),
            &["guides/intro.md", "guides/manual.pdf"],
        ),
        (
            json!({"types": ["text/*"]}),
            &["guides/deep/more.md", "guides/intro.md", "page.html"],
        ),
        (json!({"types": ["text/html"]}), &["page.html"]),
        (
            json!({"metadata": {"number": ["1", "2"], "even": {"exists": true}}}),
            &["guides/manual.pdf"],
        ),
        (json!({"metadata": {"number": "3"}}), &["reports/q1.pdf"]),
        (
            json!({"metadata": {"even": {"exists": false}}, "prefixes": ["r"]}),
            &["reports/q1.pdf"],
        ),
        (
            json!({"modified_at": {"from": 1_001, "before": 1_003}}),
            &["guides/deep/more.md", "guides/manual.pdf"],
        ),
        (json!({"modified_at": {}, "types": ["text/html"]}), &[]),
        (
            json!({"pages": {"from": 3}}),
            &["reports/q1.pdf", "reports/q2.PDF"],
        ),
        (
            json!({"converters": ["pdf"], "prefixes": ["guides/"]}),
            &["guides/manual.pdf"],
        ),
        (json!({"sheets": ["Budget"]}), &[]),
    ] {
        let mut found = desk.found(json!({ "filter": filter })).await;
        found.sort_unstable();
        assert_eq!(found, expected, "{filter}");
    }
}

#[tokio::test]
async fn pages_scores_and_groups() {
    let desk = desk(None).await;
    let (_, answer) = desk.post(&json!({"query": "crane", "limit": 100})).await;
    let all = paths(&answer);
    assert_eq!((all.len(), answer.get("next_offset")), (6, None));
    let mut paged = Vec::new();
    let mut offset = Some(0);
    while let Some(from) = offset {
        let (_, page) = desk
            .post(&json!({"query": "crane", "limit": 4, "offset": from}))
            .await;
        paged.extend(paths(&page));
        offset = page["next_offset"].as_u64();
    }
    assert_eq!(paged, all);
    let least = &answer["hits"][2]["score"];
    assert_eq!(desk.found(json!({"min_score": least})).await, all[..3]);
    // Two chunks of one file are one hit when grouped.
    desk.shelf
        .publish("twice.md", &["crane crane crane", "crane crane"], |_| ())
        .await;
    assert_eq!(desk.found(json!({})).await.len(), 8);
    let grouped = desk.found(json!({"group_by_file": true})).await;
    assert_eq!(grouped.len(), 7);
    assert_eq!(
        desk.found(json!({"group_by_file": true, "limit": 3})).await,
        grouped[..3]
    );
}

#[tokio::test]
async fn the_address_asks_the_same_as_the_body() {
    let desk = desk(Some(DIMENSIONS)).await;
    for (url, body) in [
        ("q=crane", json!({"query": "crane"})),
        (
            "q=crane&mode=full_text&limit=2&offset=1&highlight=true",
            json!({"query": "crane", "mode": "full_text", "limit": 2, "offset": 1, "highlight": {}}),
        ),
        (
            "q=crane&prefix=guides/&glob=**/*.md&type=text/*&group_by_file=true",
            json!({"query": "crane", "group_by_file": true,
                "filter": {"prefixes": ["guides/"], "globs": ["**/*.md"], "types": ["text/*"]}}),
        ),
        (
            "q=crane&mode=vector&diversify=0.25&modified_from=1001",
            json!({"query": "crane", "mode": "vector", "diversify": {"lambda": 0.75},
                "filter": {"modified_at": {"from": 1001}}}),
        ),
        (
            "q=crane&path=page.html&min_score=0",
            json!({"query": "crane", "min_score": 0.0, "filter": {"paths": ["page.html"]}}),
        ),
    ] {
        let by_url = desk.get(&format!("search?{url}")).await;
        assert_eq!(by_url.0, StatusCode::OK, "{by_url:?}");
        assert!(!paths(&by_url.1).is_empty(), "{url}");
        assert_eq!(by_url, desk.post(&body).await, "{url}");
    }
}

#[tokio::test]
async fn hits_say_what_they_are() {
    let desk = desk(None).await;
    let (_, answer) = desk
        .post(
            &json!({"query": "ropes", "filter": {"paths": ["guides/manual.pdf"]},
            "highlight": {"pre_tag": "[", "post_tag": "]", "escape": "none"}}),
        )
        .await;
    let hit = &answer["hits"][0];
    assert_eq!(hit["marked"], "crane crane hook [rope] lift");
    assert_eq!(hit["highlights"], json!([{"start": 17, "end": 21}]));
    assert_eq!((&hit["page"], &hit["modified_at"]), (&json!(2), &json!(1_002)));
    assert_eq!(hit["heading_path"], json!(["Harbours", "Cranes"]));
    assert!(!hit["etag"].as_str().unwrap().is_empty());
    let (_, plain) = desk.post(&json!({"query": "crane"})).await;
    assert!(plain["hits"][0].get("marked").is_none());
}

#[tokio::test]
async fn a_model_that_is_down_is_said_and_not_passed_over() {
    let desk = desk(Some(DIMENSIONS)).await;
    let (_, hybrid) = desk.post(&json!({"query": "crane"})).await;
    assert_eq!(
        (&hybrid["mode"], hybrid.get("degraded")),
        (&json!("hybrid"), None)
    );
    desk.shelf.model.down.store(true, Ordering::SeqCst);
    // Known queries need no model.
    let (_, known) = desk.post(&json!({"query": "crane"})).await;
    assert_eq!(known, hybrid);
    let (status, answer) = desk.post(&json!({"query": "crane hook"})).await;
    assert_eq!((status, &answer["mode"]), (StatusCode::OK, &json!("full_text")));
    assert_eq!(answer["degraded"][0]["code"], "embedder_unavailable");
    assert!(!paths(&answer).is_empty());
    let (status, problem) = desk.post(&json!({"query": "crane hook", "mode": "vector"})).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(problem["code"], "embedder_unavailable");
}

#[tokio::test]
async fn copies_give_way_to_something_else() {
    let shelf = Shelf::new(Some(DIMENSIONS)).await;
    for path in ["a.md", "b.md", "c.md"] {
        shelf.publish(path, &["crane hook"], |_| ()).await;
    }
    shelf.publish("other.md", &["winch crane"], |_| ()).await;
    let desk = serve(shelf);
    let plain = desk
        .found(json!({"query": "crane hook", "mode": "full_text"}))
        .await;
    assert_eq!(plain.last().unwrap(), "other.md");
    for diversify in [json!(0.9), json!({"lambda": 0.1})] {
        let diverse = desk
            .found(json!({"query": "crane hook", "mode": "full_text", "diversify": diversify}))
            .await;
        assert_eq!((diverse.len(), diverse[1].as_str()), (4, "other.md"));
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_reason() {
    let desk = desk(None).await;
    for (more, reason) in [
        (json!({"query": " "}), "empty"),
        (json!({"query": "x".repeat(4_001)}), "4000"),
        (json!({"limit": 0}), "limit"),
        (json!({"limit": 101}), "limit"),
        (json!({"limit": 10, "offset": 991}), "first 1000"),
        (json!({"limit": 10, "offset": u64::MAX}), "first 1000"),
        (json!({"diversify": 1.5}), "between 0 and 1"),
        (json!({"diversify": 0.5}), "dense"),
        (json!({"mode": "vector"}), "embedding model"),
        (json!({"surprise": 1}), "surprise"),
        (json!({"filter": {"surprise": 1}}), "surprise"),
        (json!({"filter": {"globs": ["["]}}), "["),
        (json!({"filter": {"types": ["pdf"]}}), "type"),
        (json!({"filter": {"paths": ["../x"]}}), "relative"),
        (json!({"highlight": {"pre_tag": "x".repeat(300)}}), "tag"),
    ] {
        let detail = desk.refused(more).await;
        assert!(detail.contains(reason), "{reason}: {detail}");
    }
    for url in [
        "search?q=crane&diversify=NaN",
        "search?q=crane&min_score=inf",
        "search?q=crane&limit=many",
        "search?q=crane&what=ever",
        "search",
        "documents/page.html?max_bytes=0",
        "documents/page.html?from=-1",
    ] {
        let (status, problem) = desk.get(url).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{url}: {problem}");
    }
}

#[tokio::test]
async fn a_search_that_takes_too_long_ends() {
    let shelf = Shelf::new(None).await;
    shelf.publish("a.md", &["crane"], |_| ()).await;
    shelf.between(|| Box::pin(std::future::pending()));
    let desk = serve(shelf);
    tokio::time::pause();
    let (status, problem) = desk.get("search?q=crane").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(problem["code"], "search_timeout");
}

#[tokio::test]
async fn documents_are_read_in_parts_of_one_version() {
    let shelf = Shelf::new(None).await;
    let first = shelf
        .publish("guides/a b.md", &["# Cranes", "lift things", "and hooks"], |_| ())
        .await;
    shelf
        .write("draft.md", shared::ids::ClaimId::generate(), &["crane"], |_| ())
        .await;
    let desk = serve(shelf);
    let (status, whole) = desk.get("documents/guides/a%20b.md").await;
    assert_eq!(status, StatusCode::OK, "{whole}");
    assert_eq!(whole["text"], "# Cranes\n\nlift things\n\nand hooks");
    assert_eq!(whole["etag"], first.to_string());
    assert_eq!(
        whole["sections"][1]["heading_path"],
        json!(["Harbours", "Cranes"])
    );
    assert_eq!(
        whole["sections"][1]["range"],
        json!({"start": 1_000, "end": 1_011})
    );
    assert!(whole.get("next").is_none());
    // From the range of a hit, in parts.
    let url = |rest: &str| format!("documents/guides/a%20b.md?{rest}");
    let (_, part) = desk.get(&url("from=1000&max_bytes=4")).await;
    assert_eq!((&part["text"], &part["next"]), (&json!("lift"), &json!(1_004)));
    let (_, part) = desk.get(&url("from=1004")).await;
    assert_eq!(part["text"], " things\n\nand hooks");
    let (_, behind) = desk.get(&url("from=999999999")).await;
    assert_eq!((&behind["text"], behind.get("next")), (&json!(""), None));
    let same = url(&format!("etag={first}"));
    assert_eq!(desk.get(&same).await.0, StatusCode::OK);
    desk.shelf.publish("guides/a b.md", &["new"], |_| ()).await;
    let (status, problem) = desk.get(&same).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::CONFLICT, &json!("document_changed"))
    );
    let (status, problem) = desk.get("documents/draft.md").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::NOT_FOUND, &json!("file_not_found"))
    );
}
