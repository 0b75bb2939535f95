//! Filters, held against the plain predicate.

use std::collections::{BTreeMap, HashSet};

use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::{all, point, queries, search, terms, write};
use crate::ids::ClaimId;
use crate::vectors::filter::{Condition, Filter};
use crate::vectors::{Point, Query, SearchRequest, Vectors};

const PATHS: [&str; 9] = [
    "a.md",
    "a/b.md",
    "a/b/c.PDF",
    "a/bb/c.pdf",
    "ab/c.txt",
    "guides/Übersicht.md",
    "guides/intro.tar.gz",
    "guides/deep/er/still/x",
    "x=y/[z]/\"q\".md",
];
const TYPES: [&str; 5] = [
    "text/markdown",
    "Text/HTML; charset=utf-8",
    "application/pdf",
    "text/plain",
    "",
];
const NAMES: [&str; 5] = ["a", "a=b", "depart.ment", "[0]", "\"quoted\""];
const VALUES: [&str; 5] = ["x", "b=x", "", "straße", "quay & crane"];
const SHEETS: [&str; 3] = ["Sheet1", "a/b", "Übersicht"];
const CONVERTERS: [&str; 3] = ["pdf", "ocr", "docling v1"];
const FIRST_TIME: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;
const POINTS: u32 = 300;
const FILTERS: usize = 120;

/// Any filter over any payloads finds what the predicate says, in every mode.
pub(super) async fn filters_and_plain_predicates_agree(vectors: &dyn Vectors) {
    let mut dice = SmallRng::seed_from_u64(7);
    let points: Vec<Point> = (0..POINTS).map(|n| random_point(&mut dice, n, vectors)).collect();
    write(vectors, points.clone()).await;
    let queries = queries(vectors, "anchor");
    let mut found_some = 0;
    for number in 0..FILTERS {
        let filter = random_filter(&mut dice, &points);
        let expected: HashSet<_> = points
            .iter()
            .filter(|point| filter.admits(&point.payload))
            .map(|point| point.id)
            .collect();
        found_some += usize::from(!expected.is_empty());
        let request = SearchRequest {
            filter: filter.clone(),
            ..all(queries[number % queries.len()].clone())
        };
        // Times are stored to the minute; the caller sees to the rest.
        let timed = filter
            .0
            .iter()
            .any(|condition| matches!(condition, Condition::Modified(..)));
        let hits = search(vectors, request).await;
        let found: HashSet<_> = hits
            .iter()
            .filter(|hit| !timed || filter.admits(&hit.payload))
            .map(|hit| hit.id)
            .collect();
        assert!(
            found == expected,
            "{filter:?} finds {} points instead of {}",
            found.len(),
            expected.len()
        );
    }
    assert!(
        found_some > FILTERS / 3,
        "the filters are too strict to tell anything"
    );
}

/// Texts that are too long to be stored as they are, and folders that are too deep.
pub(super) async fn tags_of_all_sizes_are_told_apart(vectors: &dyn Vectors) {
    let claim = ClaimId::generate();
    let long = "v".repeat(5_000);
    let deep = "d/".repeat(40);
    let mut points: Vec<Point> = (0..4)
        .map(|n| point(&format!("{deep}{n}.md"), claim, n, "anchor", vectors.dense_size()))
        .collect();
    for (point, end) in points.iter_mut().zip(["a", "b", "a", "c"]) {
        let value = format!("{long}{end}");
        point.payload.metadata = BTreeMap::from([("note".to_owned(), value)]);
    }
    write(vectors, points.clone()).await;
    let note = Condition::Metadata("note".to_owned(), vec![format!("{long}a")]);
    for (condition, expected) in [
        (note, 2),
        (Condition::Folders(vec![deep.clone()]), 4),
        (Condition::Folders(vec!["d/".repeat(20)]), 4),
    ] {
        let filter = Filter(vec![condition]);
        let request = SearchRequest {
            filter: filter.clone(),
            ..all(Query::FullText(terms("anchor")))
        };
        let hits = search(vectors, request).await;
        let admitted = hits.iter().filter(|hit| filter.admits(&hit.payload));
        assert_eq!(admitted.count(), expected);
    }
}

