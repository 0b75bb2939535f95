//! What is converted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, peer};

/// A file, in memory.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Files by their extension.
pub(crate) struct Documents {
    pub(crate) formats: BTreeMap<String, Vec<File>>,
}

impl Documents {
    /// The files below `folder`, or those that the libraries of `python` write.
    pub(crate) fn find(folder: Option<&Path>, cache: &Path, python: Option<&Path>) -> Result<Self> {
        let folder = match (folder, python) {
            (Some(folder), _) => folder.to_owned(),
            (None, Some(python)) => written(cache, python)?,
            (None, None) => return Err("nothing to write documents with".into()),
        };
        let mut formats = BTreeMap::<String, Vec<File>>::new();
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            let mut entries = std::fs::read_dir(&folder)?.collect::<std::io::Result<Vec<_>>>()?;
            entries.sort_by_key(std::fs::DirEntry::path);
            for entry in entries {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text =
                    |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
                let (Some(name), Some(extension)) = (text(path.file_name()), text(path.extension())) else {
                    continue;
                };
                let bytes = std::fs::read(&path)?;
                formats
                    .entry(extension.to_lowercase())
                    .or_default()
                    .push(File { path, name, bytes });
            }
        }
        Ok(Self { formats })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &File> {
        self.formats.values().flatten()
    }
}

/// The folder of the documents; they are written the first time.
fn written(cache: &Path, python: &Path) -> Result<PathBuf> {
    let (folder, script) = (cache.join("documents"), peer::own_file("make_documents.py"));
    let (made, source) = (folder.join(".made-by"), std::fs::read(&script)?);
    if std::fs::read(&made).is_ok_and(|by| by == source) {
        return Ok(folder);
    }
    println!("writing documents into {}", folder.display());
    peer::run(Command::new(python).arg(script).arg(&folder))?;
    std::fs::write(made, source)?;
    Ok(folder)
}
