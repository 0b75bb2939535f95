//! A file's way through its states when all goes well, and who may take the steps.

use super::{Checked, Desk, NONE, change, index_id, ms, replace, version};
use crate::file_state::FileState::{Deleted, Indexed, Pending, Processing, Publishing, Skipped};
use crate::ids::ClaimId;
use crate::ledger::{
    ClaimOutcome, CommitChange, CommitOutcome, Committed, FailOutcome, FileFilter, Hold, LedgerError,
    ReleaseOutcome, RunKind,
};
use crate::place::Missing;
use crate::retry::Failure;

pub(super) async fn one_file_from_change_to_index(desk: &Desk) -> Checked {
    assert_eq!(desk.enqueue(&[change("a.md")]).await?, [Pending]);
    assert_eq!(desk.due().await?, ["a.md"]);
    let claim = desk.claim("a.md").await?;
    assert_eq!(
        (claim.seq, claim.attempts, claim.hold.fence, claim.dirty),
        (1, 1, 1, false)
    );
    assert_eq!(
        (claim.live_claim, claim.prev_claim, &claim.version),
        (None, None, &None)
    );
    assert_eq!(desk.state("a.md").await?, Processing);
    assert_eq!(desk.due().await?, [""; 0]);

    // Nothing to remove: the first commit releases as well.
    let committed = desk.commit(&claim.hold, replace("v1")).await?;
    assert_eq!(
        committed,
        Committed {
            prev_claim: None,
            released: Some(Indexed)
        }
    );
    let row = desk.row("a.md").await?;
    assert_eq!(
        (row.state, row.live_claim, row.claim_id),
        (Indexed, Some(claim.hold.claim_id), None)
    );
    assert_eq!(
        (row.desired_seq, row.claimed_seq, row.applied_seq, row.attempts),
        (1, 1, 1, 0)
    );
    assert_eq!(
        (row.version, row.owner, row.lease_until),
        (Some(version("v1")), None, None)
    );

    // The second has the first one's points to remove.
    desk.enqueue(&[change("a.md")]).await?;
    let second = desk.claim("a.md").await?;
    assert_eq!(
        (second.live_claim, second.hold.fence),
        (Some(claim.hold.claim_id), 2)
    );
    assert_eq!(second.version, Some(version("v1")));
    let committed = desk.commit(&second.hold, replace("v2")).await?;
    assert_eq!(
        committed,
        Committed {
            prev_claim: Some(claim.hold.claim_id),
            released: None
        }
    );
    assert_eq!(desk.state("a.md").await?, Publishing);
    let live = desk
        .ledger
        .live_claims(&desk.index, &[desk.id("a.md"), desk.id("b.md")])
        .await?;
    assert_eq!(
        live.into_iter().collect::<Vec<_>>(),
        [(desk.id("a.md"), second.hold.claim_id)]
    );
    assert_eq!(
        desk.ledger.release(&second.hold, NONE).await?,
        ReleaseOutcome::Released(Indexed)
    );
    assert_eq!(desk.row("a.md").await?.prev_claim, None);
    Ok(())
}

pub(super) async fn changes_while_running_are_done_afterwards(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    let first_change = desk.row("a.md").await?.enqueued_at;
    let claim = desk.claim("a.md").await?;
    desk.advance(ms(20)).await;
    assert_eq!(desk.enqueue(&[change("a.md")]).await?, [Processing]);
    assert_eq!(desk.row("a.md").await?.enqueued_at, first_change);
    let committed = desk.commit(&claim.hold, replace("v1")).await?;
    assert_eq!(committed.released, Some(Pending));
    let row = desk.row("a.md").await?;
    assert_eq!((row.desired_seq, row.applied_seq, row.attempts), (2, 1, 0));
    assert!(
        row.enqueued_at >= first_change + 20,
        "the first change is applied, the second one waits"
    );

    // And while it is published: the release sees it.
    let claim = desk.claim("a.md").await?;
    assert_eq!(claim.seq, 2);
    desk.commit(&claim.hold, replace("v2")).await?;
    assert_eq!(desk.enqueue(&[change("a.md")]).await?, [Publishing]);
    let released = desk.ledger.release(&claim.hold, ms(30)).await?;
    assert_eq!(released, ReleaseOutcome::Released(Pending));
    assert!(desk.try_claim("a.md").await?.is_none(), "debounced");
    desk.advance(ms(40)).await;
    assert_eq!(desk.claim("a.md").await?.seq, 3);
    Ok(())
}

