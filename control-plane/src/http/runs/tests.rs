//! Runs through the front door: the routes over a ledger in memory, a source in memory, and workers by hand.

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body as HttpBody, to_bytes};
use axum::http::Request;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use prometheus::Registry;
use serde_json::Value;
use shared::blobs::objects::Objects;
use shared::blobs::source::Source;
use shared::circuit::Circuits;
use shared::circuit::report::Reporter;
use shared::clock::{Clock, ManualClock};
use shared::embedder::bm25::Bm25;
use shared::file_state::FileState;
use shared::ids::{ChunkHash, ClaimId, FileId, IndexId, PointId};
use shared::index_settings::IndexSettings;
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{
    Change, ClaimOutcome, ClaimRequest, Commit, CommitChange, ControlLedger, Fail, FileFilter, IndexRecord,
    Ledger, RunLedger, Version,
};
use shared::place::Place;
use shared::retry::Failure;
use shared::vectors::memory::MemoryVectors;
use shared::vectors::{Payload, Point, SparseVector};
use shared::work_message::Lane;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::*;
use crate::duties::Duties;
use crate::http::run_events::RunWatch;
use crate::indexes::{Index, Indexes, NewIndex, Opener};
use crate::metrics::Metrics;
use crate::reconciler::Reconciler;
use crate::search::{Search, SearchLimits};
use crate::upkeep::{Upkeep, UpkeepSettings};

/// Opens every index as this one.
struct Served(Box<dyn Fn(&IndexRecord) -> Index + Send + Sync>);

#[async_trait]
impl Opener for Served {
    async fn open(&self, record: &IndexRecord) -> anyhow::Result<Index> {
        Ok(self.0(record))
    }

    async fn settle(&self, _wanted: &NewIndex) -> anyhow::Result<IndexSettings> {
        anyhow::bail!("nothing is made here")
    }

    async fn destroy(&self, _index: &IndexId) -> anyhow::Result<()> {
        Ok(())
    }
}

struct Desk {
    clock: Arc<ManualClock>,
    store: Arc<InMemory>,
    ledger: Arc<SqliteLedger>,
    upkeep: Upkeep,
    index: IndexId,
    router: Router,
    stop: CancellationToken,
}

