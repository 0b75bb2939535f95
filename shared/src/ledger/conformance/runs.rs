//! Runs: exact counts, one that carries them out, batches of events, cancelling.

use super::{Checked, Desk, LEASE, NONE, change, ms, path, replace, version};
use crate::file_state::FileState::{Deleted, Failed, Indexed, Pending};
use crate::ids::{FileId, IndexId, RunId};
use crate::ledger::{
    Change, Commit, CommitChange, LedgerError, NewRun, RunCounts, RunError, RunFilter, RunKind, RunPage,
    RunPhase, RunRecord, RunState, RunWork,
};
use crate::retry::Failure;
use crate::work_message::Lane;

pub(super) fn new_run(id: RunId, index: &IndexId, kind: RunKind) -> NewRun {
    NewRun {
        id,
        index: index.clone(),
        kind,
        asked_by: "somebody".to_owned(),
        path: None,
        lease: NONE,
    }
}

fn of(run: RunId, at: &str) -> Change {
    Change {
        run: Some(run),
        ..change(at)
    }
}

fn again(at: &str) -> Change {
    Change {
        again: true,
        ..change(at)
    }
}

fn reported(at: &str) -> Change {
    Change::reported(path(at), "event", Lane::Fast)
}

/// # Panics
/// When the page is refused, which these checks do not expect here.
async fn record(desk: &Desk, work: &RunWork, page: &RunPage) -> Result<RunWork, LedgerError> {
    let after = desk.ledger.advance_run(work, page, NONE).await?;
    Ok(after.expect("the page is recorded"))
}

/// Opens a run that asks for these changes, and no more.
pub(super) async fn asked(desk: &Desk, kind: RunKind, changes: Vec<Change>) -> Result<RunId, LedgerError> {
    let new = new_run(RunId::generate(), &desk.index, kind);
    desk.ledger.open_run(&new).await?;
    let page = RunPage {
        changes,
        ..RunPage::default()
    };
    record(desk, &new.work(), &page).await?;
    Ok(new.id)
}

/// # Panics
/// When there is no such run.
pub(super) async fn seen(desk: &Desk, run: RunId) -> Result<RunRecord, LedgerError> {
    Ok(desk.ledger.run(run).await?.expect("the run is there"))
}

async fn fail_for_good(desk: &Desk, at: &'static str) -> Checked {
    let hold = desk.claim(at).await?.hold;
    let failure = Failure::permanent("too_large", "too large");
    desk.ledger.fail(&desk.failing(&hold, failure)).await?;
    Ok(())
}

pub(super) async fn a_run_is_complete_when_each_of_its_files_is(desk: &Desk) -> Checked {
    let new = new_run(RunId::generate(), &desk.index, RunKind::Scan);
    let scan = new.id;
    desk.ledger.open_run(&new).await?;
    desk.ledger
        .open_run(&new_run(scan, &desk.index, RunKind::Full))
        .await?;
    let page = RunPage {
        changes: vec![change("a.md"), change("b.md"), change("c.md"), change("a.md")],
        next: Some((RunPhase::Compare, Some(path("c.md")))),
        ..RunPage::default()
    };
    let work = record(desk, &new.work(), &page).await?;
    desk.enqueue(&[change("d.md")]).await?;
    let run = seen(desk, scan).await?;
    assert_eq!((run.kind, run.state), (RunKind::Scan, RunState::Listing));
    assert_eq!((run.total, run.done), (3, 0), "a file counts once");
    desk.apply("a.md", replace("v1")).await?;
    fail_for_good(desk, "b.md").await?;
    desk.apply("c.md", replace("v1")).await?;
    let run = seen(desk, scan).await?;
    assert_eq!(
        (run.state, run.completed_at),
        (RunState::Listing, None),
        "more may come"
    );

    let last = RunPage {
        changes: vec![change("e.md"), change("f.md")],
        ..RunPage::default()
    };
    record(desk, &work, &last).await?;
    assert_eq!(seen(desk, scan).await?.state, RunState::Running);
    // What failed is done; asked for by another run, it is not taken away from this one.
    let retry = new_run(RunId::generate(), &desk.index, RunKind::Retry);
    desk.ledger.open_run(&retry).await?;
    let page = RunPage {
        retry: vec![desk.id("b.md"), desk.id("c.md"), desk.id("nothing.md")],
        ..RunPage::default()
    };
    record(desk, &retry.work(), &page).await?;
    // What is not done is.
    let takes = asked(desk, RunKind::Scan, vec![change("e.md")]).await?;
    desk.apply("f.md", CommitChange::Remove).await?;
    let run = seen(desk, scan).await?;
    let counts = RunCounts {
        indexed: 2,
        failed: 1,
        deleted: 1,
        superseded: 1,
        ..RunCounts::default()
    };
    assert_eq!((run.state, run.total, run.done), (RunState::Completed, 5, 5));
    assert_eq!(run.counts, counts);
    assert_eq!(
        run.errors,
        [RunError {
            code: "too_large".to_owned(),
            files: 1
        }]
    );
    assert!(run.completed_at.is_some_and(|at| at >= run.opened_at));

    for (run, at) in [(retry.id, "b.md"), (takes, "e.md")] {
        let before = seen(desk, run).await?;
        assert_eq!(
            (before.state, before.total, before.done),
            (RunState::Running, 1, 0),
            "{at}"
        );
    }
    desk.apply("b.md", CommitChange::Remove).await?;
    desk.apply("e.md", replace("v1")).await?;
    // What a run did stays as it was when its files go on.
    desk.enqueue(&[of(takes, "b.md"), change("a.md")]).await?;
    let run = seen(desk, retry.id).await?;
    assert_eq!(
        (run.state, run.counts.deleted, run.done),
        (RunState::Completed, 1, 1)
    );
    assert_eq!(seen(desk, scan).await?.counts, counts);
    // Nothing to do is done at once.
    let nothing = asked(desk, RunKind::Scan, Vec::new()).await?;
    assert_eq!(seen(desk, nothing).await?.state, RunState::Completed);
    assert_eq!(desk.ledger.run(RunId::generate()).await?, None);
    Ok(())
}

