use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::future::join_all;
use shared::embedder::Embedded;
use tokio::sync::Semaphore;

use super::*;

/// Answers when it may, with the text's length.
struct Model {
    name: &'static str,
    asked: AtomicUsize,
    down: AtomicBool,
    may: Semaphore,
}

fn model(name: &'static str, answers: usize) -> Model {
    Model {
        name,
        asked: AtomicUsize::new(0),
        down: AtomicBool::new(false),
        may: Semaphore::new(answers),
    }
}

#[async_trait]
impl Embedder for Model {
    fn model(&self) -> &str {
        self.name
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, Failure> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.may.acquire().await.unwrap().forget();
        if self.down.load(Ordering::SeqCst) {
            return Err(Failure::throttled("down", "down"));
        }
        Ok(Embedded {
            vectors: texts
                .iter()
                .map(|text| vec![f32::from(text.len() as u8)])
                .collect(),
            tokens: 1,
        })
    }
}

fn cache() -> QueryCache {
    QueryCache::new(1 << 20, Duration::from_secs(3600))
}

#[tokio::test]
async fn equal_queries_at_once_are_embedded_once() {
    let (cache, model) = (cache(), model("m", 0));
    let asking = join_all((0..20).map(|_| cache.vector(&model, 1, "crane")));
    let (answers, ()) = tokio::join!(asking, async {
        while model.asked.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        model.may.add_permits(100);
    });
    assert_eq!(model.asked.load(Ordering::SeqCst), 1);
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|(vector, _)| **vector == [5.0]));
    let embedded = answers.iter().filter(|(_, origin)| *origin == Origin::Embedded);
    assert_eq!(embedded.count(), 1);
}

#[tokio::test]
async fn models_endpoints_dimensions_and_texts_are_kept_apart() {
    let (all, model) = (cache(), model("m", 100));
    let set = ModelSettings {
        url: "http://one.example/v1".to_owned(),
        model: "m".to_owned(),
        dimensions: 1,
        azure_api_version: None,
        shortened_to: None,
    };
    let others = [
        ModelSettings {
            url: "http://other.example/v1".to_owned(),
            ..set.clone()
        },
        ModelSettings {
            model: "n".to_owned(),
            ..set.clone()
        },
        ModelSettings {
            azure_api_version: Some("2024-10-21".to_owned()),
            ..set.clone()
        },
        ModelSettings {
            shortened_to: Some(1),
            ..set.clone()
        },
    ];
    for _ in 0..2 {
        let cache = all.of(Some(&set));
        cache.vector(&model, 1, "crane").await.unwrap();
        cache.vector(&model, 2, "crane").await.unwrap();
        cache.vector(&model, 1, "Crane").await.unwrap();
    }
    assert_eq!(model.asked.load(Ordering::SeqCst), 3);
    for (before, other) in others.iter().enumerate() {
        for _ in 0..2 {
            all.of(Some(other)).vector(&model, 1, "crane").await.unwrap();
        }
        assert_eq!(model.asked.load(Ordering::SeqCst), 4 + before, "{other:?}");
    }
}

#[tokio::test]
async fn failures_are_not_kept() {
    let (cache, model) = (cache(), model("m", 100));
    model.down.store(true, Ordering::SeqCst);
    assert_eq!(cache.vector(&model, 1, "crane").await.unwrap_err().code, "down");
    model.down.store(false, Ordering::SeqCst);
    let (_, origin) = cache.vector(&model, 1, "crane").await.unwrap();
    assert_eq!(origin, Origin::Embedded);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_take_the_others_along() {
    let (cache, model) = (cache(), model("m", 0));
    let first = tokio::time::timeout(Duration::from_millis(1), cache.vector(&model, 1, "crane"));
    assert!(first.await.is_err());
    model.may.add_permits(100);
    cache.vector(&model, 1, "crane").await.unwrap();
    cache.vector(&model, 1, "crane").await.unwrap();
    assert_eq!(model.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn memory_is_bounded() {
    let cache = QueryCache::new(20_000, Duration::from_secs(3600));
    let model = model("m", 10_000);
    for number in 0..1_000 {
        cache.vector(&model, 1, &format!("crane {number}")).await.unwrap();
    }
    let kept = cache.cache.unwrap();
    kept.run_pending_tasks().await;
    assert!(kept.entry_count() > 50 && kept.weighted_size() <= 20_000);
    let none = QueryCache::new(0, Duration::from_secs(3600));
    none.vector(&model, 1, "crane").await.unwrap();
    let (_, origin) = none.vector(&model, 1, "crane").await.unwrap();
    assert_eq!(origin, Origin::Embedded);
}
