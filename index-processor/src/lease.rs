//! Keeps the leases of running attempts, and fences attempts whose lease is lost.
//!
//! One task renews every lease of this worker. An attempt is told to stop when the ledger no longer lists its claim, or
//! when no renewal succeeded until shortly before the lease runs out: then another worker may hold the file soon, and
//! whatever this attempt still did would be wasted. (It would be harmless, too: the ledger refuses its commit.)
//!
//! The ledger renews by owner, so it also renews claims that this worker does not work on: one whose answer never came,
//! and one that was stopped here while its renewals did get through. Nobody would see to their files until they are
//! stale. Such claims are loose ([`Leases::loosen`]): when a renewal lists one, it is given back.

mod loose;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::ids::ClaimId;
use shared::ledger::Ledger;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::loose::Loose;

/// The times of a lease.
#[derive(Clone, Copy, Debug)]
pub struct LeaseSettings {
    /// How long a claim lasts without renewal.
    pub lease: Duration,
    /// Between renewals.
    pub renew_every: Duration,
    /// An attempt stops this long before its lease runs out.
    pub margin: Duration,
}

impl LeaseSettings {
    /// Leases of this length, renewed four times meanwhile, with a sixth of it as margin.
    #[must_use]
    pub fn lasting(lease: Duration) -> Self {
        Self {
            lease,
            renew_every: lease / 4,
            margin: lease / 6,
        }
    }
}

impl Default for LeaseSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            renew_every: Duration::from_secs(15),
            margin: Duration::from_secs(10),
        }
    }
}

struct Held {
    claim: ClaimId,
    /// Counted from before the request that granted it, so never later than the ledger's own deadline.
    until: Instant,
    lost: CancellationToken,
}

/// The leases of one worker.
pub struct Leases {
    owner: String,
    ledger: Arc<dyn Ledger>,
    settings: LeaseSettings,
    held: Mutex<Kept>,
    loose: Mutex<Loose>,
}

/// The leases under renewal, in the order in which they were taken.
#[derive(Default)]
struct Kept {
    leases: BTreeMap<u64, Held>,
    taken: u64,
}

/// A lease under renewal; dropping it ends the renewal.
pub struct Lease {
    leases: Arc<Leases>,
    number: u64,
    lost: CancellationToken,
}

impl Lease {
    /// Returns when the lease is lost.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.held().leases.remove(&self.number);
    }
}

impl Leases {
    /// No leases yet.
    #[must_use]
    pub fn new(owner: String, ledger: Arc<dyn Ledger>, settings: LeaseSettings) -> Self {
        Self {
            owner,
            ledger,
            settings,
            held: Mutex::default(),
            loose: Mutex::default(),
        }
    }

    /// How long a new claim lasts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.settings.lease
    }

    /// Keeps a claim that was asked for at `asked_at`.
    #[must_use]
    pub fn keep(self: &Arc<Self>, claim: ClaimId, asked_at: Instant) -> Lease {
        let lost = CancellationToken::new();
        let until = asked_at + self.settings.lease;
        let held = Held {
            claim,
            until,
            lost: lost.clone(),
        };
        let mut kept = self.held();
        kept.taken += 1;
        let number = kept.taken;
        kept.leases.insert(number, held);
        drop(kept);
        Lease {
            leases: Arc::clone(self),
            number,
            lost,
        }
    }

    /// Is this claim kept now?
    #[must_use]
    pub fn keeps(&self, claim: ClaimId) -> bool {
        self.held().leases.values().any(|lease| lease.claim == claim)
    }

    /// Claims that are kept now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held().leases.len()
    }

    /// Is nothing kept?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held().leases.is_empty()
    }

    /// Renews until told to stop, which should be when nothing is held any more.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let tick = self
            .settings
            .renew_every
            .min(self.settings.margin / 2)
            .max(Duration::from_millis(1));
        let mut renew_at = Instant::now() + self.settings.renew_every;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(tick) => {}
            }
            if Instant::now() >= renew_at {
                renew_at = Instant::now() + self.settings.renew_every;
                self.renew().await;
            }
            self.fence_overdue();
        }
    }

    async fn renew(&self) {
        // Claims made while the request is on its way are not in its answer and must not be taken for lost.
        let asked_for: Vec<u64> = self.held().leases.keys().copied().collect();
        if asked_for.is_empty() {
            return;
        }
        let asked_at = Instant::now();
        let answer = tokio::time::timeout(
            self.settings.margin,
            self.ledger.renew(&self.owner, self.settings.lease),
        )
        .await;
        match answer {
            Ok(Ok(renewed)) => {
                let renewed = renewed.into_iter().collect();
                self.apply(&asked_for, &renewed, asked_at);
                self.give_back(&renewed).await;
            }
            Ok(Err(error)) => tracing::warn!(%error, "leases were not renewed, trying again"),
            Err(_elapsed) => tracing::warn!("the ledger did not answer a renewal in time, trying again"),
        }
    }

    fn apply(&self, asked_for: &[u64], renewed: &HashSet<ClaimId>, asked_at: Instant) {
        let mut held = self.held();
        for number in asked_for {
            let Some(lease) = held.leases.get_mut(number) else {
                continue;
            };
            if renewed.contains(&lease.claim) {
                lease.until = asked_at + self.settings.lease;
            } else {
                tracing::warn!(claim.id = %lease.claim, "lost a claim: it was swept or settled elsewhere");
                lease.lost.cancel();
            }
        }
    }

    fn fence_overdue(&self) {
        let now = Instant::now();
        for lease in self.held().leases.values() {
            if now + self.settings.margin >= lease.until && !lease.lost.is_cancelled() {
                tracing::warn!(claim.id = %lease.claim, "stopping an attempt whose lease could not be renewed");
                lease.lost.cancel();
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Kept> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
