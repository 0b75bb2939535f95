//! Everything in the folder.

use std::fs::{DirEntry, ReadDir};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::Inner;
use super::entry::{describe, failed, name_not_utf8};
use crate::blob_path::BlobPath;
use crate::blobs::{BlobError, BlobMeta, Listed};

/// A folder still to be read, with its path as a blob path; `None` for the root.
pub(super) struct Pending {
    pub(super) full: PathBuf,
    pub(super) path: Option<String>,
}

impl Inner {
    /// Everything at or below `prefix`, sorted by path. Entries that vanish meanwhile are left out. A folder that cannot
    /// be read is listed itself, with the error: nothing may be concluded about what is below it.
    pub(super) fn list(&self, prefix: &str) -> Result<Vec<Listed>, BlobError> {
        let root = self.root_identity()?;
        let mut found = Vec::new();
        let mut pending = Vec::new();
        self.start(prefix.trim_end_matches('/'), &mut pending, &mut found)?;
        while let Some(folder) = pending.pop() {
            match folder.full.read_dir() {
                Ok(entries) => self.read_folder(entries, &folder, &mut pending, &mut found)?,
                Err(error) => self.unreadable(&folder, &error, &mut found)?,
            }
        }
        if self.root_identity()? != root {
            let root = self.root.display();
            return Err(BlobError::Unavailable(format!(
                "the indexed folder {root} was replaced while it was listed"
            )));
        }
        // Two names that are not UTF-8 may have the same nearest text, even that of a file with a proper name, which wins.
        found.sort_by(|a, b| (&a.path, a.meta.is_err()).cmp(&(&b.path, b.meta.is_err())));
        found.dedup_by(|later, earlier| later.path == earlier.path);
        Ok(found)
    }

    /// Device and inode of the root, which change when it is unmounted or replaced.
    fn root_identity(&self) -> Result<(u64, u64), BlobError> {
        match self.root.metadata() {
            Ok(metadata) if metadata.is_dir() => Ok((metadata.dev(), metadata.ino())),
            Ok(_) => Err(self.root_missing()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.root_missing()),
            Err(error) => Err(BlobError::Unavailable(format!(
                "{}: {error}",
                self.root.display()
            ))),
        }
    }

    /// Where the walk begins: a folder, or the one entry that the prefix names.
    fn start(
        &self,
        prefix: &str,
        pending: &mut Vec<Pending>,
        found: &mut Vec<Listed>,
    ) -> Result<(), BlobError> {
        if prefix.is_empty() {
            pending.push(Pending {
                full: self.root.clone(),
                path: None,
            });
            return Ok(());
        }
        // What is no path has nothing below it.
        let Ok(path) = BlobPath::new(prefix) else {
            return Ok(());
        };
        match self.find(&path) {
            Ok(file) => found.push(Listed {
                path: path.clone(),
                meta: Ok(describe(path, &file)),
            }),
            Err(BlobError::NotFound) => {
                if let Some(full) = self.visible_folder(&path) {
                    pending.push(Pending {
                        full,
                        path: Some(prefix.to_owned()),
                    });
                }
            }
            // Of one entry, or of a folder on the way to it.
            Err(error @ (BlobError::NotABlob { .. } | BlobError::Denied(_))) => {
                found.push(Listed {
                    path,
                    meta: Err(error),
                });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The folder at `path`, if a walk from the root would come to it.
    fn visible_folder(&self, path: &BlobPath) -> Option<PathBuf> {
        let full = self.root.join(path.as_str());
        let is_visible =
            !path.as_str().split('/').any(|segment| segment.starts_with('.')) && !self.is_excluded(&full);
        (is_visible && full.canonicalize().is_ok_and(|real| real == full) && full.is_dir()).then_some(full)
    }

    /// Notes a folder that could not be read, or not to its end.
    pub(super) fn unreadable(
        &self,
        folder: &Pending,
        error: &io::Error,
        found: &mut Vec<Listed>,
    ) -> Result<(), BlobError> {
        match (self.missing_or(&folder.full, error), &folder.path) {
            // It vanished since its parent was read.
            (BlobError::NotFound, _) => Ok(()),
            (error, None) => Err(error),
            (error, Some(path)) => {
                push(found, path.clone(), Err(error));
                Ok(())
            }
        }
    }

    fn read_folder(
        &self,
        entries: ReadDir,
        folder: &Pending,
        pending: &mut Vec<Pending>,
        found: &mut Vec<Listed>,
    ) -> Result<(), BlobError> {
        for entry in entries {
            match entry {
                Ok(entry) => self.visit(&entry, folder, pending, found),
                Err(error) => return self.unreadable(folder, &error, found),
            }
        }
        Ok(())
    }

    fn visit(&self, entry: &DirEntry, folder: &Pending, pending: &mut Vec<Pending>, found: &mut Vec<Listed>) {
        let name = entry.file_name();
        let full = entry.path();
        if name.as_encoded_bytes().starts_with(b".") || self.is_excluded(&full) {
            return;
        }
        let lossy = name.to_string_lossy();
        let path = match &folder.path {
            Some(parent) => format!("{parent}/{lossy}"),
            None => lossy.clone().into_owned(),
        };
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => return push_unless_vanished(found, path, failed(&full, &error)),
        };
        if name.to_str().is_none() {
            push(found, path, Err(name_not_utf8()));
        } else if kind.is_dir() {
            pending.push(Pending {
                full,
                path: Some(path),
            });
        } else {
            let file = entry.metadata().map_err(|error| failed(&full, &error));
            match file.and_then(|metadata| self.examine(full, metadata)) {
                Ok(file) => {
                    if let Some(path) = blob_path(path) {
                        found.push(Listed {
                            path: path.clone(),
                            meta: Ok(describe(path, &file)),
                        });
                    }
                }
                Err(error) => push_unless_vanished(found, path, error),
            }
        }
    }
}

fn push_unless_vanished(found: &mut Vec<Listed>, path: String, error: BlobError) {
    if error != BlobError::NotFound {
        push(found, path, Err(error));
    }
}

fn push(found: &mut Vec<Listed>, path: String, meta: Result<BlobMeta, BlobError>) {
    if let Some(path) = blob_path(path) {
        found.push(Listed { path, meta });
    }
}

/// The path, unless it is longer than any index could hold.
fn blob_path(path: String) -> Option<BlobPath> {
    BlobPath::new(path)
        .inspect_err(|error| tracing::warn!(%error, "a path in the folder was left out"))
        .ok()
}
