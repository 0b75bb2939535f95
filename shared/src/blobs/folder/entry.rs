//! What is under a name: a file, or the reason why it is none.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Inner;
use crate::blob_path::BlobPath;
use crate::blobs::{BlobError, BlobMeta};

/// A regular file.
pub(super) struct Found {
    /// Its path without links.
    pub(super) target: PathBuf,
    /// What the system says of it.
    pub(super) metadata: Metadata,
    /// Was it reached through a link?
    linked: bool,
}

impl Inner {
    /// Finds the file that a listing would show under `path`.
    pub(super) fn find(&self, path: &BlobPath) -> Result<Found, BlobError> {
        let full = self.root.join(path.as_str());
        if path.as_str().split('/').any(|segment| segment.starts_with('.')) || self.is_excluded(&full) {
            return Err(BlobError::NotFound);
        }
        // No link may be among the folders that lead to it.
        let parent = full.parent().unwrap_or(&self.root);
        match parent.canonicalize() {
            Ok(real) if real == parent => {}
            Ok(_) => return Err(BlobError::NotFound),
            Err(error) => return Err(self.missing_or(parent, &error)),
        }
        match full.symlink_metadata() {
            Ok(metadata) => self.examine(full, metadata),
            Err(_) if is_nearest_text(&full) => Err(name_not_utf8()),
            Err(error) => Err(self.missing_or(&full, &error)),
        }
    }

    /// Looks at what is under a path, given what `lstat` says of it.
    pub(super) fn examine(&self, full: PathBuf, metadata: Metadata) -> Result<Found, BlobError> {
        if metadata.is_file() {
            Ok(Found {
                target: full,
                metadata,
                linked: false,
            })
        } else if metadata.is_symlink() {
            self.follow(&full)
        } else if metadata.is_dir() {
            // A folder is listed only when it cannot be looked into, and then it must be found here as well.
            match fs::read_dir(&full) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(failed(&full, &error)),
                Ok(_) | Err(_) => Err(BlobError::NotFound),
            }
        } else {
            Err(not_a_blob(
                "not_a_file",
                "a socket, pipe or device has no content to index".to_owned(),
            ))
        }
    }

    fn follow(&self, link: &Path) -> Result<Found, BlobError> {
        let target = match link.canonicalize() {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(failed(link, &error));
            }
            Err(error) => {
                // Removed since it was listed, rather than broken.
                link.symlink_metadata().map_err(|error| failed(link, &error))?;
                let message =
                    format!("the link leads nowhere ({error}); remove it, or restore what it points to");
                return Err(not_a_blob("broken_link", message));
            }
        };
        let metadata = fs::metadata(&target).map_err(|error| failed(&target, &error))?;
        let is_outside = !target.starts_with(&self.root) || self.is_excluded(&target);
        if metadata.is_dir() {
            let message = if is_outside {
                "links to folders are not followed; index the folder that it points to on its own"
            } else {
                "links to folders are not followed; the files are indexed where they are"
            };
            Err(not_a_blob("linked_folder", message.to_owned()))
        } else if is_outside {
            let message =
                "the link leads out of the indexed folder, so it is not followed; put a copy in its place";
            Err(not_a_blob("link_leads_outside", message.to_owned()))
        } else {
            let found = self.examine(target, metadata)?;
            Ok(Found {
                linked: true,
                ..found
            })
        }
    }

    pub(super) fn is_excluded(&self, path: &Path) -> bool {
        self.excluded.iter().any(|folder| path.starts_with(folder))
    }

    /// Tells a missing file from a missing root: when the root is gone, nothing may be concluded about its files.
    pub(super) fn missing_or(&self, path: &Path, error: &io::Error) -> BlobError {
        match failed(path, error) {
            BlobError::NotFound if !self.root.is_dir() => self.root_missing(),
            error => error,
        }
    }

    pub(super) fn root_missing(&self) -> BlobError {
        let root = self.root.display();
        BlobError::Unavailable(format!(
            "the indexed folder {root} is missing; restore or mount it"
        ))
    }
}

pub(super) fn not_a_blob(code: &'static str, message: String) -> BlobError {
    BlobError::NotABlob { code, message }
}

pub(super) fn name_not_utf8() -> BlobError {
    not_a_blob(
        "name_not_utf8",
        "the name is not UTF-8, so it cannot be addressed; rename it".to_owned(),
    )
}

/// Is this path what a listing shows for a name that is not UTF-8?
fn is_nearest_text(path: &Path) -> bool {
    let Some(name) = path
        .file_name()
        .and_then(OsStr::to_str)
        .filter(|name| name.contains('\u{fffd}'))
    else {
        return false;
    };
    path.parent()
        .and_then(|parent| parent.read_dir().ok())
        .is_some_and(|entries| {
            entries.flatten().any(|entry| {
                let real = entry.file_name();
                real.to_str().is_none() && real.to_string_lossy() == name
            })
        })
}

/// What an error of the system means for a blob.
pub(super) fn failed(path: &Path, error: &io::Error) -> BlobError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => BlobError::NotFound,
        io::ErrorKind::PermissionDenied => BlobError::Denied(path.display().to_string()),
        _ => BlobError::Unavailable(format!("{}: {error}", path.display())),
    }
}

/// The description of a file.
pub(super) fn describe(path: BlobPath, found: &Found) -> BlobMeta {
    let metadata = &found.metadata;
    BlobMeta {
        path,
        etag: etag(metadata),
        // A link is not the file: when the file moves, the link does not.
        identity: (!found.linked).then(|| identity(metadata)),
        size: metadata.len(),
        modified: metadata
            .mtime()
            .saturating_mul(1000)
            .saturating_add(metadata.mtime_nsec() / 1_000_000),
        content_type: None,
        metadata: std::collections::BTreeMap::new(),
    }
}

/// Size, modification time, change time and inode. Not the device, whose number may change at a restart.
pub(super) fn etag(metadata: &Metadata) -> String {
    let changed = nanoseconds(metadata.ctime(), metadata.ctime_nsec());
    format!("{}-{changed}", identity(metadata))
}

/// What a rename leaves alone: all of the tag but the change time.
fn identity(metadata: &Metadata) -> String {
    let modified = nanoseconds(metadata.mtime(), metadata.mtime_nsec());
    format!("{}-{}-{modified}", metadata.ino(), metadata.len())
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
}
