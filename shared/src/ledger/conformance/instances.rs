//! Files and runs that people terminate, suspend, resume, rewind and purge.

use super::runs::{asked, new_run, seen};
use super::{Checked, Desk, LEASE, NONE, change, ms, path, replace};
use crate::file_state::FileState::{AwaitingApproval, Failed, Indexed, Pending, Processing, Publishing};
use crate::ids::{FileId, RunId};
use crate::ledger::{
    Change, CommitChange, CommitOutcome, Committed, FailOutcome, Rewound, RunKind, RunState, Suspended,
    SuspendedBy, SweepPolicy, TERMINATED, Terminate,
};
use crate::retry::Failure;

fn rename(from: &str, to: &str) -> Change {
    Change {
        renamed_from: Some(path(from)),
        ..change(to)
    }
}

impl Desk {
    fn end(&self, at: &str, etag: Option<&str>) -> Terminate {
        Terminate {
            index: self.index.clone(),
            file_id: self.id(at),
            failure: Failure::permanent(TERMINATED, "not now"),
            etag: etag.map(str::to_owned),
        }
    }

    async fn backlog_of_all(&self) -> Result<u64, crate::ledger::LedgerError> {
        let lanes = self.ledger.backlog().await?;
        Ok(lanes.iter().map(|lane| lane.pending + lane.running).sum())
    }

    async fn run_with(&self, files: &[&str]) -> Result<RunId, crate::ledger::LedgerError> {
        let changes = files.iter().map(|at| change(at)).collect();
        asked(self, RunKind::Scan, changes).await
    }
}

pub(super) async fn a_terminated_attempt_is_fenced(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    let live = desk.apply("a.md", replace("v1")).await?;
    desk.enqueue(&[change("a.md")]).await?;
    let hold = desk.claim("a.md").await?.hold;
    // Something newer does not keep it alive: what was reported so far is what was ended.
    desk.enqueue(&[change("a.md")]).await?;
    assert!(desk.ledger.terminate(&desk.end("a.md", Some("v3"))).await?);
    let row = desk.row("a.md").await?;
    assert_eq!(
        (row.state, row.claim_id, row.live_claim),
        (Failed, None, Some(live))
    );
    assert_eq!(
        row.last_error.map(|failure| failure.code),
        Some(TERMINATED.to_owned())
    );
    assert_eq!(desk.try_commit(&hold, replace("v2")).await?, CommitOutcome::Lost);
    let failing = desk.failing(&hold, Failure::transient("fetch", "reset"));
    assert_eq!(desk.ledger.fail(&failing).await?, FailOutcome::Lost);
    assert_eq!(desk.ledger.renew("worker-1", LEASE).await?, []);
    let dead = desk.ledger.dead_claims(&desk.index, LEASE, 10).await?;
    assert_eq!(dead.len(), 1, "its points are scrubbed");
    assert_eq!(dead[0].claim_id, hold.claim_id);
    assert!(
        !desk.ledger.terminate(&desk.end("a.md", None)).await?,
        "once is enough"
    );
    // A comparison sees the tag that was there then, and leaves it alone.
    let known = desk.ledger.known_files(&desk.index, "").await?;
    assert_eq!(known[0].etag.as_deref(), Some("v3"));
    assert_eq!(desk.due().await?, [""; 0]);
    // Somebody asks.
    assert_eq!(
        desk.ledger
            .retry_failed(&desk.index, Some(&path("a.md")), None)
            .await?,
        1
    );
    desk.apply("a.md", replace("v3")).await?;
    // Or it changes.
    desk.enqueue(&[change("a.md")]).await?;
    assert!(
        desk.ledger.terminate(&desk.end("a.md", None)).await?,
        "nobody held it"
    );
    assert_eq!(desk.ledger.dead_claims(&desk.index, NONE, 10).await?.len(), 1);
    assert_eq!(desk.enqueue(&[change("a.md")]).await?, [Pending]);
    assert!(!desk.ledger.terminate(&desk.end("nobody.md", None)).await?);
    let told = desk.ledger.history(&desk.index, desk.id("a.md"), 100).await?;
    assert!(
        told.iter()
            .any(|entry| entry.event == "terminated" && entry.claim_id == Some(hold.claim_id))
    );
    Ok(())
}

