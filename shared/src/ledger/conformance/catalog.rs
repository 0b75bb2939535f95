//! Generations: begun, swapped, rolled back, undone, dropped.

use futures::future::join_all;
use serde_json::json;

use super::{Checked, Desk, NONE, change, index_id, ms, path, replace};
use crate::ids::IndexId;
use crate::ledger::{
    Begun, CommitChange, Comparison, Erased, Family, IndexRecord, IndexState, Lag, LedgerError, Role,
};
use crate::retry::Failure;

impl Desk {
    async fn begin(&self) -> Result<IndexRecord, LedgerError> {
        match self
            .ledger
            .begin_generation(&self.index, &json!({ "model": "next" }))
            .await?
        {
            Begun::Building(record) => Ok(*record),
            other => panic!("no generation was begun: {other:?}"),
        }
    }

    /// The same calls on another generation.
    fn on(&self, index: &IndexId) -> Self {
        Self {
            ledger: std::sync::Arc::clone(&self.ledger),
            advance: Box::new(|_| Box::pin(std::future::ready(()))),
            index: index.clone(),
        }
    }

    async fn compared(&self, index: &IndexId) -> Checked {
        self.ledger.note_comparison(index, &Comparison::default()).await
    }

    async fn record(&self, index: &IndexId) -> Result<Option<IndexRecord>, LedgerError> {
        let all = self.ledger.indexes().await?;
        Ok(all.into_iter().find(|record| record.id == *index))
    }

    async fn is(&self, index: &IndexId, role: Role, state: IndexState) -> Checked {
        let found = self
            .record(index)
            .await?
            .map(|record| (record.role, record.state));
        assert_eq!(found, Some((role, state)), "{index}");
        Ok(())
    }

    async fn family(&self) -> Result<Family, LedgerError> {
        let all = self.ledger.families().await?;
        let found = all.into_iter().find(|family| family.name == self.index);
        Ok(found.unwrap_or_else(|| panic!("{} has no family", self.index)))
    }

    async fn family_live(&self) -> Result<IndexId, LedgerError> {
        let live = self.ledger.ensure_index(&self.index, &json!({})).await?;
        Ok(live.id)
    }

    async fn swap(&self, next: &IndexId) -> Result<bool, LedgerError> {
        self.ledger.swap_generation(&self.index, next, false).await
    }
}

pub(super) async fn a_generation_is_built_beside_the_live_one(desk: &Desk) -> Checked {
    desk.is(&desk.index, Role::Live, IndexState::Active).await?;
    assert_eq!(desk.ledger.families().await?, [], "nothing to say of it yet");
    let next = desk.begin().await?;
    assert_eq!(next.id.as_str(), "docs~2");
    assert_eq!(
        (next.role, next.state, &next.settings),
        (Role::Building, IndexState::Active, &json!({ "model": "next" }))
    );
    assert_eq!(desk.record(&next.id).await?, Some(next.clone()));
    desk.is(&desk.index, Role::Live, IndexState::Active).await?;

    let settings = json!({ "model": "other" });
    let again = desk.ledger.begin_generation(&desk.index, &settings).await?;
    assert_eq!(again, Begun::Busy, "one at a time");
    let nobody = desk
        .ledger
        .begin_generation(&index_id("nobody"), &settings)
        .await?;
    assert_eq!(nobody, Begun::Gone);
    let same = desk.ledger.ensure_index(&desk.index, &settings).await?;
    assert_eq!(
        (same.id, same.role),
        (desk.index.clone(), Role::Live),
        "the name stands for the live one"
    );

    // Files of one have nothing to do with those of the other.
    desk.enqueue(&[change("a.md")]).await?;
    let building = desk.on(&next.id);
    building.enqueue(&[change("a.md")]).await?;
    desk.apply("a.md", replace("v1")).await?;
    building.apply("a.md", replace("v1")).await?;
    assert_ne!(desk.id("a.md"), building.id("a.md"));
    Ok(())
}

