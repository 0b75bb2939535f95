//! The watch of an index's folder, beside its repairs.

use std::sync::Arc;

use control_plane::indexes::Index;
use control_plane::intake::folder::{FolderWatch, WatchSettings};
use shared::blobs::source::Source;
use shared::shutdown::Tasks;

use crate::output::note;

/// Begins to watch the folder of an index that is made from one; without a watch changes are found by comparing from time
/// to time.
pub(super) fn begin(index: &Index, tasks: &Tasks) {
    let (Source::Folder(folder), Some(upkeep)) = (&index.settings.source, &index.upkeep) else {
        return;
    };
    match FolderWatch::begin(folder) {
        Ok(watch) => {
            let reconciler = Arc::clone(&upkeep.reconciler);
            tasks.spawn(watch.run(reconciler, WatchSettings::default(), tasks.stopping()));
        }
        Err(error) => note(&format!(
            "the folder {} cannot be watched ({error}); changes are found every {} s instead. \
             On Linux, raise fs.inotify.max_user_watches",
            folder.display(),
            upkeep.settings.reconcile_every.as_secs()
        )),
    }
}
