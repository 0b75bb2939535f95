//! The ledger as one process sees it: through a line that fails.

mod keys;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::blob_path::BlobPath;
use shared::circuit::report::{DependencyReport, ReportedDependency, Reporter};
use shared::file_state::FileState;
use shared::ids::{ClaimId, FileId, IndexId, RunId};
use shared::ledger::{
    Approval, ApprovalFilter, ApprovalState, Approvals, Backlog, Breakers, Change, ClaimOutcome,
    ClaimRequest, Commit, CommitOutcome, Comparison, ControlLedger, DeadClaim, DeadLetter, DueFile, Enqueued,
    Erased, Fail, FailOutcome, FileFilter, FileRow, HistoryEntry, Hold, IndexRecord, IndexStats,
    InstancesLedger, KnownFile, Ledger, LedgerError, LiveFile, Logging, LoggingChange, NewRun, Operation,
    OperationPage, OperationRecord, ReleaseOutcome, Resolution, Resolved, Rewound, RunFilter, RunLedger,
    RunPage, RunRecord, RunWork, SettingsChange, SettingsLedger, Spending, SweepPolicy, Swept, Terminate,
    Usage, UsageLedger, UsageNote,
};
use shared::work_message::WorkMessage;

use super::LedgerServer;
use crate::simulation::bug::Bug;
use crate::simulation::history::History;
use crate::simulation::line::Line;
use crate::simulation::vectors::VectorServer;

/// What a process does; some bugs are planted in some processes only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Role {
    Worker,
    Plane,
    Searcher,
    Intake,
}

pub(in super::super) struct LedgerClient {
    pub(in super::super) line: Line,
    pub(in super::super) server: Arc<LedgerServer>,
    pub(in super::super) vectors: Arc<VectorServer>,
    pub(in super::super) history: Arc<History>,
    pub(in super::super) role: Role,
}

impl LedgerClient {
    fn has(&self, role: Role, bug: Bug) -> bool {
        self.role == role && self.line.world.has(bug)
    }
}

/// Sends a statement: the names are cloned for each time that it arrives, and `$server` and `$who` name the far and the
/// near end.
macro_rules! send {
    ($self:ident, $name:literal, [$($arg:ident),*], |$server:ident, $who:ident| $call:expr) => {{
        let (server, who) = (Arc::clone(&$self.server), Arc::clone(&$self.line.who));
        $( let $arg = $arg.to_owned(); )*
        $self.line.call($name, move || {
            #[allow(unused_variables, reason = "some statements do not tell who sends them")]
            let ($server, $who) = (Arc::clone(&server), Arc::clone(&who));
            $( let $arg = $arg.clone(); )*
            async move { $call.await }
        })
    }};
}

#[async_trait]
impl Ledger for LedgerClient {
    async fn add_index(
        &self,
        index: &IndexId,
        settings: &serde_json::Value,
    ) -> Result<(IndexRecord, bool), LedgerError> {
        self.server.model.add_index(index, settings).await
    }

    async fn indexes(&self) -> Result<Vec<IndexRecord>, LedgerError> {
        self.server.model.indexes().await
    }

    async fn set_active(&self, index: &IndexId, active: bool) -> Result<(), LedgerError> {
        self.server.model.set_active(index, active).await
    }

    async fn enqueue(&self, _index: &IndexId, changes: &[Change]) -> Result<Vec<Enqueued>, LedgerError> {
        send!(self, "enqueue", [changes], |server, who| server
            .enqueue(&who, &changes))
        .await
    }

    async fn due(&self, window: u32, rewake_after: Duration) -> Result<Vec<DueFile>, LedgerError> {
        send!(self, "due", [], |server, who| server.due(window, rewake_after)).await
    }

