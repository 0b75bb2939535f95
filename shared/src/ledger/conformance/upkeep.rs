//! Dead claims, lists, history, statistics, pruning.

use std::collections::BTreeMap;

use super::{Checked, Desk, LEASE, NONE, change, ms, path, replace};
use crate::file_state::FileState::{self, Deleted, Failed, Indexed, Pending};
use crate::ids::{ClaimId, RunId};
use crate::ledger::{Change, CommitChange, DeadClaim, FileFilter, IndexStats};
use crate::retry::Failure;

pub(super) async fn dead_claims_are_listed_once_they_are_useless(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    let dead = desk.claim("a.md").await?.hold;
    desk.ledger
        .fail(&desk.failing(&dead, Failure::transient("embed", "connection reset")))
        .await?;
    let list = || desk.ledger.dead_claims(&desk.index, LEASE, 10);
    assert_eq!(list().await?, [], "the next attempt may reuse its vectors");
    desk.advance(ms(20)).await;
    let entry = DeadClaim {
        file_id: dead.file_id,
        claim_id: dead.claim_id,
    };
    assert_eq!(
        desk.ledger.dead_claims(&desk.index, ms(10), 10).await?,
        [entry],
        "given up long ago"
    );
    desk.apply("a.md", replace("v1")).await?;
    assert_eq!(list().await?, [entry]);
    desk.ledger
        .forget_dead_claims(&desk.index, &[dead.claim_id, ClaimId::generate()])
        .await?;
    assert_eq!(list().await?, []);

    // A claim that committed and could not clean up is live, not dead.
    desk.enqueue(&[change("a.md")]).await?;
    let hold = desk.claim("a.md").await?.hold;
    desk.commit(&hold, replace("v2")).await?;
    desk.ledger
        .fail(&desk.failing(&hold, Failure::permanent("upsert", "refused")))
        .await?;
    assert_eq!(desk.state("a.md").await?, Failed);
    assert_eq!(list().await?, []);
    Ok(())
}

pub(super) async fn claims_in_use_are_known(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md"), change("b.md")]).await?;
    let prev = desk.apply("a.md", replace("v1")).await?;
    desk.enqueue(&[change("a.md")]).await?;
    let live = desk.claim("a.md").await?.hold;
    desk.commit(&live, replace("v2")).await?;
    let running = desk.claim("b.md").await?.hold.claim_id;
    let mut in_use = vec![prev, live.claim_id, running];
    in_use.sort_unstable();
    let mut asked: Vec<_> = (0..120).map(|_| ClaimId::generate()).collect();
    asked.extend(&in_use);
    assert_eq!(desk.ledger.claims_in_use(&desk.index, &asked).await?, in_use);
    desk.ledger.release(&live, NONE).await?;
    in_use.retain(|claim| *claim != prev);
    assert_eq!(desk.ledger.claims_in_use(&desk.index, &asked).await?, in_use);
    assert_eq!(desk.ledger.claims_in_use(&desk.index, &[]).await?, []);
    Ok(())
}

pub(super) async fn files_are_paged_in_path_order(desk: &Desk) -> Checked {
    let all = ["a.md", "docs-old/x", "docs/1", "docs/2", "docs/\u{10FFFF}", "e"];
    desk.enqueue(&all.map(change)).await?;
    desk.apply("docs/1", replace("v1")).await?;
    desk.apply("e", CommitChange::Remove).await?;
    let list = |filter: FileFilter, limit| async move {
        let files = desk.ledger.files(&desk.index, &filter, limit).await?;
        Ok(files
            .into_iter()
            .map(|file| file.path.to_string())
            .collect::<Vec<_>>())
    };
    let any = FileFilter::default();
    assert_eq!(list(any.clone(), 100).await?, all[..5], "tombstones are left out");
    assert_eq!(list(any.clone(), 2).await?, all[..2]);
    let after = FileFilter {
        after: Some(path("docs-old/x")),
        ..any.clone()
    };
    assert_eq!(list(after, 2).await?, all[2..4]);
    assert_eq!(
        list(
            FileFilter {
                prefix: "docs/".into(),
                ..any.clone()
            },
            100
        )
        .await?,
        all[2..5]
    );
    assert_eq!(
        list(
            FileFilter {
                prefix: "docs".into(),
                ..any.clone()
            },
            100
        )
        .await?,
        all[1..5]
    );
    let in_states = |states: &[FileState]| FileFilter {
        states: states.to_vec(),
        ..any.clone()
    };
    assert_eq!(list(in_states(&[Deleted, Indexed]), 100).await?, ["docs/1", "e"]);
    assert_eq!(list(in_states(&[Failed]), 100).await?, [""; 0]);

    let known = desk.ledger.known_files(&desk.index, "docs/").await?;
    let known: Vec<_> = known
        .iter()
        .map(|file| (file.path.as_str(), file.etag.as_deref()))
        .collect();
    assert_eq!(
        known,
        [
            ("docs/1", Some("v1")),
            ("docs/2", None),
            ("docs/\u{10FFFF}", None)
        ]
    );
    assert_eq!(desk.ledger.known_files(&desk.index, "").await?.len(), 5);
    Ok(())
}

