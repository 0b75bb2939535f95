//! Removals that wait for a decision.
//!
//! Rows that are AWAITING_APPROVAL are the truth; an approval is the question about all of them, one per index at a time. A
//! decision is about at most as many files as whoever decides was shown, and about those only that waited then: whatever
//! came after, or is more, is asked about again. Decisions are recorded by one conditional statement and carried out
//! page by page, so a crash in the middle is made up for by whoever looks next.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::LedgerError;
use crate::clock::UnixMillis;
use crate::ids::IndexId;

/// How far an approval is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApprovalState {
    /// Nobody has decided.
    Waiting,
    /// The files are removed.
    Approved,
    /// The files stay.
    Kept,
    /// Nothing waits any more: the files are there again, or the index goes.
    Withdrawn,
}

impl ApprovalState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Approved, Self::Kept, Self::Withdrawn];

    /// The name as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Approved => "APPROVED",
            Self::Kept => "KEPT",
            Self::Withdrawn => "WITHDRAWN",
        }
    }
}

impl fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no state of an approval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a state of an approval; the states are WAITING, APPROVED, KEPT, WITHDRAWN")]
pub struct UnknownApprovalState(pub String);

impl FromStr for ApprovalState {
    type Err = UnknownApprovalState;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| UnknownApprovalState(name.to_owned()))
    }
}

/// The question whether files may be removed from an index, and the answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Approval {
    /// The index.
    pub index: IndexId,
    /// Its number in the index, from 1.
    #[schema(example = 1)]
    pub number: u64,
    /// How far it is.
    pub state: ApprovalState,
    /// Who reported the first of the removals: `scan`, `event`, `run`, `watch`.
    #[schema(example = "scan")]
    pub reason: String,
    /// When it was opened.
    pub opened_at: UnixMillis,
    /// Files that wait; once decided, those that waited then.
    pub files: u64,
    /// Most files that the decision is about.
    pub ceiling: Option<u64>,
    /// When it was decided.
    pub decided_at: Option<UnixMillis>,
    /// Who decided: the name of a key, `local`, or `timer`.
    pub decided_by: Option<String>,
    /// What whoever decided had to say.
    pub note: Option<String>,
    /// Files that the decision was carried out on so far.
    pub passed: u64,
    /// When it was carried out.
    pub finished_at: Option<UnixMillis>,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Remove the files, or keep them.
    pub remove: bool,
    /// Most files that it is about, as whoever decides was shown them; `None` for all that wait now.
    pub ceiling: Option<u64>,
    /// Who decides.
    pub by: String,
    /// What they have to say.
    pub note: Option<String>,
    /// Only if the approval has waited for at least this long.
    pub after: Duration,
}

/// The answer to a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// It is recorded.
    Now(Approval),
    /// It was decided before, is withdrawn, or has not waited long enough: nothing changed.
    Not(Approval),
    /// There is no such approval.
    Unknown,
}

/// Which approvals to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Only of this index.
    pub index: Option<IndexId>,
    /// Only in this state.
    pub state: Option<ApprovalState>,
    /// Only those that wait for a decision, or for it to be carried out.
    pub unfinished: bool,
}

/// Approvals of every index. All calls are atomic.
#[async_trait]
pub trait Approvals: Send + Sync + 'static {
    /// Opens an approval for each index where files wait and no approval is unfinished, and withdraws those that nothing waits
    /// for; returns the opened ones.
    async fn open_approvals(&self) -> Result<Vec<Approval>, LedgerError>;

    /// The newest approvals, newest first.
    async fn approvals(&self, filter: &ApprovalFilter, limit: u32) -> Result<Vec<Approval>, LedgerError>;

    /// One approval.
    async fn approval(&self, index: &IndexId, number: u64) -> Result<Option<Approval>, LedgerError>;

    /// Records a decision, if nobody has decided.
    async fn resolve_approval(
        &self,
        index: &IndexId,
        number: u64,
        resolution: &Resolution,
    ) -> Result<Resolved, LedgerError>;

    /// Carries a decision out on at most `limit` files: approved ones become PENDING, so that an attempt removes them; others go
    /// back to what their live version is, and are marked as kept, so that no comparison asks again. `None` when there is
    /// nothing to carry out (any more).
    async fn carry_out(
        &self,
        index: &IndexId,
        number: u64,
        limit: u32,
    ) -> Result<Option<Approval>, LedgerError>;

    /// Approvals whose state has not been told to the webhook, at most `limit`.
    async fn untold_approvals(&self, limit: u32) -> Result<Vec<Approval>, LedgerError>;

    /// Notes that the webhook knows this state.
    async fn note_told(&self, index: &IndexId, number: u64, state: ApprovalState) -> Result<(), LedgerError>;
}