    async fn mark_woken(&self, woken: &[WorkMessage]) -> Result<(), LedgerError> {
        send!(self, "mark_woken", [woken], |server, who| server
            .mark_woken(&woken))
        .await
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<ClaimOutcome, LedgerError> {
        send!(self, "claim", [request], |server, who| server
            .claim(&who, &request))
        .await
    }

    async fn renew(&self, owner: &str, lease: Duration) -> Result<Vec<ClaimId>, LedgerError> {
        send!(self, "renew", [owner], |server, who| server
            .model
            .renew(&owner, lease))
        .await
    }

    async fn commit(&self, commit: &Commit) -> Result<CommitOutcome, LedgerError> {
        let answer = send!(self, "commit", [commit], |server, who| server
            .commit(&who, &commit))
        .await;
        if answer.is_err() && self.has(Role::Worker, Bug::LostCommitIsUndone) {
            self.vectors.delete(&[commit.hold.claim_id]).await.ok();
            return Ok(CommitOutcome::Lost);
        }
        answer
    }

    async fn release(&self, hold: &Hold, debounce: Duration) -> Result<ReleaseOutcome, LedgerError> {
        send!(self, "release", [hold], |server, who| server
            .release(&who, &hold, debounce))
        .await
    }

    async fn fail(&self, fail: &Fail) -> Result<FailOutcome, LedgerError> {
        send!(self, "fail", [fail], |server, who| server.fail(&who, &fail)).await
    }

    async fn sweep(&self, policy: &SweepPolicy, limit: u32) -> Result<Vec<Swept>, LedgerError> {
        send!(self, "sweep", [policy], |server, who| server
            .sweep(&who, &policy, limit))
        .await
    }

    async fn retry_failed(
        &self,
        _index: &IndexId,
        path: Option<&BlobPath>,
        _run: Option<RunId>,
    ) -> Result<u64, LedgerError> {
        self.server.retry_failed(path).await
    }

    async fn live_claims(
        &self,
        _index: &IndexId,
        files: &[FileId],
    ) -> Result<HashMap<FileId, ClaimId>, LedgerError> {
        let mut live = send!(self, "live_claims", [files], |server, who| server
            .live_claims(&files))
        .await?;
        if self.has(Role::Searcher, Bug::SearchShowsUncommitted) {
            for file in files {
                if let Some(newest) = self.history.claims_of(*file).pop() {
                    live.insert(*file, newest);
                }
            }
        }
        Ok(live)
    }

    async fn claims_in_use(&self, index: &IndexId, claims: &[ClaimId]) -> Result<Vec<ClaimId>, LedgerError> {
        let mut in_use = send!(self, "claims_in_use", [index, claims], |server, who| server
            .model
            .claims_in_use(&index, &claims))
        .await?;
        if self.has(Role::Plane, Bug::ScrubIgnoresRunning) {
            let files: Vec<FileId> = claims
                .iter()
                .filter_map(|claim| self.history.owner(*claim))
                .collect();
            let live = self.server.live_claims(&files).await?;
            in_use.retain(|claim| live.values().any(|live| live == claim));
        }
        Ok(in_use)
    }

    async fn dead_claims(
        &self,
        index: &IndexId,
        older_than: Duration,
        limit: u32,
    ) -> Result<Vec<DeadClaim>, LedgerError> {
        send!(self, "dead_claims", [index], |server, who| server
            .model
            .dead_claims(&index, older_than, limit))
        .await
    }

    async fn forget_dead_claims(&self, index: &IndexId, claims: &[ClaimId]) -> Result<(), LedgerError> {
        send!(self, "forget_dead_claims", [index, claims], |server, who| server
            .model
            .forget_dead_claims(&index, &claims))
        .await
    }

    async fn file(&self, index: &IndexId, file: FileId) -> Result<Option<FileRow>, LedgerError> {
        self.server.model.file(index, file).await
    }

    async fn files(
        &self,
        index: &IndexId,
        filter: &FileFilter,
        limit: u32,
    ) -> Result<Vec<FileRow>, LedgerError> {
        self.server.model.files(index, filter, limit).await
    }

    async fn known_files(&self, index: &IndexId, prefix: &str) -> Result<Vec<KnownFile>, LedgerError> {
        send!(self, "known_files", [index, prefix], |server, who| server
            .model
            .known_files(&index, &prefix))
        .await
    }

    async fn history(
        &self,
        index: &IndexId,
        file: FileId,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, LedgerError> {
        self.server.model.history(index, file, limit).await
    }

    async fn stats(&self, index: &IndexId) -> Result<IndexStats, LedgerError> {
        self.server.model.stats(index).await
    }

    async fn prune(&self, _index: &IndexId, keep: u32, older_than: Duration) -> Result<u64, LedgerError> {
        send!(self, "prune", [], |server, who| server.prune(keep, older_than)).await
    }
}

/// Runs are intents and counts; the fleets here have no faults on the way to them.
#[async_trait]
impl RunLedger for LedgerClient {
    async fn open_run(&self, run: &NewRun) -> Result<(), LedgerError> {
        self.server.model.open_run(run).await
    }

    async fn take_run(&self, index: &IndexId, lease: Duration) -> Result<Option<RunWork>, LedgerError> {
        self.server.model.take_run(index, lease).await
    }

    async fn keep_run(&self, work: &RunWork, lease: Duration) -> Result<bool, LedgerError> {
        self.server.model.keep_run(work, lease).await
    }

    async fn advance_run(
        &self,
        work: &RunWork,
        page: &RunPage,
        lease: Duration,
    ) -> Result<Option<RunWork>, LedgerError> {
        self.server.advance_run(work, page, lease).await
    }

    async fn stall_run(&self, work: &RunWork, problem: &str, wait: Duration) -> Result<(), LedgerError> {
        self.server.model.stall_run(work, problem, wait).await
    }

    async fn cancel_run(&self, run: RunId) -> Result<bool, LedgerError> {
        self.server.model.cancel_run(run).await
    }

    async fn give_back(&self, run: RunId, limit: u32) -> Result<u64, LedgerError> {
        self.server.model.give_back(run, limit).await
    }

    async fn close_batch(&self, index: &IndexId) -> Result<bool, LedgerError> {
        self.server.model.close_batch(index).await
    }

    async fn wake_pending(&self, index: &IndexId, limit: u32) -> Result<u64, LedgerError> {
        self.server.model.wake_pending(index, limit).await
    }

    async fn prune_runs(
        &self,
        index: &IndexId,
        older_than: Duration,
        limit: u32,
    ) -> Result<u64, LedgerError> {
        self.server.model.prune_runs(index, older_than, limit).await
    }

    async fn open_runs(&self, index: &IndexId) -> Result<Vec<RunRecord>, LedgerError> {
        self.server.model.open_runs(index).await
    }

    async fn runs(
        &self,
        index: &IndexId,
        filter: &RunFilter,
        limit: u32,
    ) -> Result<Vec<RunRecord>, LedgerError> {
        self.server.model.runs(index, filter, limit).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, LedgerError> {
        self.server.model.run(run).await
    }
}

/// What people do goes to the server as it is: they see the answer, or ask again.
#[async_trait]
impl InstancesLedger for LedgerClient {
    async fn terminate(&self, terminate: &Terminate) -> Result<bool, LedgerError> {
        self.server.model.terminate(terminate).await
    }

    async fn suspend_file(
        &self,
        index: &IndexId,
        file: FileId,
        reason: &str,
    ) -> Result<Option<FileState>, LedgerError> {
        self.server.model.suspend_file(index, file, reason).await
    }

    async fn resume_file(
        &self,
        index: &IndexId,
        file: FileId,
        reason: &str,
    ) -> Result<Option<FileState>, LedgerError> {
        self.server.model.resume_file(index, file, reason).await
    }

    async fn suspend_run(&self, run: RunId) -> Result<bool, LedgerError> {
        self.server.model.suspend_run(run).await
    }

    async fn resume_run(&self, run: RunId) -> Result<bool, LedgerError> {
        self.server.model.resume_run(run).await
    }

    async fn rewind_run(
        &self,
        run: RunId,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Rewound, LedgerError> {
        self.server.model.rewind_run(run, after, limit).await
    }

    async fn set_aside(&self, due: &[DueFile]) -> Result<u64, LedgerError> {
        self.server.model.set_aside(due).await
    }

    async fn let_go(&self, limit: u32) -> Result<u64, LedgerError> {
        self.server.model.let_go(limit).await
    }

    async fn suspended_files(
        &self,
        index: &IndexId,
        after: Option<&BlobPath>,
        limit: u32,
    ) -> Result<Vec<FileRow>, LedgerError> {
        self.server.model.suspended_files(index, after, limit).await
    }

    async fn history_before(
        &self,
        index: &IndexId,
        file: FileId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, LedgerError> {
        self.server.model.history_before(index, file, before, limit).await
    }

    async fn purge_files(&self, index: &IndexId, files: &[FileId]) -> Result<u64, LedgerError> {
        self.server.model.purge_files(index, files).await
    }

    async fn purge_run(&self, run: RunId) -> Result<bool, LedgerError> {
        self.server.model.purge_run(run).await
    }
}

/// Embedding costs nothing here.
#[async_trait]
impl UsageLedger for LedgerClient {
    async fn spend(&self, index: &IndexId, tokens: u64, limit: u64) -> Result<Spending, LedgerError> {
        self.server.model.spend(index, tokens, limit).await
    }

    async fn note_usage(&self, index: &IndexId, note: &UsageNote) -> Result<(), LedgerError> {
        self.server.model.note_usage(index, note).await
    }

    async fn usage(&self, index: &IndexId, days: u32) -> Result<Vec<Usage>, LedgerError> {
        self.server.model.usage(index, days).await
    }

    async fn wake_waiting(&self, index: &IndexId, code: &str) -> Result<u64, LedgerError> {
        self.server.model.wake_waiting(index, code).await
    }
}

/// Decisions are those of [`LedgerServer::decide`]; the rest passes through, without faults.
#[async_trait]
impl Approvals for LedgerClient {
    async fn open_approvals(&self) -> Result<Vec<Approval>, LedgerError> {
        self.server.model.open_approvals().await
    }

    async fn approvals(&self, filter: &ApprovalFilter, limit: u32) -> Result<Vec<Approval>, LedgerError> {
        self.server.model.approvals(filter, limit).await
    }

    async fn approval(&self, index: &IndexId, number: u64) -> Result<Option<Approval>, LedgerError> {
        self.server.model.approval(index, number).await
    }

    async fn resolve_approval(
        &self,
        index: &IndexId,
        number: u64,
        resolution: &Resolution,
    ) -> Result<Resolved, LedgerError> {
        self.server
            .model
            .resolve_approval(index, number, resolution)
            .await
    }

    async fn carry_out(
        &self,
        index: &IndexId,
        number: u64,
        limit: u32,
    ) -> Result<Option<Approval>, LedgerError> {
        self.server.model.carry_out(index, number, limit).await
    }

    async fn untold_approvals(&self, limit: u32) -> Result<Vec<Approval>, LedgerError> {
        self.server.model.untold_approvals(limit).await
    }

    async fn note_told(&self, index: &IndexId, number: u64, state: ApprovalState) -> Result<(), LedgerError> {
        self.server.model.note_told(index, number, state).await
    }
}

/// What people look at passes through, without faults.
#[async_trait]
impl Breakers for LedgerClient {
    async fn report_dependencies(
        &self,
        reporter: &Reporter,
        reports: &[DependencyReport],
        keep: Duration,
    ) -> Result<(), LedgerError> {
        self.server
            .model
            .report_dependencies(reporter, reports, keep)
            .await
    }

    async fn dependencies(&self, fresh: Duration) -> Result<Vec<ReportedDependency>, LedgerError> {
        self.server.model.dependencies(fresh).await
    }
}

/// The same.
#[async_trait]
impl Logging for LedgerClient {
    async fn logging(&self) -> Result<Option<LoggingChange>, LedgerError> {
        self.server.model.logging().await
    }

    async fn set_logging(
        &self,
        filter: &str,
        lasts: Duration,
        by: &str,
    ) -> Result<LoggingChange, LedgerError> {
        self.server.model.set_logging(filter, lasts, by).await
    }

    async fn reset_logging(&self) -> Result<(), LedgerError> {
        self.server.model.reset_logging().await
    }
}

/// The control plane's bookkeeping is not what these fleets are about: it passes through, without faults.
#[async_trait]
impl ControlLedger for LedgerClient {
    async fn hold_duty(&self, duty: &str, owner: &str, lease: Duration) -> Result<bool, LedgerError> {
        self.server.model.hold_duty(duty, owner, lease).await
    }

    async fn drop_duty(&self, duty: &str, owner: &str) -> Result<(), LedgerError> {
        self.server.model.drop_duty(duty, owner).await
    }

    async fn delete_index(&self, index: &IndexId) -> Result<bool, LedgerError> {
        self.server.model.delete_index(index).await
    }

    async fn erase_index(&self, index: &IndexId, limit: u32) -> Result<Erased, LedgerError> {
        self.server.model.erase_index(index, limit).await
    }

    async fn open_operation(&self, operation: &Operation) -> Result<bool, LedgerError> {
        self.server.model.open_operation(operation).await
    }

    async fn operations(&self, index: &IndexId, limit: u32) -> Result<Vec<OperationRecord>, LedgerError> {
        self.server.model.operations(index, limit).await
    }

    async fn advance_operation(
        &self,
        operation: &Operation,
        page: &OperationPage,
    ) -> Result<bool, LedgerError> {
        self.server.model.advance_operation(operation, page).await
    }

    async fn note_comparison(&self, index: &IndexId, comparison: &Comparison) -> Result<(), LedgerError> {
        self.server.model.note_comparison(index, comparison).await
    }

    async fn live_files(
        &self,
        index: &IndexId,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Vec<LiveFile>, LedgerError> {
        self.server.model.live_files(index, after, limit).await
    }

    async fn spoil(&self, index: &IndexId, claims: &[ClaimId]) -> Result<(), LedgerError> {
        self.server.model.spoil(index, claims).await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, LedgerError> {
        self.server.model.backlog().await
    }

    async fn keep_dead_letter(&self, letter: &DeadLetter) -> Result<(), LedgerError> {
        self.server.model.keep_dead_letter(letter).await
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, LedgerError> {
        self.server.model.dead_letters(limit).await
    }

    async fn forget_dead_letters(&self, older_than: Duration) -> Result<u64, LedgerError> {
        self.server.model.forget_dead_letters(older_than).await
    }
}

#[async_trait]
impl SettingsLedger for LedgerClient {
    async fn change_settings(&self, change: &SettingsChange) -> Result<Option<IndexRecord>, LedgerError> {
        self.server.model.change_settings(change).await
    }
}
