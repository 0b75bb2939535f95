//! Which points a search may return, and what is stored of a point so that it can be told fast.
//!
//! A store narrows a search by [`TAGS`], a list of texts such as `folder=guides/` and `type=text/*` that is made from the
//! payload when a point is written. One list for everything means one index, whatever names the metadata has. Numbers
//! are tagged by their hexadecimal prefixes, so that a range is a short list of tags (`numbers`).
//!
//! What a store returns may still be more than the filter says: points of earlier builds have no tags, folders are tagged to a
//! bounded depth, and times to the minute. So whoever searches asks [`Filter::admits`] of each hit.

mod numbers;

use serde_json::{Map, Value};

use super::Payload;
use crate::blob_path::BlobPath;
use crate::clock::UnixMillis;
use crate::ids::FileId;

/// The stored field that holds the tags.
pub const TAGS: &str = "tags";

/// What every point is tagged with that has tags at all. (To ask whether the field is empty instead would do, but for Edge
/// 0.7.2, which estimates that wrongly after deletions.)
const TAGGED: &str = "tagged";

/// Folders of a path that are tagged, from the outermost.
const TAGGED_FOLDERS: usize = 16;

/// Longer tags are stored as their hash.
const MAX_TAG_BYTES: usize = 200;

/// Conditions that must all hold; without any, everything matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(pub Vec<Condition>);

/// One condition. A list holds alternatives; an empty one matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Points of these files.
    Files(Vec<FileId>),
    /// Paths below one of these folders, each with a `/` at its end.
    Folders(Vec<String>),
    /// File names that end with a dot and one of these, as [`extension`] writes them.
    Extensions(Vec<String>),
    /// Types, as [`normal_type`] writes them; `text/*` for all of a kind.
    Types(Vec<String>),
    /// Made by one of these converters.
    Converters(Vec<String>),
    /// In one of these sheets.
    Sheets(Vec<String>),
    /// The metadata has the name with one of these values.
    Metadata(String, Vec<String>),
    /// The metadata has the name (`true`), or does not (`false`).
    HasMetadata(String, bool),
    /// On a page between these two, both included.
    Pages(u32, u32),
    /// On a slide between these two, both included.
    Slides(u32, u32),
    /// Last modified at or after the one and before the other; never, when it is not known.
    Modified(Option<UnixMillis>, Option<UnixMillis>),
}

impl Filter {
    /// Only this file.
    #[must_use]
    pub fn file(file: FileId) -> Self {
        Self(vec![Condition::Files(vec![file])])
    }

    /// Does everything match?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Does the filter let a point with this payload pass?
    #[must_use]
    pub fn admits(&self, payload: &Payload) -> bool {
        self.0.iter().all(|condition| condition.admits(payload))
    }

    /// Is there a list without alternatives, so that nothing can match?
    #[must_use]
    pub fn is_impossible(&self) -> bool {
        self.0.iter().any(|condition| match condition {
            Condition::Files(files) => files.is_empty(),
            Condition::Folders(texts)
            | Condition::Extensions(texts)
            | Condition::Types(texts)
            | Condition::Converters(texts)
            | Condition::Sheets(texts)
            | Condition::Metadata(_, texts) => texts.is_empty(),
            Condition::Pages(from, to) | Condition::Slides(from, to) => from > to,
            Condition::HasMetadata(..) | Condition::Modified(..) => false,
        })
    }
}

impl Condition {
    fn admits(&self, payload: &Payload) -> bool {
        let path = payload.path.as_str();
        let place = &payload.place;
        match self {
            Self::Files(files) => files.contains(&payload.file_id),
            Self::Folders(folders) => folders.iter().any(|folder| path.starts_with(folder.as_str())),
            Self::Extensions(extensions) => {
                extension(&payload.path).is_some_and(|extension| extensions.contains(&extension))
            }
            Self::Types(types) => {
                let own = normal_type(&payload.mime);
                types.iter().any(|wanted| *wanted == own || *wanted == kind(&own))
            }
            Self::Converters(converters) => converters.contains(&payload.converter),
            Self::Sheets(sheets) => place.sheet.as_ref().is_some_and(|sheet| sheets.contains(sheet)),
            Self::Metadata(name, values) => payload
                .metadata
                .get(name)
                .is_some_and(|value| values.contains(value)),
            Self::HasMetadata(name, wanted) => payload.metadata.contains_key(name) == *wanted,
            Self::Pages(from, to) => place
                .page
                .is_some_and(|page| page <= *to && place.page_end.unwrap_or(page).max(page) >= *from),
            Self::Slides(from, to) => place.slide.is_some_and(|slide| (*from..=*to).contains(&slide)),
            Self::Modified(from, before) => payload.modified.is_some_and(|modified| {
                from.is_none_or(|from| modified >= from) && before.is_none_or(|before| modified < before)
            }),
        }
    }
}

