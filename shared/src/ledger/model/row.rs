//! One file's row.

use super::runs::Books;
use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;
use crate::file_state::{FileState, Outcome};
use crate::ids::{ClaimId, FileId, IndexId, RunId};
use crate::ledger::detail::AttemptCost;
use crate::ledger::{
    Claim, FileRow, HistoryEntry, Hold, RESTS_AFTER, RunOutcome, Suspended, Version, detail, millis,
};
use crate::retry::Failure;
use crate::work_message::Lane;

/// The columns of `files` under their short names; see `migrations/0001_initial.sql`.
pub(super) struct Row {
    pub(super) path: BlobPath,
    pub(super) state: FileState,
    pub(super) desired: i64,
    pub(super) claimed: i64,
    pub(super) applied: i64,
    pub(super) lane: Lane,
    pub(super) reason: &'static str,
    pub(super) kept: bool,
    pub(super) woken_at: UnixMillis,
    pub(super) not_before: UnixMillis,
    pub(super) waits_for: Option<FileId>,
    pub(super) renamed_from: Option<FileId>,
    pub(super) run: Option<RunId>,
    /// Does its run wait for it?
    pub(super) run_open: bool,
    pub(super) back_to: Option<FileState>,
    pub(super) again_seq: i64,
    /// The change that said that the blob is gone.
    pub(super) gone_seq: Option<i64>,
    pub(super) enqueued_at: UnixMillis,
    pub(super) newer_at: Option<UnixMillis>,
    pub(super) claim: Option<ClaimId>,
    pub(super) owner: Option<String>,
    pub(super) fence: i64,
    pub(super) lease_until: Option<UnixMillis>,
    pub(super) started_at: Option<UnixMillis>,
    pub(super) last_claim: Option<ClaimId>,
    pub(super) live: Option<ClaimId>,
    pub(super) prev: Option<ClaimId>,
    pub(super) dirty: bool,
    pub(super) committed_claim: Option<ClaimId>,
    pub(super) outcome: Option<Outcome>,
    pub(super) version: Option<Version>,
    pub(super) seen_etag: Option<String>,
    pub(super) failed: Option<i64>,
    /// The latest change was a run's.
    pub(super) asked: bool,
    pub(super) attempts: u32,
    pub(super) failure_count: u32,
    pub(super) last_error: Option<Failure>,
    pub(super) skip_error: Option<Failure>,
    pub(super) updated_at: UnixMillis,
    pub(super) created_at: UnixMillis,
    pub(super) suspended: Option<Suspended>,
    /// History entries written.
    pub(super) entries: i64,
    pub(super) history: Vec<HistoryEntry>,
}

impl Row {
    /// A file that nothing is known of yet. DELETED is what it is until its first change is noted.
    pub(super) fn new(path: BlobPath, lane: Lane, now: UnixMillis) -> Self {
        Self {
            path,
            state: FileState::Deleted,
            desired: 0,
            claimed: 0,
            applied: 0,
            lane,
            reason: "",
            kept: false,
            woken_at: 0,
            not_before: now,
            waits_for: None,
            renamed_from: None,
            run: None,
            run_open: false,
            back_to: None,
            again_seq: 0,
            gone_seq: None,
            enqueued_at: now,
            newer_at: None,
            claim: None,
            owner: None,
            fence: 0,
            lease_until: None,
            started_at: None,
            last_claim: None,
            live: None,
            prev: None,
            dirty: false,
            committed_claim: None,
            outcome: None,
            version: None,
            seen_etag: None,
            failed: None,
            asked: false,
            attempts: 0,
            failure_count: 0,
            last_error: None,
            skip_error: None,
            updated_at: now,
            created_at: now,
            suspended: None,
            entries: 0,
            history: Vec::new(),
        }
    }

    /// Was more reported than search shows?
    pub(super) fn unapplied(&self) -> bool {
        self.desired > self.applied
    }

    /// The run that waits for it.
    pub(super) fn open_run(&self) -> Option<RunId> {
        self.run.filter(|_| self.run_open)
    }

    /// Could a worker have it now?
    pub(super) fn is_due(&self, now: UnixMillis) -> bool {
        self.state == FileState::Pending
            && self.waits_for.is_none()
            && self.suspended.is_none()
            && self.not_before <= now
    }

    /// See [`KnownFile::rests`](crate::ledger::KnownFile::rests).
    pub(super) fn rests(&self, now: UnixMillis) -> bool {
        self.state == FileState::Pending
            && self.unapplied()
            && self.waits_for.is_none()
            && self.suspended.is_none()
            && self.not_before > now + millis(RESTS_AFTER)
            && self.gone_seq != Some(self.desired)
    }

