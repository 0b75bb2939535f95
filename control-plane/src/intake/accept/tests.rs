use prometheus::Registry;
use serde_json::{Value, json};
use shared::blob_path::BlobPath;
use shared::clock::{Clock, SystemClock};
use shared::file_state::FileState;
use shared::ids::FileId;
use shared::ledger::model::ModelLedger;
use shared::ledger::sqlite::SqliteLedger;
use shared::ledger::{FileFilter, IndexState, OperationKind};

use super::*;
use crate::intake::events::samples::{event_grid, renamed};
use crate::intake::events::{Source, event_grid as grid, samples};

/// The indexes of a test.
pub(crate) struct FixedPlaces(pub(crate) Vec<IndexPlace>);

#[async_trait]
impl IndexPlaces for FixedPlaces {
    async fn index_places(&self) -> Result<Vec<IndexPlace>, LedgerError> {
        Ok(self.0.clone())
    }
}

/// An index made from `contoso`'s container `docs`.
pub(crate) fn index_place(name: &str, prefix: &str) -> IndexPlace {
    IndexPlace {
        index: IndexId::new(name).unwrap(),
        place: Source::Azure {
            account: "contoso".to_owned(),
            container: "docs".to_owned(),
        },
        scope: Arc::new(shared::index_settings::Scope::below(prefix)),
        state: IndexState::Active,
    }
}

async fn ledgers(indexes: &[IndexPlace]) -> Vec<Arc<dyn ControlLedger>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ledgers: Vec<Arc<dyn ControlLedger>> = vec![
        Arc::new(ModelLedger::new(Arc::clone(&clock))),
        SqliteLedger::in_memory(&clock).unwrap(),
    ];
    for ledger in &ledgers {
        for index in indexes {
            ledger.ensure_index(&index.index, &json!({})).await.unwrap();
        }
    }
    ledgers
}

fn batch(events: &Value) -> Batch {
    grid::parse(events.to_string().as_bytes()).unwrap()
}

async fn files(ledger: &dyn ControlLedger, index: &IndexPlace) -> Vec<(String, i64)> {
    let files = ledger
        .files(&index.index, &FileFilter::default(), 10_000)
        .await
        .unwrap();
    let shown = |file: shared::ledger::FileRow| {
        assert_eq!(file.state, FileState::Pending);
        (file.path.to_string(), file.desired_seq)
    };
    files.into_iter().map(shown).collect()
}

fn rows(rows: &[(&str, i64)]) -> Vec<(String, i64)> {
    rows.iter()
        .map(|(path, seq)| ((*path).to_owned(), *seq))
        .collect()
}

