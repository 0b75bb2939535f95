//! The desk on the model, and a webhook that answers.

use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use prometheus::Registry;
use shared::blob_path::BlobPath;
use shared::blobs::source::Source;
use shared::clock::{Clock, ManualClock};
use shared::file_state::FileState;
use shared::ids::FileId;
use shared::ledger::model::ModelLedger;
use shared::ledger::{Approvals, Change, Ledger};
use shared::secret::Secret;
use shared::shutdown::Tasks;
use shared::work_message::Lane;
use tokio::net::TcpListener;

use super::*;

struct Office {
    desk: ApprovalDesk,
    ledger: Arc<ModelLedger>,
    clock: Arc<ManualClock>,
    index: IndexId,
}

impl Office {
    async fn new(
        settings: ApprovalSettings,
        webhook: impl FnOnce(Arc<dyn Clock>) -> Option<Webhook>,
    ) -> Self {
        let clock = Arc::new(ManualClock::at(1_000_000));
        let ledger = Arc::new(ModelLedger::new(Arc::clone(&clock) as _));
        let index = IndexId::new("docs").unwrap();
        let whole = IndexSettings {
            approval: settings,
            ..IndexSettings::new("s3://docs".parse::<Source>().unwrap(), "english")
        };
        ledger
            .ensure_index(&index, &serde_json::to_value(whole).unwrap())
            .await
            .unwrap();
        let desk = ApprovalDesk {
            ledger: Arc::clone(&ledger) as _,
            duties: Arc::new(Duties::all()),
            nudge: Arc::default(),
            webhook: webhook(Arc::clone(&clock) as _),
            metrics: Arc::new(Metrics::register(&Registry::new()).unwrap()),
        };
        Self {
            desk,
            ledger,
            clock,
            index,
        }
    }

    async fn hold(&self, names: &[&str]) {
        let held = |name: &&str| Change {
            hold: true,
            ..Change::new(BlobPath::new(*name).unwrap(), "scan", Lane::Bulk)
        };
        let changes: Vec<Change> = names.iter().map(held).collect();
        self.ledger.enqueue(&self.index, &changes).await.unwrap();
    }

    async fn state(&self, name: &str) -> FileState {
        let id = FileId::of(&self.index, &BlobPath::new(name).unwrap());
        self.ledger.file(&self.index, id).await.unwrap().unwrap().state
    }