    /// Ends the hold.
    pub(super) fn let_claim_go(&mut self) {
        self.last_claim = self.claim.take();
        self.owner = None;
        self.lease_until = None;
        self.started_at = None;
    }

    /// Makes the row one of `run`, if there is one. `awaits`: the request has it wait for approval, for which no run waits.
    pub(super) fn join(&mut self, now: UnixMillis, run: Option<RunId>, awaits: bool, books: &mut Books) {
        let was_open = self.open_run();
        if let Some(run) = run.filter(|run| was_open != Some(*run)) {
            if let Some(left) = was_open {
                books.left(now, left, RunOutcome::Superseded, "", AttemptCost::default());
            }
            books.joined(now, run);
            self.run = Some(run);
            self.run_open = true;
        }
        if awaits {
            self.leave(
                now,
                RunOutcome::AwaitingApproval,
                "",
                AttemptCost::default(),
                books,
            );
        }
    }

    /// A file that had failed is tried again, in `state`, for `run` if there is one.
    pub(super) fn retried(
        &mut self,
        now: UnixMillis,
        state: FileState,
        run: Option<RunId>,
        books: &mut Books,
    ) {
        self.state = state;
        self.attempts = 0;
        self.woken_at = 0;
        self.failed = None;
        self.not_before = now;
        self.enqueued_at = now;
        self.record(now, "retried", self.desired, None, detail::nothing());
        self.back_to = Some(FileState::Failed);
        self.run_open = false;
        self.join(now, run, false, books);
    }

    /// Its run, if one waits for it, need not any more.
    pub(super) fn leave(
        &mut self,
        now: UnixMillis,
        outcome: RunOutcome,
        code: &str,
        usage: AttemptCost,
        books: &mut Books,
    ) {
        if let Some(run) = self.open_run() {
            books.left(now, run, outcome, code, usage);
            self.run_open = false;
        }
    }

    /// Adds a line of history, in the state that the row is in now.
    pub(super) fn record(
        &mut self,
        now: UnixMillis,
        event: &str,
        seq: i64,
        claim_id: Option<ClaimId>,
        detail: serde_json::Value,
    ) {
        let (event, state) = (event.to_owned(), self.state);
        self.entries += 1;
        self.history.push(HistoryEntry {
            n: self.entries,
            at: now,
            event,
            state,
            seq,
            claim_id,
            detail,
        });
        self.updated_at = now;
    }

    /// The row as its holder sees it, when the index's settings are at `revision`.
    pub(super) fn claimed(&self, index: &IndexId, file_id: FileId, revision: u64) -> Claim {
        let claim_id = self.claim.unwrap_or(ClaimId(uuid::Uuid::nil()));
        Claim {
            hold: Hold {
                index: index.clone(),
                file_id,
                claim_id,
                fence: self.fence,
            },
            path: self.path.clone(),
            seq: self.claimed,
            attempts: self.attempts,
            failure_count: self.failure_count,
            dirty: self.dirty,
            live_claim: self.live,
            prev_claim: self.prev,
            version: self.version.clone(),
            renamed_from: self.renamed_from,
            enqueued_at: self.enqueued_at,
            run: self.run,
            again: self.again_seq > self.applied,
            revision,
            last_error: self.last_error.clone(),
            failed_etag: self
                .seen_etag
                .clone()
                .filter(|_| self.failed.is_some_and(|failed| failed > self.applied)),
        }
    }

    /// The row as people see it.
    pub(super) fn shown(&self, file_id: FileId) -> FileRow {
        FileRow {
            file_id,
            path: self.path.clone(),
            state: self.state,
            desired_seq: self.desired,
            claimed_seq: self.claimed,
            applied_seq: self.applied,
            fence: self.fence,
            attempts: self.attempts,
            failure_count: self.failure_count,
            not_before: self.not_before,
            owner: self.owner.clone(),
            claim_id: self.claim,
            lease_until: self.lease_until,
            live_claim: self.live,
            prev_claim: self.prev,
            version: self.version.clone(),
            last_error: self.last_error.clone(),
            enqueued_at: self.enqueued_at,
            updated_at: self.updated_at,
            run: self.run,
            kept: self.kept,
            waits_for: self.waits_for,
            suspended: self.suspended,
            created_at: self.created_at,
        }
    }
}
