//! The checker: sees every row before and after every statement, every write to the vector store and every search, and
//! holds them against the promises.

mod reads;
mod store;
mod transitions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use index_processor::lease::Leases;
use shared::clock::UnixMillis;
use shared::file_state::FileState;
use shared::ids::{ClaimId, FileId, IndexId};
use shared::ledger::{
    Change, Claim, ClaimOutcome, ClaimRequest, Commit, CommitChange, CommitOutcome, Fail, FileRow, Hold,
};
use shared::work_message::WorkMessage;

use self::store::Stored;
use super::source::{Content, Source};
use super::world::World;

/// A claim that its worker does not know of must be free again after this time, in milliseconds: lease, sweep, and what
/// faults add to them.
const STRAY_FOR: UnixMillis = 90_000;

/// A statement of the ledger and its answer.
pub(super) enum Statement<'a> {
    Enqueue,
    Claim(&'a ClaimRequest, &'a ClaimOutcome),
    Commit(&'a Commit, &'a CommitOutcome),
    Release(&'a Hold),
    Fail(&'a Fail),
    Sweep,
    Retry,
    Decide,
    Terminate,
    Suspend,
    Resume,
    Prune,
}

/// What search shows of a file.
#[derive(Clone)]
struct Shown {
    claim: ClaimId,
    content: Arc<Content>,
}

/// From one commit to the next.
struct Span {
    from: u64,
    until: Option<u64>,
    shown: Option<Shown>,
}

#[derive(Default)]
struct FileLog {
    name: String,
    row: Option<FileRow>,
    spans: Vec<Span>,
    /// Number of the tag that was committed last.
    newest: u64,
    /// When the claim that is held was granted.
    claimed_at: u64,
    /// Where the blob went, until that file has settled.
    moved_to: Option<FileId>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<FileId, FileLog>,
    /// Claims in the order in which they were seen, for the trace: their ids differ from run to run.
    claims: BTreeMap<ClaimId, usize>,
    stored: Stored,
    /// Publishes that the broker confirmed.
    confirmed: BTreeSet<(FileId, i64)>,
    /// When each process last had a claim of a file decided.
    asked: BTreeMap<(Arc<str>, FileId), u64>,
    /// The leases of each worker.
    leases: BTreeMap<String, Weak<Leases>>,
    /// Since when claims are held that their worker does not work on.
    strays: BTreeMap<ClaimId, UnixMillis>,
}

pub(super) struct History {
    world: Arc<World>,
    source: Arc<Source>,
    index: IndexId,
    state: Mutex<State>,
}

impl History {
    pub(super) fn new(world: Arc<World>, source: Arc<Source>, index: IndexId) -> Arc<Self> {
        Arc::new(Self {
            world,
            source,
            index,
            state: Mutex::default(),
        })
    }

    /// How a claim is called in the trace.
    pub(super) fn label(&self, claim: ClaimId) -> String {
        let mut state = self.state();
        let next = state.claims.len();
        format!("c{}", state.claims.entry(claim).or_insert(next))
    }

    /// What was asked of the ledger, before anything is made of it.
    pub(super) fn reported(&self, changes: &[Change]) {
        let mut state = self.state();
        for change in changes {
            let new = FileId::of(&self.index, &change.path);
            state.files.entry(new).or_default().moved_to = None;
            if let Some(old) = change.renamed_from.as_ref().filter(|old| **old != change.path) {
                let old = FileId::of(&self.index, old);
                state.files.entry(old).or_default().moved_to = Some(new);
            }
        }
    }

    /// The ledger has answered that a change is recorded.
    pub(super) fn acknowledged(&self, file: FileId, seq: i64) {
        let state = self.state();
        let Some(log) = state.files.get(&file) else {
            return;
        };
        if log.row.as_ref().is_some_and(|row| row.desired_seq < seq) {
            let what = format!("change {seq} was accepted and is not in the row");
            self.world.broken(3, Some(&log.name), what);
        }
    }

    /// A statement took effect on a row.
    pub(super) fn observe(
        &self,
        now: UnixMillis,
        before: Option<&FileRow>,
        after: Option<&FileRow>,
        statement: &Statement<'_>,
    ) {
        let Some(row) = after.or(before) else {
            return;
        };
        let name = row.path.as_str();
        if let Err((promise, what)) = transitions::check(now, before, after, statement) {
            self.world.broken(promise, Some(name), what);
        }
        let moment = self.world.moment();
        let mut state = self.state();
        if after.is_some_and(|row| row.state.is_settled()) {
            for log in state
                .files
                .values_mut()
                .filter(|log| log.moved_to == Some(row.file_id))
            {
                log.moved_to = None;
            }
        }
        if let Statement::Claim(_, ClaimOutcome::Claimed(claim)) = statement {
            self.granted(&mut state, claim, before, moment);
        }
        if let Statement::Commit(commit, CommitOutcome::Committed(_)) = statement
            && before.map(|row| row.applied_seq) != after.map(|row| row.applied_seq)
        {
            self.committed(&mut state, commit, row, moment);
        }
        let log = state.files.entry(row.file_id).or_default();
        row.path.as_str().clone_into(&mut log.name);
        log.row = after.cloned();
    }

    fn granted(&self, state: &mut State, claim: &Claim, before: Option<&FileRow>, moment: u64) {
        if before.is_some_and(|row| row.claim_id == Some(claim.hold.claim_id)) {
            return;
        }
        let log = state.files.entry(claim.hold.file_id).or_default();
        log.claimed_at = moment;
        if log.moved_to.is_some() {
            let what = "it is worked on although what it was renamed to has not settled";
            self.world.broken(2, Some(claim.path.as_str()), what);
        }
    }

    /// A commit changes what search shows, or confirms it.
    fn committed(&self, state: &mut State, commit: &Commit, row: &FileRow, moment: u64) {
        let name = row.path.as_str();
        let broken = |promise, what: String| self.world.broken(promise, Some(name), what);
        let claim = commit.hold.claim_id;
        let stored = state.stored.count(claim);
        let log = state.files.entry(row.file_id).or_default();
        let etag = match &commit.change {
            CommitChange::Replace(version) | CommitChange::Keep(version) | CommitChange::Skip(version, _) => {
                Some(version.etag.as_str())
            }
            CommitChange::Remove => None,
        };
        if !self.source.had(&row.path, etag, log.claimed_at) {
            let what = format!("{etag:?} was committed, which the source did not have since the claim");
            broken(4, what);
        }
        let version = etag.and_then(|etag| self.source.version(etag));
        if let Some((number, _)) = &version {
            if *number < log.newest {
                broken(1, format!("{etag:?} is older than what was committed before"));
            }
            log.newest = *number;
        }
        let content = version.map(|(_, content)| content);
        let shown = match (&commit.change, content) {
            (CommitChange::Replace(version), Some(content)) => {
                let wanted = content.paragraphs.len();
                if stored != wanted || version.chunks as usize != wanted {
                    let chunks = version.chunks;
                    broken(
                        2,
                        format!(
                            "{chunks} chunks were committed, {stored} are stored, the document has {wanted}"
                        ),
                    );
                }
                Some(Shown { claim, content })
            }
            (CommitChange::Keep(_), Some(content)) => {
                let now = log.spans.last().and_then(|span| span.shown.clone());
                if now
                    .as_ref()
                    .is_none_or(|shown| shown.content.paragraphs != content.paragraphs)
                {
                    broken(4, "other content was kept than the document has".to_owned());
                }
                now
            }
            (CommitChange::Skip(..), Some(content)) => {
                if !content.paragraphs.is_empty() {
                    broken(4, "a document with text was skipped".to_owned());
                }
                None
            }
            _ => None,
        };
        if let Some(last) = log.spans.last_mut() {
            last.until = Some(moment);
        }
        log.spans.push(Span {
            from: moment,
            until: None,
            shown,
        });
    }

    /// A claim was decided for a process.
    pub(super) fn asked(&self, who: &Arc<str>, file: FileId) {
        let moment = self.world.moment();
        self.state().asked.insert((Arc::clone(who), file), moment);
    }

    /// The process acknowledges a wake-up that it got at `delivered`.
    pub(super) fn acked(&self, who: &Arc<str>, message: &WorkMessage, delivered: u64) {
        let asked = self
            .state()
            .asked
            .get(&(Arc::clone(who), message.file_id))
            .copied();
        if asked.is_none_or(|asked| asked < delivered) {
            let what = "a wake-up was acknowledged before its claim was decided";
            self.world.broken(3, Some(message.path.as_str()), what);
        }
    }

    /// The broker confirmed a wake-up.
    pub(super) fn confirmed(&self, message: &WorkMessage) {
        self.state().confirmed.insert((message.file_id, message.seq));
    }

    /// Wake-ups are stamped as on their way.
    pub(super) fn stamped(&self, messages: &[WorkMessage]) {
        let state = self.state();
        for message in messages {
            if !state.confirmed.contains(&(message.file_id, message.seq)) {
                let what = "a wake-up counts as sent that the broker has not confirmed";
                self.world.broken(3, Some(message.path.as_str()), what);
            }
        }
    }

    /// What a worker knows that it holds.
    pub(super) fn knows(&self, owner: &str, leases: &Arc<Leases>) {
        self.state()
            .leases
            .insert(owner.to_owned(), Arc::downgrade(leases));
    }

    /// Looks for files that are held in the name of workers that do not work on them.
    pub(super) fn look_for_strays(&self, now: UnixMillis, rows: &[FileRow]) {
        let mut state = self.state();
        let before = std::mem::take(&mut state.strays);
        for row in rows {
            let (Some(claim), Some(owner)) = (row.claim_id, &row.owner) else {
                continue;
            };
            let leases = state.leases.get(owner).and_then(Weak::upgrade);
            if leases.is_some_and(|leases| leases.keeps(claim)) {
                continue;
            }
            let since = before.get(&claim).copied().unwrap_or_else(|| {
                let what = format_args!("{owner} does not work on {}, which it holds", row.path);
                self.world.note("checker", what);
                now
            });
            state.strays.insert(claim, since);
            if since + STRAY_FOR < now {
                let what = format!("{owner} has long held it without knowing");
                self.world.broken(3, Some(row.path.as_str()), what);
            }
        }
    }

    /// Does search show what the source has? Otherwise the file that differs. Rows may be pending all the same: a comparison
    /// that ran until the end may have asked for a look that nobody takes any more.
    pub(super) fn shows_the_source(&self) -> Result<(), (String, String)> {
        let state = self.state();
        for log in state.files.values() {
            let Some(row) = &log.row else {
                continue;
            };
            let shown = log.spans.last().and_then(|span| span.shown.as_ref());
            let content = self.source.content(&row.path);
            let equal = match (&shown, &content) {
                (Some(shown), Some(content)) => {
                    content.denied || shown.content.paragraphs == content.paragraphs
                }
                (None, Some(content)) => content.denied || content.paragraphs.is_empty(),
                (shown, None) => shown.is_none(),
            };
            if !equal {
                return Err((
                    log.name.clone(),
                    "it does not show what the source has".to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// Is the index what the source is, with nothing left to do? Otherwise what is missing.
    pub(super) fn converged(&self) -> Result<(), (String, String)> {
        let state = self.state();
        let present = self.source.paths();
        for path in &present {
            let id = FileId::of(&self.index, path);
            let log = state.files.get(&id);
            let shown = log.and_then(|log| log.spans.last()?.shown.as_ref());
            let row = log.and_then(|log| log.row.as_ref());
            let content = self.source.content(path);
            let wrong = |what: &str| {
                let is = row.map(|row| row.state.name());
                Err((path.to_string(), format!("{what}; it is {is:?}")))
            };
            let (Some(row), Some(content)) = (row, content) else {
                return wrong("the ledger does not know it");
            };
            let same = shown.is_some_and(|shown| shown.content.paragraphs == content.paragraphs);
            match row.state {
                FileState::Failed if content.denied || same => {}
                FileState::Indexed if same => {}
                FileState::Skipped if content.paragraphs.is_empty() && shown.is_none() => {}
                FileState::Failed | FileState::Indexed | FileState::Skipped | FileState::Deleted => {
                    return wrong("what is shown is not what the source has");
                }
                FileState::Pending
                | FileState::Processing
                | FileState::Publishing
                | FileState::AwaitingApproval => return wrong("it is not settled"),
            }
        }
        for log in state.files.values() {
            let Some(row) = &log.row else {
                continue;
            };
            if !present.contains(&row.path) && row.state != FileState::Deleted {
                let what = format!("it is gone from the source and {}", row.state);
                return Err((log.name.clone(), what));
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
