//! Which replica of the control plane does which background work.
//!
//! A duty is a lease in the ledger. Nothing depends on it for correctness: work that two replicas did at once would only be
//! done twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use shared::ledger::ControlLedger;
use tokio::time::Instant;

/// The duties of one replica.
pub struct Duties {
    leases: Option<Leases>,
}

struct Leases {
    ledger: Arc<dyn ControlLedger>,
    owner: String,
    /// Duties that are ours, each with the time until which that need not be asked again.
    held: Mutex<HashMap<String, Instant>>,
}

impl Duties {
    /// All duties: for a process that has no others beside it.
    #[must_use]
    pub fn all() -> Self {
        Self { leases: None }
    }

    /// Duties shared with other replicas; `owner` names this one.
    #[must_use]
    pub fn shared(ledger: Arc<dyn ControlLedger>, owner: String) -> Self {
        let held = Mutex::default();
        Self {
            leases: Some(Leases { ledger, owner, held }),
        }
    }

    /// Is the duty this replica's, for about the length of the lease? Asked again before each piece of work.
    pub async fn hold(&self, duty: &str, lease: Duration) -> bool {
        let Some(leases) = &self.leases else {
            return true;
        };
        let now = Instant::now();
        let until = leases.held().get(duty).copied();
        if until.is_some_and(|until| until > now) {
            return true;
        }
        match leases.ledger.hold_duty(duty, &leases.owner, lease).await {
            Ok(true) => {
                leases.held().insert(duty.to_owned(), now + lease / 3);
                true
            }
            Ok(false) => {
                leases.held().remove(duty);
                false
            }
            Err(error) => {
                tracing::warn!(%error, "whose duty {duty} is cannot be told, so it is left to others");
                false
            }
        }
    }

    /// Gives every duty back, so that other replicas need not wait for the leases to run out.
    pub async fn give_back(&self) {
        let Some(leases) = &self.leases else {
            return;
        };
        let held: Vec<String> = leases.held().drain().map(|(duty, _)| duty).collect();
        for duty in held {
            if let Err(error) = leases.ledger.drop_duty(&duty, &leases.owner).await {
                tracing::debug!(%error, "duty {duty} was not given back, its lease runs out");
            }
        }
    }
}

impl Leases {
    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::{Clock, ManualClock};
    use shared::ledger::model::ModelLedger;

    use super::*;

    #[tokio::test]
    async fn one_replica_has_a_duty_until_it_gives_it_back() {
        let clock = Arc::new(ManualClock::at(1_000_000));
        let ledger = Arc::new(ModelLedger::new(clock as Arc<dyn Clock>));
        let replica = |owner: &str| Duties::shared(Arc::clone(&ledger) as _, owner.to_owned());
        let (one, two) = (replica("one"), replica("two"));
        let lease = Duration::from_secs(60);
        assert!(one.hold("sweep", lease).await);
        assert!(!two.hold("sweep", lease).await);
        assert!(one.hold("sweep", lease).await);
        one.give_back().await;
        assert!(two.hold("sweep", lease).await);
        assert!(
            !one.hold("sweep", lease).await,
            "what was given back has to be asked for"
        );
        assert!(Duties::all().hold("sweep", lease).await);
    }
}
