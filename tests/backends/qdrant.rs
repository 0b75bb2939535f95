//! The Qdrant backend, against the stand-in of `tests::qdrant_front`, and against a server as well when `QDRANT_URL` (and
//! `QDRANT_API_KEY`) name one: what is made there has a prefix of its own and is removed again.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails a test")]

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use futures::{FutureExt, StreamExt, stream};
use qdrant_client::Qdrant;
use shared::ids::{ChunkHash, ClaimId, IndexId};
use shared::secret::Secret;
use shared::vectors::conformance::{self, DIMENSIONS, point, terms};
use shared::vectors::filter::Filter;
use shared::vectors::qdrant::{QdrantSettings, QdrantStore, QdrantVectors};
use shared::vectors::{Point, Query, SearchRequest, Vectors, VectorsError};
use tempfile::TempDir;
use tests::qdrant_front::process::FrontProcess;
use tests::qdrant_front::{FrontSettings, QdrantFront};
use tests::wait;
use tokio::time::Instant;
use uuid::Uuid;

const SIZE: Option<usize> = Some(DIMENSIONS);

/// A front with an empty folder.
struct Front {
    process: FrontProcess,
    _dir: TempDir,
}

fn front(api_key: Option<&str>) -> Front {
    let dir = TempDir::with_prefix("qdrant-").unwrap();
    Front {
        process: FrontProcess::start(dir.path(), api_key).unwrap(),
        _dir: dir,
    }
}

fn settings(url: String) -> QdrantSettings {
    QdrantSettings {
        prefix: format!("test-{}", Uuid::new_v4().simple()),
        ..QdrantSettings::new(url)
    }
}

/// Runs a test against the front, and then against the server that the environment names, if any.
async fn on_every_server(test: impl AsyncFn(QdrantSettings)) {
    let front = front(None);
    test(settings(front.process.url())).await;
    let named = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    if let Some(url) = named("QDRANT_URL") {
        let settings = QdrantSettings {
            api_key: named("QDRANT_API_KEY").map(|key| Secret::new(&key)),
            ..settings(url)
        };
        let outcome = AssertUnwindSafe(test(settings.clone())).catch_unwind().await;
        remove_everything_of(&settings).await;
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
    }
}

fn client(settings: &QdrantSettings) -> Qdrant {
    let key = settings.api_key.as_ref().map(|key| key.expose().to_owned());
    Qdrant::from_url(&settings.url)
        .api_key(key)
        .skip_compatibility_check()
        .build()
        .unwrap()
}

/// Names of the collections and aliases that a test has made and not removed.
async fn left_of(settings: &QdrantSettings) -> (Vec<String>, Vec<String>) {
    let client = client(settings);
    let collections = client.list_collections().await.unwrap().collections;
    let aliases = client.list_aliases().await.unwrap().aliases;
    let own = |name: &String| name.starts_with(&settings.prefix);
    (
        collections
            .into_iter()
            .map(|found| found.name)
            .filter(own)
            .collect(),
        aliases
            .into_iter()
            .map(|found| found.alias_name)
            .filter(own)
            .collect(),
    )
}

async fn remove_everything_of(settings: &QdrantSettings) {
    for collection in left_of(settings).await.0 {
        client(settings).delete_collection(collection).await.unwrap();
    }
}

fn store(settings: &QdrantSettings) -> QdrantStore {
    QdrantStore::connect(settings).unwrap()
}

fn docs() -> IndexId {
    IndexId::new("docs").unwrap()
}

async fn open(store: &QdrantStore) -> Arc<QdrantVectors> {
    store.open(&docs(), 1, SIZE).await.unwrap()
}

