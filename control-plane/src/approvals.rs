//! Removals that wait for a decision: asks the question, decides when time is up, carries decisions out, tells the webhook.
//!
//! All of it is in the ledger; what a crash cut short, the next pass of whoever has the duty finishes.

pub mod webhook;

use std::sync::Arc;
use std::time::Duration;

use shared::ids::IndexId;
use shared::index_settings::{ApprovalSettings, IndexSettings, Otherwise};
use shared::ledger::{
    Approval, ApprovalFilter, ApprovalState, ControlLedger, LedgerError, Resolution, Resolved,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::webhook::Webhook;
use crate::duties::Duties;
use crate::metrics::Metrics;

/// Between passes.
const EVERY: Duration = Duration::from_secs(2);
/// How long the duty is held.
const LEASE: Duration = Duration::from_secs(15);
/// Files that a decision is carried out on per transaction.
const PAGE: u32 = 1000;
/// Approvals looked at in a pass.
const MOST: u32 = 1000;
/// Who decides when nobody does.
pub const TIMER: &str = "timer";

/// Works on the approvals of every index.
pub struct ApprovalDesk {
    /// Where they are.
    pub ledger: Arc<dyn ControlLedger>,
    /// Is it ours to do?
    pub duties: Arc<Duties>,
    /// Wakes the dispatcher.
    pub nudge: Arc<Notify>,
    /// Whom to tell.
    pub webhook: Option<Webhook>,
    /// What to count.
    pub metrics: Arc<Metrics>,
}

impl ApprovalDesk {
    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            if self.duties.hold("approvals", LEASE).await
                && let Err(error) = self.pass().await
            {
                tracing::warn!(%error, "approvals could not be looked after, trying again");
            }
        }
    }

    /// One look at everything that waits.
    ///
    /// # Errors
    /// When the ledger fails; the next pass goes on.
    pub async fn pass(&self) -> Result<(), LedgerError> {
        for approval in self.ledger.open_approvals().await? {
            self.metrics.approvals.with_label_values(&["opened"]).inc();
            tracing::warn!(
                index.id = %approval.index,
                "{} removals wait for approval {}: longshore approve", approval.files, approval.number
            );
        }
        let unfinished = ApprovalFilter {
            unfinished: true,
            ..ApprovalFilter::default()
        };
        let unfinished = self.ledger.approvals(&unfinished, MOST).await?;
        if !unfinished.is_empty() {
            let settings = self.settings().await?;
            for approval in unfinished {
                self.look(&approval, &settings).await?;
            }
        }
        if let Some(webhook) = &self.webhook {
            webhook.tell_all(&*self.ledger).await?;
        }
        Ok(())
    }

    async fn look(
        &self,
        approval: &Approval,
        settings: &[(IndexId, ApprovalSettings)],
    ) -> Result<(), LedgerError> {
        if approval.state == ApprovalState::Waiting {
            let of_index = settings.iter().find(|(index, _)| *index == approval.index);
            let Some((_, settings)) = of_index else {
                return Ok(());
            };
            let Some(resolution) = by_timer(settings) else {
                return Ok(());
            };
            let (index, number) = (&approval.index, approval.number);
            let resolved = self.ledger.resolve_approval(index, number, &resolution).await?;
            let Resolved::Now(decided) = resolved else {
                return Ok(());
            };
            self.metrics.approvals.with_label_values(&["timer"]).inc();
            tracing::warn!(index.id = %index, "nobody decided on approval {number}: {}", decided.state);
        }
        carry_out(&*self.ledger, &approval.index, approval.number, u32::MAX).await?;
        self.nudge.notify_one();
        Ok(())
    }

    async fn settings(&self) -> Result<Vec<(IndexId, ApprovalSettings)>, LedgerError> {
        let records = self.ledger.indexes().await?;
        let of = |record| Some(IndexSettings::of(record).ok()?.approval);
        Ok(records
            .iter()
            .filter_map(|record| Some((record.id.clone(), of(record)?)))
            .collect())
    }
}

/// What is decided when time is up; `None` when it never is.
fn by_timer(settings: &ApprovalSettings) -> Option<Resolution> {
    Some(Resolution {
        remove: settings.otherwise == Otherwise::Remove,
        ceiling: None,
        by: TIMER.to_owned(),
        note: None,
        after: settings.decide_after()?,
    })
}

/// Carries a decision out, on `pages` thousands of files at most; returns the approval as it is then, when there was
/// something to do.
///
/// # Errors
/// When the ledger fails: the next pass of the desk goes on.
pub async fn carry_out(
    ledger: &dyn ControlLedger,
    index: &IndexId,
    number: u64,
    pages: u32,
) -> Result<Option<Approval>, LedgerError> {
    let mut latest = None;
    for _ in 0..pages {
        match ledger.carry_out(index, number, PAGE).await? {
            Some(approval) if approval.finished_at.is_none() => latest = Some(approval),
            Some(approval) => return Ok(Some(approval)),
            None => break,
        }
    }
    Ok(latest)
}

#[cfg(test)]
mod tests;
