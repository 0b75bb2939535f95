//! Step 3: chunks, with everything about them that only needs computing.

use std::ops::Range;
use std::sync::Arc;

use convert::Document;
use shared::embedder::bm25::Bm25;
use shared::ids::ChunkHash;
use shared::place::Place;
use shared::retry::{Failure, Step};
use shared::trace::TARGET;
use shared::trace::spans::within;
use shared::vectors::SparseVector;
use tokio::time::Instant;
use tracing::trace_span;

use super::convert::{compute_on, place_of};
use super::{Pipeline, Report, Stop};
use crate::chunk::{self, Chunk, ChunkSettings, semantic};

/// A chunk with what is stored and embedded of it.
pub(super) struct Prepared {
    pub(super) chunk: Chunk,
    /// What is embedded, densely and as terms: the headings above the chunk and its text.
    pub(super) input: String,
    pub(super) hash: ChunkHash,
    pub(super) bm25: SparseVector,
    /// Where in its file it begins.
    pub(super) place: Place,
}

/// A document cut into chunks.
pub(super) struct Cut {
    pub(super) mime: String,
    /// What made the Markdown.
    pub(super) converter: String,
    pub(super) chunks: Vec<Prepared>,
    /// How it was cut, or is to be.
    settings: ChunkSettings,
    /// The document, when it is still to be cut by meaning.
    uncut: Option<Document>,
}

impl Pipeline {
    /// Cuts on a computing thread, as many files at a time as there are slots.
    pub(super) async fn chunk(
        &self,
        document: Document,
        settings: ChunkSettings,
        inline: bool,
        report: &mut Report,
    ) -> Result<Cut, Stop> {
        let _slot = self.capacity.processor().await?;
        let started = Instant::now();
        let bm25 = Arc::clone(&self.bm25);
        let has_model = self.embedder.is_some();
        let cut = compute_on(inline, move || cut(document, &settings, &bm25, has_model))
            .await
            .map_err(|why| Failure::permanent("chunker_panicked", why))?;
        self.metrics.step(Step::Chunk, report.time("chunk_ms", started));
        Ok(cut)
    }

    /// Cuts by meaning where that is asked for: sentences are embedded, and a chunk ends where the next sentence is far
    /// from the last.
    pub(super) async fn chunk_by_meaning(&self, cut: Cut, report: &mut Report) -> Result<Cut, Stop> {
        let (Some(document), Some(embedder)) = (&cut.uncut, &self.embedder) else {
            return Ok(cut);
        };
        let started = Instant::now();
        let (markdown, kind) = (&document.markdown, document.about.kind);
        let sentences = semantic::sentences(markdown, kind, &cut.settings);
        let texts: Vec<String> = sentences
            .iter()
            .map(|range| markdown[range.clone()].to_owned())
            .collect();
        let embedded = if texts.is_empty() {
            Vec::new()
        } else {
            let span = trace_span!(target: TARGET, "embed sentences", sentences = texts.len());
            let answer = within(span, embedder.embed(&texts)).await?;
            self.metrics.embedding_tokens.inc_by(answer.tokens);
            answer.vectors
        };
        let chunks = semantic::group(markdown, kind, &sentences, &embedded, &cut.settings)
            .map_err(|error| Failure::transient("embedder_bad_reply", error.to_string()))?;
        report.time("semantic_ms", started);
        let chunks = chunks
            .into_iter()
            .map(|chunk| prepare(chunk, document, &self.bm25))
            .collect();
        Ok(Cut {
            chunks,
            uncut: None,
            mime: cut.mime,
            converter: cut.converter,
            settings: cut.settings,
        })
    }
}

fn cut(document: Document, settings: &ChunkSettings, bm25: &Bm25, has_model: bool) -> Cut {
    let by_meaning = has_model && semantic::applies(document.about.kind, settings);
    let chunks = if by_meaning {
        Vec::new()
    } else {
        stretches(&document)
            .into_iter()
            .flat_map(|stretch| chunks_of(&document, stretch, settings))
            .map(|chunk| prepare(chunk, &document, bm25))
            .collect()
    };
    Cut {
        mime: document.about.mime.clone(),
        converter: document.about.converter.clone(),
        chunks,
        settings: *settings,
        uncut: by_meaning.then_some(document),
    }
}

/// The document between its slides, sheets and attachments, which no chunk spans: one could not say where it is from. Pages
/// are no such bounds, because sentences go on across them.
fn stretches(document: &Document) -> Vec<Range<usize>> {
    let mut stretches = Vec::new();
    let (mut start, mut of) = (0, None);
    for part in &document.about.parts {
        let place = &part.place;
        let key = Some((&place.attachment, place.slide, &place.sheet));
        if key != of && part.start > start {
            stretches.push(start..part.start);
            start = part.start;
        }
        of = key;
    }
    stretches.push(start..document.markdown.len());
    stretches
}

/// The chunks of a stretch, with their ranges in the document. Those of an attachment stand below the title of what it is
/// attached to.
fn chunks_of(document: &Document, stretch: Range<usize>, settings: &ChunkSettings) -> Vec<Chunk> {
    let title = document
        .about
        .title
        .as_ref()
        .filter(|_| document.place_at(stretch.start).attachment.is_some());
    let mut chunks = chunk::chunk(&document.markdown[stretch.clone()], document.about.kind, settings);
    for chunk in &mut chunks {
        chunk.range = stretch.start + chunk.range.start..stretch.start + chunk.range.end;
        if let Some(title) = title {
            chunk.heading_path.insert(0, title.clone());
        }
    }
    chunks
}

fn prepare(chunk: Chunk, document: &Document, bm25: &Bm25) -> Prepared {
    let input = if chunk.heading_path.is_empty() {
        chunk.text.clone()
    } else {
        format!("{}\n\n{}", chunk.heading_path.join(" > "), chunk.text)
    };
    Prepared {
        hash: ChunkHash::of(&input),
        bm25: bm25.document(&input),
        place: place_of(document, &chunk.range),
        chunk,
        input,
    }
}

#[cfg(test)]
mod tests;
