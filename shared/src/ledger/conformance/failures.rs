//! What happens to files whose attempts fail, and to claims whose worker is gone.

use std::time::Duration;

use super::{Checked, Desk, LEASE, NONE, change, ms, replace, version};
use crate::file_state::FileState::{Failed, Indexed, Pending, Publishing, Skipped};
use crate::ledger::{Change, CommitChange, CommitOutcome, Fail, FailOutcome, ReleaseOutcome, SweepPolicy};
use crate::retry::Failure;

fn transient() -> Failure {
    Failure::transient("fetch", "connection reset")
}

pub(super) async fn failures_are_classed(desk: &Desk) -> Checked {
    desk.enqueue(&[
        change("permanent.md"),
        change("transient.md"),
        change("throttled.md"),
    ])
    .await?;
    let hold = desk.claim("permanent.md").await?.hold;
    let failing = desk.failing(&hold, Failure::permanent("too_large", "larger than allowed"));
    assert_eq!(desk.ledger.fail(&failing).await?, FailOutcome::Given(Failed));
    assert_eq!(
        desk.ledger.fail(&failing).await?,
        FailOutcome::Lost,
        "the claim is gone"
    );
    let row = desk.row("permanent.md").await?;
    assert_eq!((row.last_error, row.failure_count), (Some(failing.failure), 1));
    let known = desk.ledger.known_files(&desk.index, "permanent.md").await?;
    assert_eq!(
        known[0].etag.as_deref(),
        Some("bad"),
        "the same content is not tried again by itself"
    );

    // Attempts count at the claim; the second of two is the last.
    for (attempt, state) in [(1, Pending), (2, Failed)] {
        let claim = desk.claim("transient.md").await?;
        assert_eq!(claim.attempts, attempt);
        let mut failing = desk.failing(&claim.hold, transient());
        failing.delay = ms(30);
        assert_eq!(desk.ledger.fail(&failing).await?, FailOutcome::Given(state));
        assert!(desk.try_claim("transient.md").await?.is_none(), "backing off");
        desk.advance(ms(40)).await;
    }
    assert_eq!(desk.row("transient.md").await?.failure_count, 2);

    for _ in 0..4 {
        let claim = desk.claim("throttled.md").await?;
        assert_eq!(claim.attempts, 1, "not charged");
        let failing = desk.failing(&claim.hold, Failure::throttled("embedder", "asked to wait"));
        assert_eq!(desk.ledger.fail(&failing).await?, FailOutcome::Given(Pending));
    }
    let row = desk.row("throttled.md").await?;
    assert_eq!((row.failure_count, row.attempts), (0, 0));
    desk.apply("throttled.md", replace("v1")).await?;
    assert_eq!(
        desk.row("throttled.md").await?.last_error,
        None,
        "cleared by success"
    );
    Ok(())
}

pub(super) async fn something_newer_gets_fresh_attempts(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    let hold = desk.claim("a.md").await?.hold;
    desk.enqueue(&[change("a.md")]).await?;
    let failing = desk.failing(&hold, Failure::permanent("too_large", "larger than allowed"));
    assert_eq!(desk.ledger.fail(&failing).await?, FailOutcome::Given(Pending));
    assert_eq!(desk.row("a.md").await?.attempts, 0);
    let known = desk.ledger.known_files(&desk.index, "").await?;
    assert_eq!(
        known[0].etag.as_deref(),
        Some("bad"),
        "what failed for good is remembered, so that it is not tried again should nothing newer be there"
    );
    // A change gives a failed file fresh attempts too.
    let hold = desk.claim("a.md").await?.hold;
    let failing = desk.failing(&hold, failing.failure);
    assert_eq!(desk.ledger.fail(&failing).await?, FailOutcome::Given(Failed));
    assert_eq!(desk.enqueue(&[change("a.md")]).await?, [Pending]);
    let claim = desk.claim("a.md").await?;
    assert_eq!((claim.attempts, claim.failure_count), (1, 2));
    Ok(())
}

pub(super) async fn a_failed_clean_up_is_finished_first(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    let first = desk.apply("a.md", replace("v1")).await?;
    desk.enqueue(&[change("a.md")]).await?;
    let second = desk.claim("a.md").await?.hold;
    desk.commit(&second, replace("v2")).await?;
    desk.enqueue(&[change("a.md")]).await?;
    let failing = desk.failing(&second, transient());
    assert_eq!(desk.ledger.fail(&failing).await?, FailOutcome::Given(Pending));
    let row = desk.row("a.md").await?;
    assert_eq!(
        (row.live_claim, row.prev_claim),
        (Some(second.claim_id), Some(first))
    );

    let cleaner = desk.claim("a.md").await?;
    assert_eq!((cleaner.dirty, cleaner.prev_claim), (true, Some(first)));
    assert_eq!(desk.state("a.md").await?, Publishing);
    assert_eq!(
        desk.try_commit(&cleaner.hold, replace("v3")).await?,
        CommitOutcome::Lost,
        "clean up first"
    );
    assert_eq!(
        desk.ledger.release(&cleaner.hold, NONE).await?,
        ReleaseOutcome::Released(Pending)
    );
    let third = desk.claim("a.md").await?;
    assert_eq!(
        (third.dirty, third.prev_claim, third.live_claim),
        (false, None, Some(second.claim_id))
    );
    assert_eq!((third.seq, third.attempts), (3, 1));
    Ok(())
}