pub(super) async fn a_build_takes_over_when_nothing_is_lost(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md"), change("b.md")]).await?;
    desk.apply("a.md", replace("v1")).await?;
    desk.apply("b.md", replace("v1")).await?;
    let next = desk.begin().await?.id;
    assert!(!desk.swap(&next).await?, "it was never compared with the source");
    assert!(
        !desk.ledger.swap_generation(&desk.index, &next, true).await?,
        "not even when forced"
    );
    desk.compared(&next).await?;
    assert!(!desk.swap(&next).await?, "it has nothing");
    let building = desk.on(&next);
    building.enqueue(&[change("a.md"), change("b.md")]).await?;
    building.apply("a.md", replace("v1")).await?;
    assert!(!desk.swap(&next).await?, "b.md is missing");
    building.apply("b.md", replace("v1")).await?;

    // A change that neither has taken up does not stand in the way: nothing is lost by the swap.
    desk.enqueue(&[change("b.md")]).await?;
    building.enqueue(&[change("b.md")]).await?;
    assert!(
        !desk.swap(&index_id("docs~9")).await?,
        "only the one that is being built"
    );
    assert!(desk.swap(&next).await?);
    assert!(!desk.swap(&next).await?, "once");
    desk.is(&next, Role::Live, IndexState::Active).await?;
    desk.is(&desk.index, Role::Retired, IndexState::Paused).await?;
    let family = desk.family().await?;
    assert_eq!(
        (family.live, family.building, family.retired, family.made),
        (next.clone(), None, Some(desk.index.clone()), 2)
    );
    assert!(family.swapped_at.is_some_and(|at| at <= family.now));
    let live = desk.ledger.ensure_index(&desk.index, &json!({})).await?;
    assert_eq!(live.id, next, "the name stands for the live one");

    // The retired one keeps recording and is not worked on.
    desk.enqueue(&[change("c.md")]).await?;
    assert!(desk.try_claim("c.md").await?.is_none());
    let due = desk.ledger.due(10, super::LEASE).await?;
    assert!(due.iter().all(|file| file.index == next), "{due:?}");
    let backlog = desk.ledger.backlog().await?;
    assert!(backlog.iter().all(|lane| lane.index == next), "{backlog:?}");

    // A third one; the first goes when the second retires.
    let third = desk.begin().await?.id;
    assert_eq!(third.as_str(), "docs~3");
    desk.compared(&third).await?;
    assert!(desk.ledger.swap_generation(&desk.index, &third, true).await?);
    desk.is(&third, Role::Live, IndexState::Active).await?;
    desk.is(&next, Role::Retired, IndexState::Paused).await?;
    desk.is(&desk.index, Role::Dropping, IndexState::Deleting).await?;
    while desk.ledger.erase_index(&desk.index, 10).await? == Erased::More {}
    let live = desk.ledger.ensure_index(&desk.index, &json!({})).await?;
    assert_eq!(
        live.id, third,
        "the name is taken although its first generation is gone"
    );
    assert_eq!(desk.record(&desk.index).await?, None);
    Ok(())
}

