//! Files whose next attempt is far ahead, and what is told of their absence meanwhile.

use std::time::Duration;

use super::{Checked, Desk, change, path, replace};
use crate::file_state::FileState::{AwaitingApproval, Pending};
use crate::ledger::{Change, CommitChange, Fail, LedgerError, RESTS_AFTER};
use crate::retry::Failure;

const UNTIL_MIDNIGHT: Duration = Duration::from_secs(3600);

fn gone(at: &str, hold: bool) -> Change {
    Change {
        gone: true,
        hold,
        ..change(at)
    }
}

impl Desk {
    /// An attempt that ends without an outcome, having seen the blob or not.
    async fn put_off(&self, at: &'static str, by: Duration, saw: bool) -> Checked {
        let hold = self.claim(at).await?.hold;
        let fail = Fail {
            delay: by,
            etag: saw.then(|| "v2".to_owned()),
            ..self.failing(&hold, Failure::throttled("budget_spent", "until midnight"))
        };
        self.ledger.fail(&fail).await?;
        Ok(())
    }

    /// A file that is shown, and whose change waits.
    async fn rests(&self, at: &'static str) -> Checked {
        self.enqueue(&[change(at)]).await?;
        self.apply(at, replace("v1")).await?;
        self.enqueue(&[change(at)]).await?;
        self.put_off(at, UNTIL_MIDNIGHT, true).await
    }

    /// Is it shown, and does it rest?
    async fn known(&self, at: &str) -> Result<(bool, bool), LedgerError> {
        let known = self.ledger.known_files(&self.index, "").await?;
        let file = known.into_iter().find(|file| file.path == path(at));
        let file = file.unwrap_or_else(|| panic!("{at} is not known"));
        Ok((file.shown, file.rests))
    }
}

pub(super) async fn files_that_rest_are_known(desk: &Desk) -> Checked {
    desk.enqueue(&[change("new.md"), change("soon.md")]).await?;
    assert_eq!(desk.known("new.md").await?, (false, false), "it is due");
    desk.put_off("new.md", UNTIL_MIDNIGHT, true).await?;
    desk.put_off("soon.md", RESTS_AFTER / 2, true).await?;
    assert_eq!(desk.known("new.md").await?, (false, true));
    assert_eq!(desk.known("soon.md").await?, (false, false));
    desk.rests("a.md").await?;
    assert_eq!(desk.known("a.md").await?, (true, true));
    desk.ledger
        .suspend_file(&desk.index, desk.id("a.md"), "not now")
        .await?;
    assert_eq!(
        desk.known("a.md").await?,
        (true, false),
        "somebody wants it left alone"
    );
    // An old path waits for its new one, whatever becomes of that.
    desk.rests("old.md").await?;
    desk.enqueue(&[Change {
        renamed_from: Some(path("old.md")),
        debounce: UNTIL_MIDNIGHT,
        ..change("to.md")
    }])
    .await?;
    assert_eq!(desk.known("old.md").await?, (true, false));
    // Old points are left to remove, and nothing else is wanted.
    desk.enqueue(&[change("dirty.md")]).await?;
    desk.apply("dirty.md", replace("v1")).await?;
    desk.enqueue(&[change("dirty.md")]).await?;
    let hold = desk.claim("dirty.md").await?.hold;
    desk.commit(&hold, replace("v2")).await?;
    let failing = desk.failing(&hold, Failure::throttled("vectors", "down"));
    desk.ledger
        .fail(&Fail {
            delay: UNTIL_MIDNIGHT,
            ..failing
        })
        .await?;
    assert_eq!(desk.known("dirty.md").await?, (true, false));
    Ok(())
}

pub(super) async fn an_absence_is_told_once_until_the_blob_is_seen(desk: &Desk) -> Checked {
    desk.rests("a.md").await?;
    assert_eq!(desk.enqueue(&[gone("a.md", false)]).await?, [Pending]);
    assert_eq!(desk.due().await?, ["a.md"], "it is woken");
    // The source did not answer: that is no reason to wake it with each comparison.
    desk.put_off("a.md", UNTIL_MIDNIGHT, false).await?;
    assert_eq!(desk.known("a.md").await?, (true, false));
    // It was back when the attempt looked, so that it is gone is news again.
    desk.ledger.wake_pending(&desk.index, 10).await?;
    desk.put_off("a.md", UNTIL_MIDNIGHT, true).await?;
    assert_eq!(desk.known("a.md").await?, (true, true));
    desk.enqueue(&[gone("a.md", false)]).await?;
    // Any other change too.
    desk.enqueue(&[change("a.md")]).await?;
    desk.put_off("a.md", UNTIL_MIDNIGHT, false).await?;
    assert_eq!(desk.known("a.md").await?, (true, true));
    desk.enqueue(&[gone("a.md", false)]).await?;
    desk.apply("a.md", CommitChange::Remove).await?;
    assert!(desk.ledger.known_files(&desk.index, "").await?.is_empty());
    Ok(())
}

pub(super) async fn an_absence_that_was_approved_is_not_asked_about_again(desk: &Desk) -> Checked {
    desk.rests("a.md").await?;
    assert_eq!(desk.enqueue(&[gone("a.md", true)]).await?, [AwaitingApproval]);
    assert_eq!(desk.known("a.md").await?, (true, false), "it waits already");
    desk.approve_held().await?;
    assert_eq!(desk.due().await?, ["a.md"]);
    desk.put_off("a.md", UNTIL_MIDNIGHT, false).await?;
    assert_eq!(desk.known("a.md").await?, (true, false));
    // The same when an event had asked for the removal.
    desk.rests("b.md").await?;
    let reported = Change {
        hold: true,
        ..change("b.md")
    };
    desk.enqueue(&[reported]).await?;
    desk.approve_held().await?;
    desk.put_off("b.md", UNTIL_MIDNIGHT, false).await?;
    assert_eq!(desk.known("b.md").await?, (true, false));
    // An approval is about one absence, and ends with it.
    desk.ledger.wake_pending(&desk.index, 10).await?;
    desk.put_off("b.md", UNTIL_MIDNIGHT, true).await?;
    assert_eq!(desk.known("b.md").await?, (true, true));
    Ok(())
}