pub(super) async fn outcomes_and_costs_add_up(desk: &Desk) -> Checked {
    let commit = async |at: &'static str, change: CommitChange, tokens: u32| {
        let hold = desk.claim(at).await?.hold;
        let commit = Commit {
            hold: hold.clone(),
            change,
            detail: serde_json::json!({ "tokens": tokens, "embedded": 3, "reused": 2, "type": "text" }),
            debounce: NONE,
        };
        desk.ledger.commit(&commit).await?;
        desk.ledger.release(&hold, NONE).await?;
        Ok::<_, LedgerError>(())
    };
    let names = ["a.md", "b.md", "c.md", "d.md", "e.md"];
    let run = asked(desk, RunKind::Scan, names.into_iter().map(change).collect()).await?;
    commit("a.md", replace("v1"), 100).await?;
    commit("b.md", replace("v1"), 10).await?;
    let skip = CommitChange::Skip(version("v1"), Failure::permanent("unsupported", "no converter"));
    commit("c.md", skip, 0).await?;
    // Something newer is wanted when it is released: it is not done, and its cost is known.
    let hold = desk.claim("d.md").await?.hold;
    desk.enqueue(&[of(run, "d.md")]).await?;
    desk.commit(&hold, replace("v1")).await?;
    desk.enqueue(&[Change {
        hold: true,
        ..of(run, "e.md")
    }])
    .await?;
    let now = seen(desk, run).await?;
    let counts = RunCounts {
        indexed: 2,
        skipped: 1,
        awaiting_approval: 1,
        ..RunCounts::default()
    };
    assert_eq!(now.counts, counts);
    assert_eq!((now.total, now.done, now.state), (5, 4, RunState::Running));
    assert_eq!((now.tokens, now.chunks_embedded, now.chunks_reused), (110, 9, 6));
    assert!(now.done_lately >= 1, "they were done just now: {now:?}");
    // Replaced versions are counted when they are committed, and once.
    commit("d.md", replace("v2"), 1000).await?;
    let now = seen(desk, run).await?;
    assert_eq!(
        (now.state, now.counts.indexed, now.tokens),
        (RunState::Completed, 3, 1110)
    );
    let kept = asked(desk, RunKind::Scan, vec![change("a.md")]).await?;
    commit("a.md", CommitChange::Keep(version("v1")), 0).await?;
    assert_eq!(seen(desk, kept).await?.counts.unchanged, 1);
    Ok(())
}

