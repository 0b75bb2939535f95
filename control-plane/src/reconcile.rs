//! What the source holds against what the ledger knows: the comparison that makes the index converge whatever was missed.
//!
//! Everything that notices a change in a folder ends here, be it the scan at the start, a nudge from the watcher or the
//! periodic pass; they differ only in scope. The comparison is a pure function. It may ask for work that turns
//! out to be needless (the attempt then finds the content unchanged), and never misses work that is needed.

use std::collections::{BTreeMap, HashMap, HashSet};

use shared::blob_path::BlobPath;
use shared::blobs::{BlobError, Listed};
use shared::file_state::FileState;
use shared::index_settings::{ApprovalSettings, IndexSettings, Scope, halves};
use shared::ledger::{Change, KnownFile};
use shared::work_message::Lane;

/// When removals wait for somebody's approval: more than `files` and more than `share` of the known files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeletionGuard {
    /// Removals that always pass.
    pub files: usize,
    /// Share of the index, from 0 to 1, that always passes.
    pub share: f64,
}

impl Default for DeletionGuard {
    fn default() -> Self {
        Self {
            files: 10,
            share: 0.10,
        }
    }
}

impl From<&ApprovalSettings> for DeletionGuard {
    fn from(settings: &ApprovalSettings) -> Self {
        Self {
            files: usize::try_from(settings.files).unwrap_or(usize::MAX),
            share: settings.share,
        }
    }
}

/// What an index's settings say about a comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Which paths belong to the index.
    pub scope: Scope,
    /// When removals wait for approval.
    pub guard: DeletionGuard,
    /// What the index's own settings make of documents, see [`IndexSettings::stamp`].
    pub stamp: String,
}

impl Policy {
    /// The policy of an index.
    ///
    /// # Errors
    /// When its settings cannot be used; they were checked when they were made, so another build made them.
    pub fn of(settings: &IndexSettings) -> Result<Self, String> {
        Ok(Self {
            scope: Scope::of(settings).map_err(|problems| problems.join("; "))?,
            guard: DeletionGuard::from(&settings.approval),
            stamp: settings.stamp(),
        })
    }
}

impl DeletionGuard {
    /// Must `removals` out of `known` files wait?
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
    pub fn holds(self, removals: usize, known: usize) -> bool {
        removals > self.files && removals as f64 > self.share * known as f64
    }
}

/// What to tell the ledger, and the counts behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order to enqueue: renames, additions, edits, removals.
    pub changes: Vec<Change>,
    /// Files that the ledger does not know.
    pub added: usize,
    /// Files whose tag or pipeline differs.
    pub changed: usize,
    /// Files that moved.
    pub renamed: usize,
    /// Files that are gone.
    pub removed: usize,
    /// Of those, removals that wait for approval.
    pub held: usize,
    /// Files that are gone, and that somebody decided to keep.
    pub kept: usize,
    /// Files that are as the ledger has them.
    pub unchanged: usize,
    /// Of those, files that are settled: searchable, or left out for a stated reason.
    pub current: usize,
    /// Of those, files that were made before the index's settings were changed: a full run makes them again.
    pub outdated: usize,
}

/// The tag under which an entry without content is remembered, so that it is not tried again until it changes.
#[must_use]
pub fn tag_of(listed: &Listed) -> String {
    match &listed.meta {
        Ok(meta) => meta.etag.clone(),
        Err(error) => error_tag(error),
    }
}

/// The tag of an entry that cannot be read.
#[must_use]
pub fn error_tag(error: &BlobError) -> String {
    match error {
        BlobError::NotABlob { code, .. } => format!("!{code}"),
        BlobError::Denied(_) => "!denied".to_owned(),
        BlobError::NotFound | BlobError::Changed | BlobError::TooLarge { .. } | BlobError::Unavailable(_) => {
            "!unknown".to_owned()
        }
    }
}

/// The reason of a comparison that somebody asked for.
pub const ASKED: &str = "run";

