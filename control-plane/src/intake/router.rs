//! Which index has to know of an event, and what it has to record; pure.
//!
//! An index owns what lies at or below its prefix in its place and passes its globs. Every index that owns a path gets the event; a paused one too,
//! because its changes wait, and one on its way out does not. What crosses the border of a prefix is told to each side in
//! its own words: something left, something came.
//!
//! An empty directory that was made means nothing for an index: its first file brings an event of its own, and some tools make
//! directories by the thousand.

use std::collections::HashSet;
use std::sync::Arc;

use shared::blob_path::BlobPath;
use shared::ids::{IndexId, OperationId};
use shared::index_settings::Scope;
use shared::ledger::{Change, IndexState, Operation, OperationKind};
use shared::work_message::Lane;

use super::events::{BlobEvent, BlobEventKind, Source};

/// The reason of these changes in a file's history.
const REASON: &str = "event";

/// What an index is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexPlace {
    /// The index.
    pub index: IndexId,
    /// The container or bucket.
    pub place: Source,
    /// Which paths in it belong to the index.
    pub scope: Arc<Scope>,
    /// Is it worked on?
    pub state: IndexState,
}

impl IndexPlace {
    fn owns(&self, place: &Source, path: &BlobPath) -> bool {
        self.place == *place && self.scope.owns(path)
    }

    /// The part of a directory that the index owns: the directory, its own prefix when that lies below, or nothing.
    fn share_of(&self, place: &Source, directory: &str) -> Option<String> {
        (self.place == *place)
            .then(|| self.scope.share_of(directory))
            .flatten()
    }

    /// Is the path where the index has its files, and left out all the same?
    fn leaves_out(&self, place: &Source, path: &BlobPath) -> bool {
        self.place == *place && path.is_under(self.scope.prefix()) && !self.scope.matches(path)
    }
}

/// What became of an event; the greatest counts when several indexes own it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// No index wants it.
    Unowned,
    /// It changes nothing.
    Ignored,
    /// It is recorded already.
    Duplicate,
    /// It is recorded.
    Accepted,
}

/// Something to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// About one blob.
    Change(Change),
    /// About a directory.
    Operation(Operation),
}

/// What to record, and for which event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// Per index, in the order of the events. The number is that of the event.
    pub entries: Vec<(IndexId, Vec<(usize, Entry)>)>,
    /// Per event, before anything is recorded.
    pub outcomes: Vec<Outcome>,
}

/// Decides what each index has to record.
#[must_use]
pub fn route(events: &[BlobEvent], indexes: &[IndexPlace]) -> Routes {
    let mut seen = HashSet::new();
    let fresh: Vec<bool> = events.iter().map(|event| seen.insert(event)).collect();
    let mut routes = Routes {
        entries: Vec::new(),
        outcomes: fresh
            .iter()
            .map(|fresh| {
                if *fresh {
                    Outcome::Unowned
                } else {
                    Outcome::Duplicate
                }
            })
            .collect(),
    };
    for index in indexes.iter().filter(|index| index.state != IndexState::Deleting) {
        let mut entries = Vec::new();
        for (number, event) in events.iter().enumerate().filter(|(number, _)| fresh[*number]) {
            match entries_for(index, event) {
                None => {}
                Some(wanted) if wanted.is_empty() => {
                    routes.outcomes[number] = routes.outcomes[number].max(Outcome::Ignored);
                }
                Some(wanted) => entries.extend(wanted.into_iter().map(|entry| (number, entry))),
            }
        }
        if !entries.is_empty() {
            routes.entries.push((index.index.clone(), entries));
        }
    }
    routes
}

/// What the index has to record; `None` when the event is not about it.
fn entries_for(index: &IndexPlace, event: &BlobEvent) -> Option<Vec<Entry>> {
    let place = &event.place;
    let change = |path: &BlobPath| Change {
        sequencer: event.sequencer.clone(),
        ..Change::new(path.clone(), REASON, Lane::Fast)
    };
    let operation = |name: &str, kind| {
        Entry::Operation(Operation {
            id: OperationId::of(&index.index, &format!("{}{name}", event.id)),
            index: index.index.clone(),
            kind,
            sequencer: event.sequencer.clone(),
        })
    };
    match &event.kind {
        BlobEventKind::Changed { path } | BlobEventKind::Removed { path } => {
            if index.leaves_out(place, path) {
                return Some(Vec::new());
            }
            index.owns(place, path).then(|| vec![Entry::Change(change(path))])
        }
        BlobEventKind::Renamed { from, to } => {
            let renamed = match (index.owns(place, from), index.owns(place, to)) {
                (true, true) => Change {
                    renamed_from: Some(from.clone()),
                    ..change(to)
                },
                (true, false) => change(from),
                (false, true) => change(to),
                (false, false) if index.leaves_out(place, from) || index.leaves_out(place, to) => {
                    return Some(Vec::new());
                }
                (false, false) => return None,
            };
            Some(vec![Entry::Change(renamed)])
        }
        BlobEventKind::DirectoryCreated { path } => index.share_of(place, path).map(|_| Vec::new()),
        BlobEventKind::DirectoryRemoved { path } => {
            let path = index.share_of(place, path)?;
            Some(vec![operation("", OperationKind::Remove { path })])
        }
        BlobEventKind::DirectoryArrived { path } => {
            let path = index.share_of(place, path)?;
            Some(vec![operation("", OperationKind::Compare { path })])
        }
        BlobEventKind::DirectoryRenamed { from, to } => {
            let kind = match (index.share_of(place, from), index.share_of(place, to)) {
                (Some(old), Some(new)) if old == *from && new == *to => {
                    OperationKind::Rename { from: old, to: new }
                }
                // Both, and not whole: the prefix lies below one of them, so names do not simply change.
                (Some(old), Some(new)) => {
                    return Some(vec![
                        operation("/to", OperationKind::Compare { path: new }),
                        operation("/from", OperationKind::Remove { path: old }),
                    ]);
                }
                (Some(path), None) => OperationKind::Remove { path },
                (None, Some(path)) => OperationKind::Compare { path },
                (None, None) => return None,
            };
            Some(vec![operation("", kind)])
        }
    }
}

#[cfg(test)]
mod tests;