impl Desk {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(1_750_000_000_000));
        let dyn_clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let ledger = SqliteLedger::in_memory(&dyn_clock).unwrap();
        let store = Arc::new(InMemory::new());
        let blobs = Arc::new(Objects::new(Arc::clone(&store) as _));
        let index = IndexId::new("docs").unwrap();
        let settings: IndexSettings = serde_json::from_value(serde_json::json!({
            "source": Source::Folder("/nowhere".into()), "language": "english", "embedding": null
        }))
        .unwrap();
        ledger
            .ensure_index(&index, &serde_json::to_value(&settings).unwrap())
            .await
            .unwrap();
        let control: Arc<dyn ControlLedger> = Arc::clone(&ledger) as _;
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::register(&registry).unwrap());
        let nudge = Arc::new(Notify::new());
        let vectors = MemoryVectors::new(None);
        let reconciler = Arc::new(Reconciler {
            index: index.clone(),
            blobs: Arc::clone(&blobs) as _,
            ledger: Arc::clone(&control),
            pipeline: None,
            nudge: Arc::clone(&nudge),
            clock: Arc::clone(&dyn_clock),
            metrics: Arc::clone(&metrics),
            turn: Mutex::new(()),
        });
        let upkeep = Upkeep {
            index: index.clone(),
            ledger: Arc::clone(&control),
            vectors: Arc::clone(&vectors) as _,
            reconciler: Arc::clone(&reconciler),
            clock: Arc::clone(&dyn_clock),
            nudge: Arc::clone(&nudge),
            duties: Arc::new(Duties::all()),
            metrics: Arc::clone(&metrics),
            settings: UpkeepSettings::default(),
        };
        let opened = {
            let (upkeep, metrics, ledger) = (upkeep.clone(), Arc::clone(&metrics), Arc::clone(&ledger));
            Served(Box::new(move |record| Index {
                record: record.clone(),
                settings: settings.clone(),
                blobs: Arc::clone(&blobs) as _,
                vectors: Arc::clone(&upkeep.vectors),
                search: Search {
                    index: record.id.clone(),
                    ledger: Arc::clone(&ledger) as _,
                    vectors: Arc::clone(&upkeep.vectors),
                    embedder: None,
                    bm25: Arc::new(Bm25::new("english").unwrap()),
                    metrics: Arc::clone(&metrics),
                    limits: SearchLimits::default(),
                },
                reconciler: Some(Arc::clone(&upkeep.reconciler)),
                upkeep: Some(upkeep.clone()),
            }))
        };
        let stop = CancellationToken::new();
        let api = Api {
            indexes: Arc::new(Indexes::new(Arc::clone(&control), Arc::new(opened))),
            ledger: Arc::clone(&control),
            nudge,
            clock: dyn_clock,
            circuits: Circuits::default(),
            reporter: Reporter {
                process: "desk".to_owned(),
                role: "desk".to_owned(),
            },
            registry,
            metrics,
            watch: Arc::new(RunWatch::new(control, stop.clone())),
        };
        Self {
            clock,
            store,
            ledger,
            upkeep,
            index,
            router: crate::http::router(Arc::new(api)),
            stop,
        }
    }

    async fn put(&self, names: impl IntoIterator<Item = String>) {
        for name in names {
            self.store
                .put(&name.as_str().into(), "text".into())
                .await
                .unwrap();
        }
    }

    async fn send(&self, method: &str, path: &str) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(HttpBody::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Starts a run; its URL.
    async fn start(&self, query: &str) -> String {
        let path = format!("/indexes/docs/run{query}");
        let request = Request::post(path).body(HttpBody::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 202);
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn claim(&self, name: &str) -> Option<shared::ledger::Claim> {
        let request = ClaimRequest {
            index: self.index.clone(),
            file_id: FileId::of(&self.index, &BlobPath::new(name).unwrap()),
            claim_id: ClaimId::generate(),
            owner: "worker".to_owned(),
            lease: Duration::from_secs(600),
        };
        match self.ledger.claim(&request).await.unwrap() {
            ClaimOutcome::Claimed(claim) => Some(*claim),
            ClaimOutcome::NotClaimable => None,
        }
    }

    /// Makes a file as its blob is.
    async fn make(&self, claim: &shared::ledger::Claim) {
        let etag = self.upkeep.reconciler.blobs.head(&claim.path).await.unwrap().etag;
        let point = Point {
            id: PointId::of(claim.hold.claim_id, 0),
            payload: Payload {
                file_id: claim.hold.file_id,
                claim: claim.hold.claim_id,
                path: claim.path.clone(),
                ordinal: 0,
                chunk_hash: ChunkHash::of("text"),
                heading_path: Vec::new(),
                text: "text".to_owned(),
                start: 0,
                end: 4,
                place: Place::default(),
                converter: String::new(),
                mime: "text/plain".to_owned(),
                etag: etag.clone(),
                modified: None,
                metadata: std::collections::BTreeMap::new(),
            },
            dense: None,
            bm25: SparseVector::default(),
        };
        self.upkeep.vectors.upsert(vec![point]).await.unwrap();
        let version = Version {
            etag,
            content_hash: "h".to_owned(),
            pipeline: "p".to_owned(),
            size: 4,
            chunks: 1,
            missing: Vec::new(),
        };
        let commit = Commit {
            hold: claim.hold.clone(),
            change: CommitChange::Replace(version),
            detail: serde_json::json!({ "tokens": 7, "embedded": 1, "reused": 2 }),
            debounce: Duration::ZERO,
        };
        self.ledger.commit(&commit).await.unwrap();
        self.ledger.release(&claim.hold, Duration::ZERO).await.unwrap();
    }

    /// Makes every pending file, as its blob is.
    async fn work(&self) -> usize {
        let filter = FileFilter {
            states: vec![FileState::Pending],
            ..FileFilter::default()
        };
        let pending = self.ledger.files(&self.index, &filter, 10_000).await.unwrap();
        for file in &pending {
            let claim = self.claim(file.path.as_str()).await.unwrap();
            self.make(&claim).await;
        }
        pending.len()
    }

    async fn pass(&self) {
        self.upkeep.carry_out_runs().await.unwrap();
    }
}

fn numbers(run: &Value) -> [u64; 3] {
    ["total", "done"]
        .map(|name| run[name].as_u64().unwrap())
        .into_iter()
        .chain([run["counts"]["indexed"].as_u64().unwrap()])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

#[tokio::test]
async fn a_run_is_there_at_once_and_complete_when_its_files_are() {
    let desk = Desk::new().await;
    let nothing = desk.start("").await;
    assert_eq!(desk.get(&nothing).await["state"], "LISTING");
    desk.pass().await;
    assert_eq!(
        desk.get(&nothing).await["state"],
        "COMPLETED",
        "also with nothing to do"
    );

    desk.put((0..5).map(|n| format!("{n}.md"))).await;
    let url = desk.start("").await;
    desk.pass().await;
    let run = desk.get(&url).await;
    assert_eq!((&run["state"], numbers(&run)), (&"RUNNING".into(), [5, 0, 0]));
    assert_eq!(
        (&run["kind"], &run["asked_by"]),
        (&"scan".into(), &"local".into())
    );
    let claim = desk.claim("0.md").await.unwrap();
    let fail = Fail {
        hold: claim.hold,
        failure: Failure::permanent("too_odd", "nobody can read it"),
        delay: Duration::ZERO,
        max_attempts: 1,
        etag: None,
        standing: false,
    };
    desk.ledger.fail(&fail).await.unwrap();
    desk.clock.advance(Duration::from_secs(10));
    let slow = desk.get(&url).await;
    assert_eq!(slow["files_per_second"], 0.1);
    assert_eq!(
        slow["eta_at"].as_i64(),
        slow["as_of"].as_i64().map(|now| now + 40_000)
    );
    assert_eq!(desk.work().await, 4);
    let run = desk.get(&url).await;
    assert_eq!((&run["state"], numbers(&run)), (&"COMPLETED".into(), [5, 5, 4]));
    assert_eq!(
        run["errors"],
        serde_json::json!([{ "code": "too_odd", "files": 1 }])
    );
    assert_eq!(
        [&run["tokens"], &run["chunks_embedded"], &run["chunks_reused"]],
        [28, 4, 8]
    );

    let page = desk.get("/indexes/docs/runs?limit=1&state=completed").await;
    let cursor = page["cursor"].as_str().unwrap();
    assert_eq!(url, format!("/runs/{}", page["runs"][0]["id"].as_str().unwrap()));
    let rest = desk
        .get(&format!("/indexes/docs/runs?state=completed&cursor={cursor}"))
        .await;
    assert_eq!(rest["runs"].as_array().unwrap().len(), 1);
    let other = format!("/indexes/docs/runs?cursor={cursor}");
    assert_eq!(desk.send("GET", &other).await.0, 400, "with other filters");
    for query in [
        "runs?state=ODD",
        "runs?kind=odd",
        "runs?limit=0",
        "runs?cursor=odd",
        "runs?more=1",
    ] {
        assert_eq!(
            desk.send("GET", &format!("/indexes/docs/{query}")).await.0,
            400,
            "{query}"
        );
    }
    for query in [
        "?retry=all",
        "?full=true&retry=failed",
        "?path=a.md",
        "?full=maybe",
        "?retry=failed&path=../x",
    ] {
        assert_eq!(
            desk.send("POST", &format!("/indexes/docs/run{query}")).await.0,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_full_run_that_somebody_left_is_finished_by_another() {
    const FILES: usize = 2500;
    let desk = Desk::new().await;
    desk.put((0..FILES).map(|n| format!("{n:04}.md"))).await;
    desk.start("").await;
    desk.pass().await;
    assert_eq!(desk.work().await, FILES);
    let url = desk.start("?full=true").await;
    // A replica records what differs, and one page of what does not, and dies.
    let lease = Duration::from_secs(15);
    let work = desk.ledger.take_run(&desk.index, lease).await.unwrap().unwrap();
    let again = |n: usize| Change {
        again: true,
        ..Change::new(BlobPath::new(format!("{n:04}.md")).unwrap(), "run", Lane::Bulk)
    };
    let page = shared::ledger::RunPage {
        changes: (0..700).map(again).collect(),
        retry: Vec::new(),
        next: Some((
            shared::ledger::RunPhase::Again,
            Some(BlobPath::new("0699.md").unwrap()),
        )),
    };
    desk.ledger
        .advance_run(&work, &page, lease)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(desk.work().await, 700);
    desk.pass().await;
    assert_eq!(desk.get(&url).await["state"], "LISTING", "its lease runs");
    desk.clock.advance(lease);
    desk.pass().await;
    let run = desk.get(&url).await;
    assert_eq!(run["state"], "RUNNING");
    let claim = desk.claim("2499.md").await.unwrap();
    desk.make(&claim).await;
    desk.work().await;
    let run = desk.get(&url).await;
    assert_eq!(run["state"], "COMPLETED", "{run}");
    assert_eq!(run["total"], run["done"]);
    assert_eq!(desk.work().await, 0);
}

#[tokio::test]
async fn a_source_that_is_away_is_named_and_waited_for() {
    let desk = Desk::new().await;
    let url = desk.start("?retry=failed").await;
    let work = desk
        .ledger
        .take_run(&desk.index, Duration::from_secs(15))
        .await
        .unwrap()
        .unwrap();
    let wait = Duration::from_secs(10);
    desk.ledger
        .stall_run(&work, "the source is away", wait)
        .await
        .unwrap();
    desk.pass().await;
    assert_eq!(desk.get(&url).await["problem"], "the source is away");
    desk.clock.advance(wait);
    desk.pass().await;
    let run = desk.get(&url).await;
    assert_eq!(
        (&run["state"], &run["problem"]),
        (&"COMPLETED".into(), &Value::Null)
    );
}

#[tokio::test]
async fn starting_and_cancelling_at_once_leaves_nothing_behind() {
    let desk = Desk::new().await;
    desk.put((0..50).map(|n| format!("{n:02}.md"))).await;
    desk.start("").await;
    desk.pass().await;
    desk.work().await;
    let (one, two) = tokio::join!(desk.start("?full=true"), desk.start("?full=true"));
    desk.pass().await;
    let begun = desk.claim("00.md").await.unwrap();
    assert!(begun.again, "the attempt must not keep equal content");
    // What is reported meanwhile stays wanted.
    let reported = Change::reported(BlobPath::new("01.md").unwrap(), "event", Lane::Fast);
    desk.ledger.enqueue(&desk.index, &[reported]).await.unwrap();
    let cancel = |url: &str| format!("{url}/cancel");
    let (first, second, third) = (cancel(&one), cancel(&two), cancel(&two));
    let (a, b, c) = tokio::join!(
        desk.send("POST", &first),
        desk.send("POST", &second),
        desk.send("POST", &third)
    );
    assert_eq!((a.0, b.0, c.0), (200, 200, 200));
    desk.pass().await;
    desk.make(&begun).await;
    let (mut done, mut states) = (0, Vec::new());
    for url in [&one, &two] {
        let run = desk.get(url).await;
        assert_eq!(run["total"], run["done"], "{run}");
        states.push(run["state"].as_str().unwrap().to_owned());
        done += run["counts"]["cancelled"].as_u64().unwrap() + run["counts"]["indexed"].as_u64().unwrap();
    }
    states.sort();
    assert_eq!(
        states,
        ["CANCELLED", "COMPLETED"],
        "one had lost all of its files to the other"
    );
    assert_eq!(done, 49, "all but the one that was reported");
    assert_eq!(desk.work().await, 1, "and that one is made");
    let before = desk.get(&one).await;
    let (status, again) = desk.send("POST", &first).await;
    assert_eq!(
        (status, &again["state"]),
        (200, &before["state"]),
        "what is over stays so"
    );
    assert_eq!(
        desk.send("POST", &format!("/runs/{}/cancel", RunId::generate()))
            .await
            .0,
        404
    );
    assert_eq!(desk.send("POST", "/runs/17/cancel").await.0, 400);
}

/// The events of a stream: name, id, data.
fn events(text: &str) -> Vec<(String, String, Value)> {
    let field = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim_start_matches(": ").to_owned()
    };
    text.split("\n\n")
        .filter(|event| event.contains("event:"))
        .map(|event| {
            let data = serde_json::from_str(&field(event, "data")).unwrap();
            (field(event, "event"), field(event, "id"), data)
        })
        .collect()
}

#[tokio::test]
async fn a_run_is_followed_to_its_end() {
    let desk = Desk::new().await;
    desk.put((0..3).map(|n| format!("{n}.md"))).await;
    let url = desk.start("").await;
    desk.pass().await;
    let follow = |last: Option<&str>| {
        let mut request = Request::get(format!("{url}/events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let (router, request) = (desk.router.clone(), request.body(HttpBody::empty()).unwrap());
        async move { router.oneshot(request).await.unwrap() }
    };
    let response = follow(None).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let reading = to_bytes(response.into_body(), usize::MAX);
    let working = async {
        for name in ["0.md", "1.md", "2.md"] {
            tokio::time::sleep(Duration::from_millis(450)).await;
            let claim = desk.claim(name).await.unwrap();
            desk.make(&claim).await;
        }
    };
    let (read, ()) = tokio::join!(reading, working);
    let seen = events(std::str::from_utf8(&read.unwrap()).unwrap());
    let (last, progress) = seen.split_last().unwrap();
    assert_eq!(
        (last.0.as_str(), last.1.as_str(), &last.2["done"]),
        ("done", "done", &3.into())
    );
    assert_eq!(progress[0].2["done"], 0, "a snapshot at once");
    assert!(
        progress.len() >= 2 && progress.iter().all(|event| event.0 == "progress"),
        "{seen:?}"
    );
    let done: Vec<_> = seen.iter().map(|event| event.2["done"].as_u64()).collect();
    assert!(done.is_sorted(), "{done:?}");
    assert_eq!(
        follow(Some("done")).await.status().as_u16(),
        204,
        "it has seen the end"
    );

    // A process that stops does not wait for its watchers.
    let endless = desk.start("?full=true").await;
    let request = Request::get(format!("{endless}/events"))
        .body(HttpBody::empty())
        .unwrap();
    let response = desk.router.clone().oneshot(request).await.unwrap();
    desk.stop.cancel();
    let read = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert!(
        events(std::str::from_utf8(&read).unwrap())
            .iter()
            .all(|event| event.0 == "progress")
    );
}
