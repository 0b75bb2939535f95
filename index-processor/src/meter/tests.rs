//! A model that counts, on the ledger's model.

use shared::clock::{Clock, ManualClock};
use shared::ledger::model::ModelLedger;
use shared::retry::FailureClass;

use super::*;

/// Charges ten tokens a text, or fails.
struct Model {
    fails: bool,
}

#[async_trait]
impl Embedder for Model {
    fn model(&self) -> &str {
        "ten"
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, Failure> {
        if self.fails {
            return Err(Failure::throttled("embedder_unavailable", "down"));
        }
        Ok(Embedded {
            vectors: vec![vec![1.0]; texts.len()],
            tokens: 10 * texts.len() as u64,
        })
    }
}

struct Bench {
    ledger: Arc<ModelLedger>,
    clock: Arc<ManualClock>,
    meter: Arc<Meter>,
    index: IndexId,
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(1_750_000_000_000));
        let ledger = Arc::new(ModelLedger::new(Arc::clone(&clock) as Arc<dyn Clock>));
        Self {
            meter: Arc::new(Meter::new(Arc::clone(&ledger) as _)),
            ledger,
            clock,
            index: IndexId::new("docs").unwrap(),
        }
    }

    fn model(&self, tokens_per_day: Option<u64>, fails: bool) -> Metered {
        Metered {
            inner: Arc::new(Model { fails }),
            meter: IndexMeter {
                meter: Arc::clone(&self.meter),
                index: self.index.clone(),
                tokens_per_day,
            },
        }
    }

    async fn tokens(&self) -> u64 {
        self.meter.flush().await;
        let days = self.ledger.usage(&self.index, 1).await.unwrap();
        days.first().map_or(0, |day| day.tokens)
    }
}

fn texts(count: usize) -> Vec<String> {
    // Each is one token.
    vec!["hello".to_owned(); count]
}

#[tokio::test]
async fn without_a_budget_all_is_counted() {
    let bench = Bench::new();
    bench.model(None, false).embed(&texts(3)).await.unwrap();
    assert_eq!(bench.tokens().await, 30);
}

#[tokio::test]
async fn a_budget_pauses_until_midnight() {
    let bench = Bench::new();
    let model = bench.model(Some(25), false);
    model.embed(&texts(2)).await.unwrap();
    assert_eq!(bench.tokens().await, 20, "what the provider charged counts");
    let refused = model.embed(&texts(6)).await.unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.class),
        (BUDGET_SPENT, FailureClass::Throttled)
    );
    let wait = refused.retry_after.unwrap();
    assert_eq!(bench.tokens().await, 20, "a refusal costs nothing");
    bench.clock.advance(wait);
    model.embed(&texts(6)).await.unwrap();
    assert_eq!(bench.tokens().await, 60, "a new day");
}

#[tokio::test]
async fn what_failed_is_given_back() {
    let bench = Bench::new();
    bench.model(Some(25), true).embed(&texts(20)).await.unwrap_err();
    assert_eq!(bench.tokens().await, 0);
    bench.model(Some(25), false).embed(&texts(2)).await.unwrap();
}

#[tokio::test]
async fn a_file_that_no_day_has_room_for_is_not_tried_for_ever() {
    let refused = Bench::new()
        .model(Some(5), false)
        .embed(&texts(6))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.class),
        (OVER_BUDGET, FailureClass::Permanent)
    );
}
