//! Duties, operations, dead letters, and indexes that go.

use serde_json::json;
use uuid::Uuid;

use super::{Checked, Desk, LEASE, NONE, change, index_id, ms, path, replace};
use crate::file_state::FileState;
use crate::ids::{ClaimId, FileId, IndexId, OperationId, RunId};
use crate::ledger::{
    Backlog, ClaimOutcome, ClaimRequest, CommitChange, Comparison, DeadLetter, Erased, IndexState,
    LedgerError, Operation, OperationKind, OperationPage, RunKind,
};
use crate::work_message::Lane;

pub(super) async fn duties_have_one_owner(desk: &Desk) -> Checked {
    let ledger = &desk.ledger;
    assert!(
        ledger.hold_duty("sweep", "a", LEASE).await?,
        "a free duty is taken"
    );
    assert!(
        !ledger.hold_duty("sweep", "b", LEASE).await?,
        "a held duty is not"
    );
    assert!(ledger.hold_duty("sweep", "a", LEASE).await?, "the owner keeps it");
    assert!(
        ledger.hold_duty("scrub", "b", ms(1)).await?,
        "each duty for itself"
    );
    ledger.drop_duty("sweep", "b").await?;
    assert!(
        !ledger.hold_duty("sweep", "b", LEASE).await?,
        "only the owner gives it back"
    );
    ledger.drop_duty("sweep", "a").await?;
    assert!(
        ledger.hold_duty("sweep", "b", LEASE).await?,
        "then it is free at once"
    );
    desk.advance(ms(50)).await;
    assert!(
        ledger.hold_duty("scrub", "c", LEASE).await?,
        "and free when the lease ran out"
    );
    assert!(
        !ledger.hold_duty("scrub", "b", LEASE).await?,
        "for the first who asks"
    );
    Ok(())
}

pub(super) async fn indexes_go_for_good(desk: &Desk) -> Checked {
    let other = index_id("other");
    desk.ledger.ensure_index(&other, &json!({})).await?;
    desk.ledger.enqueue(&other, &[change("kept.md")]).await?;
    desk.enqueue(&[change("a.md"), change("b.md"), change("c.md")])
        .await?;
    desk.apply("a.md", replace("1")).await?;
    let run = RunId::generate();
    desk.ledger
        .open_run(&super::runs::new_run(run, &desk.index, RunKind::Full))
        .await?;
    desk.ledger
        .open_operation(&removal(&desk.index, "event-1"))
        .await?;

    assert_eq!(
        desk.ledger.erase_index(&desk.index, 10).await?,
        Erased::Refused,
        "not asked to go"
    );
    assert!(desk.ledger.delete_index(&desk.index).await?);
    assert!(
        !desk.ledger.delete_index(&index_id("nobody")).await?,
        "there was none"
    );
    desk.ledger.set_active(&desk.index, true).await?;
    let state = |indexes: Vec<crate::ledger::IndexRecord>| {
        indexes
            .into_iter()
            .find(|index| index.id == desk.index)
            .map(|index| index.state)
    };
    let now = state(desk.ledger.indexes().await?);
    assert_eq!(now, Some(IndexState::Deleting), "there is no way back");
    assert!(
        desk.try_claim("b.md").await?.is_none(),
        "nothing of it is claimed"
    );
    assert_eq!(desk.due().await?, ["kept.md"], "nothing of it is woken");

    assert_eq!(
        desk.ledger.erase_index(&desk.index, 0).await?,
        Erased::More,
        "it could be"
    );
    assert_eq!(
        desk.ledger.operations(&desk.index, 10).await?.len(),
        1,
        "but nothing went"
    );
    let mut pages = 0;
    while desk.ledger.erase_index(&desk.index, 2).await? == Erased::More {
        pages += 1;
    }
    assert!(pages >= 2, "rows go in pages");
    assert_eq!(state(desk.ledger.indexes().await?), None);
    assert_eq!(
        desk.ledger.erase_index(&desk.index, 2).await?,
        Erased::Gone,
        "as often as one likes"
    );
    assert_eq!(desk.ledger.file(&desk.index, desk.id("a.md")).await?, None);
    assert_eq!(desk.ledger.history(&desk.index, desk.id("a.md"), 10).await?, []);
    assert_eq!(desk.ledger.run(run).await?, None);
    let refused = desk.enqueue(&[change("a.md")]).await;
    assert_eq!(refused, Err(LedgerError::UnknownIndex(desk.index.clone())));
    assert!(
        desk.ledger
            .file(&other, FileId::of(&other, &path("kept.md")))
            .await?
            .is_some()
    );

    desk.ledger.ensure_index(&desk.index, &json!({})).await?;
    assert_eq!(
        desk.enqueue(&[change("a.md")]).await?,
        [FileState::Pending],
        "the name is free again"
    );
    assert_eq!(
        desk.row("a.md").await?.desired_seq,
        1,
        "and nothing of before is left"
    );
    Ok(())
}

