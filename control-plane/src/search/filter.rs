//! Filters as asked for, and what of them the store tests.
//!
//! The store tests lists, folders, types and ranges. Of a glob or a prefix it tests the folder in front and the extension
//! at the end; the rest is tested on the hits, of which more are fetched.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobSet};
use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::clock::UnixMillis;
use shared::ids::FileId;
use shared::vectors::Payload;
use shared::vectors::filter::{Condition, Filter, normal_type};
use utoipa::ToSchema;

/// Most alternatives in a list.
const MAX_ALTERNATIVES: usize = 100;
/// Most names of metadata.
const MAX_NAMES: usize = 20;
/// Most bytes of all texts together.
const MAX_BYTES: usize = 16 * 1024;
/// Most bytes of a glob: it becomes an automaton.
const MAX_GLOB_BYTES: usize = 512;

/// What hits must be like. Every field that is given must hold; the entries of a list are alternatives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SearchFilter {
    /// Exactly these files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub paths: Vec<BlobPath>,
    /// Paths that start with one of these texts; `guides/` for a folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100, example = json!(["guides/"]))]
    pub prefixes: Vec<String>,
    /// Paths that match one of these globs: `*` and `?` stop at `/`, `**` does not, `[ab]` and `{one,two}` are alternatives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100, example = json!(["guides/**/*.pdf"]))]
    pub globs: Vec<String>,
    /// Types, such as `application/pdf`, or `text/*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100, example = json!(["application/pdf", "text/*"]))]
    pub types: Vec<String>,
    /// What the blob's owner noted with it, by name: a value, a list of values, or `{"exists": true}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, MetadataTest>,
    /// When the blob was last written, in Unix milliseconds. Where the source does not tell, nothing is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<TimeRange>,
    /// What made the Markdown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub converters: Vec<String>,
    /// Pages, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<NumberRange>,
    /// Slides, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slides: Option<NumberRange>,
    /// Sheets, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub sheets: Vec<String>,
}

/// A condition on one name of the metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum MetadataTest {
    /// It has this value.
    Equals(String),
    /// It has one of these values.
    AnyOf(Vec<String>),
    /// It is there at all, or is not.
    Exists(Existence),
}

/// Whether a name is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Existence {
    /// `true` for files that have the name, `false` for those that do not.
    pub exists: bool,
}

/// From one moment until before another, in Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeRange {
    /// The first moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<UnixMillis>,
    /// The moment after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<UnixMillis>,
}

/// From one number to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberRange {
    /// The first.
    #[serde(default = "one")]
    pub from: u32,
    /// The last.
    #[serde(default = "last")]
    pub to: u32,
}

fn one() -> u32 {
    1
}

fn last() -> u32 {
    u32::MAX
}

/// A filter, ready to use.
#[derive(Debug, Default)]
pub(super) struct Narrowed {
    /// What the store tests.
    pub(super) stored: Filter,
    /// What it cannot.
    rest: PathRules,
}

impl Narrowed {
    /// Does a hit with this payload belong into the answer?
    pub(super) fn admits(&self, payload: &Payload) -> bool {
        self.stored.admits(payload) && self.rest.admit(&payload.path)
    }
}

/// Rules for paths that no store tests.
#[derive(Debug, Default)]
struct PathRules {
    prefixes: Vec<String>,
    globs: Option<GlobSet>,
}

impl PathRules {
    fn admit(&self, path: &BlobPath) -> bool {
        let path = path.as_str();
        let starts = self.prefixes.is_empty()
            || self
                .prefixes
                .iter()
                .any(|prefix| path.starts_with(prefix.as_str()));
        starts && self.globs.as_ref().is_none_or(|globs| globs.is_match(path))
    }
}

impl SearchFilter {
    /// Does it let everything pass?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks the filter and divides it between the store and the hits. The error says what to change.
    pub(super) fn narrow(&self, file: impl Fn(&BlobPath) -> FileId) -> Result<Narrowed, String> {
        self.check_size()?;
        let mut conditions = Vec::new();
        if !self.paths.is_empty() {
            conditions.push(Condition::Files(self.paths.iter().map(file).collect()));
        }
        conditions.extend(in_front(self.prefixes.iter().map(|prefix| folder_of(prefix))));
        conditions.extend(in_front(self.globs.iter().map(|glob| literal_folder(glob))));
        conditions.extend(at_the_end(&self.globs));
        conditions.extend(types(&self.types)?);
        for (name, test) in &self.metadata {
            conditions.push(match test {
                MetadataTest::Equals(value) => Condition::Metadata(name.clone(), vec![value.clone()]),
                MetadataTest::AnyOf(values) if values.is_empty() => {
                    return Err(format!("metadata {name:?} has no values to compare with"));
                }
                MetadataTest::AnyOf(values) => Condition::Metadata(name.clone(), values.clone()),
                MetadataTest::Exists(Existence { exists }) => Condition::HasMetadata(name.clone(), *exists),
            });
        }
        if let Some(TimeRange { from, before }) = self.modified_at {
            conditions.push(Condition::Modified(from, before));
        }
        for (name, range) in [("pages", self.pages), ("slides", self.slides)] {
            let Some(NumberRange { from, to }) = range else {
                continue;
            };
            if from > to {
                return Err(format!("{name}: {from} is after {to}"));
            }
            conditions.push(match name {
                "pages" => Condition::Pages(from, to),
                _ => Condition::Slides(from, to),
            });
        }
        if !self.converters.is_empty() {
            conditions.push(Condition::Converters(self.converters.clone()));
        }
        if !self.sheets.is_empty() {
            conditions.push(Condition::Sheets(self.sheets.clone()));
        }
        Ok(Narrowed {
            stored: Filter(conditions),
            rest: PathRules {
                prefixes: self.prefixes.clone(),
                globs: globs(&self.globs)?,
            },
        })
    }