pub(super) async fn one_carries_a_run_out_at_a_time(desk: &Desk) -> Checked {
    let new = NewRun {
        lease: ms(40),
        ..new_run(RunId::generate(), &desk.index, RunKind::Full)
    };
    desk.ledger.open_run(&new).await?;
    assert_eq!(
        desk.ledger.take_run(&desk.index, LEASE).await?,
        None,
        "its opener is at it"
    );
    desk.advance(ms(50)).await;
    let taken = desk.ledger.take_run(&desk.index, ms(40)).await?;
    assert_eq!(taken.as_ref(), Some(&new.work()));
    assert_eq!(desk.ledger.take_run(&desk.index, LEASE).await?, None);
    let work = new.work();
    assert!(desk.ledger.keep_run(&work, LEASE).await?);
    desk.advance(ms(50)).await;
    assert_eq!(
        desk.ledger.take_run(&desk.index, LEASE).await?,
        None,
        "it was renewed"
    );

    let page = |names: &[&str], next| RunPage {
        changes: names.iter().map(|at| again(at)).collect(),
        retry: Vec::new(),
        next,
    };
    let first = page(&["a.md"], Some((RunPhase::Again, Some(path("a.md")))));
    let second = record(desk, &work, &first).await?;
    assert_eq!(
        (second.phase, &second.cursor, second.pages),
        (RunPhase::Again, &Some(path("a.md")), 1)
    );
    // Whoever comes late with the same page changes nothing.
    assert_eq!(
        desk.ledger
            .advance_run(&work, &page(&["b.md"], None), LEASE)
            .await?,
        None
    );
    assert!(!desk.ledger.keep_run(&work, LEASE).await?);
    desk.ledger.stall_run(&work, "not mine", LEASE).await?;
    assert_eq!(desk.ledger.file(&desk.index, desk.id("b.md")).await?, None);
    desk.ledger
        .stall_run(&second, "the source is away", ms(40))
        .await?;
    let now = seen(desk, new.id).await?;
    assert_eq!(now.problem.as_deref(), Some("the source is away"));
    desk.advance(ms(50)).await;
    assert_eq!(
        desk.ledger.take_run(&desk.index, NONE).await?.as_ref(),
        Some(&second)
    );
    record(desk, &second, &page(&["b.md"], None)).await?;
    assert_eq!(
        desk.ledger.take_run(&desk.index, LEASE).await?,
        None,
        "it is recorded"
    );
    let now = seen(desk, new.id).await?;
    assert_eq!((now.total, now.problem, now.state), (2, None, RunState::Running));
    Ok(())
}

pub(super) async fn reported_changes_are_a_batch(desk: &Desk) -> Checked {
    assert!(!desk.ledger.close_batch(&desk.index).await?, "there is none");
    desk.enqueue(&[
        reported("a.md"),
        change("alone.md"),
        reported("b.md"),
        reported("a.md"),
    ])
    .await?;
    let open = desk.ledger.open_runs(&desk.index).await?;
    let [batch] = open.as_slice() else {
        panic!("not one batch: {open:?}")
    };
    assert_eq!(
        (batch.kind, batch.state, batch.total),
        (RunKind::Events, RunState::Running, 2)
    );
    assert_eq!(desk.row("a.md").await?.run, Some(batch.id));
    assert_eq!(desk.row("alone.md").await?.run, None);
    desk.apply("a.md", replace("v1")).await?;
    assert!(!desk.ledger.close_batch(&desk.index).await?, "b.md is pending");
    // A run takes a file over, and the batch takes it back; done files come again.
    let scan = asked(desk, RunKind::Scan, vec![change("b.md")]).await?;
    desk.enqueue(&[reported("b.md"), reported("a.md")]).await?;
    assert_eq!(seen(desk, scan).await?.counts.superseded, 1);
    desk.apply("a.md", replace("v2")).await?;
    desk.apply("b.md", CommitChange::Remove).await?;
    let now = seen(desk, batch.id).await?;
    assert_eq!(
        (now.state, now.total, now.done),
        (RunState::Running, 4, 4),
        "{now:?}"
    );
    assert!(desk.ledger.close_batch(&desk.index).await?);
    assert!(!desk.ledger.close_batch(&desk.index).await?);
    // What is reported next is another batch.
    desk.enqueue(&[reported("c.md")]).await?;
    assert_ne!(desk.row("c.md").await?.run, Some(batch.id));
    assert_eq!(
        seen(desk, batch.id).await?.state,
        RunState::Running,
        "it may be joined for a moment"
    );
    desk.advance(ms(1100)).await;
    let now = seen(desk, batch.id).await?;
    assert_eq!(
        (now.state, now.counts.indexed, now.counts.deleted),
        (RunState::Completed, 2, 1)
    );
    Ok(())
}

