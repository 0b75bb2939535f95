//! A blob's name inside its source: relative, `/`-separated, never climbing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest accepted path, in bytes: S3 and Azure end at 1,024 characters.
pub const MAX_PATH_BYTES: usize = 4096;

/// A relative path with `/` between segments; no segment is empty, `.` or `..`, and no NUL byte is inside.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobPath(String);

/// Why a text is not a blob path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlobPath {
    /// Nothing is left to name a blob.
    #[error("the path is empty")]
    Empty,
    /// Longer than [`MAX_PATH_BYTES`].
    #[error("the path has {0} bytes; at most {MAX_PATH_BYTES} are accepted")]
    TooLong(usize),
    /// Absolute, or with an empty, `.` or `..` segment.
    #[error("the path {0:?} must be relative, without empty, \".\" or \"..\" segments")]
    Climbs(String),
    /// A NUL byte is inside.
    #[error("the path has a NUL byte")]
    Nul,
}

crate::schema::text_schema!(
    BlobPath,
    "A path inside the source, with `/` between segments",
    "guides/intro.md"
);

impl BlobPath {
    /// Checks and wraps a path.
    ///
    /// # Errors
    /// See [`InvalidBlobPath`].
    pub fn new(path: impl Into<String>) -> Result<Self, InvalidBlobPath> {
        let path = path.into();
        if path.is_empty() {
            Err(InvalidBlobPath::Empty)
        } else if path.len() > MAX_PATH_BYTES {
            Err(InvalidBlobPath::TooLong(path.len()))
        } else if path.contains('\0') {
            Err(InvalidBlobPath::Nul)
        } else if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            Err(InvalidBlobPath::Climbs(path))
        } else {
            Ok(Self(path))
        }
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// What follows the last dot of the file name, in lower case; `None` for `Makefile` and `.hidden`.
    #[must_use]
    pub fn extension(&self) -> Option<String> {
        let (stem, extension) = self.file_name().rsplit_once('.')?;
        (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_ascii_lowercase())
    }

    /// Is the path `prefix` itself or below it? The empty prefix is the whole source.
    #[must_use]
    pub fn is_under(&self, prefix: &str) -> bool {
        let prefix = prefix.trim_end_matches('/');
        prefix.is_empty()
            || self
                .0
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl TryFrom<String> for BlobPath {
    type Error = InvalidBlobPath;
    fn try_from(path: String) -> Result<Self, Self::Error> {
        Self::new(path)
    }
}

impl From<BlobPath> for String {
    fn from(path: BlobPath) -> Self {
        path.0
    }
}

impl fmt::Display for BlobPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BlobPath {
    type Err = InvalidBlobPath;
    fn from_str(path: &str) -> Result<Self, Self::Err> {
        Self::new(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn climbing_and_absolute_paths_are_refused() {
        for bad in ["", "/etc/passwd", "a//b", "../a", "a/../b", "a/.", "a/", "a\0b"] {
            assert!(BlobPath::new(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "a/b.md", "..a/b..", "a b/ü.txt"] {
            assert!(BlobPath::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn extension_and_prefix() {
        let path = BlobPath::new("docs/Guide.MD").unwrap();
        assert_eq!(path.extension().as_deref(), Some("md"));
        assert_eq!(BlobPath::new(".profile").unwrap().extension(), None);
        assert!(path.is_under("") && path.is_under("docs") && path.is_under("docs/"));
        assert!(!path.is_under("doc") && path.is_under("docs/Guide.MD"));
    }
}
