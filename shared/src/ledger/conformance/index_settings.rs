//! Settings: one of two changes wins, and whoever works on a file learns of it.

use serde_json::{Value, json};

use super::{Checked, Desk, change, index_id};
use crate::ids::OperationId;
use crate::ledger::{IndexRecord, LedgerError, Operation, OperationKind, SettingsChange};

async fn record(desk: &Desk) -> Result<IndexRecord, LedgerError> {
    let mut records = desk.ledger.indexes().await?;
    records.retain(|record| record.id == desk.index);
    Ok(records.pop().expect("the index is there"))
}

fn to(from: &IndexRecord, settings: Value) -> SettingsChange {
    SettingsChange {
        from: from.clone(),
        settings,
        follow_up: None,
    }
}

pub(super) async fn one_of_two_changes_of_settings_wins(desk: &Desk) -> Checked {
    let first = record(desk).await?;
    assert_eq!(first.revision, 1);
    let changed = desk
        .ledger
        .change_settings(&to(&first, json!({ "a": 1 })))
        .await?;
    let changed = changed.expect("nobody else changed it");
    assert_eq!((changed.revision, &changed.settings), (2, &json!({ "a": 1 })));
    assert_eq!(record(desk).await?, changed);
    // The other one saw the index before.
    assert_eq!(
        desk.ledger
            .change_settings(&to(&first, json!({ "a": 2 })))
            .await?,
        None
    );
    assert_eq!(record(desk).await?, changed);
    // Pausing is no change of settings.
    desk.ledger.set_active(&desk.index, false).await?;
    let again = desk
        .ledger
        .change_settings(&to(&changed, json!({ "a": 3 })))
        .await?;
    assert_eq!(again.map(|record| record.revision), Some(3));
    // Neither an index that is not there nor one that goes.
    let unknown = IndexRecord {
        id: index_id("unknown"),
        ..first.clone()
    };
    assert_eq!(desk.ledger.change_settings(&to(&unknown, json!({}))).await?, None);
    let latest = record(desk).await?;
    let made_again = IndexRecord {
        created_at: latest.created_at + 1,
        ..latest.clone()
    };
    assert_eq!(
        desk.ledger.change_settings(&to(&made_again, json!({}))).await?,
        None
    );
    desk.ledger.delete_index(&desk.index).await?;
    assert_eq!(desk.ledger.change_settings(&to(&latest, json!({}))).await?, None);
    Ok(())
}

pub(super) async fn what_follows_a_change_is_kept_with_it(desk: &Desk) -> Checked {
    let first = record(desk).await?;
    let follow_up = |name: &str| {
        let path = String::new();
        Some(Operation {
            id: OperationId::of(&desk.index, name),
            index: desk.index.clone(),
            kind: OperationKind::Compare { path },
            sequencer: None,
        })
    };
    let change = SettingsChange {
        follow_up: follow_up("one"),
        ..to(&first, json!({ "a": 1 }))
    };
    assert!(desk.ledger.change_settings(&change).await?.is_some());
    let late = SettingsChange {
        follow_up: follow_up("two"),
        ..to(&first, json!({ "a": 2 }))
    };
    assert!(desk.ledger.change_settings(&late).await?.is_none());
    let open = desk.ledger.operations(&desk.index, 10).await?;
    let ids: Vec<OperationId> = open.iter().map(|record| record.operation.id).collect();
    assert_eq!(ids, [OperationId::of(&desk.index, "one")]);
    Ok(())
}

pub(super) async fn a_claim_names_the_settings_that_it_must_know(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a"), change("b")]).await?;
    let request = desk.request("a");
    assert_eq!(desk.claim("b").await?.revision, 1);
    let first = record(desk).await?;
    desk.ledger
        .change_settings(&to(&first, json!({ "a": 1 })))
        .await?;
    for _ in 0..2 {
        // Asking again for the same claim says the same.
        let crate::ledger::ClaimOutcome::Claimed(claim) = desk.ledger.claim(&request).await? else {
            panic!("a is not claimable");
        };
        assert_eq!(claim.revision, 2);
    }
    Ok(())
}