pub(super) async fn what_is_committed_is_not_terminated(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    desk.apply("a.md", replace("v1")).await?;
    assert!(
        !desk.ledger.terminate(&desk.end("a.md", None)).await?,
        "it has ended"
    );
    desk.enqueue(&[change("a.md")]).await?;
    let hold = desk.claim("a.md").await?.hold;
    let Committed { released: None, .. } = desk.commit(&hold, replace("v2")).await? else {
        panic!("there are old points to remove");
    };
    assert_eq!(desk.state("a.md").await?, Publishing);
    assert!(
        !desk.ledger.terminate(&desk.end("a.md", None)).await?,
        "search shows it already"
    );
    desk.ledger.release(&hold, NONE).await?;
    assert_eq!(desk.state("a.md").await?, Indexed);
    let held = Change {
        hold: true,
        ..change("a.md")
    };
    assert_eq!(desk.enqueue(&[held]).await?, [AwaitingApproval]);
    assert!(
        !desk.ledger.terminate(&desk.end("a.md", None)).await?,
        "that is decided on"
    );
    Ok(())
}

pub(super) async fn a_terminated_file_lets_others_go(desk: &Desk) -> Checked {
    desk.enqueue(&[rename("old.md", "new.md")]).await?;
    assert_eq!(desk.due().await?, ["new.md"]);
    assert_eq!(desk.row("old.md").await?.waits_for, Some(desk.id("new.md")));
    assert!(desk.ledger.terminate(&desk.end("new.md", None)).await?);
    assert_eq!(desk.due().await?, ["old.md"]);
    // One that waits can be ended itself. Tried again it waits on: its removal must not come before the new path's commit.
    desk.enqueue(&[rename("x.md", "y.md")]).await?;
    assert!(desk.ledger.terminate(&desk.end("x.md", None)).await?);
    desk.ledger
        .retry_failed(&desk.index, Some(&path("x.md")), None)
        .await?;
    assert!(desk.try_claim("x.md").await?.is_none());
    desk.apply("y.md", replace("v1")).await?;
    assert!(desk.try_claim("x.md").await?.is_some());
    Ok(())
}

pub(super) async fn suspended_files_wait(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md"), change("b.md")]).await?;
    let due = desk.ledger.due(10, LEASE).await?;
    let id = desk.id("a.md");
    assert_eq!(
        desk.ledger.suspend_file(&desk.index, id, "a look first").await?,
        Some(Pending)
    );
    assert_eq!(
        desk.ledger.suspend_file(&desk.index, id, "").await?,
        None,
        "it is already"
    );
    assert_eq!(desk.due().await?, ["b.md"]);
    assert!(
        desk.try_claim("a.md").await?.is_none(),
        "a wake-up on its way finds nothing"
    );
    assert_eq!(due.len(), 2);
    let stats = desk.ledger.stats(&desk.index).await?;
    assert_eq!(
        (stats.backlog, desk.backlog_of_all().await?),
        (1, 1),
        "nobody scales out for it"
    );
    // Changes are recorded, and it stays suspended.
    assert_eq!(desk.enqueue(&[change("a.md")]).await?, [Pending]);
    let row = desk.row("a.md").await?;
    assert_eq!(row.desired_seq, 2);
    assert!(matches!(
        row.suspended,
        Some(Suspended {
            by: SuspendedBy::File,
            ..
        })
    ));
    assert!(desk.try_claim("a.md").await?.is_none());
    let listed = desk.ledger.suspended_files(&desk.index, None, 10).await?;
    assert_eq!(listed, [row]);
    assert_eq!(
        desk.ledger
            .suspended_files(&desk.index, Some(&path("a.md")), 10)
            .await?,
        []
    );
    // The sweep, retries and decisions leave it so.
    assert_eq!(desk.ledger.resume_file(&desk.index, id, "").await?, Some(Pending));
    assert_eq!(
        desk.ledger.resume_file(&desk.index, id, "").await?,
        None,
        "it is not"
    );
    desk.apply("a.md", replace("v1")).await?;
    // One that is settled can be suspended as well: what is reported later waits.
    assert_eq!(
        desk.ledger.suspend_file(&desk.index, id, "").await?,
        Some(Indexed)
    );
    desk.enqueue(&[change("a.md")]).await?;
    assert_eq!(desk.due().await?, ["b.md"]);
    let held = Change {
        hold: true,
        ..change("a.md")
    };
    desk.enqueue(&[held]).await?;
    desk.approve_held().await?;
    assert!(
        desk.try_claim("a.md").await?.is_none(),
        "approved, and still suspended"
    );
    // Its end ends the suspension.
    assert!(desk.ledger.terminate(&desk.end("a.md", None)).await?);
    assert_eq!(desk.row("a.md").await?.suspended, None);
    let told = desk.ledger.history(&desk.index, id, 100).await?;
    let reason = told
        .iter()
        .find(|entry| entry.event == "suspended")
        .map(|entry| entry.detail.clone());
    assert_eq!(reason, Some(serde_json::json!({ "reason": "a look first" })));
    assert_eq!(
        desk.ledger
            .suspend_file(&desk.index, desk.id("nobody.md"), "")
            .await?,
        None
    );
    Ok(())
}