    fn check_size(&self) -> Result<(), String> {
        let paths: Vec<String> = self.paths.iter().map(|path| path.as_str().to_owned()).collect();
        let mut bytes = 0;
        for (name, list) in [
            ("paths", &paths),
            ("prefixes", &self.prefixes),
            ("globs", &self.globs),
            ("types", &self.types),
            ("converters", &self.converters),
            ("sheets", &self.sheets),
        ] {
            if list.len() > MAX_ALTERNATIVES {
                return Err(format!("{name} has more than {MAX_ALTERNATIVES} entries"));
            }
            bytes += list.iter().map(String::len).sum::<usize>();
        }
        if self.metadata.len() > MAX_NAMES {
            return Err(format!("metadata has more than {MAX_NAMES} names"));
        }
        for (name, test) in &self.metadata {
            bytes += name.len();
            match test {
                MetadataTest::Equals(value) => bytes += value.len(),
                MetadataTest::AnyOf(values) if values.len() > MAX_ALTERNATIVES => {
                    return Err(format!(
                        "metadata {name:?} has more than {MAX_ALTERNATIVES} values"
                    ));
                }
                MetadataTest::AnyOf(values) => bytes += values.iter().map(String::len).sum::<usize>(),
                MetadataTest::Exists(_) => {}
            }
        }
        if bytes > MAX_BYTES {
            return Err(format!(
                "the filter has {bytes} bytes, at most {MAX_BYTES} are taken"
            ));
        }
        Ok(())
    }
}

/// The condition that a path lies in one of these folders; none when one of them is the whole source.
fn in_front<'a>(folders: impl Iterator<Item = &'a str>) -> Option<Condition> {
    let folders: Vec<String> = folders.map(str::to_owned).collect();
    let narrows = !folders.is_empty() && folders.iter().all(|folder| !folder.is_empty());
    narrows.then_some(Condition::Folders(folders))
}

/// The folders that a path must begin with to begin with the prefix.
fn folder_of(prefix: &str) -> &str {
    prefix.rfind('/').map_or("", |end| &prefix[..=end])
}

/// The folders that a glob names before its first special character.
fn literal_folder(glob: &str) -> &str {
    folder_of(glob.split(['*', '?', '[', '{', '\\']).next().unwrap_or_default())
}

/// The condition on the extension, when every glob ends with one.
fn at_the_end(globs: &[String]) -> Option<Condition> {
    let extension = |glob: &String| {
        let (_, end) = glob.rsplit_once('.')?;
        let literal = !end.is_empty() && end.chars().all(char::is_alphanumeric);
        literal.then(|| end.to_lowercase())
    };
    let extensions: Option<Vec<String>> = globs.iter().map(extension).collect();
    extensions
        .filter(|extensions| !extensions.is_empty())
        .map(Condition::Extensions)
}

fn types(wanted: &[String]) -> Result<Option<Condition>, String> {
    let mut types = Vec::new();
    for wanted in wanted {
        let normal = normal_type(wanted);
        let is_type = |part: &str| !part.is_empty() && !part.contains(['*', '/']);
        match normal.split_once('/') {
            Some(("*", "*")) => return Ok(None),
            Some((kind, "*")) if is_type(kind) => {}
            Some((kind, part)) if is_type(kind) && is_type(part) => {}
            _ => return Err(format!("{wanted:?} is not a type such as text/html or text/*")),
        }
        types.push(normal);
    }
    Ok((!types.is_empty()).then_some(Condition::Types(types)))
}

fn globs(wanted: &[String]) -> Result<Option<GlobSet>, String> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let mut set = GlobSet::builder();
    for glob in wanted {
        if glob.len() > MAX_GLOB_BYTES {
            return Err(format!("a glob is longer than {MAX_GLOB_BYTES} bytes"));
        }
        let built = GlobBuilder::new(glob).literal_separator(true).build();
        set.add(built.map_err(|error| error.to_string())?);
    }
    set.build().map(Some).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