pub(super) async fn an_index_with_work_under_way_is_not_erased(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md"), change("b.md")]).await?;
    let hold = desk.claim("a.md").await?.hold;
    desk.ledger.delete_index(&desk.index).await?;
    assert_eq!(desk.ledger.erase_index(&desk.index, 10).await?, Erased::Refused);
    assert!(
        desk.ledger.file(&desk.index, desk.id("b.md")).await?.is_some(),
        "nothing went"
    );
    desk.commit(&hold, replace("1")).await?;
    while desk.ledger.erase_index(&desk.index, 10).await? == Erased::More {}
    assert_eq!(desk.ledger.file(&desk.index, desk.id("a.md")).await?, None);
    Ok(())
}

fn removal(index: &IndexId, event: &str) -> Operation {
    Operation {
        id: OperationId::of(index, event),
        index: index.clone(),
        kind: OperationKind::Remove {
            path: "old".to_owned(),
        },
        sequencer: Some("0001".to_owned()),
    }
}

pub(super) async fn operations_are_kept_until_done(desk: &Desk) -> Checked {
    let first = removal(&desk.index, "event-1");
    let rename = OperationKind::Rename {
        from: "a".to_owned(),
        to: "b/c".to_owned(),
    };
    let second = Operation {
        kind: rename,
        sequencer: None,
        ..removal(&desk.index, "event-2")
    };
    assert!(desk.ledger.open_operation(&first).await?);
    desk.advance(ms(20)).await;
    assert!(desk.ledger.open_operation(&second).await?);
    assert!(
        !desk.ledger.open_operation(&first).await?,
        "an event that comes twice is one operation"
    );
    let open = desk.ledger.operations(&desk.index, 10).await?;
    let kept: Vec<_> = open.iter().map(|record| &record.operation).collect();
    assert_eq!(kept, [&first, &second], "as given, oldest first");
    assert_eq!((open[0].held, open[0].files, &open[0].cursor), (None, 0, &None));

    let last = OperationPage {
        from: None,
        changes: Vec::new(),
        next: None,
        held: false,
    };
    assert!(desk.ledger.advance_operation(&first, &last).await?);
    assert!(
        !desk.ledger.advance_operation(&first, &last).await?,
        "finished is finished"
    );
    assert_eq!(desk.ledger.operations(&desk.index, 10).await?.len(), 1);
    assert!(
        !desk.ledger.open_operation(&first).await?,
        "it is still recognised when its event comes again"
    );
    desk.advance(ms(50)).await;
    assert_eq!(desk.ledger.prune(&desk.index, 100, ms(1)).await?, 1);
    assert!(desk.ledger.open_operation(&first).await?, "until it is pruned");
    let unknown = removal(&index_id("nobody"), "event-1");
    let refused = desk.ledger.open_operation(&unknown).await;
    assert_eq!(refused, Err(LedgerError::UnknownIndex(index_id("nobody"))));
    Ok(())
}

pub(super) async fn a_page_is_recorded_once(desk: &Desk) -> Checked {
    let operation = removal(&desk.index, "event-1");
    desk.ledger.open_operation(&operation).await?;
    let page = OperationPage {
        from: None,
        changes: vec![change("old/a.md"), change("old/b.md")],
        next: Some(path("old/b.md")),
        held: true,
    };
    assert!(desk.ledger.advance_operation(&operation, &page).await?);
    assert!(
        !desk.ledger.advance_operation(&operation, &page).await?,
        "the cursor has moved"
    );
    assert_eq!(
        desk.row("old/a.md").await?.desired_seq,
        1,
        "so nothing is recorded twice"
    );
    let record = desk.ledger.operations(&desk.index, 1).await?.remove(0);
    assert_eq!(
        (record.cursor, record.held, record.files),
        (page.next.clone(), Some(true), 2)
    );
    let last = OperationPage {
        from: page.next,
        changes: vec![change("old/c.md")],
        next: None,
        held: true,
    };
    assert!(desk.ledger.advance_operation(&operation, &last).await?);
    assert_eq!(desk.state("old/c.md").await?, FileState::Pending);
    assert_eq!(desk.ledger.operations(&desk.index, 1).await?, []);
    Ok(())
}