pub(super) async fn lists_without_alternatives_find_nothing(vectors: &dyn Vectors) {
    let claim = ClaimId::generate();
    write(
        vectors,
        vec![point("a.md", claim, 0, "anchor", vectors.dense_size())],
    )
    .await;
    for condition in [
        Condition::Files(Vec::new()),
        Condition::Types(Vec::new()),
        Condition::Pages(2, 1),
    ] {
        let request = SearchRequest {
            filter: Filter(vec![condition]),
            ..all(Query::FullText(terms("anchor")))
        };
        assert_eq!(search(vectors, request).await, []);
    }
}

fn pick(dice: &mut SmallRng, from: &[&str]) -> String {
    from.choose(dice).copied().unwrap_or_default().to_owned()
}

fn some(dice: &mut SmallRng, from: &[&str]) -> Vec<String> {
    let mut all = from.to_vec();
    all.shuffle(dice);
    all.truncate(dice.random_range(1..=2));
    all.into_iter().map(str::to_owned).collect()
}

fn random_point(dice: &mut SmallRng, ordinal: u32, vectors: &dyn Vectors) -> Point {
    let path = pick(dice, &PATHS);
    let mut point = point(
        &path,
        ClaimId::generate(),
        ordinal,
        "anchor",
        vectors.dense_size(),
    );
    let payload = &mut point.payload;
    payload.mime = pick(dice, &TYPES);
    payload.converter = pick(dice, &CONVERTERS);
    payload.modified = dice
        .random_bool(0.8)
        .then(|| FIRST_TIME + HOUR * dice.random_range(0..10));
    payload.place.page = dice.random_bool(0.6).then(|| dice.random_range(1..8));
    payload.place.page_end = payload
        .place
        .page
        .filter(|_| dice.random_bool(0.4))
        .map(|page| page + 2);
    payload.place.slide = dice.random_bool(0.3).then(|| dice.random_range(1..8));
    payload.place.sheet = dice.random_bool(0.3).then(|| pick(dice, &SHEETS));
    payload.metadata = (0..dice.random_range(0..3))
        .map(|_| (pick(dice, &NAMES), pick(dice, &VALUES)))
        .collect();
    point
}

fn random_filter(dice: &mut SmallRng, points: &[Point]) -> Filter {
    let conditions = dice.random_range(1..=2);
    Filter((0..conditions).map(|_| random_condition(dice, points)).collect())
}

fn random_condition(dice: &mut SmallRng, points: &[Point]) -> Condition {
    match dice.random_range(0..11) {
        0 => {
            let files = (0..3).filter_map(|_| points.choose(dice));
            Condition::Files(files.map(|point| point.payload.file_id).collect())
        }
        1 => Condition::Folders(some(
            dice,
            &["a/", "a/b/", "guides/", "guides/deep/er/", "x=y/[z]/"],
        )),
        2 => Condition::Extensions(some(dice, &["md", "pdf", "gz", "txt"])),
        3 => Condition::Types(some(
            dice,
            &["text/markdown", "text/*", "text/html", "application/pdf"],
        )),
        4 => Condition::Converters(some(dice, &CONVERTERS)),
        5 => Condition::Sheets(some(dice, &SHEETS)),
        6 => Condition::Metadata(pick(dice, &NAMES), some(dice, &VALUES)),
        7 => Condition::HasMetadata(pick(dice, &NAMES), dice.random_bool(0.5)),
        8 => {
            let first = dice.random_range(1..8);
            Condition::Pages(first, first + dice.random_range(0..4))
        }
        9 => {
            let first = dice.random_range(1..8);
            Condition::Slides(first, first + dice.random_range(0..4))
        }
        _ => {
            let from = dice
                .random_bool(0.7)
                .then(|| FIRST_TIME + HOUR * dice.random_range(0..10));
            let before = dice
                .random_bool(0.7)
                .then(|| FIRST_TIME + HOUR * dice.random_range(0..10));
            Condition::Modified(from, before)
        }
    }
}
