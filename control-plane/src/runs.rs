//! Carries runs out: from the intent in the ledger to the recorded files, page by page.
//!
//! Whoever has a run's lease is at it. A crash costs the listing, nothing else: the next one lists again, finds what is
//! recorded already, and goes on behind the last recorded page.

use std::future::Future;
use std::time::Duration;

use shared::blob_path::BlobPath;
use shared::file_state::FileState;
use shared::ids::FileId;
use shared::ledger::{Change, FileFilter, RunKind, RunPage, RunPhase, RunState, RunWork};
use shared::work_message::Lane;

use crate::reconcile::ASKED;
use crate::reconciler::Survey;
use crate::upkeep::{Upkeep, UpkeepError};

/// A replica that carries a run out says so this often, times three.
pub(crate) const LEASE: Duration = Duration::from_secs(15);
/// Files recorded per transaction: bounds the ledger's longest write.
pub(crate) const PAGE: u32 = 1000;
/// Pause after a failure to list, compare or record.
const STALLED: Duration = Duration::from_secs(10);
/// Runs removed per transaction when they are old.
const PRUNE_PAGE: u32 = 200;

/// How a step of a run ended.
enum Ended {
    /// Everything is recorded.
    Recorded,
    /// Somebody else is at the run, or it was cancelled.
    NotOurs,
}

/// Gives up the step when the run is somebody else's.
macro_rules! ours {
    ($work:expr) => {
        match $work {
            Some(work) => work,
            None => return Ok(Ended::NotOurs),
        }
    };
}

impl Upkeep {
    /// Takes every run one step further: lists what is asked for, gives back what was cancelled, closes the batch that is
    /// drained.
    ///
    /// # Errors
    /// When ledger, source or vector store fails; the next pass goes on where this one stopped.
    pub async fn carry_out_runs(&self) -> Result<(), UpkeepError> {
        while let Some(work) = self.ledger.take_run(&self.index, LEASE).await? {
            self.carry_out(work).await?;
        }
        for run in self.ledger.open_runs(&self.index).await? {
            if run.state == RunState::Cancelling {
                while self.ledger.give_back(run.id, PAGE).await? == u64::from(PAGE) {}
            }
        }
        self.ledger.close_batch(&self.index).await?;
        Ok(())
    }

    /// Removes runs that were over long ago; returns how many.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn prune_runs(&self) -> Result<u64, UpkeepError> {
        let mut gone = 0;
        loop {
            let page = self
                .ledger
                .prune_runs(&self.index, self.settings.run_age, PRUNE_PAGE)
                .await?;
            gone += page;
            if page < u64::from(PRUNE_PAGE) {
                return Ok(gone);
            }
        }
    }

    async fn carry_out(&self, mut work: RunWork) -> Result<(), UpkeepError> {
        let run = work.id;
        match self.steps(&mut work).await {
            Ok(Ended::Recorded) => {
                tracing::info!(run.id = %run, index.id = %self.index, "the files of a {} run are recorded", work.kind);
                Ok(())
            }
            Ok(Ended::NotOurs) => Ok(()),
            Err(error) => {
                self.ledger.stall_run(&work, &error.to_string(), STALLED).await?;
                Err(error)
            }
        }
    }

    async fn steps(&self, work: &mut RunWork) -> Result<Ended, UpkeepError> {
        if work.phase == RunPhase::Retry {
            if let Some(path) = &work.path {
                let file = FileId::of(&self.index, path);
                ours!(self.record(work, Vec::new(), vec![file], None).await?);
                return Ok(Ended::Recorded);
            }
            while work.phase == RunPhase::Retry {
                ours!(self.retry_page(work).await?);
            }
        }
        if work.pages == 0 || work.kind == RunKind::Retry {
            // Those that fail again meanwhile wait again, so a page that is not full is the end.
            while self.ledger.wake_pending(&self.index, PAGE).await? >= u64::from(PAGE) {
                self.nudge.notify_one();
            }
        }
        // Before the run takes files: what it finds is made again whether or not there is a run, and must not be taken from it.
        ours!(self.while_renewing(work, self.compare_vectors()).await?)?;
        let turn = self.reconciler.turn.lock();
        let _turn = ours!(self.while_renewing(work, turn).await?);
        let survey = ours!(self.while_renewing(work, self.reconciler.survey(ASKED)).await?);
        let Survey { plan, mut present } = survey?;
        self.reconciler.note(&plan).await?;
        for news in plan.changes.chunks(PAGE as usize) {
            let here = Some((work.phase, work.cursor.clone()));
            ours!(self.record(work, news.to_vec(), Vec::new(), here).await?);
        }
        self.reconciler.count(&plan);
        if work.kind == RunKind::Full {
            if work.phase == RunPhase::Compare {
                let next = Some((RunPhase::Again, None));
                ours!(self.record(work, Vec::new(), Vec::new(), next).await?);
            }
            let news: std::collections::HashSet<&BlobPath> =
                plan.changes.iter().map(|change| &change.path).collect();
            present.retain(|path| !news.contains(path) && work.cursor.as_ref() < Some(path));
            present.sort_unstable();
            for page in present.chunks(PAGE as usize) {
                let next = page.last().map(|last| (RunPhase::Again, Some(last.clone())));
                let changes = page.iter().map(made_again).collect();
                ours!(self.record(work, changes, Vec::new(), next).await?);
            }
        }
        ours!(self.record(work, Vec::new(), Vec::new(), None).await?);
        Ok(Ended::Recorded)
    }

    /// Asks for the next FAILED files again.
    async fn retry_page(&self, work: &mut RunWork) -> Result<Option<()>, UpkeepError> {
        let filter = FileFilter {
            states: vec![FileState::Failed],
            after: work.cursor.clone(),
            ..FileFilter::default()
        };
        let page = self.ledger.files(&self.index, &filter, PAGE).await?;
        let full = page.len() == PAGE as usize;
        let last = page.last().filter(|_| full).map(|file| file.path.clone());
        let next = match last {
            Some(last) => (RunPhase::Retry, Some(last)),
            None => (RunPhase::Compare, None),
        };
        let files = page.into_iter().map(|file| file.file_id).collect();
        self.record(work, Vec::new(), files, Some(next)).await
    }

    /// Records a page; `None` when the run is not ours any more.
    async fn record(
        &self,
        work: &mut RunWork,
        changes: Vec<Change>,
        retry: Vec<FileId>,
        next: Option<(RunPhase, Option<BlobPath>)>,
    ) -> Result<Option<()>, UpkeepError> {
        let page = RunPage { changes, retry, next };
        let after = self.ledger.advance_run(work, &page, LEASE).await?;
        self.nudge.notify_one();
        Ok(after.map(|after| *work = after))
    }

    /// Does something that takes long, and keeps the lease; `None` when the run is not ours any more.
    async fn while_renewing<T>(
        &self,
        work: &RunWork,
        doing: impl Future<Output = T>,
    ) -> Result<Option<T>, UpkeepError> {
        let mut doing = std::pin::pin!(doing);
        loop {
            tokio::select! {
                biased;
                done = &mut doing => return Ok(Some(done)),
                () = tokio::time::sleep(LEASE / 3) => {
                    if !self.ledger.keep_run(work, LEASE).await? {
                        return Ok(None);
                    }
                }
            }
        }
    }
}

/// What a full run asks of a file that is as it was.
fn made_again(path: &BlobPath) -> Change {
    Change {
        again: true,
        ..Change::new(path.clone(), ASKED, Lane::Bulk)
    }
}
