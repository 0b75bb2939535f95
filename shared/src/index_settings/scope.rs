//! Which paths of its source an index covers.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::{FileRules, IndexSettings};
use crate::blob_path::BlobPath;

/// Globs in a list.
const MOST_GLOBS: usize = 200;
/// Bytes of a glob.
const LONGEST_GLOB: usize = 1024;

/// A prefix and globs, ready to be matched. The default covers everything.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    prefix: String,
    rules: FileRules,
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.is_of(&other.prefix, &other.rules)
    }
}

impl Eq for Scope {}

/// Why a path is not covered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeftOut {
    /// It lies elsewhere.
    #[error("it is not below {0}, the index's prefix")]
    Prefix(String),
    /// No glob asks for it.
    #[error("none of the globs in files.include matches it")]
    NotIncluded,
    /// A glob leaves it out.
    #[error("the glob {0} in files.exclude matches it")]
    Excluded(String),
}

impl Scope {
    /// The scope of an index.
    ///
    /// # Errors
    /// When a glob cannot be read: every problem, with the field's name in front.
    pub fn of(settings: &IndexSettings) -> Result<Self, Vec<String>> {
        let rules = &settings.files;
        let include = compile("files.include", &rules.include);
        let exclude = compile("files.exclude", &rules.exclude);
        match (include, exclude) {
            (Ok(include), Ok(exclude)) => Ok(Self {
                prefix: settings.prefix.clone(),
                include: (!rules.include.is_empty()).then_some(include),
                exclude,
                rules: rules.clone(),
            }),
            (include, exclude) => Err([include.err(), exclude.err()]
                .into_iter()
                .flatten()
                .flatten()
                .collect()),
        }
    }

    /// Everything at or below a folder.
    #[must_use]
    pub fn below(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            ..Self::default()
        }
    }

    /// Was it made from these?
    #[must_use]
    pub fn is_of(&self, prefix: &str, rules: &FileRules) -> bool {
        self.prefix == prefix && self.rules.include == rules.include && self.rules.exclude == rules.exclude
    }

    /// The folder that holds all of it; empty for the whole source.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Is the path part of the index?
    #[must_use]
    pub fn owns(&self, path: &BlobPath) -> bool {
        path.is_under(&self.prefix) && self.matches(path)
    }

    /// Do the globs let a path in, wherever it lies?
    #[must_use]
    pub fn matches(&self, path: &BlobPath) -> bool {
        self.include
            .as_ref()
            .is_none_or(|include| include.is_match(path.as_str()))
            && !self.exclude.is_match(path.as_str())
    }

    /// Why the path is not part of the index; `None` when it is.
    #[must_use]
    pub fn left_out(&self, path: &BlobPath) -> Option<LeftOut> {
        if !path.is_under(&self.prefix) {
            return Some(LeftOut::Prefix(self.prefix.clone()));
        }
        if let Some(number) = self.exclude.matches(path.as_str()).first() {
            let glob = self.rules.exclude.get(*number).cloned().unwrap_or_default();
            return Some(LeftOut::Excluded(glob));
        }
        (!self.matches(path)).then_some(LeftOut::NotIncluded)
    }

    /// The part of a folder that the index may cover: the folder, the index's own prefix when that lies below, or
    /// nothing.
    #[must_use]
    pub fn share_of(&self, folder: &str) -> Option<String> {
        let prefix = self.prefix.trim_end_matches('/');
        if is_under(folder, prefix) {
            Some(folder.to_owned())
        } else if is_under(prefix, folder) {
            Some(prefix.to_owned())
        } else {
            None
        }
    }
}

/// Is the folder the other one, or below it?
fn is_under(folder: &str, other: &str) -> bool {
    other.is_empty()
        || folder
            .strip_prefix(other)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn compile(field: &str, globs: &[String]) -> Result<GlobSet, Vec<String>> {
    if globs.len() > MOST_GLOBS {
        return Err(vec![format!(
            "{field}: {} globs, at most {MOST_GLOBS} are accepted",
            globs.len()
        )]);
    }
    let mut set = GlobSetBuilder::new();
    let mut problems = Vec::new();
    for (number, text) in globs.iter().enumerate() {
        let field = format!("{field}[{number}]");
        if text.is_empty() || text.len() > LONGEST_GLOB || text.contains('\0') {
            problems.push(format!(
                "{field}: a glob has 1 to {LONGEST_GLOB} bytes, and no NUL"
            ));
            continue;
        }
        if text.starts_with('/') {
            problems.push(format!(
                "{field}: {text:?} can match nothing: paths have no leading slash"
            ));
            continue;
        }
        // `*` within a segment, as in every shell; a backslash escapes on every system.
        match GlobBuilder::new(text)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
        {
            Ok(glob) => {
                set.add(glob);
            }
            Err(error) => problems.push(format!("{field}: {text:?} is not a glob: {}", error.kind())),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    set.build().map_err(|_| {
        vec![format!(
            "{field}: together the globs are too large; use fewer or simpler ones"
        )]
    })
}

#[cfg(test)]
mod tests;
