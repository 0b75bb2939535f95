//! What filters, diversity and the memory of queries cost or save, on Qdrant Edge; for people:
//! `cargo test --workspace --lib search::tests::speed -- --ignored --nocapture`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use prometheus::Registry;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use shared::clock::ManualClock;
use shared::embedder::bm25::Bm25;
use shared::embedder::{Embedded, Embedder};
use shared::ids::ClaimId;
use shared::ledger::Ledger;
use shared::ledger::model::ModelLedger;
use shared::retry::Failure;
use shared::vectors::conformance::point;
use shared::vectors::edge::EdgeVectors;
use shared::vectors::{SearchMode, Vectors};
use tokio::time::Instant;

use super::shelf::{index, make_live};
use crate::metrics::Metrics;
use crate::search::{Diversify, MetadataTest, Search, SearchFilter, SearchLimits, SearchQuery};

const FILES: u32 = 1_000;
const CHUNKS: u32 = 10;
const DIMENSIONS: usize = 384;
const ROUNDS: usize = 31;
/// What an embedding service in the same region takes.
const MODEL_TAKES: Duration = Duration::from_millis(30);

struct Model;

#[async_trait]
impl Embedder for Model {
    fn model(&self) -> &'static str {
        "model"
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, Failure> {
        tokio::time::sleep(MODEL_TAKES).await;
        let vector = |text: &String| {
            let point = point("x", ClaimId::made_at(1), 0, text, Some(DIMENSIONS));
            point.dense.unwrap_or_default()
        };
        Ok(Embedded {
            vectors: texts.iter().map(vector).collect(),
            tokens: 1,
        })
    }
}

async fn filled(vectors: &EdgeVectors, ledger: &ModelLedger) {
    let mut dice = SmallRng::seed_from_u64(1);
    for file in 0..FILES {
        let path = format!(
            "part-{}/{file}.{}",
            file % 100,
            ["md", "pdf"][usize::from(file % 20 == 0)]
        );
        let claim = ClaimId::generate();
        let points = (0..CHUNKS).map(|chunk| {
            let words: Vec<String> = (0..40)
                .map(|_| format!("word{}", dice.random_range(0..2_000)))
                .collect();
            let text = format!("crane {}", words.join(" "));
            let mut point = point(&path, claim, chunk, &text, Some(DIMENSIONS));
            point.payload.metadata = BTreeMap::from([("owner".to_owned(), (file % 50).to_string())]);
            point
        });
        let points = points.collect();
        let written = async { vectors.upsert(points).await.unwrap() };
        make_live(ledger, &path, claim, CHUNKS, written).await;
    }
    vectors.maintain().await.unwrap();
}

async fn median(search: &Search, query: impl Fn() -> SearchQuery) -> f64 {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let query = query();
        let started = Instant::now();
        let answer = search.search(&query).await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e3);
        assert!(!answer.hits.is_empty() && answer.degraded.is_empty());
    }
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute and proves nothing: its numbers are for people"]
async fn side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(ModelLedger::new(Arc::new(ManualClock::at(1_000_000))));
    ledger
        .ensure_index(&index(), &serde_json::json!({}))
        .await
        .unwrap();
    let vectors = EdgeVectors::open(folder.path(), Some(DIMENSIONS)).unwrap();
    let began = Instant::now();
    filled(&vectors, &ledger).await;
    println!(
        "{} points written in {:.1} s",
        FILES * CHUNKS,
        began.elapsed().as_secs_f64()
    );
    let search = Search {
        index: index(),
        ledger,
        vectors: Arc::clone(&vectors) as _,
        embedder: Some(Arc::new(Model)),
        bm25: Arc::new(Bm25::new("english").unwrap()),
        metrics: Arc::new(Metrics::register(&Registry::new()).unwrap()),
        limits: SearchLimits::default(),
    };
    let with = |filter: SearchFilter| SearchQuery {
        query: "word7 word77".to_owned(),
        mode: Some(SearchMode::Hybrid),
        filter,
        ..SearchQuery::default()
    };
    let number = AtomicU32::new(0);
    let new = || SearchQuery {
        query: format!("word7 word77 {}", number.fetch_add(1, Ordering::Relaxed)),
        ..with(SearchFilter::default())
    };
    let plain = median(&search, || with(SearchFilter::default())).await;
    let rows = [
        ("hybrid, query known", plain),
        ("hybrid, query new (model 30 ms)", median(&search, new).await),
        (
            "folder filter, 1% of the files",
            median(&search, || {
                with(SearchFilter {
                    prefixes: vec!["part-7/".to_owned()],
                    ..SearchFilter::default()
                })
            })
            .await,
        ),
        (
            "metadata filter, 2% of the files",
            median(&search, || {
                let owner = MetadataTest::Equals("7".to_owned());
                with(SearchFilter {
                    metadata: BTreeMap::from([("owner".to_owned(), owner)]),
                    ..SearchFilter::default()
                })
            })
            .await,
        ),
        (
            "glob by extension, 5% of the files",
            median(&search, || {
                with(SearchFilter {
                    globs: vec!["**/*.pdf".to_owned()],
                    ..SearchFilter::default()
                })
            })
            .await,
        ),
        (
            "glob on the hits alone, 10% of the files",
            median(&search, || {
                with(SearchFilter {
                    globs: vec!["**/*7.*".to_owned()],
                    ..SearchFilter::default()
                })
            })
            .await,
        ),
        (
            "diversified",
            median(&search, || SearchQuery {
                diversify: Some(Diversify::Share(0.3)),
                ..with(SearchFilter::default())
            })
            .await,
        ),
        (
            "one hit a file",
            median(&search, || SearchQuery {
                group_by_file: true,
                ..with(SearchFilter::default())
            })
            .await,
        ),
    ];
    for (name, millis) in rows {
        println!("{name:45} {millis:8.2} ms  {:6.2}x", millis / plain);
    }
    vectors.close().await.unwrap();
}
