//! The catalog: which ledger index a name stands for. A generation is an index of its own, so that the protocol of files knows
//! nothing of generations; the catalog alone says which one search shows.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{IndexRecord, Ledger, LedgerError};
use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;
use crate::ids::IndexId;

/// The generations of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// The name that people know.
    pub name: IndexId,
    /// The generation that search shows.
    pub live: IndexId,
    /// The one that is to take its place.
    pub building: Option<IndexId>,
    /// The one that was live before.
    pub retired: Option<IndexId>,
    /// Generations so far.
    pub made: u32,
    /// Paused by somebody.
    pub paused: bool,
    /// All of it goes.
    pub deleting: bool,
    /// The retired one catches up, and becomes live again.
    pub going_back: bool,
    /// When the latest build was begun.
    pub began_at: Option<UnixMillis>,
    /// When a file of the build last settled.
    pub progress_at: Option<UnixMillis>,
    /// What stood in the way of the swap when that was last tried, for people.
    pub waits_for: Vec<String>,
    /// When another generation last became live.
    pub swapped_at: Option<UnixMillis>,
    /// The generation that the alias of the collections was last pointed to.
    pub alias: Option<IndexId>,
    /// The latest build that was rolled back; forgotten when another is begun.
    pub failure: Option<BuildFailure>,
    /// The ledger's time when this was read: ages are differences of its times.
    pub now: UnixMillis,
}

/// Why a build was rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BuildFailure {
    /// The generation that was being built.
    pub generation: IndexId,
    /// When.
    pub at: UnixMillis,
    /// Why, for people.
    pub reason: String,
}

/// The answer to the begin of a generation.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// It is being built.
    Building(Box<IndexRecord>),
    /// Another one is being built, or the one before is coming back.
    Busy,
    /// There is no such index, or it is being deleted.
    Gone,
}

/// A file that stands in the way of a swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The blob.
    pub path: BlobPath,
    /// Would search lose it, or go back to an older version of it? Otherwise search would show it again although it is gone.
    pub lost: bool,
}

/// Generations: begun, swapped, taken back, dropped. Each call is one conditional update of the family, and the states of its
/// generations follow from that in the same transaction: live and building ones are worked on unless the index is paused, a
/// retired one is paused, any other is on its way out.
#[async_trait]
pub trait Catalog: Ledger {
    /// Every family that has a row: an index of which nothing but its first generation was ever heard has none.
    async fn families(&self) -> Result<Vec<Family>, LedgerError>;

    /// Begins to build a generation beside the live one, unless there is one already.
    async fn begin_generation(
        &self,
        name: &IndexId,
        settings: &serde_json::Value,
    ) -> Result<Begun, LedgerError>;

    /// Files that stand in the way of `next` becoming live, at most `limit` of each kind: those that the live generation shows
    /// and `next` does not, or shows in another version while the live one is settled; and those that `next` still shows
    /// although the live one does not any more. Files that `next` leaves out by its settings, or that failed in both, do
    /// not stand in the way. Reads every file that the live generation shows, so ask only when little else is left to do.
    async fn lags(&self, name: &IndexId, next: &IndexId, limit: u32) -> Result<Vec<Lag>, LedgerError>;

    /// Makes `next` live, and the live one retired; a generation that was retired before goes. `next` is being built and was
    /// compared with the source, or is the retired one on its way back. Unless `forced`, no file may stand in the way
    /// ([`Catalog::lags`]); with it the retired one need not be on its way back either. `false`, and nothing changed, when
    /// it is not so. Every file is looked at before; the statement that decides looks once more at those that `next` has not
    /// settled, which is where a change made meanwhile is found. One that is recorded at the same moment is not waited for:
    /// it is pending in both.
    async fn swap_generation(
        &self,
        name: &IndexId,
        next: &IndexId,
        forced: bool,
    ) -> Result<bool, LedgerError>;

    /// Gives a build up, with a reason for people: the generation goes. Of the retired one on its way back: it stays retired.
    /// `false` when it is neither.
    async fn roll_back(
        &self,
        name: &IndexId,
        generation: &IndexId,
        reason: &str,
    ) -> Result<bool, LedgerError>;

    /// Begins to go back from `live` to the retired generation, which is worked on from now on; `true` as well when that has begun
    /// before. `false` when `live` is not live, nothing is retired, or a build is under way.
    async fn undo_swap(&self, name: &IndexId, live: &IndexId) -> Result<bool, LedgerError>;

    /// Drops the retired generation, when it is `retired`, is not on its way back, and was replaced at least `age` ago.
    async fn drop_retired(
        &self,
        name: &IndexId,
        retired: &IndexId,
        age: std::time::Duration,
    ) -> Result<bool, LedgerError>;

    /// Notes how many files of a generation that is to become live are settled, so that a build without progress is known
    /// after a restart too, and what it waits for. The time without progress does not run while the index is paused.
    async fn note_progress(
        &self,
        name: &IndexId,
        next: &IndexId,
        settled: u64,
        waits_for: &[String],
    ) -> Result<(), LedgerError>;

    /// Notes that the alias of the collections points to `live`, if that still is live.
    async fn note_alias(&self, name: &IndexId, live: &IndexId) -> Result<(), LedgerError>;
}