#[tokio::test]
async fn changes_and_operations_are_recorded_with_every_owner() {
    let none = json!({});
    let indexes = [index_place("all", ""), index_place("team", "team")];
    for ledger in ledgers(&indexes).await {
        let events = batch(&json!([
            event_grid("BlobCreated", "team/a.md", &none),
            event_grid("BlobDeleted", "b.md", &none),
            event_grid("BlobRenamed", "c.md", &renamed("team/old.md", "c.md")),
            event_grid("DirectoryDeleted", "team/gone", &none),
            event_grid("DirectoryCreated", "team/new", &none),
            event_grid("BlobCreated", "team/a.md", &none),
            event_grid("BlobTierChanged", "team/a.md", &none),
        ]));
        let receipt = accept(&*ledger, &indexes, "test", &events).await.unwrap();
        let expected = Receipt {
            accepted: 4,
            duplicates: 1,
            ignored: 2,
            ..Receipt::default()
        };
        assert_eq!(receipt, expected);
        let all = files(&*ledger, &indexes[0]).await;
        assert_eq!(
            all,
            rows(&[("b.md", 1), ("c.md", 1), ("team/a.md", 1), ("team/old.md", 1)])
        );
        let team = files(&*ledger, &indexes[1]).await;
        assert_eq!(team, rows(&[("team/a.md", 1), ("team/old.md", 1)]));

        let id = FileId::of(&indexes[0].index, &BlobPath::new("team/a.md").unwrap());
        let history = ledger.history(&indexes[0].index, id, 10).await.unwrap();
        let words = history[0].detail.to_string();
        assert!(
            words.contains("event") && words.contains("00000000000000000000000000015508"),
            "{words}"
        );
        for index in &indexes {
            let open = ledger.operations(&index.index, 10).await.unwrap();
            let remove = OperationKind::Remove {
                path: "team/gone".to_owned(),
            };
            assert_eq!(open.len(), 1);
            assert_eq!(open[0].operation.kind, remove);
        }

        // The same batch again: files get one more look, directories are known.
        let receipt = accept(&*ledger, &indexes, "test", &events).await.unwrap();
        assert_eq!((receipt.accepted, receipt.duplicates), (3, 2));
        assert_eq!(
            files(&*ledger, &indexes[1]).await,
            rows(&[("team/a.md", 2), ("team/old.md", 2)])
        );
        assert_eq!(ledger.operations(&indexes[0].index, 10).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn large_batches_are_recorded_whole() {
    let indexes = [index_place("all", "")];
    for ledger in ledgers(&indexes).await {
        let mut events: Vec<Value> = (0..2_345)
            .map(|n| event_grid("BlobCreated", &format!("{n}.md"), &json!({})))
            .collect();
        events.insert(1_500, event_grid("DirectoryDeleted", "d", &json!({})));
        let receipt = accept(&*ledger, &indexes, "test", &batch(&Value::from(events)))
            .await
            .unwrap();
        assert_eq!(receipt.accepted, 2_346);
        assert_eq!(files(&*ledger, &indexes[0]).await.len(), 2_345);
    }
}

#[tokio::test]
async fn an_index_that_went_meanwhile_owns_nothing() {
    let indexes = [index_place("gone", ""), index_place("here", "here")];
    for ledger in ledgers(&indexes[1..]).await {
        let events = batch(&json!([
            event_grid("BlobCreated", "a.md", &json!({})),
            event_grid("BlobCreated", "here/a.md", &json!({})),
            event_grid("DirectoryDeleted", "d", &json!({})),
        ]));
        let receipt = accept(&*ledger, &indexes, "test", &events).await.unwrap();
        assert_eq!((receipt.accepted, receipt.unowned), (1, 2));
        assert_eq!(files(&*ledger, &indexes[1]).await, rows(&[("here/a.md", 1)]));
    }
}

#[tokio::test]
async fn what_is_set_aside_is_kept_once_and_within_bounds() {
    let indexes = [index_place("all", "")];
    for ledger in ledgers(&indexes).await {
        let events = batch(&json!([
            event_grid("BlobCreated", "a.md", &json!({})),
            event_grid("BlobCreated", "../b.md", &json!({})),
        ]));
        for _ in 0..2 {
            let receipt = accept(&*ledger, &indexes, "POST /events/azure", &events)
                .await
                .unwrap();
            assert_eq!((receipt.accepted, receipt.refused), (1, 1));
            assert_eq!(receipt.problems[0].event, "831e1650-BlobCreated-../b.md");
            assert!(receipt.problems[0].problem.contains("climbs"));
        }
        let letters = ledger.dead_letters(1_000).await.unwrap();
        assert_eq!(letters.len(), 1);
        assert_eq!(
            (letters[0].queue.as_str(), letters[0].reason.as_str()),
            ("POST /events/azure", "unusable_event")
        );
        assert!(letters[0].body.contains("../b.md") && letters[0].problem.contains("climbs"));

        let many: Vec<Value> = (0..3_000)
            .map(|n| event_grid("BlobCreated", &format!("../{n}"), &json!({})))
            .collect();
        let receipt = accept(&*ledger, &indexes, "test", &batch(&Value::from(many)))
            .await
            .unwrap();
        assert_eq!((receipt.refused, receipt.problems.len()), (3_000, MOST_PROBLEMS));
        let letters = ledger.dead_letters(1_000).await.unwrap();
        assert_eq!(letters.len(), 1 + MOST_LETTERS + 1);
        assert!(
            letters
                .iter()
                .any(|letter| letter.problem.starts_with("2900 more events"))
        );
    }
}

fn intake(ledger: Arc<dyn ControlLedger>, indexes: Vec<IndexPlace>) -> Intake {
    Intake {
        ledger,
        indexes: Arc::new(FixedPlaces(indexes)),
        nudge: Arc::new(Notify::new()),
        metrics: Arc::new(Metrics::register(&Registry::new()).unwrap()),
    }
}

#[tokio::test]
async fn messages_from_queues_are_taken_in_every_format() {
    let bucket = |name: &str, place: Source| IndexPlace {
        place,
        ..index_place(name, "")
    };
    let indexes = vec![
        index_place("azure", ""),
        bucket(
            "s3",
            Source::S3 {
                bucket: "papers".to_owned(),
            },
        ),
        bucket(
            "gcs",
            Source::Gcs {
                bucket: "archive".to_owned(),
            },
        ),
    ];
    for ledger in ledgers(&indexes).await {
        let intake = intake(Arc::clone(&ledger), indexes.clone());
        // One after the other: two of the samples are about the same directory, and only the first of them counts.
        let mut receipts = Vec::new();
        for body in samples::all() {
            let body = body.to_string();
            receipts.push(intake.handle("events", body.as_bytes(), None).await.unwrap());
        }
        assert_eq!(receipts.iter().map(|receipt| receipt.unowned).sum::<usize>(), 0);
        let accepted: Vec<usize> = receipts.iter().map(|receipt| receipt.accepted).collect();
        assert_eq!(accepted, [5, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1]);
        assert!(!files(&*ledger, &indexes[1]).await.is_empty());
        assert!(!files(&*ledger, &indexes[2]).await.is_empty());

        let count =
            |source: &str, outcome: &str| intake.metrics.events.with_label_values(&[source, outcome]).get();
        assert_eq!(
            (count("event_grid", "accepted"), count("event_grid", "ignored")),
            (5, 3)
        );
        assert_eq!(
            (
                count("s3", "accepted"),
                count("s3", "refused"),
                count("gcs", "accepted")
            ),
            (7, 1, 2)
        );

        let refused = intake.handle("events", b"{\"x\"\0", None).await.unwrap_err();
        let NotTaken::Unreadable(problem) = refused else {
            panic!("{refused}");
        };
        assert_eq!(count("unknown", "unreadable"), 1);
        let before = ledger.dead_letters(100).await.unwrap().len();
        for _ in 0..2 {
            intake
                .keep_unreadable("events", b"{\"x\"\0\xff", &problem)
                .await
                .unwrap();
        }
        let letters = ledger.dead_letters(100).await.unwrap();
        assert_eq!(letters.len(), before + 1);
        assert!(
            letters
                .iter()
                .any(|letter| letter.body == "{\"x\"\u{fffd}\u{fffd}")
        );
    }
}

#[tokio::test]
async fn only_what_is_recorded_wakes_the_dispatcher() {
    let indexes = vec![index_place("team", "team")];
    for ledger in ledgers(&indexes).await {
        let intake = intake(ledger, indexes.clone());
        let woken = || async {
            let notified = tokio::time::timeout(std::time::Duration::ZERO, intake.nudge.notified());
            notified.await.is_ok()
        };
        let foreign = batch(&json!([event_grid("BlobCreated", "a.md", &json!({}))]));
        intake.take("test", &foreign).await.unwrap();
        assert!(!woken().await);
        let own = batch(&json!([event_grid("BlobCreated", "team/a.md", &json!({}))]));
        intake.take("test", &own).await.unwrap();
        assert!(woken().await);
    }
}