pub(super) async fn a_skipped_file_keeps_its_reason(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    desk.apply("a.md", replace("v1")).await?;
    desk.enqueue(&[change("a.md")]).await?;
    let hold = desk.claim("a.md").await?.hold;
    let reason = Failure::permanent("unsupported", "no converter for this type");
    desk.commit(&hold, CommitChange::Skip(version("v2"), reason.clone()))
        .await?;
    desk.ledger.fail(&desk.failing(&hold, transient())).await?;
    assert_eq!(desk.row("a.md").await?.last_error, Some(transient()));
    let cleaner = desk.claim("a.md").await?;
    assert_eq!(
        desk.ledger.release(&cleaner.hold, NONE).await?,
        ReleaseOutcome::Released(Skipped)
    );
    assert_eq!(desk.row("a.md").await?.last_error, Some(reason));
    Ok(())
}

fn policy(stale_after: Duration) -> SweepPolicy {
    SweepPolicy {
        stale_after,
        delay: NONE,
        max_attempts: 2,
    }
}

pub(super) async fn leases_run_out(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md"), change("b.md")]).await?;
    let mut request = desk.request("a.md");
    request.lease = ms(50);
    desk.ledger.claim(&request).await?;
    let kept = desk.claim("b.md").await?.hold;
    assert_eq!(desk.ledger.sweep(&policy(LEASE), 10).await?, []);
    let mut mine = [request.claim_id, kept.claim_id];
    mine.sort_unstable();
    assert_eq!(desk.ledger.renew("worker-1", ms(80)).await?, mine);
    assert_eq!(desk.ledger.renew("worker-2", LEASE).await?, []);
    desk.ledger.renew("worker-1", ms(50)).await?;
    desk.advance(ms(70)).await;
    assert_eq!(desk.ledger.renew("worker-1", LEASE).await?, [], "too late");

    let swept = desk.ledger.sweep(&policy(LEASE), 1).await?;
    assert_eq!(
        (swept.len(), swept[0].state, &*swept[0].owner),
        (1, Pending, "worker-1")
    );
    let swept = desk.ledger.sweep(&policy(LEASE), 10).await?;
    assert_eq!(swept.len(), 1);
    assert_eq!(desk.ledger.sweep(&policy(LEASE), 10).await?, []);
    assert_eq!(
        desk.try_commit(&kept, replace("v1")).await?,
        CommitOutcome::Lost,
        "a zombie is fenced"
    );
    let row = desk.row("a.md").await?;
    assert_eq!(
        (row.failure_count, row.last_error.map(|error| error.code)),
        (1, Some("lease_lost".to_owned()))
    );

    // A file that takes its worker down again ends there.
    request = desk.request("a.md");
    request.lease = ms(20);
    desk.ledger.claim(&request).await?;
    desk.advance(ms(40)).await;
    assert_eq!(desk.ledger.sweep(&policy(LEASE), 10).await?[0].state, Failed);
    assert_eq!(desk.row("b.md").await?.state, Pending);
    Ok(())
}

pub(super) async fn long_attempts_are_swept(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    let hold = desk.claim("a.md").await?.hold;
    desk.advance(ms(60)).await;
    assert_eq!(
        desk.ledger.renew("worker-1", LEASE).await?,
        [hold.claim_id],
        "alive and renewing"
    );
    assert_eq!(desk.ledger.sweep(&policy(Duration::from_secs(30)), 10).await?, []);
    let swept = desk.ledger.sweep(&policy(ms(50)), 10).await?;
    assert_eq!(
        swept.iter().map(|swept| swept.claim_id).collect::<Vec<_>>(),
        [hold.claim_id]
    );
    Ok(())
}

pub(super) async fn failed_files_are_retried(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md"), change("b.md"), change("c.md")])
        .await?;
    desk.apply("c.md", replace("v1")).await?;
    for at in ["a.md", "b.md"] {
        let hold = desk.claim(at).await?.hold;
        desk.ledger
            .fail(&desk.failing(&hold, Failure::permanent("too_large", "too large")))
            .await?;
    }
    for (at, retried) in [(Some("c.md"), 0), (Some("a.md"), 1), (None, 1), (None, 0)] {
        let at = at.map(super::path);
        assert_eq!(
            desk.ledger.retry_failed(&desk.index, at.as_ref(), None).await?,
            retried,
            "{at:?}"
        );
    }
    let claim = desk.claim("a.md").await?;
    assert_eq!((claim.attempts, claim.failure_count), (1, 1));
    assert_eq!(
        desk.commit(&claim.hold, replace("v1")).await?.released,
        Some(Indexed)
    );
    Ok(())
}

