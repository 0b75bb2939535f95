//! The SQLite ledger against its contract and against bad disks.

mod disk;
mod plans;
mod speed;

use std::sync::Arc;

use super::SqliteLedger;
use crate::clock::{Clock, ManualClock};
use crate::ledger::conformance::{self, Fixture};
use crate::ledger::model::ModelLedger;

const NOW: i64 = 1_750_000_000_000;

#[tokio::test]
async fn model_conforms() {
    conformance::run(|| async {
        let clock = Arc::new(ManualClock::at(NOW));
        let ledger = ModelLedger::new(Arc::clone(&clock) as Arc<dyn Clock>);
        Fixture::with_manual_clock(Arc::new(ledger), clock)
    })
    .await;
}

#[tokio::test]
async fn sqlite_in_memory_conforms() {
    conformance::run(|| async {
        let clock = Arc::new(ManualClock::at(NOW));
        let ledger = SqliteLedger::in_memory(&(Arc::clone(&clock) as Arc<dyn Clock>)).unwrap();
        Fixture::with_manual_clock(ledger, clock)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_on_disk_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let next = std::sync::atomic::AtomicU32::new(0);
    conformance::run(|| async {
        let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let clock = Arc::new(ManualClock::at(NOW));
        let path = folder.path().join(format!("{n}.db"));
        let ledger = SqliteLedger::open(&path, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        Fixture::with_manual_clock(ledger, clock)
    })
    .await;
}