/// A settled file of each kind, and one that nobody has begun.
async fn settled_files(desk: &Desk) -> Checked {
    let names = ["indexed.md", "deleted.md", "failed.md", "skipped.md"];
    desk.enqueue(&names.map(change)).await?;
    desk.apply("indexed.md", replace("v1")).await?;
    desk.apply("deleted.md", CommitChange::Remove).await?;
    fail_for_good(desk, "failed.md").await?;
    let skip = CommitChange::Skip(version("v1"), Failure::permanent("unsupported", "no converter"));
    desk.apply("skipped.md", skip).await?;
    Ok(())
}

pub(super) async fn a_cancelled_run_gives_back_what_only_it_wanted(desk: &Desk) -> Checked {
    settled_files(desk).await?;
    let before = desk.row("indexed.md").await?;
    let names = ["indexed.md", "failed.md", "skipped.md", "begun.md"];
    desk.enqueue(&[change("begun.md")]).await?;
    desk.apply("begun.md", replace("v1")).await?;
    let full = asked(desk, RunKind::Full, names.map(again).to_vec()).await?;
    let begun = desk.claim("begun.md").await?.hold;
    assert_eq!(desk.ledger.give_back(full, 1).await?, 1, "a page");
    assert!(desk.ledger.cancel_run(full).await?);
    assert!(!desk.ledger.cancel_run(full).await?, "once");
    assert_eq!(desk.ledger.give_back(full, 100).await?, 2);
    assert_eq!(desk.ledger.give_back(full, 100).await?, 0);
    assert_eq!(
        seen(desk, full).await?.state,
        RunState::Cancelling,
        "one is being made"
    );
    desk.commit(&begun, replace("v2")).await?;
    desk.ledger.release(&begun, NONE).await?;
    let now = seen(desk, full).await?;
    assert_eq!(
        (now.state, now.counts.cancelled, now.counts.indexed),
        (RunState::Cancelled, 3, 1)
    );
    let after = desk.row("indexed.md").await?;
    assert_eq!((after.state, after.live_claim), (Indexed, before.live_claim));
    assert_eq!(after.applied_seq, after.desired_seq);
    let failed = desk.row("failed.md").await?;
    assert_eq!(
        (failed.state, failed.last_error.map(|error| error.code)),
        (Failed, Some("too_large".to_owned()))
    );
    let skipped = desk.row("skipped.md").await?;
    assert_eq!(
        skipped.last_error.map(|error| error.code),
        Some("unsupported".to_owned())
    );
    assert_eq!(desk.due().await?, Vec::<String>::new());

    // The same of a retry.
    let retry = new_run(RunId::generate(), &desk.index, RunKind::Retry);
    desk.ledger.open_run(&retry).await?;
    let page = RunPage {
        retry: vec![desk.id("failed.md")],
        next: Some((RunPhase::Compare, None)),
        ..RunPage::default()
    };
    let work = record(desk, &retry.work(), &page).await?;
    assert_eq!(desk.state("failed.md").await?, Pending);
    assert!(desk.ledger.cancel_run(retry.id).await?);
    assert_eq!(
        desk.ledger.advance_run(&work, &RunPage::default(), LEASE).await?,
        None,
        "it is over"
    );
    assert_eq!(desk.ledger.give_back(retry.id, 100).await?, 1);
    assert_eq!(desk.state("failed.md").await?, Failed);
    assert_eq!(seen(desk, retry.id).await?.state, RunState::Cancelled);
    assert!(!desk.ledger.cancel_run(RunId::generate()).await?, "there is none");
    Ok(())
}

pub(super) async fn a_change_outlives_a_cancelled_run(desk: &Desk) -> Checked {
    settled_files(desk).await?;
    desk.enqueue(&[change("pending.md"), change("running.md")])
        .await?;
    let running = desk.claim("running.md").await?.hold;
    let names = ["pending.md", "running.md", "indexed.md", "deleted.md"];
    let full = asked(desk, RunKind::Full, names.map(again).to_vec()).await?;
    // Reported while the run wanted it as well: with a batch, and without one.
    desk.enqueue(&[change("indexed.md"), reported("deleted.md")])
        .await?;
    assert!(desk.ledger.cancel_run(full).await?);
    desk.ledger.give_back(full, 100).await?;
    for at in ["pending.md", "indexed.md", "deleted.md"] {
        assert_eq!(desk.state(at).await?, Pending, "{at} was reported");
    }
    let now = seen(desk, full).await?;
    assert_eq!(
        (now.state, now.counts.cancelled, now.counts.superseded),
        (RunState::Cancelling, 2, 1)
    );
    desk.commit(&running, replace("v1")).await?;
    assert_eq!(
        desk.state("running.md").await?,
        Pending,
        "asked for while it was made"
    );
    desk.ledger.give_back(full, 100).await?;
    assert_eq!(seen(desk, full).await?.state, RunState::Cancelled);
    for at in ["pending.md", "running.md", "indexed.md"] {
        desk.apply(at, replace("v2")).await?;
    }
    desk.apply("deleted.md", CommitChange::Remove).await?;
    assert_eq!(desk.state("deleted.md").await?, Deleted);
    Ok(())
}

