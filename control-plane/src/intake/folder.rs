//! A watched folder.
//!
//! The operating system's notices are collected as a set of paths that may have changed. When it has been quiet for a
//! moment, source and ledger are compared at those paths, whatever the notices said: so an editor that writes a
//! new file and renames it over the old one, a burst of writes and a folder that moved all end as what is really there.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, MetadataKind, ModifyKind};
use notify::{RecursiveMode, Watcher};
use shared::work_message::Lane;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::reconciler::Reconciler;

/// More paths than this in one burst and the whole folder is compared instead.
const MANY_PATHS: usize = 1000;

/// How notices are collected.
#[derive(Clone, Copy, Debug)]
pub struct WatchSettings {
    /// It must have been quiet for this long.
    pub quiet: Duration,
    /// A burst that goes on is cut after this time.
    pub longest: Duration,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(100),
            longest: Duration::from_secs(1),
        }
    }
}

/// Paths that may have changed, as prefixes relative to the root; the empty prefix is everything.
#[derive(Default)]
struct Dirty {
    prefixes: Mutex<BTreeSet<String>>,
    arrived: Notify,
}

impl Dirty {
    fn add(&self, prefixes: impl IntoIterator<Item = String>) {
        let mut all = self.prefixes.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(prefixes);
        if all.len() > MANY_PATHS || all.contains("") {
            *all = BTreeSet::from([String::new()]);
        }
        drop(all);
        self.arrived.notify_one();
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.prefixes.lock().unwrap_or_else(PoisonError::into_inner))
            .into_iter()
            .collect()
    }

    fn len(&self) -> usize {
        self.prefixes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// A folder under watch. Dropping it ends the watch.
pub struct FolderWatch {
    dirty: Arc<Dirty>,
    _watcher: notify::RecommendedWatcher,
}

impl FolderWatch {
    /// Begins to watch. Begin before the first scan, so that what changes during the scan is noticed.
    ///
    /// # Errors
    /// When the operating system refuses, for example because its limit of watched folders is reached.
    pub fn begin(root: &Path) -> notify::Result<Self> {
        let dirty = Arc::new(Dirty::default());
        let sink = Arc::clone(&dirty);
        let base = root.to_path_buf();
        let mut watcher = notify::recommended_watcher(move |notice: notify::Result<notify::Event>| {
            sink.add(prefixes_of(&base, notice));
        })?;
        watcher.watch(root, RecursiveMode::Recursive)?;
        Ok(Self {
            dirty,
            _watcher: watcher,
        })
    }

    /// Compares what the notices name, burst by burst, until told to stop.
    pub async fn run(self, reconciler: Arc<Reconciler>, settings: WatchSettings, stop: CancellationToken) {
        // What was compared in the last burst is compared once more after it: a file that was made in a new folder before
        // the operating system watched that folder gives no notice of its own.
        let mut again: Vec<String> = Vec::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.dirty.arrived.notified() => self.settle(settings).await,
                () = tokio::time::sleep(settings.longest), if !again.is_empty() => {}
            }
            let mut prefixes = self.dirty.take();
            let fresh = prefixes.clone();
            prefixes.append(&mut again);
            if prefixes.is_empty() {
                continue;
            }
            match reconciler.scopes(&prefixes, Lane::Fast, "watch").await {
                Ok(_) => again = fresh,
                Err(error) => {
                    tracing::warn!(%error, "changes could not be compared, trying again");
                    self.dirty.add(prefixes);
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(settings.longest) => {}
                    }
                }
            }
        }
    }

    /// Waits until no notice has come for a while.
    async fn settle(&self, settings: WatchSettings) {
        let deadline = Instant::now() + settings.longest;
        let mut seen = self.dirty.len();
        while Instant::now() < deadline {
            tokio::select! {
                () = self.dirty.arrived.notified() => {}
                () = tokio::time::sleep(settings.quiet) => {
                    if self.dirty.len() == seen {
                        // Leave the notification for the paths that are taken now spent.
                        return;
                    }
                }
            }
            seen = self.dirty.len();
        }
    }
}

/// The prefixes that a notice asks to compare.
fn prefixes_of(root: &Path, notice: notify::Result<notify::Event>) -> Vec<String> {
    let Ok(event) = notice else {
        // Notices were lost: anything may have changed.
        return vec![String::new()];
    };
    if event.need_rescan() {
        return vec![String::new()];
    }
    let wanted = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime)) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    };
    if !wanted {
        return Vec::new();
    }
    event
        .paths
        .iter()
        .filter_map(|path| prefix_of(root, path))
        .collect()
}

/// The path relative to the root; its nearest readable parent when its name is not UTF-8; `None` when it is hidden.
fn prefix_of(root: &Path, path: &Path) -> Option<String> {
    let relative = path.strip_prefix(root).ok()?;
    let mut prefix = String::new();
    for segment in relative {
        let Some(segment) = segment.to_str() else {
            break;
        };
        if segment.starts_with('.') {
            return None;
        }
        if !prefix.is_empty() {
            prefix.push('/');
        }
        prefix.push_str(segment);
    }
    Some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(path: &str) -> Option<String> {
        prefix_of(Path::new("/r"), Path::new(path))
    }

    #[test]
    fn paths_become_prefixes() {
        assert_eq!(prefix("/r/a/b.md").as_deref(), Some("a/b.md"));
        assert_eq!(prefix("/r").as_deref(), Some(""));
        assert_eq!(prefix("/r/.git/x"), None);
        assert_eq!(prefix("/elsewhere"), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_name_that_is_not_text_names_its_folder() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new("/r/a").join(std::ffi::OsStr::from_bytes(b"\xff.md"));
        assert_eq!(prefix_of(Path::new("/r"), &path).as_deref(), Some("a"));
    }

    #[test]
    fn lost_notices_ask_for_everything() {
        let lost = notify::Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        assert_eq!(prefixes_of(Path::new("/r"), Ok(lost)), [""]);
    }

    #[test]
    fn a_flood_of_paths_becomes_one_full_comparison() {
        let dirty = Dirty::default();
        dirty.add((0..=MANY_PATHS).map(|i| i.to_string()));
        assert_eq!(dirty.take(), [""]);
    }
}