pub(super) async fn what_stands_in_the_way_is_named(desk: &Desk) -> Checked {
    let names = [
        "behind.md",
        "both-failed.md",
        "failed.md",
        "held.md",
        "missing.md",
        "older.md",
        "skipped.md",
    ];
    desk.enqueue(&names.map(change)).await?;
    for name in names {
        desk.apply(name, replace("v1")).await?;
    }
    let next = desk.begin().await?.id;
    desk.compared(&next).await?;
    let building = desk.on(&next);
    let known: Vec<_> = names
        .into_iter()
        .filter(|name| !matches!(*name, "missing.md" | "held.md"))
        .collect();
    building
        .enqueue(&known.iter().map(|name| change(name)).collect::<Vec<_>>())
        .await?;
    for name in ["behind.md", "older.md"] {
        building.apply(name, replace("v1")).await?;
    }
    let refused = || Failure::permanent("text_refused", "too long");
    building
        .apply("skipped.md", CommitChange::Skip(super::version("v1"), refused()))
        .await?;
    for name in ["failed.md", "both-failed.md"] {
        let hold = building.claim(name).await?.hold;
        building.ledger.fail(&building.failing(&hold, refused())).await?;
    }
    // The live one could not take up v2 either, and goes on showing v1.
    desk.enqueue(&[change("both-failed.md")]).await?;
    let hold = desk.claim("both-failed.md").await?.hold;
    desk.ledger.fail(&desk.failing(&hold, refused())).await?;
    // The live one is ahead, and behind.
    desk.enqueue(&[change("older.md"), change("behind.md")]).await?;
    desk.apply("older.md", replace("v2")).await?;
    building.enqueue(&[change("behind.md")]).await?;
    building.apply("behind.md", replace("v2")).await?;
    // Its removal waits for approval, and the next one never heard of it.
    let held = crate::ledger::Change {
        hold: true,
        ..change("held.md")
    };
    desk.enqueue(&[held]).await?;
    // Gone from the live one, and on its way out of the next one.
    for index in [desk, &building] {
        index.enqueue(&[change("gone.md")]).await?;
        index.apply("gone.md", replace("v1")).await?;
        index.enqueue(&[change("gone.md")]).await?;
    }
    desk.apply("gone.md", CommitChange::Remove).await?;

    let lag = |at: &str, lost| Lag { path: path(at), lost };
    let lags = desk.ledger.lags(&desk.index, &next, 10).await?;
    let expected = [
        lag("failed.md", true),
        lag("held.md", true),
        lag("missing.md", true),
        lag("older.md", true),
        lag("gone.md", false),
    ];
    assert_eq!(lags, expected);
    assert_eq!(
        desk.ledger.lags(&desk.index, &next, 1).await?,
        [expected[0].clone(), expected[4].clone()],
        "at most so many of each kind"
    );
    assert!(!desk.swap(&next).await?);

    building.apply("gone.md", CommitChange::Remove).await?;
    building
        .ledger
        .retry_failed(&next, Some(&path("failed.md")), None)
        .await?;
    building.apply("failed.md", replace("v1")).await?;
    building
        .enqueue(&[change("missing.md"), change("older.md"), change("held.md")])
        .await?;
    building.apply("missing.md", replace("v1")).await?;
    building.apply("older.md", replace("v2")).await?;
    assert_eq!(
        desk.ledger.lags(&desk.index, &next, 10).await?,
        [lag("held.md", true)]
    );
    desk.approve_held().await?;
    desk.apply("held.md", CommitChange::Remove).await?;
    assert_eq!(desk.ledger.lags(&desk.index, &next, 10).await?, []);
    assert!(desk.swap(&next).await?);
    Ok(())
}

pub(super) async fn a_build_is_rolled_back(desk: &Desk) -> Checked {
    assert!(!desk.ledger.roll_back(&desk.index, &desk.index, "no").await?);
    let next = desk.begin().await?.id;
    desk.compared(&next).await?;
    let building = desk.on(&next);
    building.enqueue(&[change("a.md")]).await?;
    assert!(
        !desk.ledger.roll_back(&desk.index, &desk.index, "no").await?,
        "the live one"
    );
    assert!(
        desk.ledger
            .roll_back(&desk.index, &next, "the model is gone")
            .await?
    );
    assert!(!desk.ledger.roll_back(&desk.index, &next, "again").await?);
    assert!(
        !desk.ledger.swap_generation(&desk.index, &next, true).await?,
        "there is no way back"
    );
    desk.is(&next, Role::Dropping, IndexState::Deleting).await?;
    desk.is(&desk.index, Role::Live, IndexState::Active).await?;
    assert!(building.try_claim("a.md").await?.is_none());
    let family = desk.family().await?;
    let failure = family.failure.expect("the reason is kept");
    assert_eq!(
        (failure.generation, failure.reason.as_str()),
        (next.clone(), "the model is gone")
    );
    while desk.ledger.erase_index(&next, 10).await? == Erased::More {}
    assert_eq!(desk.record(&next).await?, None);

    let third = desk.begin().await?.id;
    assert_eq!(third.as_str(), "docs~3", "no number is given twice");
    assert_eq!(desk.family().await?.failure, None);
    Ok(())
}