pub(super) async fn claims_are_refused(desk: &Desk) -> Checked {
    assert!(desk.try_claim("unknown.md").await?.is_none());
    desk.enqueue(&[change("a.md"), change("b.md")]).await?;
    desk.ledger.set_active(&desk.index, false).await?;
    assert_eq!(desk.due().await?, [""; 0]);
    assert!(desk.try_claim("a.md").await?.is_none(), "the index is paused");
    desk.ledger.set_active(&desk.index, true).await?;
    let held = desk.claim("a.md").await?;
    assert!(desk.try_claim("a.md").await?.is_none(), "held by another");
    desk.commit(&held.hold, replace("v1")).await?;
    assert!(desk.try_claim("a.md").await?.is_none(), "nothing to do");
    Ok(())
}

pub(super) async fn a_claim_can_be_repeated(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    let request = desk.request("a.md");
    let first = desk.ledger.claim(&request).await?;
    assert!(matches!(first, ClaimOutcome::Claimed(_)));
    assert_eq!(desk.ledger.claim(&request).await?, first, "the reply was lost");
    assert_eq!(desk.row("a.md").await?.fence, 1);
    assert_eq!(
        desk.ledger.history(&desk.index, request.file_id, 10).await?.len(),
        2,
        "enqueued and claimed, once"
    );
    Ok(())
}

pub(super) async fn a_claim_id_is_good_for_one_hold(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    let request = desk.request("a.md");
    let ClaimOutcome::Claimed(claim) = desk.ledger.claim(&request).await? else {
        panic!("not claimable")
    };
    let failing = desk.failing(&claim.hold, Failure::transient("fetch", "connection reset"));
    assert_eq!(desk.ledger.fail(&failing).await?, FailOutcome::Given(Pending));
    assert_eq!(
        desk.ledger.claim(&request).await?,
        ClaimOutcome::NotClaimable,
        "a late duplicate"
    );
    desk.apply("a.md", replace("v1")).await?;
    desk.enqueue(&[change("a.md")]).await?;
    let again = desk.ledger.claim(&request).await?;
    assert_eq!(again, ClaimOutcome::NotClaimable, "after another claim");
    assert!(desk.try_claim("a.md").await?.is_some());
    Ok(())
}

pub(super) async fn a_commit_can_be_repeated(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    let first = desk.claim("a.md").await?.hold;
    let answer = desk.commit(&first, replace("v1")).await?;
    assert_eq!(
        desk.commit(&first, replace("v1")).await?,
        answer,
        "released, and not claimed since"
    );
    desk.enqueue(&[change("a.md")]).await?;
    let second = desk.claim("a.md").await?.hold;
    assert_eq!(desk.try_commit(&first, replace("v1")).await?, CommitOutcome::Lost);
    let answer = desk.commit(&second, replace("v2")).await?;
    assert_eq!(desk.commit(&second, replace("v2")).await?, answer, "held");
    let failing = desk.failing(&second, Failure::transient("upsert", "connection reset"));
    desk.ledger.fail(&failing).await?;
    assert_eq!(
        desk.try_commit(&second, replace("v2")).await?,
        CommitOutcome::Lost,
        "given up"
    );
    Ok(())
}

pub(super) async fn commits_change_what_is_live(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    let hold = desk.claim("a.md").await?.hold;
    let keep = CommitChange::Keep(version("v0"));
    assert_eq!(
        desk.try_commit(&hold, keep).await?,
        CommitOutcome::Lost,
        "there is nothing to keep"
    );
    desk.commit(&hold, replace("v1")).await?;
    let first = hold.claim_id;

    desk.enqueue(&[change("a.md")]).await?;
    desk.apply("a.md", CommitChange::Keep(version("v2"))).await?;
    let row = desk.row("a.md").await?;
    assert_eq!((row.state, row.live_claim), (Indexed, Some(first)));
    assert_eq!(row.version.map(|version| version.etag), Some("v2".to_owned()));

    desk.enqueue(&[change("a.md")]).await?;
    let skip = CommitChange::Skip(
        crate::ledger::Version {
            chunks: 0,
            ..version("v3")
        },
        Failure::permanent("unsupported", "not a text"),
    );
    let hold = desk.claim("a.md").await?.hold;
    assert_eq!(desk.commit(&hold, skip).await?.prev_claim, Some(first));
    desk.ledger.release(&hold, NONE).await?;
    let row = desk.row("a.md").await?;
    assert_eq!((row.state, row.live_claim), (Skipped, None));
    assert_eq!(
        row.last_error.map(|error| error.code),
        Some("unsupported".to_owned())
    );

    desk.enqueue(&[change("a.md")]).await?;
    desk.apply("a.md", CommitChange::Remove).await?;
    let row = desk.row("a.md").await?;
    assert_eq!(
        (row.state, row.live_claim, row.version, row.last_error),
        (Deleted, None, None, None)
    );
    Ok(())
}