/// A type without its parameters, in lower case: `text/html` of `Text/HTML; charset=utf-8`.
#[must_use]
pub fn normal_type(mime: &str) -> String {
    mime.split(';').next().unwrap_or_default().trim().to_lowercase()
}

/// What follows the last dot of a file name, in lower case; also that of `.hidden`, because `*.hidden` matches it.
#[must_use]
pub fn extension(path: &BlobPath) -> Option<String> {
    let (_, extension) = path.file_name().rsplit_once('.')?;
    (!extension.is_empty()).then(|| extension.to_lowercase())
}

/// The pattern for all types of a kind: `text/*` of `text/html`.
fn kind(normal: &str) -> String {
    format!("{}/*", normal.split('/').next().unwrap_or_default())
}

/// A test of a stored field, in terms that every engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// One of the field's texts is one of these.
    AnyOf(&'static str, Vec<String>),
    /// None of the field's texts is one of these; also where the field is absent.
    NoneOf(&'static str, Vec<String>),
}

/// A filter in terms of stored fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tests {
    /// Of each group, one test must hold.
    pub(super) must: Vec<Vec<Test>>,
    /// None of these may hold.
    pub(super) must_not: Vec<Test>,
}

/// What a store has to test.
pub(super) fn tests(filter: &Filter) -> Tests {
    let mut tests = Tests::default();
    for condition in &filter.0 {
        match condition {
            Condition::Files(files) => {
                let files = files.iter().map(ToString::to_string).collect();
                tests.must.push(vec![Test::AnyOf("file_id", files)]);
            }
            Condition::Folders(folders) => {
                tests.tagged(folders.iter().map(|folder| folder_tag(outermost(folder))));
            }
            Condition::Extensions(extensions) => tests.tagged(extensions.iter().map(|of| tag("ext", of))),
            Condition::Types(types) => tests.tagged(types.iter().map(|of| tag("type", of))),
            Condition::Converters(names) => tests.tagged(names.iter().map(|of| tag("converter", of))),
            Condition::Sheets(names) => tests.tagged(names.iter().map(|of| tag("sheet", of))),
            Condition::Metadata(name, values) => {
                tests.tagged(values.iter().map(|value| value_tag(name, value)));
            }
            Condition::HasMetadata(name, true) => tests.tagged([name_tag(name)].into_iter()),
            Condition::HasMetadata(name, false) => {
                tests.must_not.push(Test::AnyOf(TAGS, vec![name_tag(name)]));
            }
            // A chunk may span pages: it begins before the range ends, and ends after the range begins.
            Condition::Pages(from, to) => {
                tests.tagged(numbers::cover("page", 0, (*to).into()).into_iter());
                tests.tagged(numbers::cover("last", (*from).into(), u64::MAX).into_iter());
            }
            Condition::Slides(from, to) => {
                tests.tagged(numbers::cover("slide", (*from).into(), (*to).into()).into_iter());
            }
            Condition::Modified(from, before) => {
                let (from, before) = (from.unwrap_or(0), before.unwrap_or(UnixMillis::MAX));
                tests.tagged(numbers::cover("modified", minute(from), minute(before)).into_iter());
            }
        }
    }
    tests
}

impl Tests {
    fn tagged(&mut self, tags: impl Iterator<Item = String>) {
        let any = Test::AnyOf(TAGS, tags.collect());
        // Points of earlier builds have no tags.
        let untagged = Test::NoneOf(TAGS, vec![TAGGED.to_owned()]);
        self.must.push(vec![any, untagged]);
    }
}

