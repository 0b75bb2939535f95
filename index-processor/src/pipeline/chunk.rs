//! Step 3: chunks, with everything about them that only needs computing.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use shared::blobs::Blob;
use shared::embedder::bm25::Bm25;
use shared::ids::ChunkHash;
use shared::retry::Failure;
use shared::vectors::SparseVector;
use tokio::time::Instant;

use super::convert::convert;
use super::{Pipeline, Report, Stop};
use crate::chunk::{self, Chunk, ChunkSettings, semantic};
use convert::DocumentKind;

/// A chunk with what is stored and embedded of it.
pub(super) struct Prepared {
    pub(super) chunk: Chunk,
    /// What is embedded, densely and as terms: the headings above the chunk and its text.
    pub(super) input: String,
    pub(super) hash: ChunkHash,
    pub(super) bm25: SparseVector,
}

/// A document cut into chunks.
pub(super) struct Cut {
    pub(super) mime: String,
    pub(super) chunks: Vec<Prepared>,
    /// The Markdown, when it is still to be cut by meaning.
    uncut: Option<(String, DocumentKind)>,
}

/// What the computing thread hands back.
struct Computed {
    cut: Cut,
    kind: &'static str,
    convert: std::time::Duration,
    chunk: std::time::Duration,
    warnings: Vec<String>,
    converter: String,
}

impl Pipeline {
    /// Converts and cuts on a computing thread, as many files at a time as there are slots.
    pub(super) async fn convert_and_chunk(&self, blob: Blob, report: &mut Report) -> Result<Cut, Stop> {
        let waited = Instant::now();
        let _slot = self.capacity.processor().await?;
        report.time("wait_cpu_ms", waited);
        let (settings, bm25) = (self.settings.chunk, Arc::clone(&self.bm25));
        let has_model = self.embedder.is_some();
        let inline = blob.meta.size <= self.settings.inline_bytes;
        let compute = move || compute(&blob, &settings, &bm25, has_model);
        let computed = if inline {
            std::panic::catch_unwind(AssertUnwindSafe(compute))
        } else {
            let thread = tokio::task::spawn_blocking(compute).await;
            thread.map_err(|ended| {
                ended
                    .try_into_panic()
                    .unwrap_or_else(|ended| Box::new(ended.to_string()))
            })
        };
        let computed =
            computed.map_err(|panic| Failure::permanent("converter_panicked", panic_text(&*panic)))??;
        self.metrics
            .file_markdown_seconds
            .with_label_values(&[computed.kind])
            .observe(computed.convert.as_secs_f64());
        report.note("convert_ms", millis(computed.convert));
        report.note("chunk_ms", millis(computed.chunk));
        report.note("converter", computed.converter);
        if !computed.warnings.is_empty() {
            report.note("warnings", computed.warnings);
        }
        Ok(computed.cut)
    }

    /// Cuts by meaning where that is asked for: sentences are embedded, and a chunk ends where the next sentence is far
    /// from the last.
    pub(super) async fn chunk_by_meaning(&self, cut: Cut, report: &mut Report) -> Result<Cut, Stop> {
        let (Some((markdown, kind)), Some(embedder)) = (&cut.uncut, &self.embedder) else {
            return Ok(cut);
        };
        let started = Instant::now();
        let sentences = semantic::sentences(markdown, *kind, &self.settings.chunk);
        let texts: Vec<String> = sentences
            .iter()
            .map(|range| markdown[range.clone()].to_owned())
            .collect();
        let embedded = if texts.is_empty() {
            Vec::new()
        } else {
            let answer = embedder.embed(&texts).await?;
            self.metrics.embedding_tokens.inc_by(answer.tokens);
            answer.vectors
        };
        let chunks = semantic::group(markdown, *kind, &sentences, &embedded, &self.settings.chunk)
            .map_err(|error| Failure::transient("embedder_bad_reply", error.to_string()))?;
        report.time("semantic_ms", started);
        let chunks = chunks
            .into_iter()
            .map(|chunk| prepare(chunk, &self.bm25))
            .collect();
        Ok(Cut {
            chunks,
            uncut: None,
            mime: cut.mime,
        })
    }
}

fn compute(blob: &Blob, settings: &ChunkSettings, bm25: &Bm25, has_model: bool) -> Result<Computed, Stop> {
    let started = Instant::now();
    let document = convert(blob)?;
    let convert = started.elapsed();
    let started = Instant::now();
    let by_meaning = has_model && semantic::applies(document.about.kind, settings);
    let chunks = if by_meaning {
        Vec::new()
    } else {
        chunk::chunk(&document.markdown, document.about.kind, settings)
            .into_iter()
            .map(|chunk| prepare(chunk, bm25))
            .collect()
    };
    Ok(Computed {
        kind: document.about.kind.name(),
        convert,
        chunk: started.elapsed(),
        warnings: document.about.warnings,
        converter: document.about.converter,
        cut: Cut {
            mime: document.about.mime,
            chunks,
            uncut: by_meaning.then_some((document.markdown, document.about.kind)),
        },
    })
}

fn prepare(chunk: Chunk, bm25: &Bm25) -> Prepared {
    let input = if chunk.heading_path.is_empty() {
        chunk.text.clone()
    } else {
        format!("{}\n\n{}", chunk.heading_path.join(" > "), chunk.text)
    };
    Prepared {
        hash: ChunkHash::of(&input),
        bm25: bm25.document(&input),
        chunk,
        input,
    }
}

fn millis(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "the converter stopped on this file: {}",
        text.unwrap_or_else(|| "no reason given".to_owned())
    )
}