pub(super) async fn a_suspended_attempt_goes_on(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md"), change("b.md")]).await?;
    let (a, b) = (desk.claim("a.md").await?.hold, desk.claim("b.md").await?.hold);
    for at in ["a.md", "b.md"] {
        let now = desk.ledger.suspend_file(&desk.index, desk.id(at), "").await?;
        assert_eq!(now, Some(Processing));
    }
    // Who holds it may finish.
    assert_eq!(desk.commit(&a, replace("v1")).await?.released, Some(Indexed));
    // Who dies does not get it back.
    desk.advance(ms(20)).await;
    let policy = SweepPolicy {
        stale_after: ms(1),
        delay: NONE,
        max_attempts: 5,
    };
    assert_eq!(desk.ledger.sweep(&policy, 10).await?.len(), 1);
    assert_eq!(desk.try_commit(&b, replace("v1")).await?, CommitOutcome::Lost);
    assert_eq!(desk.state("b.md").await?, Pending);
    assert_eq!(desk.due().await?, [""; 0]);
    desk.ledger.resume_file(&desk.index, desk.id("b.md"), "").await?;
    assert_eq!(desk.due().await?, ["b.md"]);
    Ok(())
}

pub(super) async fn suspended_rename_partners_wait(desk: &Desk) -> Checked {
    desk.enqueue(&[change("old.md")]).await?;
    let live = desk.apply("old.md", replace("v1")).await?;
    // The new path is suspended: the old one stays until it goes on.
    desk.enqueue(&[rename("old.md", "new.md")]).await?;
    desk.ledger
        .suspend_file(&desk.index, desk.id("new.md"), "")
        .await?;
    assert_eq!(desk.due().await?, [""; 0]);
    assert_eq!(
        desk.row("old.md").await?.live_claim,
        Some(live),
        "still found under its old name"
    );
    desk.ledger
        .resume_file(&desk.index, desk.id("new.md"), "")
        .await?;
    // The old path is suspended: its removal waits although the new one has settled.
    desk.ledger
        .suspend_file(&desk.index, desk.id("old.md"), "")
        .await?;
    desk.apply("new.md", replace("v1")).await?;
    assert_eq!(desk.due().await?, [""; 0]);
    assert_eq!(desk.row("old.md").await?.waits_for, None);
    assert_eq!(desk.row("old.md").await?.live_claim, Some(live));
    desk.ledger
        .resume_file(&desk.index, desk.id("old.md"), "")
        .await?;
    desk.apply("old.md", CommitChange::Remove).await?;
    Ok(())
}

