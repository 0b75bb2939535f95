//! A ledger against the model: random interleavings of several workers, dead ones included, over a few files. After each
//! step every answer and every row must be the same on both, and the promises of the protocol must hold.
//!
//! `PROPTEST_CASES=4000` makes it a long run. A failure shows the shortest interleaving that was found, and
//! `LONGSHORE_TEST_SEED` replays it.

mod ops;
mod promises;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use shared::blob_path::BlobPath;
use shared::clock::{Clock, ManualClock, UnixMillis};
use shared::file_state::FileState;
use shared::ids::{ClaimId, FileId, IndexId, RunId};
use shared::ledger::conformance::Fixture;
use shared::ledger::model::ModelLedger;
use shared::ledger::{
    ApprovalFilter, Approvals, Change, ClaimOutcome, ClaimRequest, Commit, CommitChange, ControlLedger, Fail,
    FileFilter, FileRow, Hold, InstancesLedger, Ledger, NewRun, Resolution, RunFilter, RunKind, RunLedger,
    RunPage, RunPhase, SweepPolicy, Terminate, Version,
};
use shared::place::Missing;
use shared::retry::Failure;
use shared::work_message::{Lane, WORK_MESSAGE_VERSION, WorkMessage};
use uuid::Uuid;

use self::ops::{Op, Pick, op};
use self::promises::{check_row, check_step};
use crate::random;

/// The time at which every ledger under test starts, and stands still until it is advanced.
pub const START: UnixMillis = 1_750_000_000_000;

const PATHS: [&str; 4] = ["a.md", "b/c.md", "b/d.md", "e.md"];

/// Two ledgers that are told the same, and whose clocks show the same.
struct Pair {
    real: Fixture,
    model: ModelLedger,
    clock: Arc<ManualClock>,
    index: IndexId,
    runs: [RunId; 2],
    /// Every hold that was ever given out, with the request that got it.
    holds: Vec<(Hold, ClaimRequest)>,
    claims_made: u128,
    rows: BTreeMap<FileId, FileRow>,
}

/// Asks both ledgers the same and returns the one answer.
macro_rules! both {
    ($pair:expr, $call:ident ( $($argument:expr),* )) => {{
        let real = $pair.real.ledger.$call($($argument),*).await;
        let model = $pair.model.$call($($argument),*).await;
        assert_eq!(real, model, "the ledger (left) and the model answer differently");
        real.expect("a call that both answered")
    }};
}

