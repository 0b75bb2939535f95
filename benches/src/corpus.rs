//! The documents: fetched once, copied for each round, and changed between passes.
//!
//! Changes go to every hundredth file in the order of names, so that each round and each system sees the same ones.

use std::fs::{File, FileTimes};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use walkdir::WalkDir;

use crate::tools::{self, Tools, own_file, run};

/// The PostgreSQL manual is free, of a real size, and in Debian.
const PACKAGE: &str = "postgresql-doc-15";

/// A corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// The manual as it is in the package.
    Html,
    /// The same, converted by Python's markdownify.
    Markdown,
}

impl Kind {
    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "markdown",
        }
    }

    /// The folder with the untouched documents, made on first use.
    pub(crate) fn fetch(self, tools: &Tools) -> anyhow::Result<PathBuf> {
        let folder = tools.cache.join("corpora").join(self.name());
        if folder.exists() {
            return Ok(folder);
        }
        // Complete or not there at all: an interrupted fetch starts again.
        let partial = folder.with_extension("partial");
        remove(&partial)?;
        std::fs::create_dir_all(&partial)?;
        match self {
            Self::Html => unpack(&partial)?,
            Self::Markdown => {
                let html = Self::Html.fetch(tools)?;
                let python = tools::python(&tools.cache)?;
                run(Command::new(python)
                    .arg(own_file("peers/to_markdown.py"))
                    .args([&html, &partial]))?;
            }
        }
        std::fs::rename(&partial, &folder)?;
        Ok(folder)
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "md",
        }
    }
}

fn unpack(into: &Path) -> anyhow::Result<()> {
    run(Command::new("apt-get")
        .args(["download", PACKAGE])
        .current_dir(into))?;
    let package = files(into)?.pop().context("apt-get downloaded nothing")?;
    let all = into.join("all");
    run(Command::new("dpkg-deb").arg("--extract").args([&package, &all]))?;
    let pages = all.join("usr/share/doc").join(PACKAGE).join("html");
    for page in files(&pages)? {
        // Not the style sheet and the pictures: they would be skipped by us and read as text by others.
        if page.extension().is_some_and(|extension| extension == "html") {
            std::fs::rename(&page, into.join(page.strip_prefix(&pages)?))?;
        }
    }
    std::fs::remove_dir_all(all)?;
    std::fs::remove_file(package)?;
    Ok(())
}

/// A copy of a corpus that is changed in the course of a round.
pub(crate) struct WorkingCopy {
    /// The folder that is indexed.
    pub(crate) folder: PathBuf,
}

impl WorkingCopy {
    /// A fresh copy.
    pub(crate) fn make(original: &Path, folder: PathBuf) -> anyhow::Result<Self> {
        remove(&folder)?;
        copy_all(original, &folder, |text| text)?;
        Ok(Self { folder })
    }

    /// Adds the documents once more in a folder beside the others, with a word changed in nearly every sentence, so that no
    /// chunk is equal to one of another copy.
    pub(crate) fn multiply(&self, original: &Path, number: u32) -> anyhow::Result<()> {
        let word = format!("the copy{number} ");
        copy_all(original, &self.folder.join(format!("copy{number}")), |text| {
            text.replace("the ", &word)
        })
    }

    /// Its files, by name.
    pub(crate) fn files(&self) -> anyhow::Result<Vec<PathBuf>> {
        files(&self.folder)
    }

    /// Files and bytes.
    pub(crate) fn size(&self) -> anyhow::Result<(usize, u64)> {
        let files = self.files()?;
        let mut bytes = 0;
        for file in &files {
            bytes += file.metadata()?.len();
        }
        Ok((files.len(), bytes))
    }

    /// Adds a paragraph in the middle of 1% of the files.
    pub(crate) fn edit(&self, kind: Kind) -> anyhow::Result<()> {
        for path in self.hundredth(0)? {
            let text = std::fs::read_to_string(&path)?;
            std::fs::write(path, insert_paragraph(&text, kind))?;
        }
        Ok(())
    }

    /// Renames 1% of the files in their folder.
    pub(crate) fn rename(&self, kind: Kind) -> anyhow::Result<()> {
        for path in self.hundredth(30)? {
            std::fs::rename(
                &path,
                path.with_extension(format!("renamed.{}", kind.extension())),
            )?;
        }
        Ok(())
    }

    /// Deletes 1% of the files.
    pub(crate) fn delete(&self) -> anyhow::Result<()> {
        self.hundredth(60)?
            .into_iter()
            .try_for_each(|path| Ok(std::fs::remove_file(path)?))
    }

    /// Gives every file a new modification time, as a fresh checkout or a restored backup does.
    pub(crate) fn touch(&self) -> anyhow::Result<()> {
        let times = FileTimes::new().set_modified(now());
        self.files()?
            .into_iter()
            .try_for_each(|path| Ok(File::options().write(true).open(path)?.set_times(times)?))
    }

    fn hundredth(&self, first: usize) -> anyhow::Result<Vec<PathBuf>> {
        Ok(self.files()?.into_iter().skip(first).step_by(100).collect())
    }
}

/// Puts a paragraph at the end of the paragraph in the middle of a text, or at the end if there is no such place.
fn insert_paragraph(text: &str, kind: Kind) -> String {
    let (end_of_paragraph, added) = match kind {
        Kind::Html => ("</p>", "<p>This paragraph was added by an editor.</p>"),
        Kind::Markdown => ("\n\n", "This paragraph was added by an editor.\n\n"),
    };
    let middle = text.floor_char_boundary(text.len() / 2);
    let at = text[middle..]
        .find(end_of_paragraph)
        .map_or(text.len(), |found| middle + found + end_of_paragraph.len());
    [&text[..at], added, &text[at..]].concat()
}

/// Copies text files, with their modification times.
fn copy_all(from: &Path, to: &Path, change: impl Fn(String) -> String) -> anyhow::Result<()> {
    for path in files(from)? {
        let target = to.join(path.strip_prefix(from)?);
        std::fs::create_dir_all(target.parent().context("a file lies in a folder")?)?;
        std::fs::write(&target, change(std::fs::read_to_string(&path)?))?;
        // Read just now, as far as peers care that hold the day of the last access for a part of the document.
        let times = FileTimes::new()
            .set_modified(path.metadata()?.modified()?)
            .set_accessed(now());
        File::options().write(true).open(&target)?.set_times(times)?;
    }
    Ok(())
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    ensure!(!files.is_empty(), "there are no files in {}", folder.display());
    Ok(files)
}

/// Removes a folder that may not be there.
pub(crate) fn remove(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", folder.display()))
        }
        _ => Ok(()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "file times are compared with the system's"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_added_in_the_middle() {
        let html = insert_paragraph("<p>one</p><p>two</p><p>three</p>", Kind::Html);
        assert_eq!(
            html,
            "<p>one</p><p>two</p><p>This paragraph was added by an editor.</p><p>three</p>"
        );
        let markdown = insert_paragraph("one\n\ntwo\n\nthree\n", Kind::Markdown);
        assert_eq!(
            markdown,
            "one\n\ntwo\n\nThis paragraph was added by an editor.\n\nthree\n"
        );
        assert!(insert_paragraph("héhé", Kind::Html).ends_with("</p>"));
    }
}
