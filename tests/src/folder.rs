//! A folder of small documents that a test may do anything to.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::TempDir;

/// A temporary folder of documents.
pub struct Docs(TempDir);

impl Docs {
    /// An empty folder.
    ///
    /// # Errors
    /// When the temporary folder cannot be made.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(tempfile::Builder::new().prefix("docs-").tempdir()?))
    }

    /// A folder with `count` Markdown files in folders of ten, each of `sections` sections with words of its own.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn with_files(count: usize, sections: usize) -> anyhow::Result<Self> {
        let docs = Self::new()?;
        for number in 0..count {
            docs.write(&Self::name(number), Self::text(number, sections, 0))?;
        }
        Ok(docs)
    }

    /// The name of the file with this number in a folder of [`Docs::with_files`].
    #[must_use]
    pub fn name(number: usize) -> String {
        format!("part-{}/doc-{number}.md", number / 10)
    }

    /// A document: every section is longer than a chunk of 400 characters may hold together with its neighbour.
    #[must_use]
    pub fn text(number: usize, sections: usize, revision: usize) -> String {
        let mut text = format!("# Document word{number}\n");
        for section in 0..sections {
            let revision = if section == 0 { revision } else { 0 };
            text.push_str(&format!("\n## Section {section} of {number}\n\n"));
            for sentence in 0..8 {
                text.push_str(&format!(
                    "Sentence {sentence} of section {section} in document {number} tells of topic{number}x{section}r{revision}. "
                ));
            }
            text.push('\n');
        }
        text
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A file's place.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file, with its folders.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
        let file = self.file(name);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, content).with_context(|| format!("writing {}", file.display()))
    }

    /// Moves a file or folder.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn rename(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let to = self.file(to);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(self.file(from), &to).with_context(|| format!("moving {from}"))
    }

    /// Removes a file.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, name: &str) -> anyhow::Result<()> {
        fs::remove_file(self.file(name)).with_context(|| format!("removing {name}"))
    }
}