pub(super) async fn the_backlog_is_counted_by_lane(desk: &Desk) -> Checked {
    let other = index_id("other");
    desk.ledger.ensure_index(&other, &json!({})).await?;
    let mut slow = change("slow.md");
    slow.lane = Lane::Bulk;
    desk.enqueue(&[change("a.md"), change("b.md"), change("done.md"), slow])
        .await?;
    desk.ledger.enqueue(&other, &[change("a.md")]).await?;
    desk.apply("done.md", replace("1")).await?;
    desk.claim("a.md").await?;
    let expected = [
        (desk.index.clone(), Lane::Fast, 1, 1),
        (desk.index.clone(), Lane::Bulk, 1, 0),
        (other.clone(), Lane::Fast, 1, 0),
    ];
    let expected = expected.map(|(index, lane, pending, running)| Backlog {
        index,
        lane,
        pending,
        running,
    });
    assert_eq!(desk.ledger.backlog().await?, expected);
    let request = ClaimRequest {
        index: other.clone(),
        file_id: FileId::of(&other, &path("a.md")),
        claim_id: ClaimId::generate(),
        owner: "worker-1".to_owned(),
        lease: LEASE,
    };
    assert!(matches!(
        desk.ledger.claim(&request).await?,
        ClaimOutcome::Claimed(_)
    ));
    assert_eq!(desk.ledger.backlog().await?[2].running, 1);
    Ok(())
}

pub(super) async fn dead_letters_are_kept(desk: &Desk) -> Checked {
    let letter = |n: u128| DeadLetter {
        id: Uuid::from_u128(n),
        received_at: 0,
        queue: "longshore.work.fast".to_owned(),
        reason: "rejected".to_owned(),
        problem: "not JSON: expected value at line 1".to_owned(),
        body: "\u{fffd}garbage \"quoted\" ☃".to_owned(),
    };
    desk.ledger.keep_dead_letter(&letter(1)).await?;
    desk.advance(ms(50)).await;
    desk.ledger.keep_dead_letter(&letter(2)).await?;
    desk.ledger.keep_dead_letter(&letter(1)).await?;
    let kept = desk.ledger.dead_letters(10).await?;
    assert_eq!(
        kept.iter().map(|letter| letter.id.as_u128()).collect::<Vec<_>>(),
        [2, 1],
        "newest first, each once"
    );
    assert!(kept[1].received_at > 0, "the ledger says when");
    let shown = DeadLetter {
        received_at: 0,
        ..kept[1].clone()
    };
    assert_eq!(shown, letter(1));
    assert_eq!(desk.ledger.dead_letters(1).await?.len(), 1);
    assert_eq!(desk.ledger.forget_dead_letters(ms(30)).await?, 1);
    assert_eq!(desk.ledger.forget_dead_letters(NONE + ms(60_000)).await?, 0);
    Ok(())
}

pub(super) async fn lost_points_are_made_again(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md"), change("b.md"), change("c.md"), change("gone.md")])
        .await?;
    let a = desk.apply("a.md", replace("1")).await?;
    let b = desk.apply("b.md", replace("1")).await?;
    desk.apply("gone.md", CommitChange::Remove).await?;
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = desk.ledger.live_files(&desk.index, after, 1).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.file_id);
        pages.extend(page);
    }
    let mut found: Vec<_> = pages
        .iter()
        .map(|file| (file.path.as_str(), file.claim_id))
        .collect();
    found.sort_unstable();
    assert_eq!(found, [("a.md", a), ("b.md", b)], "each file with points, once");
    desk.ledger.spoil(&desk.index, &[a, ClaimId::generate()]).await?;
    let pipeline = |row: crate::ledger::FileRow| row.version.map(|version| version.pipeline);
    assert_eq!(
        pipeline(desk.row("a.md").await?).as_deref(),
        Some(""),
        "equals no fingerprint"
    );
    assert_ne!(pipeline(desk.row("b.md").await?).as_deref(), Some(""));
    assert_eq!(
        desk.row("a.md").await?.live_claim,
        Some(a),
        "what there is stays in sight"
    );
    Ok(())
}

pub(super) async fn comparisons_are_kept(desk: &Desk) -> Checked {
    let found = |indexes: Vec<crate::ledger::IndexRecord>| {
        indexes.into_iter().next().and_then(|index| index.comparison)
    };
    assert_eq!(found(desk.ledger.indexes().await?), None);
    let comparison = Comparison {
        at: 5,
        listed: 10,
        current: 8,
        orphaned: 2,
        without_points: 2,
        ..Comparison::default()
    };
    desk.ledger.note_comparison(&desk.index, &comparison).await?;
    assert_eq!(found(desk.ledger.indexes().await?), Some(comparison.clone()));
    assert!((comparison.completeness() - 0.5).abs() < 1e-9);
    assert!(
        (Comparison::default().completeness() - 1.0).abs() < 1e-9,
        "nothing is complete"
    );
    Ok(())
}