/// Compares a listing with the ledger's rows of the same scope.
///
/// With a `pipeline`, files that were made by index processors with other settings count as changed; settings of the index are
/// left to a full run. `index_size` is the number of files in the whole index, for the guard. Below a folder that could not be
/// listed nothing is taken for removed, and what the index leaves out is taken for absent.
#[must_use]
pub fn plan(
    listed: &[Listed],
    known: &[KnownFile],
    pipeline: Option<&str>,
    index_size: usize,
    policy: &Policy,
    lane: Lane,
    reason: &'static str,
) -> Plan {
    let mut plan = Plan::default();
    let known_by_path: HashMap<&BlobPath, &KnownFile> = known.iter().map(|file| (&file.path, file)).collect();
    let scope = &policy.scope;
    let listed_here = || listed.iter().filter(|entry| scope.owns(&entry.path));
    let present: HashSet<&BlobPath> = listed_here().map(|entry| &entry.path).collect();
    let unlisted: Vec<&str> = listed
        .iter()
        .filter(|entry| matches!(entry.meta, Err(BlobError::Denied(_) | BlobError::Unavailable(_))))
        .map(|entry| entry.path.as_str())
        .collect();

    let gone = known
        .iter()
        .filter(|file| !present.contains(&file.path))
        .filter(|file| !scope.owns(&file.path) || !unlisted.iter().any(|folder| file.path.is_under(folder)));
    // What somebody decided to keep is not asked about again, until somebody asks.
    let asked = reason == ASKED;
    let (kept, mut gone): (Vec<&KnownFile>, Vec<&KnownFile>) = gone
        .filter(|file| removal_is_news(file))
        .partition(|file| file.kept && !asked);
    let mut gone_by_tag: BTreeMap<&str, &BlobPath> = gone
        .iter()
        .filter_map(|file| Some((file.etag.as_deref()?, &file.path)))
        .collect();

    let (mut renames, mut additions, mut edits) = (Vec::new(), Vec::new(), Vec::new());
    for entry in listed_here() {
        if matches!(entry.meta, Err(BlobError::Unavailable(_))) {
            // Nothing is known of it now; the next comparison will see.
            continue;
        }
        let change = || Change::new(entry.path.clone(), reason, lane);
        match known_by_path.get(&entry.path) {
            None => match take_renamed(entry, &mut gone_by_tag) {
                Some(from) => renames.push(Change {
                    renamed_from: Some(from),
                    ..change()
                }),
                None => additions.push(change()),
            },
            Some(file) if is_news(file, &tag_of(entry), pipeline) => edits.push(change()),
            Some(file) => {
                plan.unchanged += 1;
                if matches!(file.state, FileState::Indexed | FileState::Skipped) {
                    plan.current += 1;
                    let made_with = file.pipeline.as_deref().unwrap_or_default();
                    plan.outdated += usize::from(halves(made_with).1 != policy.stamp);
                }
            }
        }
    }
    let moved: HashSet<&BlobPath> = renames
        .iter()
        .filter_map(|change| change.renamed_from.as_ref())
        .collect();
    gone.retain(|file| !moved.contains(&file.path));
    // Removals that already wait count again, so that a trickle cannot pass below the guard.
    let waiting = known
        .iter()
        .filter(|file| file.state == FileState::AwaitingApproval)
        .count();
    let guarded = gone.iter().filter(|file| takes_something(file)).count();
    let hold = policy.guard.holds(guarded + waiting, index_size);
    let removals = gone.iter().map(|file| Change {
        hold: hold && takes_something(file),
        gone: true,
        ..Change::new(file.path.clone(), reason, lane)
    });

    plan.added = additions.len();
    plan.changed = edits.len();
    plan.renamed = renames.len();
    plan.removed = gone.len();
    plan.held = if hold { guarded } else { 0 };
    plan.kept = kept.len();
    plan.changes = renames
        .iter()
        .chain(&additions)
        .chain(&edits)
        .cloned()
        .chain(removals)
        .collect();
    plan
}

/// Does the absence of a file have to be reported?
#[deny(clippy::wildcard_enum_match_arm)]
fn removal_is_news(file: &KnownFile) -> bool {
    match file.state {
        FileState::Indexed | FileState::Failed | FileState::Skipped => true,
        // A running attempt may have read the file before it vanished.
        FileState::Processing | FileState::Publishing => true,
        // The attempt will look for itself; one that waits for midnight, or out a long backoff, is woken for that. Once: a removal
        // that was told or approved goes the way of its attempts, with their backoff.
        FileState::Pending => file.rests,
        FileState::Deleted | FileState::AwaitingApproval => false,
    }
}

/// Would the removal of a vanished file be a loss that the guard is there for? Not of one that never got as far as to be shown.
fn takes_something(file: &KnownFile) -> bool {
    file.state != FileState::Pending || file.shown
}

/// Does a file that exists with this tag have to be reported?
#[deny(clippy::wildcard_enum_match_arm)]
fn is_news(file: &KnownFile, tag: &str, pipeline: Option<&str>) -> bool {
    let other_tag = file.etag.as_deref() != Some(tag);
    let other_pipeline = pipeline
        .is_some_and(|pipeline| halves(file.pipeline.as_deref().unwrap_or_default()).0 != halves(pipeline).0);
    match file.state {
        FileState::Pending => false,
        // It is back as it was. The decision to keep it was about that absence and not about the next one; what is recorded
        // of the file again forgets it.
        FileState::Indexed | FileState::Skipped | FileState::Failed if file.kept => true,
        FileState::Indexed | FileState::Skipped => other_tag || other_pipeline,
        // Content that failed is not tried again until it changes or somebody asks.
        FileState::Failed => other_tag,
        FileState::Processing | FileState::Publishing => other_tag,
        // It is back, so it must not be removed.
        FileState::Deleted | FileState::AwaitingApproval => true,
    }
}

/// The path that a new entry had before, if a vanished file had the same identity.
fn take_renamed(entry: &Listed, gone_by_tag: &mut BTreeMap<&str, &BlobPath>) -> Option<BlobPath> {
    let identity = entry.meta.as_ref().ok()?.identity.as_deref()?;
    let (tag, path) = gone_by_tag.range(identity..).next()?;
    // A tag is the identity, a hyphen, and what a rename changes.
    if !tag
        .strip_prefix(identity)
        .is_some_and(|rest| rest.starts_with('-'))
    {
        return None;
    }
    let (tag, path) = (*tag, (*path).clone());
    gone_by_tag.remove(tag);
    Some(path)
}

#[cfg(test)]
mod tests;
