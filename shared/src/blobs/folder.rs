//! Blobs in a local folder.
//!
//! Hidden files and folders (names that start with a dot) and the folders given to [`Folder::excluding`] do not exist
//! here. Links to files inside the folder are followed; links to folders are not, so that a walk ends and no file is
//! found under two paths. Nothing outside the folder is ever read.
//!
//! A file's tag is made of its size, inode, modification and change time; no content is read to find out whether it
//! changed. The change time catches edits that restore the modification time.

mod entry;
mod settle;
mod walk;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Blob, BlobError, BlobMeta, Blobs, Listed};
use crate::blob_path::BlobPath;

/// Why a folder cannot be a source.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Nothing is there.
    #[error("the folder {0} does not exist")]
    Missing(PathBuf),
    /// Something else than a folder is there.
    #[error("{0} is not a folder")]
    NotAFolder(PathBuf),
    /// It cannot be read.
    #[error("the folder {path} cannot be read: {source}")]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A folder as a source of blobs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Folder(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    /// Without links in it, so that the real path of everything inside starts with it.
    root: PathBuf,
    excluded: Vec<PathBuf>,
}

impl Folder {
    /// A folder that exists and can be read.
    ///
    /// # Errors
    /// See [`FolderError`].
    pub fn open(root: impl AsRef<Path>) -> Result<Self, FolderError> {
        let path = root.as_ref();
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => FolderError::Missing(path.to_owned()),
            io::ErrorKind::NotADirectory => FolderError::NotAFolder(path.to_owned()),
            _ => FolderError::Unreadable {
                path: path.to_owned(),
                source: error,
            },
        };
        let root = path.canonicalize().map_err(failed)?;
        root.read_dir().map_err(failed)?;
        Ok(Self(Arc::new(Inner {
            root,
            excluded: Vec::new(),
        })))
    }

    /// The same without what is in `folder`, which need not exist yet and may be outside.
    #[must_use]
    pub fn excluding(mut self, folder: impl AsRef<Path>) -> Self {
        Arc::make_mut(&mut self.0)
            .excluded
            .push(real_path(folder.as_ref()));
        self
    }

    /// The folder, as an absolute path without links.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Runs one whole operation where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Inner) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || operation(&inner))
            .await
            .map_err(|error| {
                BlobError::Unavailable(format!("the operation on the folder did not end: {error}"))
            })?
    }
}

#[async_trait]
impl Blobs for Folder {
    async fn head(&self, path: &BlobPath) -> Result<BlobMeta, BlobError> {
        let path = path.clone();
        self.blocking(move |folder| folder.head(path)).await
    }

    async fn read(&self, path: &BlobPath, etag: &str, limit: u64) -> Result<Blob, BlobError> {
        let (path, etag) = (path.clone(), etag.to_owned());
        self.blocking(move |folder| folder.read(path, &etag, limit)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, BlobError> {
        let prefix = prefix.to_owned();
        self.blocking(move |folder| folder.list(&prefix)).await
    }
}

impl Inner {
    fn head(&self, path: BlobPath) -> Result<BlobMeta, BlobError> {
        let found = self.find(&path)?;
        Ok(entry::describe(path, &found))
    }

    fn read(&self, path: BlobPath, etag: &str, limit: u64) -> Result<Blob, BlobError> {
        let found = self.find(&path)?;
        if entry::etag(&found.metadata) != etag {
            return Err(BlobError::Changed);
        }
        if found.metadata.len() > limit {
            return Err(BlobError::TooLarge {
                size: found.metadata.len(),
                limit,
            });
        }
        let file = File::open(&found.target).map_err(|error| entry::failed(&found.target, &error))?;
        settle::wait(&found.metadata);
        let bytes = read_unchanged(&file, &file, etag, limit).map_err(|error| match error {
            ReadError::Changed => BlobError::Changed,
            ReadError::Io(error) => entry::failed(&found.target, &error),
        })?;
        Ok(Blob {
            meta: entry::describe(path, &found),
            bytes,
        })
    }
}

enum ReadError {
    Changed,
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads the content of the file that is open, whatever happens to its path, and makes sure that it was one version.
fn read_unchanged(file: &File, content: impl Read, etag: &str, limit: u64) -> Result<Bytes, ReadError> {
    let before = file.metadata()?;
    if entry::etag(&before) != etag {
        return Err(ReadError::Changed);
    }
    let size = before.len().min(limit);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    content.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if entry::etag(&file.metadata()?) != etag || bytes.len() as u64 != before.len() {
        return Err(ReadError::Changed);
    }
    Ok(Bytes::from(bytes))
}

/// The absolute path without links, of a folder that may not exist yet.
fn real_path(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // The part that exists, from which the rest hangs.
    let existing = path
        .ancestors()
        .find_map(|ancestor| Some((ancestor, ancestor.canonicalize().ok()?)));
    match existing {
        Some((ancestor, real)) => match path.strip_prefix(ancestor) {
            Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
            _ => real,
        },
        None => path,
    }
}

#[cfg(test)]
mod tests;
