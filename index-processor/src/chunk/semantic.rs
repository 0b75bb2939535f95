//! Cuts prose where its meaning changes.
//!
//! Three steps, of which the middle one, embedding every sentence, is I/O and the caller's:
//!
//! 1. [`sentences`] divides a text into sentences.
//! 2. The caller embeds `&text[range]` for each of them.
//! 3. [`group`] puts neighbours together, and cuts where the cosine distance between them is above a percentile of all
//!    such distances; a group over the size is cut where the distance is greatest.
//!
//! A heading always begins a group, so heading paths are exact, and there is no overlap.

use std::cmp::Ordering;
use std::ops::Range;

use thiserror::Error;

use super::boundary::Boundary;
use super::leaf::{Grammar, Source};
use super::pack::pack;
use super::section::Section;
use super::settings::ChunkSettings;
use super::{Chunk, Strategy, markdown};
use convert::DocumentKind;

/// Distances above this share of all distances separate groups.
const PERCENTILE: f32 = 0.95;

/// Why sentences could not be grouped.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum GroupError {
    /// The embedder must answer every sentence.
    #[error("{sentences} sentences but {vectors} vectors: every sentence needs one, in order")]
    Count {
        /// How many sentences there are.
        sentences: usize,
        /// How many vectors were given.
        vectors: usize,
    },
    /// The ranges are not from [`sentences`] of this text.
    #[error("sentence {0} is not within the text, after the one before it")]
    Range(usize),
}

/// Whether a document of this kind is cut by its meaning under these settings; if not, [`super::chunk`] is all it takes.
#[must_use]
pub fn applies(kind: DocumentKind, settings: &ChunkSettings) -> bool {
    let prose = matches!(
        kind,
        DocumentKind::Markdown | DocumentKind::Html | DocumentKind::Office | DocumentKind::Text
    );
    prose && settings.strategy() == Strategy::Semantic
}

/// The sentences of a text in order, none larger than a chunk; white space between them is left out.
#[must_use]
pub fn sentences(text: &str, kind: DocumentKind, settings: &ChunkSettings) -> Vec<Range<usize>> {
    let source = Source::new(text, settings);
    let mut sentences = Vec::new();
    for section in flatten(&outline(text, kind)) {
        let mut start = section.range.start;
        // A heading and the first sentence below it are one: a heading alone says too little.
        let inside = (section.body + 1).max(start + 1)..section.range.end;
        for at in inside {
            if matches!(
                Boundary::at(text, at),
                Some(Boundary::Sentence | Boundary::Paragraph)
            ) && !is_blank(text, section.body..at)
            {
                sentences.extend(source.split_within(start..at, &Grammar::Text, source.capacity, 0));
                start = at;
            }
        }
        sentences.extend(source.split_within(start..section.range.end, &Grammar::Text, source.capacity, 0));
    }
    sentences
}

/// Puts sentences together by the vectors of their embeddings, one for each.
///
/// # Errors
///
/// When the numbers of sentences and vectors differ, or the ranges do not fit the text.
pub fn group(
    text: &str,
    kind: DocumentKind,
    sentences: &[Range<usize>],
    vectors: &[Vec<f32>],
    settings: &ChunkSettings,
) -> Result<Vec<Chunk>, GroupError> {
    if sentences.len() != vectors.len() {
        return Err(GroupError::Count {
            sentences: sentences.len(),
            vectors: vectors.len(),
        });
    }
    check(text, sentences)?;
    let source = Source::new(text, settings);
    let distances: Vec<f32> = vectors
        .windows(2)
        .map(|pair| distance(&pair[0], &pair[1]))
        .collect();
    let threshold = percentile(&distances);
    let mut chunks = Vec::new();
    let mut first = 0;
    for section in flatten(&outline(text, kind)) {
        let end = first + sentences[first..].partition_point(|sentence| sentence.start < section.range.end);
        while first < end {
            let next = (first + 1..end)
                .find(|&next| distances[next - 1] > threshold)
                .unwrap_or(end);
            let span =
                |run: Range<usize>| sentences[first + run.start].start..sentences[first + run.end - 1].end;
            let key = |at: usize| -distances[first + at - 1];
            for run in pack(next - first, source.capacity, |run| source.size(span(run)), key) {
                chunks.push(source.chunk(span(run), &section.path));
            }
            first = next;
        }
    }
    Ok(chunks)
}

fn check(text: &str, sentences: &[Range<usize>]) -> Result<(), GroupError> {
    let mut end = 0;
    for (number, sentence) in sentences.iter().enumerate() {
        if sentence.start < end || text.get(sentence.clone()).is_none_or(str::is_empty) {
            return Err(GroupError::Range(number));
        }
        end = sentence.end;
    }
    Ok(())
}

fn outline(text: &str, kind: DocumentKind) -> Section {
    match kind {
        DocumentKind::Markdown | DocumentKind::Html | DocumentKind::Office => {
            markdown::outline(text, kind == DocumentKind::Markdown)
        }
        _ => Section::text(0..text.len()),
    }
}

/// A section's own text.
struct Flat {
    range: Range<usize>,
    body: usize,
    path: Vec<String>,
}

fn flatten(root: &Section) -> Vec<Flat> {
    fn visit(section: &Section, path: &mut Vec<String>, flat: &mut Vec<Flat>) {
        path.extend(section.title.clone());
        let end = section
            .parts
            .first()
            .map_or(section.range.end, |part| part.range.start);
        flat.push(Flat {
            range: section.range.start..end,
            body: section.body.min(end),
            path: path.clone(),
        });
        for part in &section.parts {
            visit(part, path, flat);
        }
        if section.title.is_some() {
            path.pop();
        }
    }
    let mut flat = Vec::new();
    visit(root, &mut Vec::new(), &mut flat);
    flat
}

fn is_blank(text: &str, range: Range<usize>) -> bool {
    text[range].trim().is_empty()
}

/// [Cosine distance](https://en.wikipedia.org/wiki/Cosine_similarity): 0 for the same direction, 2 for the opposite. Vectors
/// without a direction are as far from others as unrelated ones.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    let cosine = dot(a, b) / norms;
    if cosine.is_finite() { 1.0 - cosine } else { 1.0 }
}

/// The value that [`PERCENTILE`] of these are not above.
fn percentile(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank"
    )]
    let rank = (sorted.len().saturating_sub(1) as f32 * PERCENTILE) as usize;
    sorted.get(rank).copied().unwrap_or(f32::INFINITY)
}
