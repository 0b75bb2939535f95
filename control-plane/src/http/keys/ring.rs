//! Which caller a secret stands for.
//!
//! What the ledger says is kept for [`KEPT`], so that a busy key costs it one question in that time. A key that is revoked
//! through this replica ends here at once, on the others at the latest after [`KEPT`].

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use shared::ledger::{ControlLedger, LedgerError};
use shared::secret::Secret;

use super::secret;
use crate::http::access::{Caller, Scope};

/// How long an answer of the ledger is kept.
pub(crate) const KEPT: Duration = Duration::from_secs(5);
/// Answers that are kept, also about secrets that open nothing.
const CAPACITY: u64 = 10_000;
/// How exactly the last use of a key is noted.
const COARSE: Duration = Duration::from_secs(600);

/// Verifies secrets.
pub(crate) struct KeyRing {
    ledger: Arc<dyn ControlLedger>,
    /// Hash of the admin key that is a setting.
    admin: Option<blake3::Hash>,
    known: Cache<[u8; 32], Option<Arc<Caller>>>,
}

impl KeyRing {
    /// For the keys in the ledger, and an admin key that is a setting.
    pub(crate) fn new(ledger: Arc<dyn ControlLedger>, admin: Option<&Secret>) -> Self {
        Self {
            ledger,
            admin: admin.map(|admin| blake3::hash(admin.expose().as_bytes())),
            known: Cache::builder().max_capacity(CAPACITY).time_to_live(KEPT).build(),
        }
    }

    /// The caller that a secret stands for; `None` when it opens nothing.
    pub(crate) async fn caller(&self, given: &Secret) -> Result<Option<Arc<Caller>>, LedgerError> {
        let hash = blake3::hash(given.expose().as_bytes());
        // In constant time, as the type says.
        if self.admin.is_some_and(|admin| admin == hash) {
            return Ok(Some(Arc::new(Caller::of_setting("admin key", Scope::Admin))));
        }
        let asked = self
            .known
            .try_get_with(*hash.as_bytes(), self.ask(given.expose()));
        asked
            .await
            .map_err(|error: Arc<LedgerError>| LedgerError::clone(&error))
    }

    /// Forgets what was kept: a key was changed through this replica.
    pub(crate) fn forget(&self) {
        self.known.invalidate_all();
    }

    async fn ask(&self, given: &str) -> Result<Option<Arc<Caller>>, LedgerError> {
        let Some(mark) = secret::mark(given) else {
            return Ok(None);
        };
        let found = self.ledger.find_key(&mark.prefix).await?;
        let Some(found) = found.filter(|found| secret::same(&found.hash, &mark.hash)) else {
            return Ok(None);
        };
        let key = found.record;
        if let Err(error) = self.ledger.touch_key(key.id, COARSE).await {
            // The key is right all the same.
            tracing::debug!(%error, "the use of key {} was not noted", key.prefix);
        }
        Ok(Some(Arc::new(Caller {
            key: Some(key.name),
            id: Some(key.id),
            scopes: key.scopes,
            indexes: key.indexes,
        })))
    }
}
