//! What chunking promises, for every kind.

mod examples;
mod locality;
mod promises;

use std::fmt::Write as _;

use super::{Chunk, ChunkSettings, Size, Strategy};
use convert::{DocumentKind, Language};

fn tokens(size: usize, overlap: usize) -> ChunkSettings {
    ChunkSettings::new(Size::Tokens(size), overlap, Strategy::Auto).unwrap()
}

fn characters(size: usize, overlap: usize) -> ChunkSettings {
    ChunkSettings::new(Size::Characters(size), overlap, Strategy::Auto).unwrap()
}

/// Every kind of document.
fn kinds() -> impl Iterator<Item = DocumentKind> {
    use DocumentKind::{Code, Csv, Html, Json, Markdown, Text};
    [Markdown, Html, Json, Csv, Text]
        .into_iter()
        .chain(Language::ALL.map(Code))
}

/// Chunks as a page to read.
fn page(chunks: &[Chunk]) -> String {
    let mut page = String::new();
    for Chunk {
        text,
        heading_path,
        range,
    } in chunks
    {
        writeln!(page, "{range:?} {}\n{text}\n", heading_path.join(" > ")).unwrap();
    }
    page
}

/// A manual of as many sections, two levels deep, of very different lengths.
fn manual(sections: usize) -> String {
    let mut text = "# Manual\n\nHow to keep an index true to a store.\n\n".to_owned();
    for section in 0..sections {
        write!(
            text,
            "{} Section {section}\n\n",
            if section % 5 == 0 { "##" } else { "###" }
        )
        .unwrap();
        text.push_str(&prose(section, 1 + section * 7 % 13));
    }
    text
}

/// Paragraphs, different for every seed.
fn prose(seed: usize, paragraphs: usize) -> String {
    const WORDS: [&str; 12] = [
        "a", "claim", "lease", "fence", "of", "vector", "the", "queue", "is", "late", "message", "sweep",
    ];
    let mut text = String::new();
    let mut state = seed as u64 + 1;
    for _ in 0..paragraphs {
        for word in 0..40 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            text.push_str(WORDS[(state >> 33) as usize % WORDS.len()]);
            text.push_str(if word % 10 == 9 { ". " } else { " " });
        }
        text.push_str("\n\n");
    }
    text
}
