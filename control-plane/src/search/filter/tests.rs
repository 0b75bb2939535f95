use proptest::prelude::*;
use shared::ids::IndexId;

use super::super::tests::hit;
use super::*;
use shared::ids::ClaimId;

fn narrow(filter: &SearchFilter) -> Result<Narrowed, String> {
    let index = IndexId::new("docs").unwrap();
    filter.narrow(|path| FileId::of(&index, path))
}

fn payload(path: &str) -> Payload {
    hit(path, ClaimId::made_at(1)).payload
}

fn list(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn globs_leave_their_ends_to_the_store() {
    for (of, expected) in [
        (
            &["guides/**/*.pdf"][..],
            vec![
                Condition::Folders(list(&["guides/"])),
                Condition::Extensions(list(&["pdf"])),
            ],
        ),
        (&["**/*.PDF"], vec![Condition::Extensions(list(&["pdf"]))]),
        (&["a/b*/c"], vec![Condition::Folders(list(&["a/"]))]),
        (&["a/{b,c}/*.{md,txt}"], vec![Condition::Folders(list(&["a/"]))]),
        (&["*"], vec![]),
        (
            &["a/*.md", "*.txt"],
            vec![Condition::Extensions(list(&["md", "txt"]))],
        ),
        (&["a/*.md", "b/*"], vec![Condition::Folders(list(&["a/", "b/"]))]),
    ] {
        let filter = SearchFilter {
            globs: list(of),
            ..SearchFilter::default()
        };
        assert_eq!(narrow(&filter).unwrap().stored, Filter(expected), "{of:?}");
    }
}

#[test]
fn paths_follow_the_usual_rules_of_globs() {
    for (glob, path, expected) in [
        ("*.md", "a.md", true),
        ("*.md", ".md", true),
        ("*.md", "a/b.md", false),
        ("**/*.md", "a/b.md", true),
        ("**/*.md", "b.md", true),
        ("a/?.md", "a/b.md", true),
        ("a/[bc].md", "a/d.md", false),
        ("*.md", "a.MD", false),
    ] {
        let filter = SearchFilter {
            globs: list(&[glob]),
            ..SearchFilter::default()
        };
        assert_eq!(
            narrow(&filter).unwrap().admits(&payload(path)),
            expected,
            "{glob} {path}"
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let default = SearchFilter::default;
    let none_of = |values: Vec<String>| BTreeMap::from([("a".to_owned(), MetadataTest::AnyOf(values))]);
    for (filter, reason) in [
        (
            SearchFilter {
                types: list(&["pdf"]),
                ..default()
            },
            "is not a type",
        ),
        (
            SearchFilter {
                types: list(&["*/pdf"]),
                ..default()
            },
            "is not a type",
        ),
        (
            SearchFilter {
                globs: list(&["a[b"]),
                ..default()
            },
            "a[b",
        ),
        (
            SearchFilter {
                globs: vec!["*".repeat(600)],
                ..default()
            },
            "longer than",
        ),
        (
            SearchFilter {
                sheets: vec![String::new(); 101],
                ..default()
            },
            "more than 100",
        ),
        (
            SearchFilter {
                sheets: vec!["x".repeat(20_000)],
                ..default()
            },
            "bytes",
        ),
        (
            SearchFilter {
                pages: Some(NumberRange { from: 3, to: 2 }),
                ..default()
            },
            "pages",
        ),
        (
            SearchFilter {
                metadata: none_of(Vec::new()),
                ..default()
            },
            "no values",
        ),
    ] {
        let refused = narrow(&filter).unwrap_err();
        assert!(refused.contains(reason), "{refused}");
    }
    let every_type = SearchFilter {
        types: list(&["*/*"]),
        ..default()
    };
    assert_eq!(narrow(&every_type).unwrap().stored, Filter::default());
}

proptest! {
    /// What the store is asked for is never less than what the glob and the prefix match, and no text is too odd.
    #[test]
    fn the_store_leaves_out_nothing_that_matches(
        glob in "[ab*?./{},\\[\\]\\\\!-]{0,12}",
        prefix in "[ab./]{0,4}",
        path in "[abA.]{1,3}(/[abA.]{1,3}){0,3}",
    ) {
        let filter = SearchFilter { globs: vec![glob.clone()], prefixes: vec![prefix.clone()], ..SearchFilter::default() };
        if let (Ok(narrowed), Ok(path)) = (narrow(&filter), BlobPath::new(path)) {
            let matcher = GlobBuilder::new(&glob).literal_separator(true).build().unwrap().compile_matcher();
            let matches = matcher.is_match(path.as_str()) && path.as_str().starts_with(&prefix);
            prop_assert_eq!(narrowed.admits(&payload(path.as_str())), matches);
        }
    }
}