pub(super) async fn files_of_a_suspended_run_wait(desk: &Desk) -> Checked {
    let run = desk.run_with(&["a.md", "b.md", "c.md"]).await?;
    let other = desk.run_with(&["d.md"]).await?;
    let hold = desk.claim("c.md").await?.hold;
    assert!(desk.ledger.suspend_run(run).await?);
    assert!(!desk.ledger.suspend_run(run).await?, "it is already");
    assert!(
        !desk.ledger.suspend_run(RunId::generate()).await?,
        "there is none"
    );
    assert!(desk.try_claim("a.md").await?.is_none(), "from this moment on");
    let due = desk.ledger.due(10, LEASE).await?;
    let held: Vec<_> = due
        .iter()
        .map(|due| (due.path.as_str(), due.held_back_by))
        .collect();
    assert_eq!(
        held.iter().filter(|(_, by)| *by == Some(run)).count(),
        2,
        "{held:?}"
    );
    assert!(held.contains(&("d.md", None)));
    assert_eq!(desk.ledger.set_aside(&due).await?, 2);
    assert_eq!(desk.ledger.set_aside(&due).await?, 0, "they are");
    assert_eq!(desk.due().await?, ["d.md"], "they take no place");
    assert_eq!(desk.ledger.let_go(10).await?, 0);
    // The attempt under way goes on; the run waits for the others.
    desk.commit(&hold, replace("v1")).await?;
    let record = desk.ledger.run(run).await?.unwrap_or_else(|| panic!("no run"));
    assert!(record.completed_at.is_none() && record.suspended_at.is_some());
    // A file of it is not resumed by itself.
    assert_eq!(
        desk.ledger.resume_file(&desk.index, desk.id("a.md"), "").await?,
        None
    );

    assert!(desk.ledger.resume_run(run).await?);
    assert!(!desk.ledger.resume_run(run).await?, "it is not");
    assert_eq!(desk.ledger.set_aside(&due).await?, 0, "too late");
    assert_eq!(desk.ledger.let_go(1).await?, 1, "page by page");
    assert_eq!(desk.ledger.let_go(1).await?, 1);
    assert_eq!(desk.ledger.let_go(1).await?, 0);
    for at in ["a.md", "b.md"] {
        desk.apply(if at == "a.md" { "a.md" } else { "b.md" }, replace("v1"))
            .await?;
    }
    assert!(
        desk.ledger
            .run(run)
            .await?
            .is_some_and(|run| run.completed_at.is_some())
    );
    assert!(!desk.ledger.suspend_run(run).await?, "it has ended");
    assert!(
        desk.ledger
            .run(other)
            .await?
            .is_some_and(|run| run.completed_at.is_none())
    );
    Ok(())
}

pub(super) async fn another_run_takes_a_file_out(desk: &Desk) -> Checked {
    let run = desk.run_with(&["a.md", "b.md", "c.md"]).await?;
    desk.ledger.suspend_run(run).await?;
    let due = desk.ledger.due(10, LEASE).await?;
    assert_eq!(desk.ledger.set_aside(&due).await?, 3);
    desk.run_with(&["a.md"]).await?;
    assert_eq!(desk.due().await?, ["a.md"]);
    desk.apply("a.md", replace("v1")).await?;
    // A change of nobody's stays with the run, and is set aside again.
    desk.enqueue(&[change("b.md")]).await?;
    assert!(desk.try_claim("b.md").await?.is_none());
    let due = desk.ledger.due(10, LEASE).await?;
    assert_eq!(
        due.iter().map(|due| due.held_back_by).collect::<Vec<_>>(),
        [Some(run)]
    );
    assert_eq!(desk.ledger.set_aside(&due).await?, 1);
    // One that is suspended itself is not let go with its run.
    desk.ledger.suspend_file(&desk.index, desk.id("c.md"), "").await?;
    desk.ledger.resume_run(run).await?;
    assert_eq!(desk.ledger.let_go(10).await?, 1);
    assert_eq!(desk.due().await?, ["b.md"]);
    Ok(())
}