pub(super) async fn missing_parts_are_shown_and_found(desk: &Desk) -> Checked {
    let missing = Missing {
        parts: "pages 3-4".to_owned(),
        count: 2,
        code: "needs_ocr".to_owned(),
        reason: "the page is an image".to_owned(),
    };
    desk.enqueue(&[change("a.pdf"), change("b.pdf"), change("c.pdf")])
        .await?;
    for (path, missing) in [
        ("a.pdf", vec![]),
        ("b.pdf", vec![missing.clone()]),
        ("c.pdf", vec![missing.clone()]),
    ] {
        let partial = crate::ledger::Version {
            missing,
            ..version("v1")
        };
        desk.apply(path, CommitChange::Replace(partial)).await?;
    }
    let partial = || async {
        let filter = FileFilter {
            partial: true,
            ..FileFilter::default()
        };
        let rows = desk.ledger.files(&desk.index, &filter, 10).await?;
        Ok::<_, LedgerError>(rows.iter().map(|row| row.path.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(partial().await?, ["b.pdf", "c.pdf"]);
    assert_eq!(desk.ledger.stats(&desk.index).await?.partial, 2);
    let version_of_b = desk.row("b.pdf").await?.version;
    assert_eq!(version_of_b.map(|version| version.missing), Some(vec![missing]));

    // What a version lacks goes with the version.
    desk.enqueue(&[change("b.pdf"), change("c.pdf")]).await?;
    desk.apply("b.pdf", replace("v2")).await?;
    desk.apply("c.pdf", CommitChange::Remove).await?;
    assert_eq!(partial().await?, [""; 0]);
    assert_eq!(desk.ledger.stats(&desk.index).await?.partial, 0);
    Ok(())
}

pub(super) async fn holds_must_match(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    let hold = desk.claim("a.md").await?.hold;
    let other_fence = Hold {
        fence: hold.fence + 1,
        ..hold.clone()
    };
    let other_claim = Hold {
        claim_id: ClaimId::generate(),
        ..hold.clone()
    };
    let before = desk.row("a.md").await?;
    for wrong in [&other_fence, &other_claim] {
        assert_eq!(desk.try_commit(wrong, replace("v1")).await?, CommitOutcome::Lost);
        let failing = desk.failing(wrong, Failure::permanent("too_large", "too large"));
        assert_eq!(desk.ledger.fail(&failing).await?, FailOutcome::Lost);
    }
    assert_eq!(
        desk.ledger.release(&hold, NONE).await?,
        ReleaseOutcome::Lost,
        "not committed yet"
    );
    assert_eq!(desk.row("a.md").await?, before);
    desk.commit(&hold, replace("v1")).await?;
    desk.enqueue(&[change("a.md")]).await?;
    let hold = desk.claim("a.md").await?.hold;
    desk.commit(&hold, replace("v2")).await?;
    let other_fence = Hold {
        fence: hold.fence - 1,
        ..hold.clone()
    };
    assert_eq!(
        desk.ledger.release(&other_fence, NONE).await?,
        ReleaseOutcome::Lost
    );
    Ok(())
}

pub(super) async fn unknown_indexes_are_refused(desk: &Desk) -> Checked {
    let nowhere = index_id("nowhere");
    let refused = Err(LedgerError::UnknownIndex(nowhere.clone()));
    assert_eq!(
        desk.ledger.enqueue(&nowhere, &[change("a.md")]).await.map(|_| ()),
        refused
    );
    let run = crate::ids::RunId::generate();
    assert_eq!(
        desk.ledger
            .open_run(&super::runs::new_run(run, &nowhere, RunKind::Scan))
            .await,
        refused
    );
    let kept = desk
        .ledger
        .ensure_index(&desk.index, &serde_json::json!({ "source": "another" }))
        .await?;
    assert_eq!(kept.settings, serde_json::json!({ "source": "folder" }));
    assert_eq!(desk.ledger.indexes().await?, [kept]);
    Ok(())
}
