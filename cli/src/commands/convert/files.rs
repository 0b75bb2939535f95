//! The files that a person names.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use walkdir::WalkDir;

/// A file to convert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// As it is shown and, in an output folder, written: below the named folder, or the file's own name.
    pub(super) name: String,
    /// Where it is.
    pub(super) path: PathBuf,
    /// A folder was named, not the file.
    pub(super) is_below_a_folder: bool,
}

/// The named files, and those in the named folders, hidden ones left out, in order.
pub(super) fn find(named: &[PathBuf]) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for path in named {
        let about = std::fs::metadata(path)
            .with_context(|| format!("{} is not there, or cannot be read", path.display()))?;
        if about.is_dir() {
            found.extend(below(path)?);
        } else {
            let name = path.file_name().unwrap_or(path.as_os_str());
            found.push(Found {
                name: name.to_string_lossy().into_owned(),
                path: path.clone(),
                is_below_a_folder: false,
            });
        }
    }
    if found.is_empty() {
        bail!("there are no files in it");
    }
    Ok(found)
}

fn below(folder: &Path) -> anyhow::Result<Vec<Found>> {
    let is_hidden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('.');
    let walk = WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name()));
    let mut found = Vec::new();
    for entry in walk {
        let entry = entry.with_context(|| format!("{} cannot be listed", folder.display()))?;
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(folder).unwrap_or(entry.path());
            found.push(Found {
                name: name.to_string_lossy().into_owned(),
                path: entry.path().to_owned(),
                is_below_a_folder: true,
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_walked_in_order_and_hidden_files_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.txt", "a/z.txt", "a/.hidden", ".git/config"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "text").unwrap();
        }
        let found = find(&[folder.path().to_owned(), folder.path().join("b.txt")]).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|file| (file.name.as_str(), file.is_below_a_folder))
            .collect();
        assert_eq!(names, [("a/z.txt", true), ("b.txt", true), ("b.txt", false)]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = find(&["no/such.pdf".into()]).unwrap_err();
        assert!(error.to_string().contains("no/such.pdf is not there"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        assert!(find(&[empty.path().to_owned()]).is_err());
    }
}
