//! Removals that wait for a decision.

use super::{Checked, Desk, change, ms, path, replace};
use crate::file_state::FileState::{AwaitingApproval, Indexed, Pending};
use crate::ledger::{
    Approval, ApprovalFilter, ApprovalState, Change, CommitChange, LedgerError, Resolution, Resolved,
};

fn held(at: &str) -> Change {
    Change {
        hold: true,
        ..change(at)
    }
}

fn resolution(remove: bool, ceiling: Option<u64>) -> Resolution {
    Resolution {
        remove,
        ceiling,
        by: "somebody".to_owned(),
        note: Some("as agreed".to_owned()),
        after: ms(0),
    }
}

impl Desk {
    /// Files that are indexed, and whose removal was then reported and held.
    async fn hold(&self, paths: &[&'static str]) -> Checked {
        for at in paths {
            self.enqueue(&[change(at)]).await?;
            self.apply(at, replace("v1")).await?;
        }
        let changes: Vec<Change> = paths.iter().map(|at| held(at)).collect();
        self.enqueue(&changes).await?;
        Ok(())
    }

    /// The approval that is opened for what is held now.
    async fn opened(&self) -> Result<Approval, LedgerError> {
        let mut opened = self.ledger.open_approvals().await?;
        assert_eq!(opened.len(), 1, "one approval is opened: {opened:?}");
        Ok(opened.remove(0))
    }

    async fn resolve(&self, number: u64, resolution: &Resolution) -> Result<Resolved, LedgerError> {
        self.ledger
            .resolve_approval(&self.index, number, resolution)
            .await
    }

    /// Somebody agrees to everything that waits.
    pub(super) async fn approve_held(&self) -> Checked {
        for opened in self.ledger.open_approvals().await? {
            if opened.index == self.index {
                self.resolve(opened.number, &resolution(true, None)).await?;
                self.carry_out_all(opened.number).await?;
            }
        }
        Ok(())
    }

    async fn carry_out_all(&self, number: u64) -> Result<u64, LedgerError> {
        let mut passed = 0;
        while let Some(approval) = self.ledger.carry_out(&self.index, number, 2).await? {
            passed = approval.passed;
        }
        Ok(passed)
    }
}

pub(super) async fn held_removals_wait_for_a_decision(desk: &Desk) -> Checked {
    desk.hold(&["a.md", "b.md", "c.md"]).await?;
    assert_eq!(desk.due().await?, [""; 0]);
    assert!(desk.try_claim("a.md").await?.is_none());
    let opened = desk.opened().await?;
    assert_eq!(
        (opened.number, opened.state, opened.files, &*opened.reason),
        (1, ApprovalState::Waiting, 3, "event")
    );
    assert!(
        desk.ledger.open_approvals().await?.is_empty(),
        "one question at a time"
    );
    assert!(
        desk.ledger.carry_out(&desk.index, 1, 10).await?.is_none(),
        "nobody has decided"
    );

    // Reported again without being held, so it is there again.
    assert_eq!(desk.enqueue(&[change("b.md")]).await?, [Pending]);
    let shown = desk.ledger.approval(&desk.index, 1).await?;
    assert_eq!(
        shown.map(|approval| approval.files),
        Some(2),
        "what waits is counted anew"
    );

    let decided = desk.resolve(1, &resolution(false, None)).await?;
    let Resolved::Now(decided) = decided else {
        panic!("nobody decided before, and yet: {decided:?}");
    };
    assert_eq!((decided.state, decided.ceiling), (ApprovalState::Kept, Some(2)));
    assert_eq!(decided.decided_by.as_deref(), Some("somebody"));
    assert_eq!(desk.carry_out_all(1).await?, 2);
    let row = desk.row("a.md").await?;
    assert_eq!(
        (row.state, row.kept, row.applied_seq),
        (Indexed, true, row.desired_seq)
    );
    assert!(row.live_claim.is_some(), "it is still found");

    desk.enqueue(&[held("a.md")]).await?;
    assert!(!desk.row("a.md").await?.kept, "reported again, it is asked again");
    let second = desk.opened().await?;
    assert_eq!(second.number, 2);
    desk.resolve(2, &resolution(true, Some(1))).await?;
    assert_eq!(desk.carry_out_all(2).await?, 1);
    assert_eq!(desk.state("a.md").await?, Pending);
    desk.apply("a.md", CommitChange::Remove).await?;

    let events = desk.ledger.history(&desk.index, desk.id("a.md"), 100).await?;
    let decisions: Vec<_> = events.iter().map(|entry| &*entry.event).collect();
    assert!(decisions.contains(&"approved") && decisions.contains(&"rejected"));
    let all = desk.ledger.approvals(&ApprovalFilter::default(), 10).await?;
    assert_eq!(
        all.iter().map(|approval| approval.number).collect::<Vec<_>>(),
        [2, 1]
    );
    let kept = ApprovalFilter {
        state: Some(ApprovalState::Kept),
        ..ApprovalFilter::default()
    };
    assert_eq!(desk.ledger.approvals(&kept, 10).await?.len(), 1);
    let unfinished = ApprovalFilter {
        unfinished: true,
        index: Some(desk.index.clone()),
        ..ApprovalFilter::default()
    };
    assert!(desk.ledger.approvals(&unfinished, 10).await?.is_empty());
    Ok(())
}

pub(super) async fn one_of_two_decisions_counts(desk: &Desk) -> Checked {
    desk.hold(&["a.md"]).await?;
    desk.opened().await?;
    let (keep, remove) = (resolution(false, None), resolution(true, Some(1)));
    let (one, other) = futures::try_join!(desk.resolve(1, &keep), desk.resolve(1, &remove))?;
    let won = |resolved: &Resolved| matches!(resolved, Resolved::Now(_));
    assert!(won(&one) != won(&other), "{one:?} and {other:?}");
    assert_eq!(desk.resolve(9, &keep).await?, Resolved::Unknown);
    let (once, twice) = futures::try_join!(
        desk.ledger.carry_out(&desk.index, 1, 10),
        desk.ledger.carry_out(&desk.index, 1, 10)
    )?;
    assert!(once.is_some() != twice.is_some(), "it is carried out once");
    Ok(())
}

pub(super) async fn a_decision_has_a_ceiling(desk: &Desk) -> Checked {
    desk.hold(&["a.md", "b.md", "c.md", "d.md", "e.md"]).await?;
    desk.opened().await?;
    desk.resolve(1, &resolution(true, Some(3))).await?;
    assert_eq!(desk.carry_out_all(1).await?, 3);
    assert_eq!(desk.state("c.md").await?, Pending);
    assert_eq!(
        desk.state("d.md").await?,
        AwaitingApproval,
        "more than were agreed on"
    );
    let again = desk.opened().await?;
    assert_eq!((again.number, again.files), (2, 2));
    Ok(())
}

pub(super) async fn nothing_is_asked_about_what_is_gone(desk: &Desk) -> Checked {
    desk.hold(&["a.md"]).await?;
    desk.approve_held().await?;
    desk.apply("a.md", CommitChange::Remove).await?;
    // Seen as it was being removed, and reported when it was.
    desk.enqueue(&[held("a.md")]).await?;
    assert_eq!(desk.state("a.md").await?, Pending);
    assert_eq!(desk.ledger.open_approvals().await?, []);
    Ok(())
}

pub(super) async fn what_came_later_is_asked_again(desk: &Desk) -> Checked {
    desk.hold(&["a.md"]).await?;
    desk.opened().await?;
    (desk.advance)(ms(5)).await;
    desk.resolve(1, &resolution(true, Some(10))).await?;
    (desk.advance)(ms(5)).await;
    desk.hold(&["b.md"]).await?;
    assert_eq!(desk.carry_out_all(1).await?, 1);
    assert_eq!(desk.state("a.md").await?, Pending);
    assert_eq!(desk.state("b.md").await?, AwaitingApproval);
    assert_eq!(desk.opened().await?.number, 2);
    Ok(())
}

pub(super) async fn a_timer_waits(desk: &Desk) -> Checked {
    desk.hold(&["a.md"]).await?;
    let opened = desk.opened().await?;
    let later = Resolution {
        after: ms(300_000),
        ..resolution(false, None)
    };
    assert_eq!(desk.resolve(1, &later).await?, Resolved::Not(opened));
    let soon = Resolution {
        after: ms(20),
        ..resolution(false, None)
    };
    (desk.advance)(ms(30)).await;
    assert!(matches!(desk.resolve(1, &soon).await?, Resolved::Now(_)));
    Ok(())
}

pub(super) async fn nothing_held_is_withdrawn(desk: &Desk) -> Checked {
    desk.hold(&["a.md"]).await?;
    desk.opened().await?;
    desk.enqueue(&[change("a.md")]).await?;
    assert!(desk.ledger.open_approvals().await?.is_empty());
    let shown = desk.ledger.approval(&desk.index, 1).await?;
    let shown = shown.map(|approval| (approval.state, approval.finished_at.is_some()));
    assert_eq!(shown, Some((ApprovalState::Withdrawn, true)));
    assert!(matches!(
        desk.resolve(1, &resolution(true, None)).await?,
        Resolved::Not(_)
    ));
    assert_eq!(desk.row("a.md").await?.path, path("a.md"));
    Ok(())
}

pub(super) async fn the_webhook_is_told_each_state(desk: &Desk) -> Checked {
    desk.hold(&["a.md"]).await?;
    desk.opened().await?;
    let untold = desk.ledger.untold_approvals(10).await?;
    assert_eq!(untold.len(), 1);
    desk.ledger
        .note_told(&desk.index, 1, ApprovalState::Waiting)
        .await?;
    assert!(desk.ledger.untold_approvals(10).await?.is_empty());
    desk.resolve(1, &resolution(true, Some(1))).await?;
    let untold = desk.ledger.untold_approvals(10).await?;
    assert_eq!(
        untold.first().map(|approval| approval.state),
        Some(ApprovalState::Approved)
    );
    Ok(())
}
