//! The filter of log lines that goes for every process.

use std::time::Duration;

use super::{Checked, Desk, ms};

pub(super) async fn the_latest_filter_counts_until_it_is_reset(desk: &Desk) -> Checked {
    let ledger = &desk.ledger;
    assert_eq!(ledger.logging().await?, None);
    let quarter = Duration::from_secs(900);
    let set = ledger.set_logging("debug", quarter, "somebody").await?;
    assert_eq!(
        (&*set.filter, &*set.set_by, set.left, set.until - set.set_at),
        ("debug", "somebody", quarter, 900_000)
    );
    desk.advance(ms(10)).await;
    let seen = ledger.logging().await?;
    let left = seen.as_ref().map(|change| change.left);
    assert!(left.is_some_and(|left| left < quarter), "{seen:?}");
    assert_eq!(seen.map(|change| change.until), Some(set.until));
    let filter = "info,control_plane=trace";
    ledger.set_logging(filter, 2 * quarter, "somebody else").await?;
    let seen = ledger
        .logging()
        .await?
        .map(|change| (change.filter, change.set_by));
    assert_eq!(seen, Some((filter.to_owned(), "somebody else".to_owned())));
    ledger.reset_logging().await?;
    assert_eq!(ledger.logging().await?, None);
    // Nothing to do is no failure.
    ledger.reset_logging().await
}

pub(super) async fn a_filter_ends_by_itself(desk: &Desk) -> Checked {
    desk.ledger.set_logging("debug", ms(30), "somebody").await?;
    desk.advance(ms(40)).await;
    assert_eq!(desk.ledger.logging().await?, None);
    desk.ledger.set_logging("trace", super::LEASE, "somebody").await?;
    assert!(desk.ledger.logging().await?.is_some());
    Ok(())
}