pub(super) async fn a_swap_is_undone(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md")]).await?;
    desk.apply("a.md", replace("v1")).await?;
    assert!(
        !desk.ledger.undo_swap(&desk.index, &desk.index).await?,
        "nothing to undo"
    );
    let next = desk.begin().await?.id;
    desk.compared(&next).await?;
    let building = desk.on(&next);
    building.enqueue(&[change("a.md")]).await?;
    building.apply("a.md", replace("v1")).await?;
    assert!(
        !desk.ledger.undo_swap(&desk.index, &desk.index).await?,
        "not while one is built"
    );
    assert!(desk.swap(&next).await?);
    for index in [desk, &building] {
        index.enqueue(&[change("a.md")]).await?;
    }
    building.apply("a.md", replace("v2")).await?;

    assert!(!desk.swap(&desk.index).await?, "nobody asked to go back");
    assert!(
        !desk.ledger.undo_swap(&desk.index, &desk.index).await?,
        "it is not live"
    );
    assert!(desk.ledger.undo_swap(&desk.index, &next).await?);
    assert!(
        desk.ledger.undo_swap(&desk.index, &next).await?,
        "as often as one likes"
    );
    desk.is(&desk.index, Role::Retired, IndexState::Active).await?;
    assert_eq!(
        desk.ledger.begin_generation(&desk.index, &json!({})).await?,
        Begun::Busy
    );
    assert!(!desk.ledger.drop_retired(&desk.index, &desk.index, NONE).await?);
    assert!(!desk.swap(&desk.index).await?, "it has to catch up first");

    // Changed one's mind, and back.
    assert!(desk.ledger.roll_back(&desk.index, &desk.index, "no").await?);
    desk.is(&desk.index, Role::Retired, IndexState::Paused).await?;
    assert_eq!(desk.family().await?.failure, None, "nothing failed");
    assert!(desk.ledger.undo_swap(&desk.index, &next).await?);
    desk.apply("a.md", replace("v2")).await?;
    assert!(desk.swap(&desk.index).await?);
    desk.is(&desk.index, Role::Live, IndexState::Active).await?;
    desk.is(&next, Role::Retired, IndexState::Paused).await?;

    // At once, whatever is behind.
    desk.enqueue(&[change("b.md")]).await?;
    desk.apply("b.md", replace("v1")).await?;
    assert!(desk.ledger.swap_generation(&desk.index, &next, true).await?);
    desk.is(&next, Role::Live, IndexState::Active).await?;
    Ok(())
}

pub(super) async fn a_retired_generation_goes_in_time(desk: &Desk) -> Checked {
    let next = desk.begin().await?.id;
    desk.compared(&next).await?;
    assert!(desk.swap(&next).await?, "an empty one is as good as an empty one");
    desk.advance(ms(20)).await;
    let drop = |age| desk.ledger.drop_retired(&desk.index, &desk.index, age);
    assert!(!drop(super::LEASE).await?, "too soon");
    assert!(
        !desk.ledger.drop_retired(&desk.index, &next, NONE).await?,
        "the live one"
    );
    assert!(drop(ms(10)).await?);
    assert!(!drop(NONE).await?, "once");
    desk.is(&desk.index, Role::Dropping, IndexState::Deleting).await?;
    assert!(
        !desk.ledger.undo_swap(&desk.index, &next).await?,
        "nothing to go back to"
    );
    Ok(())
}

pub(super) async fn the_whole_family_is_paused_and_goes(desk: &Desk) -> Checked {
    let next = desk.begin().await?.id;
    desk.ledger.set_active(&desk.index, false).await?;
    desk.is(&desk.index, Role::Live, IndexState::Paused).await?;
    desk.is(&next, Role::Building, IndexState::Paused).await?;
    desk.compared(&next).await?;
    assert!(desk.swap(&next).await?, "also while paused");
    desk.is(&next, Role::Live, IndexState::Paused).await?;
    desk.ledger.set_active(&desk.index, true).await?;
    desk.is(&next, Role::Live, IndexState::Active).await?;
    desk.is(&desk.index, Role::Retired, IndexState::Paused).await?;
    desk.ledger.set_active(&desk.index, false).await?;
    let third = desk.begin().await?.id;
    desk.is(&third, Role::Building, IndexState::Paused).await?;

    let building = desk.on(&third);
    building.enqueue(&[change("a.md")]).await?;
    assert!(desk.ledger.delete_index(&desk.index).await?);
    for (index, role) in [
        (&desk.index, Role::Retired),
        (&next, Role::Live),
        (&third, Role::Building),
    ] {
        desk.is(index, role, IndexState::Deleting).await?;
    }
    assert_eq!(
        desk.ledger.begin_generation(&desk.index, &json!({})).await?,
        Begun::Gone
    );
    assert!(!desk.ledger.swap_generation(&desk.index, &third, true).await?);
    desk.ledger.set_active(&desk.index, true).await?;
    desk.is(&next, Role::Live, IndexState::Deleting).await?;
    for index in [&next, &desk.index, &third] {
        while desk.ledger.erase_index(index, 10).await? == Erased::More {}
    }
    assert_eq!(desk.ledger.families().await?, []);
    let new = desk
        .ledger
        .ensure_index(&desk.index, &json!({ "new": true }))
        .await?;
    assert_eq!(
        (new.id, new.state, new.role),
        (desk.index.clone(), IndexState::Active, Role::Live)
    );
    Ok(())
}