/// The tag that a claim finds remembered.
async fn remembered(desk: &Desk) -> Result<Option<String>, crate::ledger::LedgerError> {
    let claim = desk.claim("a.md").await?;
    let again = Failure::throttled("test", "looked only");
    desk.ledger.fail(&desk.failing(&claim.hold, again)).await?;
    Ok(claim.failed_etag)
}

pub(super) async fn failed_content_is_remembered(desk: &Desk) -> Checked {
    let bad = || Failure::permanent("bad", "cannot be read");
    desk.enqueue(&[change("a.md")]).await?;
    let claim = desk.claim("a.md").await?;
    assert_eq!((&claim.failed_etag, &claim.last_error), (&None, &None));
    desk.ledger.fail(&desk.failing(&claim.hold, bad())).await?;

    // An event brings it back; what failed, and with what, is known.
    desk.enqueue(&[change("a.md")]).await?;
    let claim = desk.claim("a.md").await?;
    assert_eq!(claim.failed_etag.as_deref(), Some("bad"));
    assert_eq!(claim.last_error, Some(bad()));
    desk.ledger.fail(&desk.failing(&claim.hold, bad())).await?;

    // Somebody asks, and an event comes in between: the question stands.
    desk.ledger.retry_failed(&desk.index, None, None).await?;
    desk.enqueue(&[change("a.md")]).await?;
    assert_eq!(remembered(desk).await?, None);

    // Failed again; a run asks, and an event comes in between.
    let claim = desk.claim("a.md").await?;
    desk.ledger.fail(&desk.failing(&claim.hold, bad())).await?;
    let run = Change {
        reason: "run",
        ..change("a.md")
    };
    desk.enqueue(&[run]).await?;
    desk.enqueue(&[change("a.md")]).await?;
    assert_eq!(remembered(desk).await?, None);

    // Once more, and then it succeeds.
    let claim = desk.claim("a.md").await?;
    desk.ledger.fail(&desk.failing(&claim.hold, bad())).await?;
    desk.enqueue(&[change("a.md")]).await?;
    desk.apply("a.md", replace("good")).await?;
    desk.enqueue(&[change("a.md")]).await?;
    assert_eq!(remembered(desk).await?, None);

    // An event while the content fails; the next attempt knows. Not so when a run asks.
    for (reason, known) in [("event", Some("bad".to_owned())), ("run", None)] {
        let claim = desk.claim("a.md").await?;
        let meanwhile = Change {
            reason,
            ..change("a.md")
        };
        desk.enqueue(&[meanwhile]).await?;
        let outcome = desk.ledger.fail(&desk.failing(&claim.hold, bad())).await?;
        assert_eq!(outcome, FailOutcome::Given(Pending));
        assert_eq!(remembered(desk).await?, known, "{reason}");
    }

    // An attempt that is tried again has not failed for good.
    let claim = desk.claim("a.md").await?;
    desk.ledger.fail(&desk.failing(&claim.hold, transient())).await?;
    let claim = desk.claim("a.md").await?;
    assert_eq!((claim.failed_etag, claim.last_error), (None, Some(transient())));
    Ok(())
}

pub(super) async fn unchanged_failures_are_not_charged(desk: &Desk) -> Checked {
    let standing = |hold: &crate::ledger::Hold| Fail {
        standing: true,
        ..desk.failing(hold, transient())
    };
    desk.enqueue(&[change("a.md")]).await?;
    let claim = desk.claim("a.md").await?;
    let failing = desk.failing(&claim.hold, Failure::permanent("bad", "cannot be read"));
    desk.ledger.fail(&failing).await?;
    for _ in 0..3 {
        desk.enqueue(&[change("a.md")]).await?;
        let claim = desk.claim("a.md").await?;
        let outcome = desk.ledger.fail(&standing(&claim.hold)).await?;
        assert_eq!(outcome, FailOutcome::Given(Failed), "whatever the class");
        let row = desk.row("a.md").await?;
        assert_eq!((row.failure_count, row.attempts), (1, 0));
    }
    let story = desk.ledger.history(&desk.index, desk.id("a.md"), 1).await?;
    assert_eq!(story[0].detail["unchanged"], true);
    // Something newer is still taken up.
    desk.enqueue(&[change("a.md")]).await?;
    let claim = desk.claim("a.md").await?;
    desk.enqueue(&[change("a.md")]).await?;
    let outcome = desk.ledger.fail(&standing(&claim.hold)).await?;
    assert_eq!(outcome, FailOutcome::Given(Pending));
    Ok(())
}
