//! Which files are woken, and when.

use super::{Checked, Desk, LEASE, change, index_id, ms, path, replace};
use crate::file_state::FileState::Indexed;
use crate::ledger::{Change, DueFile};
use crate::retry::Failure;
use crate::work_message::{Lane, WORK_MESSAGE_VERSION, WorkMessage};

pub(super) async fn a_burst_is_one_piece_of_work(desk: &Desk) -> Checked {
    let burst = [
        change("a.md"),
        Change {
            lane: Lane::Bulk,
            ..change("a.md")
        },
        change("a.md"),
    ];
    let answers = desk.ledger.enqueue(&desk.index, &burst).await?;
    assert_eq!(
        answers.iter().map(|answer| answer.seq).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    let due = desk.ledger.due(10, LEASE).await?;
    assert_eq!(
        due.iter().map(|due| (due.seq, due.lane)).collect::<Vec<_>>(),
        [(3, Lane::Fast)]
    );
    let claim = desk.claim("a.md").await?;
    assert_eq!(
        desk.commit(&claim.hold, replace("v1")).await?.released,
        Some(Indexed)
    );
    assert_eq!(desk.row("a.md").await?.applied_seq, 3);
    Ok(())
}

pub(super) async fn debounce_delays_but_not_for_ever(desk: &Desk) -> Checked {
    let change = Change {
        debounce: ms(60),
        ..change("a.md")
    };
    desk.enqueue(std::slice::from_ref(&change)).await?;
    assert_eq!(desk.due().await?, [""; 0]);
    assert!(desk.try_claim("a.md").await?.is_none());
    // Written all the time: due after ten debounces at the latest.
    for _ in 0..11 {
        desk.advance(ms(56)).await;
        desk.enqueue(std::slice::from_ref(&change)).await?;
    }
    assert_eq!(desk.due().await?, ["a.md"]);
    Ok(())
}

fn message(due: &DueFile) -> WorkMessage {
    let DueFile {
        index,
        file_id,
        path,
        seq,
        ..
    } = due.clone();
    WorkMessage {
        v: WORK_MESSAGE_VERSION,
        index,
        file_id,
        path,
        seq,
    }
}

pub(super) async fn due_is_fair_and_bounded(desk: &Desk) -> Checked {
    let other = index_id("other");
    desk.ledger.ensure_index(&other, &serde_json::Value::Null).await?;
    let bulk = |n: usize| Change::new(path(&format!("bulk-{n}.md")), "scan", Lane::Bulk);
    desk.enqueue(&(0..5).map(bulk).collect::<Vec<_>>()).await?;
    desk.enqueue(&[change("fast.md")]).await?;
    desk.ledger
        .enqueue(&other, &(0..5).map(bulk).collect::<Vec<_>>())
        .await?;
    let due = desk.ledger.due(3, ms(100)).await?;
    let order: Vec<_> = due.iter().map(|due| (due.index.as_str(), due.lane)).collect();
    let (docs, other) = (("docs", Lane::Bulk), ("other", Lane::Bulk));
    assert_eq!(
        order,
        [("docs", Lane::Fast), docs, other, docs, other, other],
        "urgent first, then in turns"
    );

    // Two of them are on their way: room for one more each, and for none once the window is full.
    desk.ledger
        .mark_woken(&[
            message(&due[0]),
            message(&due[1]),
            message(&due[2]),
            message(&due[4]),
        ])
        .await?;
    let more = desk.ledger.due(3, ms(100)).await?;
    assert_eq!(
        more.iter().map(|due| due.index.as_str()).collect::<Vec<_>>(),
        ["docs", "other"]
    );
    assert!(
        more.iter()
            .all(|more| due.iter().take(3).all(|due| due.file_id != more.file_id))
    );
    desk.ledger
        .mark_woken(&more.iter().map(message).collect::<Vec<_>>())
        .await?;
    assert_eq!(desk.ledger.due(3, ms(100)).await?, []);
    // A wake-up may be lost: after a while it is repeated.
    desk.advance(ms(120)).await;
    assert_eq!(desk.ledger.due(3, ms(100)).await?.len(), 6);
    Ok(())
}

pub(super) async fn wake_ups_of_claimed_files_are_not_stamped(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    let due = desk.ledger.due(10, LEASE).await?;
    // Something newer was enqueued before the wake-up was confirmed.
    desk.enqueue(&[change("a.md")]).await?;
    desk.ledger
        .mark_woken(&due.iter().map(message).collect::<Vec<_>>())
        .await?;
    assert_eq!(desk.due().await?, ["a.md"]);
    // The file was taken and given up before the wake-up was confirmed.
    let due = desk.ledger.due(10, LEASE).await?;
    let hold = desk.claim("a.md").await?.hold;
    let mut failing = desk.failing(&hold, Failure::transient("fetch", "connection reset"));
    failing.delay = ms(30);
    desk.ledger.fail(&failing).await?;
    desk.ledger
        .mark_woken(&due.iter().map(message).collect::<Vec<_>>())
        .await?;
    desk.advance(ms(40)).await;
    assert_eq!(desk.due().await?, ["a.md"]);
    Ok(())
}
