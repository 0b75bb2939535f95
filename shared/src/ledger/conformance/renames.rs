//! A renamed file: the old path's removal follows the new path's commit.

use super::{Checked, Desk, change, path, replace};
use crate::file_state::FileState::{Failed, Indexed, Pending};
use crate::ledger::{Change, CommitChange, FailOutcome};
use crate::retry::Failure;

fn rename(from: &str, to: &str) -> Change {
    Change {
        renamed_from: Some(path(from)),
        ..change(to)
    }
}

pub(super) async fn the_old_path_follows_the_new_one(desk: &Desk) -> Checked {
    desk.enqueue(&[change("old.md")]).await?;
    let old = desk.apply("old.md", replace("v1")).await?;
    assert_eq!(
        desk.enqueue(&[rename("old.md", "new.md")]).await?,
        [Pending],
        "one answer per change"
    );
    assert_eq!(desk.state("old.md").await?, Pending);
    assert_eq!(desk.due().await?, ["new.md"], "the old path waits");
    assert!(desk.try_claim("old.md").await?.is_none());
    let claim = desk.claim("new.md").await?;
    assert_eq!(claim.renamed_from, Some(desk.id("old.md")));
    assert_eq!(
        desk.row("old.md").await?.live_claim,
        Some(old),
        "still found under its old name"
    );
    // More of the new path: it has not settled yet.
    desk.enqueue(&[change("new.md")]).await?;
    assert_eq!(
        desk.commit(&claim.hold, replace("v1")).await?.released,
        Some(Pending)
    );
    assert!(desk.try_claim("old.md").await?.is_none());
    desk.apply("new.md", replace("v2")).await?;
    assert_eq!(desk.due().await?, ["old.md"]);
    desk.apply("old.md", CommitChange::Remove).await?;

    desk.enqueue(&[change("new.md")]).await?;
    assert_eq!(desk.claim("new.md").await?.renamed_from, None, "told once");
    Ok(())
}

pub(super) async fn a_failed_new_path_lets_the_old_one_go(desk: &Desk) -> Checked {
    desk.enqueue(&[rename("old.md", "new.md")]).await?;
    let hold = desk.claim("new.md").await?.hold;
    let failing = desk.failing(&hold, Failure::permanent("too_large", "too large"));
    assert_eq!(desk.ledger.fail(&failing).await?, FailOutcome::Given(Failed));
    assert_eq!(desk.due().await?, ["old.md"]);

    // A file that came back under its old name does not wait either.
    desk.enqueue(&[rename("x.md", "y.md"), change("x.md")]).await?;
    assert!(desk.try_claim("x.md").await?.is_some());
    // Nor does a rename onto itself.
    desk.enqueue(&[rename("z.md", "z.md")]).await?;
    assert!(desk.try_claim("z.md").await?.is_some());
    Ok(())
}

pub(super) async fn renames_back_and_forth_end(desk: &Desk) -> Checked {
    // A new edge ends at a row without one, so however files are swapped there is always one that does not wait.
    let swaps = [
        rename("a", "b"),
        rename("b", "a"),
        rename("b", "c"),
        rename("c", "a"),
        rename("a", "b"),
        rename("c", "b"),
    ];
    for swap in swaps {
        desk.enqueue(&[swap]).await?;
        assert!(!desk.due().await?.is_empty(), "everybody waits for somebody");
    }
    let mut rounds = 0;
    while let Some(due) = desk.ledger.due(10, super::LEASE).await?.first() {
        let at = match due.path.as_str() {
            "a" => "a",
            "b" => "b",
            _ => "c",
        };
        desk.apply(at, replace("v1")).await?;
        rounds += 1;
        assert!(rounds < 10, "no end");
    }
    for at in ["a", "b", "c"] {
        assert_eq!(desk.state(at).await?, Indexed);
    }
    Ok(())
}
