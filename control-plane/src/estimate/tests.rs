//! Plans by hand.

use shared::ledger::Change;
use shared::work_message::Lane;

use super::*;

fn plan() -> Plan {
    let change = |path: &str, hold| Change {
        hold,
        ..Change::new(BlobPath::new(path).unwrap(), "plan", Lane::Bulk)
    };
    Plan {
        changes: vec![
            change("moved.md", false),
            change("new.md", false),
            change("edited.md", false),
            change("gone.md", true),
        ],
        added: 1,
        changed: 1,
        renamed: 1,
        removed: 1,
        held: 1,
        unchanged: 7,
        ..Plan::default()
    }
}

fn made(usage: &[Usage], budget: &Budget, full: bool, has_model: bool) -> RunPlan {
    let stats = IndexStats {
        chunks: 50,
        bytes: 100_000,
        ..IndexStats::default()
    };
    let known = Known {
        usage,
        stats: &stats,
        budget,
        has_model,
        full,
    };
    estimate(
        &plan(),
        |path| (path.as_str() != "gone.md").then_some(1000),
        &known,
    )
}

#[test]
fn an_index_without_experience_is_assumed_to_be_text() {
    let made = made(&[], &Budget::default(), false, true);
    let actions: Vec<Action> = made.files.iter().map(|file| file.action).collect();
    assert_eq!(
        actions,
        [Action::Rename, Action::Add, Action::Change, Action::AskToRemove]
    );
    assert_eq!(made.estimate.basis, Basis::Assumed);
    assert_eq!((made.estimate.bytes, made.estimate.tokens), (3000, 500));
    assert_eq!((made.estimate.cost, made.estimate.days), (None, None));
}

#[test]
fn experience_price_and_budget_count() {
    let usage = [Usage {
        day: 0,
        tokens: 8000,
        embedded: 80,
        reused: 20,
        bytes: 10_000,
    }];
    let budget = Budget {
        tokens_per_day: Some(700),
        price_per_million_tokens: Some(2.0),
    };
    let made = made(&usage, &budget, true, true);
    // A token a byte; a fifth of the edited file is there; the moved one is whole.
    assert_eq!(made.estimate.basis, Basis::Measured);
    assert_eq!(made.estimate.tokens, 1800);
    assert_eq!(made.estimate.cost, Some(0.0036));
    assert_eq!(made.estimate.days, Some(3));
    assert_eq!((made.estimate.chunks, made.estimate.chunks_reused), (18, 12 + 50));
    assert_eq!(made.estimate.bytes, 103_000);
}

#[test]
fn without_a_model_nothing_is_paid() {
    assert_eq!(made(&[], &Budget::default(), false, false).estimate.tokens, 0);
}
