//! The folder that holds embedded indexes, and the lock that keeps it to one process.
//!
//! The operating system drops the lock when the process dies, however it dies, so nobody has to clean up after a crash.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use shared::ids::IndexId;

/// What a running `longshore up` leaves for the other commands.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its process.
    pub(crate) pid: u32,
    /// Where it serves HTTP, unless it does not.
    pub(crate) url: Option<String>,
    /// The index that commands are about when they name none.
    #[serde(default)]
    pub(crate) index: Option<IndexId>,
}

/// A data folder that this process holds.
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// What a data folder is.
pub(crate) enum Holder {
    /// Ours now.
    Us(DataDir),
    /// Another process's, which may say where it listens.
    Other(Option<Running>),
}

impl DataDir {
    /// Takes the folder, making it if it is not there.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path).map_err(|error| unusable(path, error))?;
        match Self::take(path)? {
            Holder::Us(data) => {
                // A writable lock file does not make a writable folder.
                data.write("write-check", b"")?;
                data.remove("write-check");
                Ok(data)
            }
            Holder::Other(running) => {
                let who = running.map_or_else(
                    || "another process".to_owned(),
                    |by| format!("process {}", by.pid),
                );
                bail!(
                    "the data folder {} is in use by {who}: stop it, or choose another folder with --data-dir",
                    path.display()
                )
            }
        }
    }

    /// Takes the folder if nobody has it; an error if there is no index in it. With the ledger on a server, the folder says
    /// only who runs.
    pub(crate) fn existing(path: &Path, ledger_elsewhere: bool) -> anyhow::Result<Holder> {
        let made = if ledger_elsewhere { LOCK } else { LEDGER };
        if !path.join(made).exists() {
            bail!(
                "there is no index in {}: make one with `longshore up DIR`, or say where it is with --data-dir",
                path.display()
            );
        }
        Self::take(path)
    }

    fn take(path: &Path) -> anyhow::Result<Holder> {
        let lock = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path.join(LOCK))
            .map_err(|error| unusable(path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Holder::Us(Self {
                path: path.to_path_buf(),
                _lock: lock,
            })),
            Err(TryLockError::WouldBlock) => Ok(Holder::Other(running(path))),
            Err(TryLockError::Error(error)) => Err(unusable(path, error)),
        }
    }

    /// The ledger's file.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.path.join(LEDGER)
    }

    /// The folder of the main index's points.
    pub(crate) fn vectors(&self) -> PathBuf {
        self.path.join("vectors")
    }

    /// The folder of all other points, in folders of their own.
    pub(crate) fn collections(&self) -> PathBuf {
        self.path.join("collections")
    }

    /// The folder as it was given.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The index that `longshore up` made first: the one that commands are about, with its points in [`DataDir::vectors`].
    /// Builds that knew only one index in a data folder did not write its name down.
    pub(crate) fn main_index(&self) -> Option<IndexId> {
        let name = std::fs::read_to_string(self.path.join(MAIN_INDEX)).ok()?;
        IndexId::new(name.trim()).ok()
    }

    /// Remembers the main index, before it is made.
    pub(crate) fn set_main_index(&self, index: &IndexId) -> anyhow::Result<()> {
        let written = || -> io::Result<()> {
            let fresh = self.path.join(format!("{MAIN_INDEX}.new"));
            let mut file = File::create(&fresh)?;
            file.write_all(index.as_str().as_bytes())?;
            file.sync_all()?;
            std::fs::rename(fresh, self.path.join(MAIN_INDEX))
        };
        written().map_err(|error| unusable(&self.path, error))
    }

    /// The folder itself, as an absolute path without links.
    pub(crate) fn absolute(&self) -> anyhow::Result<PathBuf> {
        self.path
            .canonicalize()
            .with_context(|| format!("the data folder {} vanished", self.path.display()))
    }

    /// Where the first API key is, when one was needed.
    pub(crate) fn admin_key(&self) -> PathBuf {
        admin_key(&self.path)
    }

    /// Tells the other commands where this process listens, and which index they are about.
    pub(crate) fn announce(&self, url: Option<String>, index: &IndexId) -> anyhow::Result<()> {
        let running = Running {
            pid: std::process::id(),
            url,
            index: Some(index.clone()),
        };
        self.write(RUNNING, &serde_json::to_vec(&running)?)
    }

    /// Withdraws the announcement.
    pub(crate) fn withdraw(&self) {
        self.remove(RUNNING);
    }

    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        std::fs::write(self.path.join(name), bytes).map_err(|error| unusable(&self.path, error))
    }

    fn remove(&self, name: &str) {
        if let Err(error) = std::fs::remove_file(self.path.join(name)) {
            tracing::debug!(%error, "{name} was not removed");
        }
    }
}

/// Where the first API key of a data folder is, when one was needed.
pub(crate) fn admin_key(folder: &Path) -> PathBuf {
    folder.join("admin.key")
}

const LEDGER: &str = "ledger.sqlite";
const LOCK: &str = "lock";
const RUNNING: &str = "running.json";
const MAIN_INDEX: &str = "main-index";

fn running(path: &Path) -> Option<Running> {
    serde_json::from_slice(&std::fs::read(path.join(RUNNING)).ok()?).ok()
}

fn unusable(path: &Path, error: io::Error) -> anyhow::Error {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make it writable for this account, or choose another folder with --data-dir"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: free some space, or choose a folder on another disk with --data-dir"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file is in the way: choose another folder with --data-dir"
        }
        _ => "choose another folder with --data-dir",
    };
    anyhow::Error::new(error).context(format!(
        "the data folder {} cannot be used; {advice}",
        path.display()
    ))
}