pub(super) async fn a_run_is_rewound(desk: &Desk) -> Checked {
    let run = desk.run_with(&["a.md", "b.md", "c.md"]).await?;
    desk.enqueue(&[change("other.md")]).await?;
    for at in ["a.md", "b.md", "other.md"] {
        let hold = match at {
            "a.md" => desk.claim("a.md").await?.hold,
            "b.md" => desk.claim("b.md").await?.hold,
            _ => desk.claim("other.md").await?.hold,
        };
        let failing = desk.failing(&hold, Failure::permanent("too_large", "too large"));
        desk.ledger.fail(&failing).await?;
    }
    desk.apply("c.md", replace("v1")).await?;
    let done = seen(desk, run).await?;
    assert_eq!((done.state, done.counts.failed), (RunState::Completed, 2));
    let first = desk.ledger.rewind_run(run, None, 1).await?;
    assert_eq!(first.files, 1);
    let second = desk.ledger.rewind_run(run, first.next, 1).await?;
    assert_eq!(second.files, 1);
    let last = desk.ledger.rewind_run(run, second.next, 1).await?;
    assert_eq!((last.files, last.next), (0, None));
    let again = seen(desk, run).await?;
    assert_eq!((again.state, again.completed_at), (RunState::Running, None));
    assert_eq!((again.total, again.done), (5, 3), "each joins it once more");
    assert_eq!(desk.state("other.md").await?, Failed, "not the run's");
    desk.apply("a.md", replace("v1")).await?;
    desk.apply("b.md", replace("v1")).await?;
    let done = seen(desk, run).await?;
    assert!(done.completed_at.is_some());
    assert_eq!((done.state, done.total, done.done), (RunState::Completed, 5, 5));
    assert_eq!((done.counts.indexed, done.counts.failed), (3, 2));
    Ok(())
}

pub(super) async fn a_terminated_file_leaves_its_run(desk: &Desk) -> Checked {
    let run = desk.run_with(&["a.md", "b.md"]).await?;
    desk.claim("a.md").await?;
    for at in ["a.md", "b.md"] {
        assert!(desk.ledger.terminate(&desk.end(at, None)).await?);
    }
    let done = seen(desk, run).await?;
    assert_eq!((done.state, done.total, done.done), (RunState::Completed, 2, 2));
    assert_eq!(done.counts.failed, 2);
    assert_eq!(
        (done.errors[0].code.as_str(), done.errors[0].files),
        (TERMINATED, 2)
    );
    // What comes later is not the run's, and counts nowhere twice.
    desk.enqueue(&[change("a.md")]).await?;
    assert!(desk.ledger.terminate(&desk.end("a.md", None)).await?);
    assert_eq!(seen(desk, run).await?.done, 2);
    Ok(())
}

pub(super) async fn a_suspension_holds_what_the_run_waits_for(desk: &Desk) -> Checked {
    let run = desk.run_with(&["a.md", "b.md"]).await?;
    desk.apply("a.md", replace("v1")).await?;
    assert!(desk.ledger.suspend_run(run).await?);
    // The run is done with it, so this is somebody else's change.
    desk.enqueue(&[change("a.md")]).await?;
    let due = desk.ledger.due(10, LEASE).await?;
    let mut held: Vec<_> = due
        .iter()
        .map(|due| (due.path.as_str(), due.held_back_by))
        .collect();
    held.sort_unstable();
    assert_eq!(held, [("a.md", None), ("b.md", Some(run))]);
    assert_eq!(desk.ledger.set_aside(&due).await?, 1);
    desk.apply("a.md", replace("v2")).await?;
    Ok(())
}

pub(super) async fn a_cancelled_run_holds_nothing_back(desk: &Desk) -> Checked {
    let made = [change("a.md"), change("b.md"), change("c.md"), change("d.md")];
    desk.enqueue(&made).await?;
    for at in ["a.md", "b.md"] {
        desk.apply(if at == "a.md" { "a.md" } else { "b.md" }, replace("v1"))
            .await?;
    }
    let again = |at: &str| Change {
        again: true,
        ..change(at)
    };
    let changes = vec![again("a.md"), again("b.md"), change("c.md")];
    let run = asked(desk, RunKind::Full, changes).await?;
    let own = [desk.id("b.md"), desk.id("d.md")];
    desk.ledger.suspend_file(&desk.index, own[0], "").await?;
    assert!(desk.ledger.suspend_run(run).await?);
    let due = desk.ledger.due(10, LEASE).await?;
    assert_eq!(desk.ledger.set_aside(&due).await?, 2, "a.md and c.md");
    assert!(desk.ledger.cancel_run(run).await?);
    assert!(!desk.ledger.suspend_run(run).await?, "nothing more is held");
    assert_eq!(desk.ledger.give_back(run, 10).await?, 3);
    let (a, b, c) = (
        desk.row("a.md").await?,
        desk.row("b.md").await?,
        desk.row("c.md").await?,
    );
    assert_eq!((a.state, a.suspended), (Indexed, None), "as it was");
    assert_eq!(
        (b.state, b.suspended.map(|it| it.by)),
        (Indexed, Some(SuspendedBy::File))
    );
    assert_eq!(
        (c.state, c.suspended),
        (Pending, None),
        "reported, so still wanted"
    );
    assert_eq!(desk.due().await?, ["c.md", "d.md"]);
    assert_eq!(desk.ledger.let_go(10).await?, 0, "nothing is left to let go");
    let over = seen(desk, run).await?;
    assert_eq!((over.state, over.total, over.done), (RunState::Cancelled, 3, 3));
    let none = Rewound { files: 0, next: None };
    assert_eq!(desk.ledger.rewind_run(run, None, 10).await?, none);
    desk.apply("c.md", replace("v1")).await?;
    Ok(())
}

