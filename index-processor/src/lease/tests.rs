use shared::blob_path::BlobPath;
use shared::clock::{Clock, ManualClock};
use shared::file_state::FileState;
use shared::ids::{FileId, IndexId};
use shared::ledger::model::ModelLedger;
use shared::ledger::{Change, ClaimOutcome, ClaimRequest, SweepPolicy};
use shared::shutdown::Tasks;
use shared::work_message::Lane;

use super::*;

/// Short enough to watch, long enough that a slow machine does not run out of it.
const SETTINGS: LeaseSettings = LeaseSettings {
    lease: Duration::from_secs(2),
    renew_every: Duration::from_millis(50),
    margin: Duration::from_millis(500),
};

struct Fixture {
    clock: Arc<ManualClock>,
    ledger: Arc<ModelLedger>,
    leases: Arc<Leases>,
    tasks: Tasks,
}

impl Fixture {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(1_000_000));
        let ledger = Arc::new(ModelLedger::new(Arc::clone(&clock) as Arc<dyn Clock>));
        let leases = Arc::new(Leases::new(
            "worker".to_owned(),
            Arc::clone(&ledger) as _,
            SETTINGS,
        ));
        let tasks = Tasks::new();
        tasks.spawn(Arc::clone(&leases).run(tasks.stopping()));
        Self {
            clock,
            ledger,
            leases,
            tasks,
        }
    }

    async fn claim(&self, name: &str) -> ClaimId {
        let index = IndexId::new("docs").unwrap();
        let path = BlobPath::new(name).unwrap();
        self.ledger
            .ensure_index(&index, &serde_json::json!({}))
            .await
            .unwrap();
        self.ledger
            .enqueue(&index, &[Change::new(path.clone(), "scan", Lane::Bulk)])
            .await
            .unwrap();
        let request = ClaimRequest {
            file_id: FileId::of(&index, &path),
            index,
            claim_id: ClaimId::generate(),
            owner: "worker".to_owned(),
            lease: SETTINGS.lease,
        };
        assert!(matches!(
            self.ledger.claim(&request).await.unwrap(),
            ClaimOutcome::Claimed(_)
        ));
        request.claim_id
    }

    async fn lease_until(&self, name: &str) -> i64 {
        let index = IndexId::new("docs").unwrap();
        let id = FileId::of(&index, &BlobPath::new(name).unwrap());
        self.ledger
            .file(&index, id)
            .await
            .unwrap()
            .unwrap()
            .lease_until
            .unwrap()
    }
}

#[tokio::test]
async fn a_kept_lease_is_renewed() {
    let fixture = Fixture::new();
    let claim = fixture.claim("a").await;
    let lease = fixture.leases.keep(claim, Instant::now());
    let before = fixture.lease_until("a").await;
    fixture.clock.advance(Duration::from_secs(1));
    while fixture.lease_until("a").await == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!lease.lost.is_cancelled());
    drop(lease);
    assert!(fixture.leases.is_empty(), "a dropped lease is no longer renewed");
    fixture.tasks.stop();
}

#[tokio::test]
async fn a_swept_claim_is_told_to_stop_and_its_neighbour_is_not() {
    let fixture = Fixture::new();
    let kept = fixture.leases.keep(fixture.claim("kept").await, Instant::now());
    let swept = fixture.leases.keep(fixture.claim("swept").await, Instant::now());
    // Only the claim of one file is taken away, as another worker's release of it would look.
    let index = IndexId::new("docs").unwrap();
    let id = FileId::of(&index, &BlobPath::new("swept").unwrap());
    let row = fixture.ledger.file(&index, id).await.unwrap().unwrap();
    fixture
        .ledger
        .fail(&shared::ledger::Fail {
            hold: shared::ledger::Hold {
                index,
                file_id: id,
                claim_id: row.claim_id.unwrap(),
                fence: row.fence,
            },
            failure: shared::retry::Failure::throttled("test", "taken away"),
            delay: Duration::ZERO,
            max_attempts: 5,
            etag: None,
            standing: false,
        })
        .await
        .unwrap();
    swept.lost().await;
    assert!(!kept.lost.is_cancelled());
    fixture.tasks.stop();
}

#[tokio::test]
async fn an_expired_lease_is_not_renewed_even_if_nobody_swept_it() {
    let fixture = Fixture::new();
    let lease = fixture.leases.keep(fixture.claim("late").await, Instant::now());
    fixture.clock.advance(SETTINGS.lease * 2);
    lease.lost().await;
    let policy = SweepPolicy {
        stale_after: Duration::from_secs(900),
        delay: Duration::ZERO,
        max_attempts: 5,
    };
    assert_eq!(fixture.ledger.sweep(&policy, 10).await.unwrap().len(), 1);
    fixture.tasks.stop();
}

/// Without a word from the ledger an attempt stops by itself before its lease could have run out.
#[tokio::test]
async fn a_worker_that_cannot_renew_fences_itself() {
    let fixture = Fixture::new();
    let claim = fixture.claim("alone").await;
    // A worker whose renewals go nowhere: it renews for another owner, so its own lease is never extended.
    fixture.tasks.stop();
    let silent = LeaseSettings {
        renew_every: Duration::from_secs(3600),
        ..SETTINGS
    };
    let leases = Arc::new(Leases::new(
        "worker".to_owned(),
        Arc::clone(&fixture.ledger) as _,
        silent,
    ));
    let tasks = Tasks::new();
    tasks.spawn(Arc::clone(&leases).run(tasks.stopping()));
    let asked_at = Instant::now();
    let lease = leases.keep(claim, asked_at);
    lease.lost().await;
    assert!(
        asked_at.elapsed() < SETTINGS.lease,
        "stopped only after the lease had run out"
    );
    tasks.stop();
}

#[tokio::test]
async fn a_claim_that_nobody_works_on_is_given_back() {
    let fixture = Fixture::new();
    let kept = fixture.claim("kept.md").await;
    let lost = fixture.claim("lost.md").await;
    let _lease = fixture.leases.keep(kept, Instant::now());
    let index = IndexId::new("docs").unwrap();
    let request = ClaimRequest {
        file_id: FileId::of(&index, &BlobPath::new("lost.md").unwrap()),
        index,
        claim_id: lost,
        owner: "worker".to_owned(),
        lease: SETTINGS.lease,
    };
    fixture.leases.loosen(request.clone());
    let state = async || {
        let row = fixture.ledger.file(&request.index, request.file_id).await;
        row.unwrap().unwrap().state
    };
    while state().await != FileState::Pending {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(fixture.leases.keeps(kept));
    fixture.tasks.stop();
}
