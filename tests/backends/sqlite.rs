//! The embedded ledger against the model. Its other tests are beside it.

use std::sync::Arc;

use shared::clock::{Clock, ManualClock};
use shared::ledger::conformance::Fixture;
use shared::ledger::sqlite::SqliteLedger;
use tests::ledger::against_model;

#[test]
fn sqlite_and_model_agree() {
    against_model::run(128, || async {
        let clock = Arc::new(ManualClock::at(against_model::START));
        let ledger = SqliteLedger::in_memory(&(Arc::clone(&clock) as Arc<dyn Clock>)).unwrap();
        Fixture::with_manual_clock(ledger, clock)
    });
}