pub(super) async fn progress_is_kept(desk: &Desk) -> Checked {
    let next = desk.begin().await?.id;
    let waits = ["b.md\n\"quoted\"".to_owned()];
    let begun = desk.family().await?;
    assert_eq!(begun.progress_at, begun.began_at);
    desk.advance(ms(20)).await;
    desk.ledger.note_progress(&desk.index, &next, 0, &[]).await?;
    desk.ledger
        .note_progress(&desk.index, &desk.index, 7, &[])
        .await?;
    assert_eq!(desk.family().await?.progress_at, begun.progress_at, "none yet");
    desk.ledger.note_progress(&desk.index, &next, 1, &waits).await?;
    let after = desk.family().await?.progress_at;
    assert!(after > begun.progress_at);
    assert_eq!(desk.family().await?.waits_for, waits);
    desk.ledger.set_active(&desk.index, false).await?;
    desk.advance(ms(20)).await;
    desk.ledger.note_progress(&desk.index, &next, 1, &waits).await?;
    assert!(
        desk.family().await?.progress_at > after,
        "time does not run while paused"
    );

    desk.ledger.note_alias(&desk.index, &next).await?;
    assert_eq!(desk.family().await?.alias, None, "it is not live");
    desk.ledger.note_alias(&desk.index, &desk.index).await?;
    assert_eq!(desk.family().await?.alias, Some(desk.index.clone()));
    Ok(())
}

pub(super) async fn one_of_many_decides_on_a_family(desk: &Desk) -> Checked {
    const CALLERS: usize = 6;
    let count = |answers: Vec<Result<bool, LedgerError>>| -> Result<usize, LedgerError> {
        let won: Result<Vec<bool>, LedgerError> = answers.into_iter().collect();
        Ok(won?.into_iter().filter(|won| *won).count())
    };
    let settings = json!({});
    for _ in 0..3 {
        let live = desk.family_live().await?;
        let begun =
            join_all((0..CALLERS).map(|_| desk.ledger.begin_generation(&desk.index, &settings))).await;
        let begun: Result<Vec<Begun>, LedgerError> = begun.into_iter().collect();
        let begun = begun?
            .into_iter()
            .filter(|begun| matches!(begun, Begun::Building(_)));
        assert_eq!(begun.count(), 1, "one is begun");
        let next = desk.family().await?.building.expect("it is being built");
        desk.compared(&next).await?;
        // Swapped and rolled back at the same moment: one of them.
        let swaps = (0..CALLERS).map(|n| {
            let (ledger, name, next) = (&desk.ledger, &desk.index, &next);
            async move {
                if n % 2 == 0 {
                    ledger.swap_generation(name, next, true).await
                } else {
                    ledger.roll_back(name, next, "no").await
                }
            }
        });
        assert_eq!(count(join_all(swaps).await)?, 1, "one decides");
        let family = desk.family().await?;
        assert!(family.live == next || family.live == live);
        assert_eq!(family.building, None);
        if family.live == next {
            // Dropped, and gone back to, at the same moment.
            let ends = (0..CALLERS).map(|n| {
                let (ledger, name, live) = (&desk.ledger, &desk.index, &live);
                async move {
                    if n % 2 == 0 {
                        ledger.drop_retired(name, live, NONE).await
                    } else {
                        ledger.swap_generation(name, live, true).await
                    }
                }
            });
            // Going back retires the other one, which nobody drops here.
            assert_eq!(count(join_all(ends).await)?, 1, "one decides");
        }
        let all = desk.ledger.indexes().await?;
        let live = all.iter().filter(|record| record.role == Role::Live).count();
        assert_eq!(live, 1, "a name always stands for one generation: {all:?}");
    }
    // Deleted while one is begun: whatever was made goes too.
    let (begun, deleted) = futures::join!(
        desk.ledger.begin_generation(&desk.index, &settings),
        desk.ledger.delete_index(&desk.index)
    );
    assert!(deleted? && begun? != Begun::Busy);
    for record in desk.ledger.indexes().await? {
        assert_eq!(record.state, IndexState::Deleting, "{}", record.id);
    }
    Ok(())
}