fn points(claim: ClaimId, count: u32) -> Vec<Point> {
    let text = |n: u32| format!("anchor number{n}");
    (0..count)
        .map(|n| point("a.md", claim, n, &text(n), SIZE))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms() {
    on_every_server(async |settings| {
        let store = store(&settings);
        let made = AtomicU32::new(0);
        conformance::run(async |dense_size| {
            let number = made.fetch_add(1, Ordering::SeqCst);
            let index = IndexId::new(format!("conformance-{number}")).unwrap();
            store.open(&index, 1, dense_size).await.unwrap() as Arc<dyn Vectors>
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_again_finds_what_was_written() {
    on_every_server(async |settings| {
        let claim = ClaimId::generate();
        let first = open(&store(&settings)).await;
        assert!(first.is_new());
        first.upsert(points(claim, 5)).await.unwrap();
        first.close().await.unwrap();
        let again = open(&store(&settings)).await;
        assert!(!again.is_new());
        assert_eq!(again.count().await, Ok(5));
        assert_eq!(again.claims().await, Ok(vec![claim]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_open_a_new_collection_at_once() {
    on_every_server(async |settings| {
        let replicas = join_all((0..8).map(|_| async { open(&store(&settings)).await })).await;
        let makers = replicas.iter().filter(|replica| replica.is_new()).count();
        assert_eq!(makers, 1, "one of them made it");
        for replica in &replicas {
            replica.upsert(points(ClaimId::generate(), 1)).await.unwrap();
        }
        for replica in &replicas {
            assert_eq!(replica.claims().await.map(|claims| claims.len()), Ok(8));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_shapes_are_a_mismatch() {
    on_every_server(async |settings| {
        let store = store(&settings);
        open(&store).await;
        store.open(&docs(), 2, None).await.unwrap();
        for (generation, dense_size, found) in [
            (1, Some(DIMENSIONS + 1), "dense vectors of 8 dimensions"),
            (1, None, "dense vectors of 8 dimensions"),
            (2, SIZE, "no dense vectors"),
        ] {
            let error = store.open(&docs(), generation, dense_size).await.err();
            let Some(VectorsError::Mismatch { found: named, .. }) = error else {
                panic!("{error:?}");
            };
            assert!(named.starts_with(found), "{named}");
        }
        assert!(!open(&store).await.is_new(), "a mismatch leaves all as it is");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_move_only_when_asked() {
    on_every_server(async |settings| {
        let store = store(&settings);
        assert_eq!(store.alias_target(&docs()).await, Ok(None));
        let first = open(&store).await;
        let second = store.open(&docs(), 2, SIZE).await.unwrap();
        let target = async || store.alias_target(&docs()).await.unwrap();
        assert_eq!(target().await.as_deref(), Some(first.collection()));
        store.swap_alias(&docs(), 2).await.unwrap();
        assert_eq!(target().await.as_deref(), Some(second.collection()));
        open(&store).await;
        assert_eq!(
            target().await.as_deref(),
            Some(second.collection()),
            "opening an old generation does not move it back"
        );
        let missing = store.swap_alias(&docs(), 3).await;
        assert!(
            matches!(missing, Err(VectorsError::Unavailable(_))),
            "{missing:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_indexes_leave_nothing() {
    on_every_server(async |settings| {
        let store = store(&settings);
        // Names that a careless comparison would take for the dropped one's.
        let others = ["docs-g1", "docs-2", "my-docs"].map(|name| IndexId::new(name).unwrap());
        for generation in 1..=3 {
            store.open(&docs(), generation, SIZE).await.unwrap();
        }
        for other in &others {
            store.open(other, 1, None).await.unwrap();
        }
        store.drop_index(&docs()).await.unwrap();
        store.drop_index(&docs()).await.unwrap();
        let (collections, aliases) = left_of(&settings).await;
        assert_eq!(
            (collections.len(), aliases.len()),
            (3, 3),
            "{collections:?} {aliases:?}"
        );
        for other in &others {
            store.drop_index(other).await.unwrap();
        }
        assert_eq!(left_of(&settings).await, (vec![], vec![]));
        let again = open(&store).await;
        assert!(again.is_new());
        assert_eq!(again.count().await, Ok(0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_generation_is_dropped_by_itself() {
    on_every_server(async |settings| {
        let store = store(&settings);
        let second = docs().of_generation(2);
        store.open(&docs(), 1, SIZE).await.unwrap();
        let next = store.open(&second, 2, SIZE).await.unwrap();
        next.upsert(points(ClaimId::generate(), 2)).await.unwrap();
        let alias = async || store.alias_target(&docs()).await.unwrap();
        let first = alias().await;
        store.swap_alias(&second, 2).await.unwrap();
        assert_ne!(alias().await, first, "the alias is that of the index");
        assert_eq!(store.alias_target(&second).await.unwrap(), alias().await);
        for _ in 0..2 {
            store.drop_generation(&docs(), 1).await.unwrap();
        }
        assert_eq!(next.count().await, Ok(2), "the other one stays");
        assert!(alias().await.is_some());
        store.drop_generation(&second, 2).await.unwrap();
        assert_eq!(left_of(&settings).await, (vec![], vec![]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_vanishes_is_reported_and_not_made_again() {
    on_every_server(async |settings| {
        let store = store(&settings);
        let vectors = open(&store).await;
        store.drop_index(&docs()).await.unwrap();
        for answer in [
            vectors.upsert(points(ClaimId::generate(), 1)).await.err(),
            vectors.delete_claims(&[ClaimId::generate()]).await.err(),
            vectors.claims().await.err(),
            vectors.count().await.err(),
            vectors.find_dense(&[ChunkHash::of("anchor")]).await.err(),
            vectors.search(everything("anchor")).await.err(),
        ] {
            let Some(VectorsError::Unavailable(text)) = &answer else {
                panic!("{answer:?}");
            };
            assert!(
                text.contains(vectors.collection()) && text.contains("full run"),
                "{text}"
            );
        }
        assert_eq!(left_of(&settings).await, (vec![], vec![]));
        assert!(open(&store).await.is_new());
    })
    .await;
}

fn everything(words: &str) -> SearchRequest {
    SearchRequest {
        query: Query::FullText(terms(words)),
        limit: 10_000,
        offset: 0,
        filter: Filter::default(),
        with_dense: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_may_be_larger_than_a_request() {
    on_every_server(async |settings| {
        let vectors = open(&store(&settings)).await;
        let claim = ClaimId::generate();
        // By number, and by size: 40 texts of 400 kB are 16 MB.
        let mut points = points(claim, 1000);
        let long = "capstan ".repeat(50_000);
        points.extend((1000..1040).map(|n| point("b.md", claim, n, &long, SIZE)));
        vectors.upsert(points).await.unwrap();
        assert_eq!(vectors.count().await, Ok(1040));
        let hits = vectors.search(everything("capstan")).await.unwrap();
        assert_eq!(hits.len(), 40);
        assert!(hits.iter().all(|hit| hit.payload.text == long));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_beyond_the_first_listing_are_listed() {
    on_every_server(async |settings| {
        let store = store(&settings);
        let vectors = store.open(&docs(), 1, None).await.unwrap();
        let mut claims: Vec<_> = (0..20_000).map(|_| ClaimId::generate()).collect();
        for some in claims.chunks(5000) {
            let points = some.iter().map(|claim| point("a.md", *claim, 0, "anchor", None));
            vectors.upsert(points.collect()).await.unwrap();
        }
        let mut listed = vectors.claims().await.unwrap();
        listed.sort_unstable();
        claims.sort_unstable();
        assert!(listed == claims, "{} claims are listed", listed.len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_keys_say_what_to_check_and_nothing_else() {
    let front = front(Some("right-key"));
    let with_key = |key: Option<&str>| QdrantSettings {
        api_key: key.map(Secret::new),
        ..settings(front.process.url())
    };
    for wrong in [Some("hunter2"), None] {
        let settings = with_key(wrong);
        let store = store(&settings);
        for error in [
            store.open(&docs(), 1, SIZE).await.err(),
            store.check().await.err(),
        ] {
            let Some(VectorsError::Unavailable(text)) = &error else {
                panic!("{error:?}");
            };
            assert!(text.contains("check QDRANT_API_KEY"), "{text}");
            assert!(!format!("{text} {error:?} {settings:?}").contains("hunter2"));
        }
    }
    let store = store(&with_key(Some("right-key")));
    assert_eq!(store.check().await.as_deref(), Ok("1.18.0-front"));
    open(&store)
        .await
        .upsert(points(ClaimId::generate(), 1))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_unavailable_by_https() {
    let front = front(None);
    let store = store(&settings(front.process.url().replace("http:", "https:")));
    let error = store.open(&docs(), 1, SIZE).await.err();
    assert!(matches!(error, Some(VectorsError::Unavailable(_))), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_server_is_unavailable_and_comes_back() {
    let mut front = front(None);
    let settings = QdrantSettings {
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
        ..settings(front.process.url())
    };
    let store = store(&settings);
    let vectors = open(&store).await;
    let claim = ClaimId::generate();
    vectors.upsert(points(claim, 50)).await.unwrap();

    front.process.kill().unwrap();
    let late = ClaimId::generate();
    for error in [
        vectors.upsert(points(late, 1)).await.err(),
        vectors.count().await.err(),
        vectors.search(everything("anchor")).await.err(),
        store.open(&docs(), 1, SIZE).await.err(),
    ] {
        assert!(matches!(error, Some(VectorsError::Unavailable(_))), "{error:?}");
    }
    front.process.restart().unwrap();
    // The same handle goes on.
    vectors.upsert(points(late, 1)).await.unwrap();
    assert_eq!(vectors.count().await, Ok(51));
    assert_eq!(
        vectors.search(everything("number7")).await.map(|hits| hits.len()),
        Ok(1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_silent_server_is_told_in_time() {
    let front = front(None);
    let settings = QdrantSettings {
        timeout: Duration::from_secs(3),
        connect_timeout: Duration::from_secs(1),
        max_in_flight: 4,
        ..settings(front.process.url())
    };
    let store = store(&settings);
    let vectors = open(&store).await;
    front.process.suspend().unwrap();
    let asked_at = Instant::now();
    let answers = join_all((0..40).map(|_| vectors.count())).await;
    // One time limit in the queue and one with the server, not ten in a row.
    assert!(
        asked_at.elapsed() < Duration::from_secs(15),
        "{:?}",
        asked_at.elapsed()
    );
    for answer in answers {
        assert!(matches!(answer, Err(VectorsError::Unavailable(_))), "{answer:?}");
    }
    front.process.resume().unwrap();
    assert_eq!(vectors.count().await, Ok(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_points_survive_a_kill_in_the_middle_of_writes() {
    const ROUNDS: usize = 3;
    let mut front = front(None);
    let vectors = open(&store(&settings(front.process.url()))).await;
    let mut acknowledged = vec![];
    for round in 0..ROUNDS {
        let writes = stream::iter((0..60).map(|_| {
            let vectors = &vectors;
            async move {
                let claim = ClaimId::generate();
                vectors.upsert(points(claim, 20)).await.map(|()| claim)
            }
        }));
        let mut writes = Box::pin(writes.buffer_unordered(8));
        while let Some(answer) = writes.next().await {
            acknowledged.extend(answer.ok());
            if acknowledged.len() == (round + 1) * 20 {
                front.process.kill().unwrap();
                break;
            }
        }
        drop(writes);
        front.process.restart().unwrap();
        let claims = vectors.claims().await.unwrap();
        let lost: Vec<_> = acknowledged
            .iter()
            .filter(|claim| !claims.contains(claim))
            .collect();
        assert!(lost.is_empty(), "{} claims are lost", lost.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn load_is_lowered_for_a_silent_server_and_raised_again() {
    let front = front(None);
    let settings = QdrantSettings {
        timeout: Duration::from_secs(3),
        connect_timeout: Duration::from_secs(1),
        max_in_flight: 8,
        ..settings(front.process.url())
    };
    let store = store(&settings);
    let vectors = open(&store).await;
    let write = || vectors.upsert(points(ClaimId::generate(), 1));
    // A machine that is busy with other things may be slow enough to have lowered it already.
    let until_full = async || {
        let started = Instant::now();
        while store.limits().0 < 8 {
            join_all((0..8).map(|_| write())).await;
            assert!(started.elapsed() < wait::PATIENCE, "{:?}", store.limits());
        }
    };
    until_full().await;
    front.process.suspend().unwrap();
    let answers = join_all((0..8).map(|_| write())).await;
    assert!(answers.iter().all(Result::is_err));
    let (writes, reads) = store.limits();
    assert!(writes <= 4 && reads == 8, "{writes} writes, {reads} reads");

    front.process.resume().unwrap();
    until_full().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_for_load_pause_and_lower_it() {
    let dir = TempDir::with_prefix("qdrant-").unwrap();
    let front = QdrantFront::start(FrontSettings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        dir: dir.path().to_owned(),
        api_key: None,
    })
    .await
    .unwrap();
    let store = store(&settings(front.url()));
    let vectors = open(&store).await;
    let before = store.limits().0;
    front.refuse_next(1);
    let refused_at = Instant::now();
    let answer = vectors.upsert(points(ClaimId::generate(), 1)).await;
    let Err(VectorsError::Unavailable(text)) = answer else {
        panic!("{answer:?}");
    };
    assert!(text.contains("rate limit"), "{text}");
    assert_eq!(store.limits().0, before / 2);
    vectors.upsert(points(ClaimId::generate(), 1)).await.unwrap();
    assert!(
        refused_at.elapsed() >= Duration::from_secs(1),
        "the wait that the server asked for was kept"
    );
}
