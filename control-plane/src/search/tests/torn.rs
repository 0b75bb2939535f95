//! Versions come and go while searches with filters, pages, groups and diversity are under way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use futures::FutureExt;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use shared::ids::ClaimId;
use shared::vectors::SearchMode;
use shared::vectors::conformance::DIMENSIONS;
use std::sync::Mutex;

use super::shelf::Shelf;
use crate::search::document::DocumentPart;
use crate::search::{Diversify, MetadataTest, SearchAnswer, SearchFilter, SearchQuery};

const FILES: usize = 6;
const CHUNKS: usize = 4;

fn path(number: usize) -> String {
    format!("{}/{number}.md", ["even", "odd"][number % 2])
}

/// A version: every chunk says which it is, and every other one has a type of its own.
async fn publish(shelf: &Shelf, number: usize, revision: u32) {
    let texts: Vec<String> = (0..CHUNKS)
        .map(|chunk| format!("crane {number} revision {revision} chunk {chunk}"))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    shelf
        .publish(&path(number), &texts, |payload| {
            let kind = if revision.is_multiple_of(2) {
                "text/markdown"
            } else {
                "text/html"
            };
            payload.mime = kind.to_owned();
            payload.metadata = BTreeMap::from([("revision".to_owned(), revision.to_string())]);
        })
        .await;
}

/// Up to two versions are committed, and attempts come to nothing, between each answer of the store and its use.
async fn busy_shelf(seed: u64) -> Arc<Shelf> {
    let shelf = Shelf::new(Some(DIMENSIONS)).await;
    let revision = Arc::new(AtomicU32::new(0));
    for number in 0..FILES {
        publish(&shelf, number, revision.fetch_add(1, Ordering::SeqCst)).await;
    }
    let dice = Arc::new(Mutex::new(SmallRng::seed_from_u64(seed)));
    let turns = Arc::new(AtomicUsize::new(0));
    let weak = Arc::downgrade(&shelf);
    shelf.between(move || {
        let (weak, dice) = (weak.clone(), Arc::clone(&dice));
        let (revision, turns) = (Arc::clone(&revision), Arc::clone(&turns));
        async move {
            let Some(shelf) = weak.upgrade() else { return };
            // A search asks again three times at most; nothing is overtaken for ever.
            if turns.fetch_add(1, Ordering::SeqCst) % 4 == 3 {
                return;
            }
            let (changes, dead) = {
                let mut dice = dice.lock().unwrap();
                let changes: Vec<usize> = (0..dice.random_range(0..=2))
                    .map(|_| dice.random_range(0..FILES))
                    .collect();
                (changes, dice.random_range(0..FILES))
            };
            shelf
                .write(&path(dead), ClaimId::generate(), &["crane dead"], |_| ())
                .await;
            for number in changes {
                publish(&shelf, number, revision.fetch_add(1, Ordering::SeqCst)).await;
            }
        }
        .boxed()
    });
    shelf
}

/// No hit is of an attempt that came to nothing, and the hits of a file are of one version.
fn check_versions(answer: &SearchAnswer) -> BTreeMap<String, Vec<u32>> {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut chunks: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for hit in &answer.hits {
        assert!(!hit.text.contains("dead"), "{hit:?}");
        assert!(
            hit.text
                .contains(&format!("revision {} ", hit.metadata["revision"]))
        );
        let path = hit.path.as_str().to_owned();
        versions.entry(path.clone()).or_default().insert(hit.etag.clone());
        chunks.entry(path).or_default().push(hit.ordinal);
    }
    for (path, versions) in versions {
        assert_eq!(versions.len(), 1, "{path} is shown in several versions");
    }
    chunks
}

fn wanted(mode: SearchMode, filter: SearchFilter) -> SearchQuery {
    SearchQuery {
        query: "crane".to_owned(),
        mode: Some(mode),
        limit: 100,
        filter,
        ..SearchQuery::default()
    }
}

#[tokio::test]
async fn no_search_shows_a_torn_version() {
    for seed in 0..40 {
        let shelf = busy_shelf(seed).await;
        let search = shelf.search();
        for mode in [SearchMode::FullText, SearchMode::Vector, SearchMode::Hybrid] {
            let odd = SearchFilter {
                globs: vec!["odd/*.md".to_owned()],
                ..SearchFilter::default()
            };
            let plain = wanted(mode, odd.clone());
            let diverse = SearchQuery {
                diversify: Some(Diversify::Share(0.5)),
                ..plain.clone()
            };
            for query in [&plain, &diverse] {
                let shown = check_versions(&search.search(query).await.unwrap());
                for number in (1..FILES).step_by(2) {
                    let mut chunks = shown.get(&path(number)).cloned().unwrap_or_default();
                    chunks.sort_unstable();
                    assert_eq!(chunks, [0, 1, 2, 3], "{} in {mode:?}, seed {seed}", path(number));
                }
                assert_eq!(shown.len(), FILES / 2, "only what the filter lets pass");
            }
            let grouped = SearchQuery {
                group_by_file: true,
                ..wanted(mode, SearchFilter::default())
            };
            let answer = search.search(&grouped).await.unwrap();
            assert_eq!(answer.hits.len(), FILES, "one hit of each file, seed {seed}");
            let page = SearchQuery {
                limit: 7,
                offset: 5,
                ..wanted(mode, SearchFilter::default())
            };
            let answer = search.search(&page).await.unwrap();
            check_versions(&answer);
            assert_eq!((answer.hits.len(), answer.next_offset), (7, Some(12)));
        }
        // A filter that a version passes and the next one does not.
        let filter = SearchFilter {
            types: vec!["text/html".to_owned()],
            ..SearchFilter::default()
        };
        let answer = search
            .search(&wanted(SearchMode::FullText, filter))
            .await
            .unwrap();
        for (path, chunks) in check_versions(&answer) {
            assert_eq!(chunks.len(), CHUNKS, "{path}, seed {seed}");
        }
        assert!(answer.hits.iter().all(|hit| hit.mime == "text/html"));
    }
}

#[tokio::test]
async fn metadata_of_old_versions_finds_nothing() {
    let shelf = busy_shelf(1).await;
    let search = shelf.search();
    let of_first = SearchFilter {
        metadata: BTreeMap::from([("revision".to_owned(), MetadataTest::Equals("0".to_owned()))]),
        ..SearchFilter::default()
    };
    publish(&shelf, 0, 1_000).await;
    let answer = search
        .search(&wanted(SearchMode::FullText, of_first))
        .await
        .unwrap();
    assert_eq!(answer.hits, []);
}

#[tokio::test]
async fn no_document_mixes_versions() {
    for seed in 0..100 {
        let shelf = busy_shelf(seed).await;
        let search = shelf.search();
        for number in 0..FILES {
            let file = path(number).parse().unwrap();
            let document = search
                .document(&*shelf.ledger, &file, &DocumentPart::default())
                .await
                .unwrap();
            let lines: Vec<&str> = document
                .sections
                .iter()
                .map(|section| &document.text[usize::try_from(section.at).unwrap()..])
                .collect();
            let revision = |line: &str| line.split(' ').nth(3).map(str::to_owned);
            let revisions: BTreeSet<_> = lines.iter().map(|line| revision(line)).collect();
            assert_eq!((lines.len(), revisions.len()), (CHUNKS, 1), "{document:?}");
        }
    }
}