/// Whatever language the database sorts by: upper case first, `-` and `.` before `/`, accents last.
pub(super) async fn paths_are_compared_by_bytes(desk: &Desk) -> Checked {
    let sorted = ["B.md", "a-b.md", "a.md", "a/b.md", "ab.md", "b.md", "é.md"];
    let mut changes = sorted.map(change);
    changes.reverse();
    desk.enqueue(&changes).await?;
    let mut pages = Vec::new();
    loop {
        let filter = FileFilter {
            after: pages.last().cloned(),
            ..FileFilter::default()
        };
        let page = desk.ledger.files(&desk.index, &filter, 2).await?;
        if page.is_empty() {
            break;
        }
        pages.extend(page.into_iter().map(|file| file.path));
    }
    assert_eq!(pages, sorted.map(path));
    let known = desk.ledger.known_files(&desk.index, "a").await?;
    assert_eq!(
        known.into_iter().map(|file| file.path).collect::<Vec<_>>(),
        [path("a/b.md")]
    );
    Ok(())
}

pub(super) async fn history_tells_the_whole_story(desk: &Desk) -> Checked {
    let run = RunId::generate();
    let told = Change {
        sequencer: Some("0042".into()),
        run: Some(run),
        ..change("a.md")
    };
    desk.enqueue(&[told]).await?;
    let failed = desk.claim("a.md").await?.hold;
    desk.ledger
        .fail(&desk.failing(&failed, Failure::transient("fetch", "connection reset")))
        .await?;
    let done = desk.apply("a.md", replace("v1")).await?;
    let history = desk.ledger.history(&desk.index, desk.id("a.md"), 100).await?;
    let events: Vec<_> = history
        .iter()
        .map(|entry| (&*entry.event, entry.state, entry.seq, entry.claim_id))
        .collect();
    let (failed, done) = (Some(failed.claim_id), Some(done));
    assert_eq!(
        events,
        [
            ("enqueued", Pending, 1, None),
            ("claimed", FileState::Processing, 1, failed),
            ("failed", Pending, 1, failed),
            ("claimed", FileState::Processing, 1, done),
            ("committed", FileState::Publishing, 1, done),
            ("released", Indexed, 1, done),
        ]
    );
    let run = run.to_string();
    let reason = serde_json::json!({ "reason": "event", "lane": "fast", "sequencer": "0042", "run": run });
    assert_eq!(history[0].detail, reason);
    assert_eq!(
        history[1].detail,
        serde_json::json!({ "owner": "worker-1", "attempts": 1 })
    );
    assert_eq!(history[2].detail["failure"]["code"], "fetch");
    assert_eq!(history[4].detail, serde_json::json!({ "embed_seconds": 0.5 }));
    let newest = desk.ledger.history(&desk.index, desk.id("a.md"), 2).await?;
    assert_eq!(newest, history[4..], "the newest ones, oldest first");
    Ok(())
}

pub(super) async fn old_rows_are_pruned(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md"), change("gone.md"), change("new-gone.md")])
        .await?;
    desk.apply("a.md", replace("v1")).await?;
    desk.apply("gone.md", CommitChange::Remove).await?;
    desk.advance(ms(60)).await;
    desk.apply("new-gone.md", CommitChange::Remove).await?;
    // gone.md with its four entries, and one of the four entries of the others.
    assert_eq!(desk.ledger.prune(&desk.index, 3, ms(50)).await?, 7);
    assert_eq!(desk.ledger.prune(&desk.index, 3, LEASE).await?, 0);
    assert_eq!(desk.ledger.file(&desk.index, desk.id("gone.md")).await?, None);
    assert_eq!(
        desk.ledger.history(&desk.index, desk.id("gone.md"), 10).await?,
        []
    );
    let kept = desk.ledger.history(&desk.index, desk.id("a.md"), 10).await?;
    assert_eq!(
        kept.iter().map(|entry| &*entry.event).collect::<Vec<_>>(),
        ["claimed", "committed", "released"]
    );
    // It starts anew when it comes back.
    desk.enqueue(&[change("gone.md")]).await?;
    assert_eq!(desk.row("gone.md").await?.desired_seq, 1);
    assert_eq!(
        desk.ledger
            .history(&desk.index, desk.id("gone.md"), 10)
            .await?
            .len(),
        1
    );
    Ok(())
}

pub(super) async fn stats_add_up(desk: &Desk) -> Checked {
    assert_eq!(desk.ledger.stats(&desk.index).await?, IndexStats::default());
    desk.enqueue(&[change("a.md"), change("b.md")]).await?;
    let oldest = desk.row("b.md").await?.enqueued_at;
    desk.apply("a.md", replace("v1")).await?;
    desk.advance(ms(10)).await;
    desk.enqueue(&[Change {
        debounce: LEASE,
        ..change("c.md")
    }])
    .await?;
    desk.claim("b.md").await?;
    let stats = desk.ledger.stats(&desk.index).await?;
    let by_state = BTreeMap::from([(Pending, 1), (FileState::Processing, 1), (Indexed, 1)]);
    assert_eq!(
        (stats.by_state, stats.chunks, stats.bytes, stats.backlog),
        (by_state, 5, 100, 2)
    );
    assert_eq!(stats.oldest_pending_at, Some(oldest));
    assert_eq!(stats.next_due_at, Some(desk.row("c.md").await?.not_before));
    Ok(())
}