pub(super) async fn histories_are_paged(desk: &Desk) -> Checked {
    for _ in 0..5 {
        desk.enqueue(&[change("a.md")]).await?;
    }
    let id = desk.id("a.md");
    let newest = desk.ledger.history_before(&desk.index, id, None, 2).await?;
    assert_eq!(newest.iter().map(|entry| entry.n).collect::<Vec<_>>(), [5, 4]);
    let next = desk.ledger.history_before(&desk.index, id, Some(4), 10).await?;
    assert_eq!(next.iter().map(|entry| entry.n).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(
        desk.ledger.history_before(&desk.index, id, Some(1), 10).await?,
        []
    );
    let nobody: FileId = desk.id("nobody.md");
    assert_eq!(
        desk.ledger.history_before(&desk.index, nobody, None, 10).await?,
        []
    );
    Ok(())
}

pub(super) async fn history_is_purged(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md"), change("b.md")]).await?;
    let claim = desk.claim("a.md").await?.hold;
    desk.commit(&claim, replace("v1")).await?;
    let files = [desk.id("a.md"), desk.id("b.md"), desk.id("nobody.md")];
    assert_eq!(
        desk.ledger.purge_files(&desk.index, &files).await?,
        1,
        "b.md has not ended"
    );
    let left = desk.ledger.history(&desk.index, desk.id("a.md"), 10).await?;
    assert_eq!(
        left.iter().map(|entry| entry.event.as_str()).collect::<Vec<_>>(),
        ["claimed"]
    );
    assert_eq!(
        desk.ledger.history(&desk.index, desk.id("b.md"), 10).await?.len(),
        1
    );
    assert_eq!(
        desk.row("a.md").await?.live_claim,
        Some(claim.claim_id),
        "search goes on"
    );
    // A late repeat of an old claim is still recognised.
    desk.enqueue(&[change("a.md")]).await?;
    desk.apply("a.md", replace("v2")).await?;
    desk.enqueue(&[change("a.md")]).await?;
    let mut late = desk.request("a.md");
    late.claim_id = claim.claim_id;
    assert_eq!(
        desk.ledger.claim(&late).await?,
        crate::ledger::ClaimOutcome::NotClaimable
    );
    Ok(())
}

pub(super) async fn runs_are_purged(desk: &Desk) -> Checked {
    let run = desk.run_with(&["a.md"]).await?;
    assert!(!desk.ledger.purge_run(run).await?, "it has not ended");
    desk.apply("a.md", replace("v1")).await?;
    assert_eq!(seen(desk, run).await?.state, RunState::Completed);
    assert!(desk.ledger.purge_run(run).await?);
    assert!(!desk.ledger.purge_run(run).await?, "gone");
    assert_eq!(desk.ledger.run(run).await?, None);
    // Its counts went as well.
    desk.ledger
        .open_run(&new_run(run, &desk.index, RunKind::Scan))
        .await?;
    assert_eq!(seen(desk, run).await?.total, 0);
    desk.enqueue(&[change("a.md")]).await?;
    desk.apply("a.md", replace("v2")).await?;
    Ok(())
}