pub(super) async fn runs_are_listed_and_pruned(desk: &Desk) -> Checked {
    let mut made = Vec::new();
    for kind in [RunKind::Scan, RunKind::Full, RunKind::Scan, RunKind::Retry] {
        made.push(asked(desk, kind, Vec::new()).await?);
        desk.advance(ms(5)).await;
    }
    let open = asked(desk, RunKind::Scan, vec![change("a.md")]).await?;
    let list = async |filter: RunFilter, limit| {
        let found = desk.ledger.runs(&desk.index, &filter, limit).await?;
        Ok::<Vec<RunId>, LedgerError>(found.into_iter().map(|run| run.id).collect())
    };
    let all = list(RunFilter::default(), 10).await?;
    assert_eq!(all, [open, made[3], made[2], made[1], made[0]], "newest first");
    let page = desk.ledger.runs(&desk.index, &RunFilter::default(), 2).await?;
    let before = page.last().map(|run| (run.opened_at, run.id));
    let rest = RunFilter {
        before,
        ..RunFilter::default()
    };
    assert_eq!(list(rest, 2).await?, [made[2], made[1]]);
    let scans = RunFilter {
        kind: Some(RunKind::Scan),
        ..RunFilter::default()
    };
    assert_eq!(list(scans, 10).await?, [open, made[2], made[0]]);
    let running = RunFilter {
        state: Some(RunState::Running),
        ..RunFilter::default()
    };
    assert_eq!(list(running, 10).await?, [open]);
    desk.advance(ms(50)).await;
    assert_eq!(desk.ledger.prune_runs(&desk.index, LEASE, 10).await?, 0);
    assert_eq!(desk.ledger.prune_runs(&desk.index, ms(20), 3).await?, 3, "a page");
    assert_eq!(desk.ledger.prune_runs(&desk.index, ms(20), 3).await?, 1);
    assert_eq!(
        list(RunFilter::default(), 10).await?,
        [open],
        "what is not over stays"
    );
    Ok(())
}

pub(super) async fn pending_files_can_be_woken(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md"), change("b.md")]).await?;
    let hold = desk.claim("a.md").await?.hold;
    let mut fail = desk.failing(&hold, Failure::throttled("embedder", "asked to wait"));
    fail.delay = LEASE;
    desk.ledger.fail(&fail).await?;
    assert_eq!(desk.due().await?, ["b.md"]);
    assert_eq!(desk.ledger.wake_pending(&desk.index, 100).await?, 1);
    assert_eq!(desk.ledger.wake_pending(&desk.index, 100).await?, 0);
    let mut due = desk.due().await?;
    due.sort();
    assert_eq!(due, ["a.md", "b.md"]);
    Ok(())
}

pub(super) async fn made_again_though_the_same(desk: &Desk) -> Checked {
    let id: FileId = desk.id("a.md");
    desk.enqueue(&[change("a.md")]).await?;
    let claim = desk.claim("a.md").await?;
    assert_eq!((claim.hold.file_id, claim.again), (id, false));
    // Asked for while it is made: the next attempt has to.
    desk.enqueue(&[again("a.md")]).await?;
    desk.commit(&claim.hold, replace("v1")).await?;
    let claim = desk.claim("a.md").await?;
    assert!(claim.again);
    let busy = Failure::throttled("embedder", "asked to wait");
    desk.ledger.fail(&desk.failing(&claim.hold, busy)).await?;
    desk.enqueue(&[change("a.md")]).await?;
    let claim = desk.claim("a.md").await?;
    assert!(claim.again, "until it is made");
    desk.commit(&claim.hold, replace("v1")).await?;
    desk.ledger.release(&claim.hold, NONE).await?;
    desk.enqueue(&[change("a.md")]).await?;
    assert!(!desk.claim("a.md").await?.again);
    Ok(())
}
