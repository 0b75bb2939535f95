//! Defects planted on purpose: each breaks one rule of the protocol, and the simulation must notice.
//!
//! They live in what stands between the production code and its stores, so production code has no switches for them.

/// A broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bug {
    /// A commit counts although another attempt holds the file.
    CommitIgnoresFence,
    /// A swept claim can still commit while nobody else has the file.
    SweepLeavesClaim,
    /// The sweep takes files whose lease has not run out.
    SweepIgnoresLease,
    /// A claim is granted although another attempt holds the file.
    ClaimTakesOver,
    /// A claim is granted to two at the same time.
    ClaimGrantedTwice,
    /// A release does not look whether something newer was wanted meanwhile.
    ReleaseForgetsNewer,
    /// A change that is reported while the file is in work is answered and dropped.
    EnqueueLostWhileRunning,
    /// A rename removes the old path at once.
    RenameRemovesFirst,
    /// A commit whose answer was lost counts as failed, and its points are removed.
    LostCommitIsUndone,
    /// After the commit, every point of the file that is not of this claim is removed.
    DeletesAllButMine,
    /// Points are numbered by file, so two attempts write the same ones.
    PointIdsReused,
    /// The upsert is not waited for.
    UpsertNotAwaited,
    /// Search shows the newest points of a file, committed or not.
    SearchShowsUncommitted,
    /// The scrub takes the points of running claims for dead, however young they are.
    ScrubIgnoresRunning,
    /// A wake-up is stamped before the queue has confirmed it.
    StampedUnconfirmed,
    /// A wake-up is acknowledged when it arrives, before the claim.
    AckedBeforeClaim,
    /// The blob is read without a look at its tag.
    ReadIgnoresTag,
    /// The worker embeds every text, whatever the store holds.
    EmbedsAgain,
}

impl Bug {
    /// Every one.
    pub const ALL: [Self; 18] = [
        Self::CommitIgnoresFence,
        Self::SweepLeavesClaim,
        Self::SweepIgnoresLease,
        Self::ClaimTakesOver,
        Self::ClaimGrantedTwice,
        Self::ReleaseForgetsNewer,
        Self::EnqueueLostWhileRunning,
        Self::RenameRemovesFirst,
        Self::LostCommitIsUndone,
        Self::DeletesAllButMine,
        Self::PointIdsReused,
        Self::UpsertNotAwaited,
        Self::SearchShowsUncommitted,
        Self::ScrubIgnoresRunning,
        Self::StampedUnconfirmed,
        Self::AckedBeforeClaim,
        Self::ReadIgnoresTag,
        Self::EmbedsAgain,
    ];
}