/// The payload as it is stored: its own fields, and the tags. `None` when it cannot be written as JSON.
pub(super) fn stored(payload: &Payload) -> Option<Map<String, Value>> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(payload) else {
        return None;
    };
    fields.insert(TAGS.to_owned(), tags(payload).into());
    Some(fields)
}

fn tags(payload: &Payload) -> Vec<String> {
    let path = payload.path.as_str();
    let mime = normal_type(&payload.mime);
    let mut tags = vec![TAGGED.to_owned()];
    tags.extend(folders(path).map(folder_tag));
    tags.extend(extension(&payload.path).map(|extension| tag("ext", &extension)));
    tags.push(tag("type", &kind(&mime)));
    tags.push(tag("type", &mime));
    if !payload.converter.is_empty() {
        tags.push(tag("converter", &payload.converter));
    }
    let place = &payload.place;
    tags.extend(place.sheet.as_ref().map(|sheet| tag("sheet", sheet)));
    let mut number =
        |kind, number: Option<u64>| tags.extend(number.into_iter().flat_map(|n| numbers::tags(kind, n)));
    number("page", place.page.map(u64::from));
    number(
        "last",
        place
            .page
            .map(|page| place.page_end.unwrap_or(page).max(page).into()),
    );
    number("slide", place.slide.map(u64::from));
    number("modified", payload.modified.map(minute));
    for (name, value) in &payload.metadata {
        tags.push(name_tag(name));
        tags.push(value_tag(name, value));
    }
    tags
}

/// Some 66 seconds. Times before 1970 count as 1970.
fn minute(time: UnixMillis) -> u64 {
    u64::try_from(time).unwrap_or(0) >> 16
}

/// The outer folders of a path, each with its `/`, the outermost first.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .take(TAGGED_FOLDERS)
        .map(|(at, _)| &path[..=at])
}

/// The innermost of a folder's own folders that is tagged.
fn outermost(folder: &str) -> &str {
    folders(folder).last().unwrap_or(folder)
}

fn folder_tag(folder: &str) -> String {
    tag("folder", folder)
}

fn name_tag(name: &str) -> String {
    tag("has", name)
}

/// The name's length keeps `a=b` with the value `c` apart from `a` with the value `b=c`.
fn value_tag(name: &str, value: &str) -> String {
    tag("meta", &format!("{}:{name}={value}", name.len()))
}

fn tag(kind: &str, value: &str) -> String {
    if value.len() <= MAX_TAG_BYTES {
        return format!("{kind}={value}");
    }
    let hash = blake3::hash(value.as_bytes());
    format!("{kind}#{}", hash.to_hex())
}

#[cfg(test)]
mod unit {
    use super::*;
    use crate::ids::ClaimId;
    use crate::vectors::conformance::point;

    #[test]
    fn a_point_is_tagged_with_what_it_can_be_found_by() {
        let mut payload = point("a/b/c.PDF", ClaimId::made_at(1), 0, "crane", None).payload;
        payload.mime = "Text/HTML; charset=utf-8".to_owned();
        payload.modified = None;
        assert_eq!(
            tags(&payload),
            [
                "tagged",
                "folder=a/",
                "folder=a/b/",
                "ext=pdf",
                "type=text/*",
                "type=text/html",
                "converter=pdf",
                "has=department",
                "meta=10:department=quay & crane",
            ]
        );
    }

    #[test]
    fn tags_are_bounded() {
        let deep = "d/".repeat(500) + "x.md";
        assert_eq!(folders(&deep).count(), TAGGED_FOLDERS);
        assert_eq!(outermost(&"d/".repeat(500)), "d/".repeat(TAGGED_FOLDERS));
        assert_eq!(outermost("a/b/"), "a/b/");
        assert!(tag("meta", &"v".repeat(10_000)).len() < 100);
    }

    #[test]
    fn lists_without_alternatives_match_nothing() {
        assert!(!Filter::default().is_impossible());
        assert!(Filter(vec![Condition::Files(Vec::new())]).is_impossible());
        assert!(Filter(vec![Condition::Pages(3, 2)]).is_impossible());
    }
}
