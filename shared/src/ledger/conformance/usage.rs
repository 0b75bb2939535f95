//! What embedding costs.

use super::{Checked, Desk, change, ms};
use crate::ledger::{Fail, Spending, UsageNote};
use crate::retry::Failure;

pub(super) async fn a_budget_is_not_overspent(desk: &Desk) -> Checked {
    let spend = |tokens| desk.ledger.spend(&desk.index, tokens, 100);
    assert_eq!(spend(60).await?, Spending::Granted);
    let refused = spend(60).await?;
    assert!(
        matches!(refused, Spending::Refused { spent: 60, next_day_in } if next_day_in > 0),
        "{refused:?}"
    );
    // Two at once: only one fits.
    let (one, other) = futures::try_join!(spend(40), spend(40))?;
    let granted = [one, other]
        .iter()
        .filter(|answer| **answer == Spending::Granted)
        .count();
    assert_eq!(granted, 1);
    assert!(matches!(spend(101).await?, Spending::Refused { spent: 100, .. }));
    Ok(())
}

pub(super) async fn usage_adds_up(desk: &Desk) -> Checked {
    assert!(desk.ledger.usage(&desk.index, 10).await?.is_empty());
    desk.ledger.spend(&desk.index, 50, 100).await?;
    // Fewer were used than were taken.
    let note = UsageNote {
        tokens: -20,
        embedded: 3,
        reused: 1,
        bytes: 400,
    };
    desk.ledger.note_usage(&desk.index, &note).await?;
    desk.ledger.note_usage(&desk.index, &note).await?;
    let days = desk.ledger.usage(&desk.index, 10).await?;
    let (tokens, embedded, reused, bytes) = days.iter().fold((0, 0, 0, 0), |sum, day| {
        (
            sum.0 + day.tokens,
            sum.1 + day.embedded,
            sum.2 + day.reused,
            sum.3 + day.bytes,
        )
    });
    assert_eq!((tokens, embedded, reused, bytes), (10, 6, 2, 800));
    // Never below nothing.
    let note = UsageNote {
        tokens: -1000,
        ..UsageNote::default()
    };
    desk.ledger.note_usage(&desk.index, &note).await?;
    assert_eq!(
        desk.ledger
            .usage(&desk.index, 1)
            .await?
            .first()
            .map(|day| day.tokens),
        Some(0)
    );
    Ok(())
}

pub(super) async fn files_that_wait_for_a_budget_are_woken(desk: &Desk) -> Checked {
    desk.enqueue(&[change("a.md"), change("b.md")]).await?;
    for (at, code) in [("a.md", "budget_spent"), ("b.md", "another")] {
        let fail = Fail {
            hold: desk.claim(at).await?.hold,
            failure: Failure::throttled(code, "later"),
            delay: ms(3_600_000),
            max_attempts: 5,
            etag: None,
            standing: false,
        };
        desk.ledger.fail(&fail).await?;
    }
    assert_eq!(desk.due().await?, [""; 0]);
    assert_eq!(desk.ledger.wake_waiting(&desk.index, "budget_spent").await?, 1);
    assert_eq!(desk.due().await?, ["a.md"]);
    assert_eq!(desk.ledger.wake_waiting(&desk.index, "budget_spent").await?, 0);
    Ok(())
}
