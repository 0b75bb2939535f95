//! What hits must be like, as flags.

use std::collections::BTreeMap;

use clap::Args;
use control_plane::search::{Existence, MetadataTest, NumberRange, SearchFilter, TimeRange};
use shared::blob_path::BlobPath;

use crate::failure::Failure;
use crate::output::times::Past;

/// Only hits that all of these let pass; a flag that is given several times lets pass what any of them does.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters (each may be given several times, as alternatives)")]
pub(super) struct FilterArgs {
    /// Only this file.
    #[arg(long, value_name = "PATH")]
    path: Vec<BlobPath>,

    /// Only paths that start with this; `guides/` for a folder.
    #[arg(long, value_name = "TEXT")]
    prefix: Vec<String>,

    /// Only paths that match this: `*` and `?` stop at `/`, `**` does not.
    #[arg(long, value_name = "GLOB")]
    glob: Vec<String>,

    /// Only files of this type, such as application/pdf or text/*.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,

    /// Only files whose owner noted this: NAME=VALUE, or NAME alone for any value.
    #[arg(long, value_name = "NAME[=VALUE]")]
    metadata: Vec<String>,

    /// Only what this converter made.
    #[arg(long, value_name = "NAME")]
    converter: Vec<String>,

    /// Only this sheet.
    #[arg(long, value_name = "NAME")]
    sheet: Vec<String>,

    /// Only these pages, from 1; once.
    #[arg(long, value_name = "N[-M]", value_parser = range)]
    pages: Option<NumberRange>,

    /// Only these slides, from 1; once.
    #[arg(long, value_name = "N[-M]", value_parser = range)]
    slides: Option<NumberRange>,

    /// Only files written at this moment or later: 2026-03-01, 2026-03-01T12:00:00Z, or 7d for the last week; once.
    #[arg(long, value_name = "MOMENT")]
    modified_from: Option<Past>,

    /// Only files written before this moment; once.
    #[arg(long, value_name = "MOMENT")]
    modified_before: Option<Past>,
}

impl FilterArgs {
    /// # Errors
    /// When a condition on metadata has no name.
    pub(super) fn into_filter(self) -> anyhow::Result<SearchFilter> {
        let modified = TimeRange {
            from: self.modified_from.map(|moment| moment.0),
            before: self.modified_before.map(|moment| moment.0),
        };
        let has_modified = modified.from.is_some() || modified.before.is_some();
        Ok(SearchFilter {
            paths: self.path,
            prefixes: self.prefix,
            globs: self.glob,
            types: self.types,
            metadata: metadata(&self.metadata)?,
            modified_at: has_modified.then_some(modified),
            converters: self.converter,
            pages: self.pages,
            slides: self.slides,
            sheets: self.sheet,
        })
    }
}

/// Values of one name are alternatives; a name alone asks for any value.
fn metadata(tests: &[String]) -> anyhow::Result<BTreeMap<String, MetadataTest>> {
    let mut all: BTreeMap<String, MetadataTest> = BTreeMap::new();
    for test in tests {
        let (name, value) = match test.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (test.as_str(), None),
        };
        if name.is_empty() {
            return Err(Failure::usage(format!(
                "--metadata {test}: the name is missing; write NAME=VALUE"
            )));
        }
        let together = match (all.remove(name), value) {
            (_, None) | (Some(MetadataTest::Exists(_)), _) => {
                MetadataTest::Exists(Existence { exists: true })
            }
            (None, Some(value)) => MetadataTest::Equals(value),
            (Some(MetadataTest::Equals(one)), Some(other)) => MetadataTest::AnyOf(vec![one, other]),
            (Some(MetadataTest::AnyOf(mut values)), Some(value)) => {
                values.push(value);
                MetadataTest::AnyOf(values)
            }
        };
        all.insert(name.to_owned(), together);
    }
    Ok(all)
}

fn range(text: &str) -> Result<NumberRange, String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        let number = text.parse::<u32>().ok().filter(|number| *number > 0);
        number.ok_or_else(|| format!("{text:?} is no number from 1; write 3 or 3-7"))
    };
    let range = NumberRange {
        from: number(from)?,
        to: number(to)?,
    };
    if range.from > range.to {
        return Err(format!("{text} ends before it begins"));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_on_metadata_come_together() {
        let tests = ["a=1", "b", "a=2", "b=x", "a=3", "c=", "d=x=y"].map(str::to_owned);
        let json = serde_json::to_value(metadata(&tests).unwrap()).unwrap();
        let wanted =
            serde_json::json!({ "a": ["1", "2", "3"], "b": { "exists": true }, "c": "", "d": "x=y" });
        assert_eq!(json, wanted);
        assert!(metadata(&["=x".to_owned()]).is_err());
    }

    #[test]
    fn ranges_are_one_number_or_two() {
        assert_eq!(range("3").map(|range| (range.from, range.to)), Ok((3, 3)));
        assert_eq!(range("3-7").map(|range| (range.from, range.to)), Ok((3, 7)));
        for bad in ["", "0", "7-3", "-3", "3-", "a"] {
            assert!(range(bad).is_err(), "{bad:?}");
        }
    }
}
