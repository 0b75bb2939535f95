//! The contract, and the model.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use shared::ids::IndexId;
use shared::ledger::conformance::{self, Fixture};
use shared::ledger::postgres::PostgresLedger;
use shared::ledger::{ControlLedger, FailOutcome, Ledger, SweepPolicy};
use tests::ledger::against_model;
use tests::postgres::Postgres;
use tokio_postgres::{Client, NoTls};

use super::desk;

/// Every table of the ledger.
const TABLES: &str = "files, history, dead_claims, runs, run_counts, operations, duties, dead_letters, breakers, approvals, \
                      usage, catalog, indexes, api_keys, audit, logging";

/// A ledger whose clock stands still until it is advanced.
struct Rig {
    ledger: Arc<PostgresLedger>,
    side: Arc<Client>,
    _driver: tokio::task::JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Rig {
    async fn on(postgres: &Postgres) -> Self {
        let url = postgres.database("ledger").unwrap();
        let ledger = PostgresLedger::connect(&desk::settings(&url)).await.unwrap();
        let (side, driver) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        let driver = tokio::spawn(driver);
        side.batch_execute(
            "CREATE TABLE clock (millis BIGINT NOT NULL);
             INSERT INTO clock VALUES (0);
             CREATE OR REPLACE FUNCTION now_ms() RETURNS BIGINT LANGUAGE plpgsql STABLE AS
                'BEGIN RETURN (SELECT millis FROM clock); END'",
        )
        .await
        .unwrap();
        Self {
            ledger,
            side: Arc::new(side),
            _driver: driver,
        }
    }

    /// Everything anew.
    async fn fixture(&self) -> Fixture {
        let start = against_model::START;
        let anew = format!("TRUNCATE {TABLES}; UPDATE clock SET millis = {start}");
        self.side.batch_execute(&anew).await.unwrap();
        let side = Arc::clone(&self.side);
        let advance = move |by: Duration| -> BoxFuture<'static, ()> {
            let (side, by) = (Arc::clone(&side), i64::try_from(by.as_millis()).unwrap());
            Box::pin(async move {
                let later = "UPDATE clock SET millis = millis + $1";
                side.execute(later, &[&by]).await.unwrap();
            })
        };
        Fixture {
            ledger: Arc::clone(&self.ledger) as Arc<dyn ControlLedger>,
            advance: Box::new(advance),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_conforms() {
    let postgres = Postgres::start().unwrap();
    let rig = Rig::on(&postgres).await;
    conformance::run(|| rig.fixture()).await;
}

#[test]
fn postgres_and_model_agree() {
    let postgres = Postgres::start().unwrap();
    let rig = tokio::sync::OnceCell::new();
    against_model::run(128, || async {
        let rig = rig.get_or_init(|| Rig::on(&postgres)).await;
        rig.fixture().await
    });
}

/// The tests above replace the clock, so here is one on the database's own.
#[tokio::test]
async fn time_passes_by_itself() {
    let (postgres, ledger) = desk::start().await;
    let drift = "SELECT abs(now_ms() - EXTRACT(EPOCH FROM clock_timestamp()) * 1000) < 1000";
    assert_eq!(postgres.sql("ledger", drift).unwrap(), "t");
    ledger.enqueue(&desk::docs(), &[desk::change(1)]).await.unwrap();
    let request = desk::request(1);
    let claim = desk::claimed(ledger.claim(&request).await.unwrap()).unwrap();
    ledger.renew("worker-1", Duration::from_millis(30)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(
        ledger.renew("worker-1", Duration::from_secs(60)).await.unwrap(),
        []
    );
    let policy = SweepPolicy {
        stale_after: Duration::from_secs(60),
        delay: Duration::ZERO,
        max_attempts: 3,
    };
    assert_eq!(
        ledger.sweep(&policy, 10).await.unwrap()[0].claim_id,
        claim.hold.claim_id
    );
    let fail = shared::ledger::Fail {
        hold: claim.hold,
        failure: shared::retry::Failure::transient("late", "too late"),
        delay: Duration::ZERO,
        max_attempts: 3,
        etag: None,
        standing: false,
    };
    assert_eq!(ledger.fail(&fail).await.unwrap(), FailOutcome::Lost);
}

/// PostgreSQL cannot store this character in a text; what comes from outside must not stop the batch that it is in.
#[tokio::test]
async fn a_nul_in_a_tag_does_no_harm() {
    let (_postgres, ledger) = desk::start().await;
    let mut odd = desk::change(1);
    odd.sequencer = Some("a\0b".to_owned());
    ledger
        .enqueue(&desk::docs(), &[odd, desk::change(2)])
        .await
        .unwrap();
    let history = ledger.history(&desk::docs(), desk::id(1), 1).await.unwrap();
    assert_eq!(history[0].detail["sequencer"], "a\0b", "JSON escapes it");
    let other = IndexId::new("other").unwrap();
    assert!(ledger.enqueue(&other, &[desk::change(1)]).await.is_err());
}
