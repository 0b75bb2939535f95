//! Many callers at once.

use futures::future::join_all;

use super::{Checked, Desk, change, replace};
use crate::file_state::FileState::Indexed;
use crate::ledger::{ClaimOutcome, ClaimRequest, CommitOutcome};

pub(super) async fn one_of_two_claimers_wins(desk: &Desk) -> Checked {
    for round in 0..20 {
        desk.enqueue(&[change("a.md")]).await?;
        let requests: Vec<_> = (0..2)
            .map(|n| ClaimRequest {
                owner: format!("worker-{n}"),
                ..desk.request("a.md")
            })
            .collect();
        let outcomes = join_all(requests.iter().map(|request| desk.ledger.claim(request))).await;
        let mut won = Vec::new();
        for outcome in outcomes {
            if let ClaimOutcome::Claimed(claim) = outcome? {
                won.push(claim.hold);
            }
        }
        assert_eq!(won.len(), 1, "round {round}");
        let committed = desk.commit(&won[0], replace("v1")).await?;
        if committed.released.is_none() {
            desk.ledger.release(&won[0], super::NONE).await?;
        }
    }
    Ok(())
}

pub(super) async fn many_callers_at_once(desk: &Desk) -> Checked {
    const CALLERS: usize = 200;
    let life = |n: usize| async move {
        let at = format!("{n:03}.md");
        desk.enqueue(&[change(&at)]).await?;
        let Some(claim) = desk.try_claim(&at).await? else {
            panic!("{at} is not claimable")
        };
        desk.try_commit(&claim.hold, replace("v1")).await
    };
    for outcome in join_all((0..CALLERS).map(life)).await {
        assert!(matches!(outcome?, CommitOutcome::Committed(_)));
    }
    let stats = desk.ledger.stats(&desk.index).await?;
    assert_eq!((stats.by_state[&Indexed], stats.backlog), (CALLERS as u64, 0));
    Ok(())
}
