use shared::blobs::objects::Objects;
use shared::clock::{Clock, ManualClock};
use shared::ids::OperationId;
use shared::ledger::model::ModelLedger;

use super::*;
use crate::metrics::Metrics;

struct Fixture {
    ledger: Arc<ModelLedger>,
    operations: Operations,
}

impl Fixture {
    /// An index that knows `files`, over an empty source.
    async fn knowing(files: impl IntoIterator<Item = String>) -> Self {
        let clock = Arc::new(ManualClock::at(1_000_000));
        let ledger = Arc::new(ModelLedger::new(Arc::clone(&clock) as Arc<dyn Clock>));
        let index = IndexId::new("docs").unwrap();
        let settings = serde_json::json!({ "source": "s3://docs", "files": { "exclude": ["**/*.tmp"] } });
        shared::ledger::Ledger::ensure_index(&*ledger, &index, &settings)
            .await
            .unwrap();
        let changes: Vec<Change> = files
            .into_iter()
            .map(|path| Change::new(BlobPath::new(path).unwrap(), "scan", Lane::Bulk))
            .collect();
        shared::ledger::Ledger::enqueue(&*ledger, &index, &changes)
            .await
            .unwrap();
        let nudge = Arc::new(Notify::new());
        let reconciler = Arc::new(Reconciler {
            index: index.clone(),
            blobs: Arc::new(Objects::new(Arc::new(object_store::memory::InMemory::new()))),
            ledger: Arc::clone(&ledger) as _,
            pipeline: None,
            nudge: Arc::clone(&nudge),
            clock,
            metrics: Arc::new(Metrics::register(&prometheus::Registry::new()).unwrap()),
            turn: tokio::sync::Mutex::new(()),
        });
        let operations = Operations {
            index,
            ledger: Arc::clone(&ledger) as _,
            reconciler,
            nudge,
        };
        Self { ledger, operations }
    }

    async fn run(&self, kind: OperationKind) {
        let index = self.operations.index.clone();
        let id = OperationId::of(&index, &format!("{kind:?}"));
        let operation = Operation {
            id,
            index,
            kind,
            sequencer: None,
        };
        assert!(self.ledger.open_operation(&operation).await.unwrap());
        assert_eq!(self.operations.pass().await.unwrap(), 1);
        assert_eq!(
            self.operations.pass().await.unwrap(),
            0,
            "an operation is done once"
        );
    }

    /// Changes recorded per path, and what the row waits for.
    async fn seqs(&self) -> Vec<(String, i64)> {
        let rows = shared::ledger::Ledger::files(
            &*self.ledger,
            &self.operations.index,
            &FileFilter::default(),
            10_000,
        )
        .await
        .unwrap();
        rows.into_iter()
            .map(|row| (row.path.to_string(), row.desired_seq))
            .collect()
    }
}

fn names(count: usize, folder: &str) -> Vec<String> {
    (0..count)
        .map(|number| format!("{folder}/{number:05}.md"))
        .collect()
}

#[tokio::test]
async fn a_removed_directory_reaches_every_file_below_and_no_other() {
    // More than two pages.
    let known = [names(1201, "old"), names(2, "old-not"), vec!["old.md".to_owned()]].concat();
    let fixture = Fixture::knowing(known).await;
    fixture
        .run(OperationKind::Remove {
            path: "old".to_owned(),
        })
        .await;
    for (path, seq) in fixture.seqs().await {
        assert_eq!(seq, if path.starts_with("old/") { 2 } else { 1 }, "{path}");
    }
}

#[tokio::test]
async fn a_renamed_directory_moves_every_file() {
    let fixture = Fixture::knowing([names(700, "a/x"), names(1, "b")].concat()).await;
    fixture
        .run(OperationKind::Rename {
            from: "a/x".to_owned(),
            to: "c".to_owned(),
        })
        .await;
    let seqs = fixture.seqs().await;
    let of = |folder: &str| seqs.iter().filter(|(path, _)| path.starts_with(folder)).count();
    assert_eq!((of("a/x/"), of("c/"), of("b/")), (700, 700, 1));
    let removed = seqs.iter().find(|(path, _)| path == "a/x/00000.md").unwrap();
    assert_eq!(removed.1, 2, "the old path is told of its removal");
    // The old path follows the new one: it is not due before.
    let due = shared::ledger::Ledger::due(&*fixture.ledger, 10_000, std::time::Duration::from_secs(60))
        .await
        .unwrap();
    assert!(due.iter().all(|file| !file.path.as_str().starts_with("a/x/")));
}

#[tokio::test]
async fn a_large_removal_waits_for_approval() {
    let fixture = Fixture::knowing([names(50, "old"), names(50, "new")].concat()).await;
    // Removal is a question of what is settled; here the files only have to be many.
    fixture
        .run(OperationKind::Remove {
            path: "old".to_owned(),
        })
        .await;
    let stats = shared::ledger::Ledger::stats(&*fixture.ledger, &fixture.operations.index)
        .await
        .unwrap();
    assert_eq!(
        stats.by_state[&shared::file_state::FileState::AwaitingApproval],
        50
    );
}

#[tokio::test]
async fn a_page_recorded_by_somebody_else_is_not_recorded_again() {
    let fixture = Fixture::knowing(names(3, "old")).await;
    let index = fixture.operations.index.clone();
    let kind = OperationKind::Remove {
        path: "old".to_owned(),
    };
    let operation = Operation {
        id: OperationId::of(&index, "e"),
        index,
        kind,
        sequencer: None,
    };
    fixture.ledger.open_operation(&operation).await.unwrap();
    let stale = fixture
        .ledger
        .operations(&operation.index, 1)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(fixture.operations.pass().await.unwrap(), 1);
    assert!(!fixture.operations.step(&stale).await.unwrap());
    assert!(fixture.seqs().await.iter().all(|(_, seq)| *seq == 2));
}
