//! The collections of several indexes, each in a folder of its own: `ROOT/INDEX/gGENERATION`.
//!
//! A folder can be open once, so everybody in the process who asks for a collection gets the same one.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::lazy::LazyVectors;
use crate::ids::IndexId;
use crate::vectors::{Collections, Vectors, VectorsError};

/// The generation that [`EdgeFolders::with_home`] is about.
const FIRST: u32 = 1;

/// Collections as folders of this machine, each opened when it is first used.
pub struct EdgeFolders {
    root: PathBuf,
    home: Option<(IndexId, PathBuf)>,
    open: Mutex<HashMap<(IndexId, u32), Arc<LazyVectors>>>,
}

impl EdgeFolders {
    /// Collections below `root`, which need not be there yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            home: None,
            open: Mutex::default(),
        }
    }

    /// The same, with the first generation of one index in `folder`: where it was before there could be others.
    #[must_use]
    pub fn with_home(mut self, index: IndexId, folder: impl Into<PathBuf>) -> Self {
        self.home = Some((index, folder.into()));
        self
    }

    fn home_of(&self, index: &IndexId) -> Option<&Path> {
        let home = self
            .home
            .as_ref()
            .filter(|(owner, _)| owner.base_str() == index.base_str());
        home.map(|(_, folder)| folder.as_path())
    }

    /// The folder of all collections of an index but the one in its home. Whichever generation is given as the index, it is
    /// named after the base.
    fn folder_of(&self, index: &IndexId) -> PathBuf {
        self.root.join(index.base_str())
    }

    fn folder(&self, index: &IndexId, generation: u32) -> PathBuf {
        match self.home_of(index) {
            Some(home) if generation == FIRST => home.to_path_buf(),
            _ => self.folder_of(index).join(format!("g{generation}")),
        }
    }
}

#[async_trait]
impl Collections for EdgeFolders {
    async fn open(
        &self,
        index: &IndexId,
        generation: u32,
        dense_size: Option<usize>,
    ) -> Result<Arc<dyn Vectors>, VectorsError> {
        let mut open = self.open.lock().await;
        let key = (index.base(), generation);
        if let Some(vectors) = open.get(&key) {
            if vectors.dense_size() != dense_size {
                return Err(VectorsError::Mismatch {
                    found: described(vectors.dense_size()),
                    wanted: described(dense_size),
                });
            }
            return Ok(Arc::clone(vectors) as _);
        }
        let vectors = Arc::new(LazyVectors::new(self.folder(index, generation), dense_size));
        open.insert(key, Arc::clone(&vectors));
        Ok(vectors)
    }

    async fn remove(&self, index: &IndexId, generation: u32) -> Result<(), VectorsError> {
        // Held until the folder is gone: nobody opens it meanwhile.
        let mut open = self.open.lock().await;
        if let Some(vectors) = open.remove(&(index.base(), generation))
            && let Err(error) = vectors.close().await
        {
            tracing::debug!(%error, index.id = %index, "a collection that is removed did not close well");
        }
        let (folder, all) = (self.folder(index, generation), self.folder_of(index));
        let removed = tokio::task::spawn_blocking(move || {
            remove(&folder)?;
            // Only the last one leaves it empty.
            drop(std::fs::remove_dir(all));
            Ok(())
        });
        removed
            .await
            .map_err(|panic| VectorsError::Unavailable(format!("removing it panicked: {panic}")))?
    }

    async fn close(&self) -> Result<(), VectorsError> {
        let open: Vec<_> = self.open.lock().await.values().cloned().collect();
        let mut result = Ok(());
        for vectors in open {
            // All of them, whatever the first one says.
            result = vectors.close().await.and(result);
        }
        result
    }
}

fn described(dense_size: Option<usize>) -> String {
    dense_size.map_or_else(
        || "no dense vectors".to_owned(),
        |size| format!("dense vectors of {size} dimensions"),
    )
}

fn remove(folder: &Path) -> Result<(), VectorsError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(VectorsError::Unavailable(format!(
            "the folder {} cannot be removed: {error}",
            folder.display()
        ))),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