impl Pair {
    async fn new(real: Fixture) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let pair = Self {
            real,
            model: ModelLedger::new(Arc::clone(&clock) as Arc<dyn Clock>),
            clock,
            index: IndexId::new("docs").expect("a legal name"),
            runs: [RunId(Uuid::from_u128(1)), RunId(Uuid::from_u128(2))],
            holds: Vec::new(),
            claims_made: 0,
            rows: BTreeMap::new(),
        };
        both!(pair, ensure_index(&pair.index, &serde_json::json!({})));
        for run in pair.runs {
            both!(pair, open_run(&pair.new_run(run)));
        }
        pair
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        (self.real.advance)(by).await;
    }

    fn new_run(&self, id: RunId) -> NewRun {
        NewRun {
            id,
            index: self.index.clone(),
            kind: RunKind::Full,
            asked_by: "somebody".to_owned(),
            path: None,
            lease: Duration::ZERO,
        }
    }

    fn path(file: usize) -> BlobPath {
        BlobPath::new(PATHS[file]).expect("a legal path")
    }

    fn run(&self, run: Option<u8>) -> Option<RunId> {
        run.map(|run| self.runs[usize::from(run)])
    }

    fn hold(&self, pick: &Pick) -> Option<Hold> {
        let (newest, _) = self.holds.last()?;
        let mut hold = if pick.newest {
            newest.clone()
        } else {
            pick.any.get(&self.holds).0.clone()
        };
        if pick.forged {
            hold.fence += 1;
        }
        Some(hold)
    }

    async fn apply(&mut self, op: &Op) {
        let millis = Duration::from_millis;
        match op {
            Op::Enqueue {
                file,
                fast,
                debounce,
                hold,
                run,
                batch,
                again,
                gone,
            } => {
                let lane = if *fast { Lane::Fast } else { Lane::Bulk };
                // A run is an explicit question, which content that failed is tried again for.
                let reason = if run.is_some() { "run" } else { "event" };
                let change = Change {
                    debounce: millis(*debounce),
                    hold: *hold,
                    run: self.run(*run),
                    batch: *batch,
                    again: *again,
                    gone: *gone,
                    sequencer: fast.then(|| "42".to_owned()),
                    ..Change::new(Self::path(*file), reason, lane)
                };
                both!(self, enqueue(&self.index, std::slice::from_ref(&change)));
            }
            Op::Rename { from, to, run } => {
                let change = Change {
                    renamed_from: Some(Self::path(*from)),
                    run: self.run(*run),
                    batch: run.is_none(),
                    ..Change::new(Self::path(*to), "event", Lane::Fast)
                };
                // Twice in one batch: order within a batch is kept.
                let changes = [Change::new(Self::path(*from), "scan", Lane::Bulk), change];
                both!(self, enqueue(&self.index, &changes));
            }
            Op::Wake { window, confirm } => {
                let due = both!(self, due(*window, millis(500)));
                let messages: Vec<_> = due
                    .into_iter()
                    .take(*confirm)
                    .map(|due| WorkMessage {
                        v: WORK_MESSAGE_VERSION,
                        index: due.index,
                        file_id: due.file_id,
                        path: due.path,
                        seq: due.seq,
                    })
                    .collect();
                both!(self, mark_woken(&messages));
            }
            Op::Claim { file, worker, lease } => {
                self.claims_made += 1;
                let request = ClaimRequest {
                    index: self.index.clone(),
                    file_id: FileId::of(&self.index, &Self::path(*file)),
                    claim_id: ClaimId(Uuid::from_u128(self.claims_made)),
                    owner: format!("worker-{worker}"),
                    lease: millis(*lease),
                };
                self.claim(request).await;
            }
            Op::ClaimAgain { which } => {
                if !self.holds.is_empty() {
                    let request = which.get(&self.holds).1.clone();
                    self.claim(request).await;
                }
            }
            Op::Renew { worker } => {
                both!(self, renew(&format!("worker-{worker}"), millis(200)));
            }
            Op::Commit { hold, change, etag } => {
                let Some(hold) = self.hold(hold) else { return };
                let version = Version {
                    etag: format!("etag-{etag}"),
                    content_hash: "hash".to_owned(),
                    pipeline: "pipeline".to_owned(),
                    size: 10,
                    chunks: 3,
                    missing: (0..u32::from(*etag % 2))
                        .map(|_| Missing {
                            parts: "page 2".to_owned(),
                            count: 1,
                            code: "needs_ocr".to_owned(),
                            reason: "a scan".to_owned(),
                        })
                        .collect(),
                };
                let change = match change {
                    0..=2 => CommitChange::Replace(version),
                    3 => CommitChange::Keep(version),
                    4 => CommitChange::Remove,
                    _ => CommitChange::Skip(version, Failure::permanent("unsupported", "no converter")),
                };
                let detail = serde_json::json!({ "etag": etag });
                let commit = Commit {
                    hold,
                    change,
                    detail,
                    debounce: millis(20),
                };
                both!(self, commit(&commit));
            }
            Op::Release { hold, debounce } => {
                let Some(hold) = self.hold(hold) else { return };
                both!(self, release(&hold, millis(*debounce)));
            }
            Op::Fail {
                hold,
                class,
                delay,
                max_attempts,
                etag,
            } => {
                let Some(hold) = self.hold(hold) else { return };
                let standing = *class == 3;
                let failure = match class {
                    0 | 3 => Failure::permanent("too_large", "larger than allowed"),
                    1 => Failure::transient("fetch", "connection reset"),
                    _ => Failure::throttled("embedder", "asked to wait").retry_after(Some(millis(5))),
                };
                let etag = etag.map(|etag| format!("etag-{etag}"));
                let fail = Fail {
                    hold,
                    failure,
                    delay: millis(*delay),
                    max_attempts: *max_attempts,
                    etag,
                    standing,
                };
                both!(self, fail(&fail));
            }
            Op::Sweep {
                stale_after,
                max_attempts,
                limit,
            } => {
                let policy = SweepPolicy {
                    stale_after: millis(*stale_after),
                    delay: millis(10),
                    max_attempts: *max_attempts,
                };
                both!(self, sweep(&policy, *limit));
            }
            Op::Retry { file, run } => {
                let path = file.map(Self::path);
                both!(self, retry_failed(&self.index, path.as_ref(), self.run(*run)));
            }
            Op::Decide { approve, most } => self.decide(*approve, Some(u64::from(*most))).await,
            Op::Pause { paused } => {
                both!(self, set_active(&self.index, !paused));
            }
            Op::Page { file, last } => {
                let Some(work) = both!(self, take_run(&self.index, Duration::ZERO)) else {
                    return;
                };
                let change = Change {
                    again: true,
                    ..Change::new(Self::path(*file), "run", Lane::Bulk)
                };
                let page = RunPage {
                    changes: vec![change],
                    retry: vec![FileId::of(&self.index, &Self::path((*file + 1) % PATHS.len()))],
                    next: (!last).then(|| (RunPhase::Again, Some(Self::path(*file)))),
                };
                both!(self, advance_run(&work, &page, Duration::ZERO));
                both!(self, advance_run(&work, &page, Duration::ZERO));
            }
            Op::Cancel { run, limit } => {
                let run = self.runs[usize::from(*run)];
                // A page is any of the files, so it has to be all of them to be compared.
                if both!(self, cancel_run(run)) || *limit > 0 {
                    both!(self, give_back(run, 100));
                }
            }
            Op::CloseBatch => {
                both!(self, close_batch(&self.index));
            }
            Op::WakePending => {
                both!(self, wake_pending(&self.index, 100));
            }
            Op::Terminate { file, etag } => {
                let terminate = Terminate {
                    index: self.index.clone(),
                    file_id: FileId::of(&self.index, &Self::path(*file)),
                    failure: Failure::permanent("terminated", "somebody ended it"),
                    etag: etag.map(|etag| format!("etag-{etag}")),
                };
                both!(self, terminate(&terminate));
            }
            Op::SuspendFile { file, resume } => {
                let file = FileId::of(&self.index, &Self::path(*file));
                if *resume {
                    both!(self, resume_file(&self.index, file, ""));
                } else {
                    both!(self, suspend_file(&self.index, file, "later"));
                }
            }
            Op::SuspendRun { run, resume } => {
                let run = self.runs[usize::from(*run)];
                if *resume {
                    both!(self, resume_run(run));
                } else {
                    both!(self, suspend_run(run));
                }
            }
            Op::SetAside => {
                let due = both!(self, due(10, millis(500)));
                both!(self, set_aside(&due));
            }
            Op::LetGo { limit } => {
                both!(self, let_go(*limit));
            }
            Op::Rewind { run, limit } => {
                both!(self, rewind_run(self.runs[usize::from(*run)], None, *limit));
            }
            Op::Purge { file } => {
                let file = FileId::of(&self.index, &Self::path(*file));
                both!(self, purge_files(&self.index, &[file]));
            }
            Op::ForgetDead { which } => {
                let dead = both!(self, dead_claims(&self.index, millis(500), 2));
                if !dead.is_empty() {
                    both!(
                        self,
                        forget_dead_claims(&self.index, &[which.get(&dead).claim_id])
                    );
                }
            }
            Op::Prune { keep } => {
                both!(self, prune(&self.index, *keep, millis(900)));
                // Without history a repeated claim id is not recognised; nobody repeats a request for that long.
                let held: Vec<_> = self.rows.values().filter_map(|row| row.claim_id).collect();
                self.holds.retain(|(hold, _)| held.contains(&hold.claim_id));
            }
            Op::Advance { millis } => self.advance(Duration::from_millis(*millis)).await,
        }
    }

    async fn claim(&mut self, request: ClaimRequest) {
        let before = self.rows.get(&request.file_id).cloned();
        let ClaimOutcome::Claimed(claim) = both!(self, claim(&request)) else {
            return;
        };
        let holder = before.as_ref().and_then(|row| row.claim_id);
        assert!(
            holder.is_none_or(|holder| holder == request.claim_id),
            "two hold the file: {before:?}, {request:?}"
        );
        if holder.is_none() {
            let given_out = self
                .holds
                .iter()
                .any(|(hold, _)| hold.claim_id == request.claim_id);
            assert!(!given_out, "one claim id for two attempts: {request:?}");
            self.holds.push((claim.hold, request));
        }
    }

    /// Compares everything that can be seen, and checks each row against what it was.
    async fn check(&mut self, op: &Op) {
        let all = FileFilter {
            states: FileState::ALL.to_vec(),
            ..FileFilter::default()
        };
        let rows = both!(self, files(&self.index, &all, 100));
        both!(self, stats(&self.index));
        both!(self, due(3, Duration::from_millis(500)));
        both!(self, known_files(&self.index, "b"));
        both!(self, dead_claims(&self.index, Duration::from_millis(500), 3));
        both!(self, run(self.runs[0]));
        let open = both!(self, open_runs(&self.index));
        for run in open {
            assert!(
                run.done <= run.total,
                "more files are done than there are: {run:?}"
            );
        }
        let now: BTreeMap<_, _> = rows.into_iter().map(|row| (row.file_id, row)).collect();
        for (file, row) in &now {
            if let Some(before) = self.rows.get(file) {
                check_step(op, before, row);
            }
            check_row(row);
        }
        self.rows = now;
    }

    /// What is too long to be compared after each step.
    async fn check_thoroughly(&self) {
        let claims: Vec<_> = (1..=self.claims_made)
            .map(|n| ClaimId(Uuid::from_u128(n)))
            .collect();
        let files: Vec<_> = (0..PATHS.len())
            .map(|n| FileId::of(&self.index, &Self::path(n)))
            .collect();
        both!(self, claims_in_use(&self.index, &claims));
        both!(self, live_claims(&self.index, &files));
        both!(self, runs(&self.index, &RunFilter::default(), 5));
        both!(self, backlog());
        both!(self, suspended_files(&self.index, Some(&Self::path(0)), 2));
        both!(self, known_files(&self.index, ""));
        for file in files {
            both!(self, history(&self.index, file, 100));
            both!(self, history_before(&self.index, file, Some(3), 2));
            both!(self, file(&self.index, file));
        }
        both!(self, prune(&self.index, 2, Duration::ZERO));
    }

    /// Somebody decides on what waits, and the decision is carried out in two pages at most.
    async fn decide(&mut self, remove: bool, ceiling: Option<u64>) {
        both!(self, open_approvals());
        let filter = ApprovalFilter {
            unfinished: true,
            ..ApprovalFilter::default()
        };
        let resolution = Resolution {
            remove,
            ceiling,
            by: "somebody".to_owned(),
            note: None,
            after: Duration::ZERO,
        };
        for open in both!(self, approvals(&filter, 10)) {
            both!(self, resolve_approval(&self.index, open.number, &resolution));
            for _ in 0..2 {
                both!(self, carry_out(&self.index, open.number, 2));
            }
            both!(self, approval(&self.index, open.number));
        }
    }

    /// When the world stands still, every file ends: nobody waits for ever.
    async fn run_dry(&mut self) {
        both!(self, set_active(&self.index, true));
        for run in self.runs {
            both!(self, resume_run(run));
        }
        both!(self, let_go(100));
        for row in both!(self, suspended_files(&self.index, None, 100)) {
            both!(self, resume_file(&self.index, row.file_id, ""));
        }
        let policy = SweepPolicy {
            stale_after: Duration::ZERO,
            delay: Duration::ZERO,
            max_attempts: 3,
        };
        // Beyond every backoff.
        self.advance(Duration::from_hours(2)).await;
        for round in 0.. {
            self.advance(Duration::from_secs(5)).await;
            both!(self, sweep(&policy, 100));
            self.decide(true, None).await;
            let due = both!(self, due(100, Duration::from_secs(1)));
            if due.is_empty() {
                break;
            }
            assert!(round < 40, "files are due for ever: {due:?}");
            for due in due {
                self.claims_made += 1;
                let claim_id = ClaimId(Uuid::from_u128(self.claims_made));
                let lease = Duration::from_secs(60);
                let owner = "last".to_owned();
                let request = ClaimRequest {
                    index: due.index,
                    file_id: due.file_id,
                    claim_id,
                    owner,
                    lease,
                };
                let ClaimOutcome::Claimed(claim) = both!(self, claim(&request)) else {
                    panic!("due but not claimable")
                };
                if !claim.dirty {
                    let (change, detail) = (CommitChange::Remove, serde_json::json!({}));
                    let hold = claim.hold.clone();
                    let commit = Commit {
                        hold,
                        change,
                        detail,
                        debounce: Duration::ZERO,
                    };
                    both!(self, commit(&commit));
                }
                both!(self, release(&claim.hold, Duration::ZERO));
            }
        }
        // Everything is settled, so each file that joined a run has left it, once.
        for run in both!(self, open_runs(&self.index)) {
            assert_eq!(run.done, run.total, "not each file left once: {run:?}");
        }
        for run in self.runs {
            both!(self, cancel_run(run));
        }
        both!(self, close_batch(&self.index));
        self.advance(Duration::from_secs(5)).await;
        assert_eq!(both!(self, open_runs(&self.index)), [], "a run is never over");
        both!(self, runs(&self.index, &RunFilter::default(), 1000));
        for row in both!(self, files(&self.index, &FileFilter::default(), 100)) {
            assert!(row.state.is_settled(), "waits for ever: {row:?}");
        }
    }
}

/// Runs `cases` interleavings (or `PROPTEST_CASES`), each on an empty ledger that `make` gives, at the time [`START`].
///
/// # Panics
/// When the ledger and the model differ, or a promise is broken.
pub fn run<M, F>(cases: u32, make: M)
where
    M: Fn() -> F,
    F: Future<Output = Fixture>,
{
    let cases = std::env::var_os("PROPTEST_CASES")
        .and_then(|cases| cases.to_str()?.parse().ok())
        .unwrap_or(cases);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&random::seed().to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let ran = TestRunner::new_with_rng(config, rng).run(&prop::collection::vec(op(), 1..60), |ops| {
        runtime.block_on(async {
            let mut pair = Pair::new(make().await).await;
            for op in &ops {
                pair.apply(op).await;
                pair.check(op).await;
            }
            pair.check_thoroughly().await;
            pair.run_dry().await;
        });
        Ok(())
    });
    if let Err(error) = ran {
        panic!("{error}");
    }
}