    async fn approval(&self, number: u64) -> Approval {
        self.ledger.approval(&self.index, number).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn nobody_decides_so_the_timer_keeps() {
    let office = Office::new(ApprovalSettings::default(), |_| None).await;
    office.hold(&["a.md", "b.md"]).await;
    office.desk.pass().await.unwrap();
    assert_eq!(office.approval(1).await.state, ApprovalState::Waiting);
    office.clock.advance(Duration::from_secs(7 * 24 * 3600 - 1));
    office.desk.pass().await.unwrap();
    assert_eq!(office.state("a.md").await, FileState::AwaitingApproval);
    // Another process takes the duty over: all that it needs to know is in the ledger.
    office.clock.advance(Duration::from_secs(1));
    office.desk.pass().await.unwrap();
    let decided = office.approval(1).await;
    assert_eq!(
        (decided.state, decided.decided_by.as_deref(), decided.passed),
        (ApprovalState::Kept, Some(TIMER), 2)
    );
    assert_ne!(office.state("a.md").await, FileState::AwaitingApproval);
}

#[tokio::test]
async fn a_timer_may_remove_or_never_come() {
    let settings = |after, otherwise| ApprovalSettings {
        decide_after_seconds: after,
        otherwise,
        ..ApprovalSettings::default()
    };
    let office = Office::new(settings(Some(60), Otherwise::Remove), |_| None).await;
    office.hold(&["a.md"]).await;
    office.desk.pass().await.unwrap();
    office.clock.advance(Duration::from_secs(60));
    office.desk.pass().await.unwrap();
    assert_eq!(office.state("a.md").await, FileState::Pending);

    let office = Office::new(settings(None, Otherwise::Remove), |_| None).await;
    office.hold(&["a.md"]).await;
    office.desk.pass().await.unwrap();
    office.clock.advance(Duration::from_secs(1_000_000_000));
    office.desk.pass().await.unwrap();
    assert_eq!(office.state("a.md").await, FileState::AwaitingApproval);
}

#[tokio::test]
async fn a_decision_that_a_crash_cut_short_is_carried_out() {
    let office = Office::new(ApprovalSettings::default(), |_| None).await;
    office.hold(&["a.md", "b.md", "c.md"]).await;
    office.desk.pass().await.unwrap();
    let resolution = Resolution {
        remove: true,
        ceiling: Some(3),
        by: "somebody".to_owned(),
        note: None,
        after: Duration::ZERO,
    };
    office
        .ledger
        .resolve_approval(&office.index, 1, &resolution)
        .await
        .unwrap();
    office.ledger.carry_out(&office.index, 1, 1).await.unwrap();
    // Here the process that had decided died.
    assert_eq!(office.state("c.md").await, FileState::AwaitingApproval);
    office.desk.pass().await.unwrap();
    assert_eq!(office.state("c.md").await, FileState::Pending);
    assert!(office.approval(1).await.finished_at.is_some());
}

/// An endpoint that refuses the first request.
#[derive(Clone, Default)]
struct Endpoint(Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

impl Endpoint {
    fn seen(&self) -> Vec<(HeaderMap, Bytes)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn receive(State(endpoint): State<Endpoint>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut seen = endpoint.0.lock().unwrap_or_else(PoisonError::into_inner);
    seen.push((headers, body));
    if seen.len() == 1 {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::NO_CONTENT
    }
}

#[tokio::test]
async fn the_webhook_is_told_until_it_listens() {
    let endpoint = Endpoint::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?token=hidden", listener.local_addr().unwrap());
    let tasks = Tasks::new();
    let routes = Router::new()
        .route("/hook", post(receive))
        .with_state(endpoint.clone());
    tasks.spawn(crate::http::serve(listener, routes, None, tasks.stopping()));

    // "secret" in Base64.
    let secret = Secret::new("whsec_c2VjcmV0");
    let office = Office::new(ApprovalSettings::default(), |clock| {
        Some(Webhook::new(&Secret::new(&url), Some(&secret), clock).unwrap())
    })
    .await;
    office.hold(&["a.md"]).await;
    while office.ledger.untold_approvals(1).await.unwrap().len() == 1 || endpoint.seen().is_empty() {
        office.desk.pass().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seen = endpoint.seen();
    assert_eq!(seen.len(), 2, "refused, and told again");
    let header = |n: usize, name: &str| seen[n].0.get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(
        header(0, "webhook-id"),
        header(1, "webhook-id"),
        "the same message"
    );
    let body = String::from_utf8(seen[1].1.to_vec()).unwrap();
    let message: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(message["type"], "approval.waiting");
    assert_eq!(message["data"]["files"], 1);
    let signed = format!(
        "{}.{}.{body}",
        header(1, "webhook-id"),
        header(1, "webhook-timestamp")
    );
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"secret");
    let signature = header(1, "webhook-signature");
    let signature = signature.strip_prefix("v1,").unwrap();
    let signature = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, signature).unwrap();
    aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &signature).unwrap();
    tasks.stop();
}

#[test]
fn an_address_has_to_be_one() {
    let clock = Arc::new(ManualClock::at(0));
    let refused = Webhook::new(&Secret::new("ftp://token@host"), None, clock).err();
    let told = refused.map(|error| error.to_string()).unwrap_or_default();
    assert!(
        told.contains("APPROVAL_WEBHOOK_URL") && !told.contains("token"),
        "{told}"
    );
}
