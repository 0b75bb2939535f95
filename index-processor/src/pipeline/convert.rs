//! Step 2: the blob as Markdown.

use std::any::Any;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use convert::{ConvertError, Document, FileType, Place as DocumentPlace};
use shared::blobs::Blob;
use shared::place::{Missing, Place};
use shared::retry::{Failure, Step};
use tokio::time::Instant;

use super::{Pipeline, Report, Stop};
use crate::conversion::chain::Tried;
use crate::conversion::{self, File, Outcome, Unconverted};

/// Kinds of missing parts that a row keeps; whatever follows is summed up.
const MOST_KINDS: usize = 20;

impl Pipeline {
    /// Converts on a computing thread or in a child process, never on the runtime.
    pub(super) async fn convert(
        &self,
        blob: Blob,
        content_hash: &str,
        report: &mut Report,
    ) -> Result<(Document, Option<FileType>), Stop> {
        let started = Instant::now();
        let inline = blob.meta.size <= self.settings.inline_bytes;
        let file = File {
            name: blob.meta.path.to_string(),
            bytes: blob.bytes,
            content_type: blob.meta.content_type,
            content_hash: content_hash.to_owned(),
        };
        let (file, plain) = self.convert_plain(file, inline, report).await?;
        let outcome = match plain {
            Some(outcome) => outcome,
            None => self.conversion.convert(&file, &self.rules.skip).await,
        };
        let took = report.time("convert_ms", started);
        if outcome.result.is_ok() {
            self.metrics.step(Step::Convert, took);
        }
        if let Some(file_type) = outcome.file_type {
            let converter = match outcome.tried.last() {
                Some(tried) => tried.link.name(),
                None if outcome.kept => "kept",
                None => "plain",
            };
            self.metrics
                .file_markdown_seconds
                .with_label_values(&[file_type.name(), converter])
                .observe(took.as_secs_f64());
            report.note("type", file_type.name());
        }
        for tried in &outcome.tried {
            self.metrics
                .conversions
                .with_label_values(&[tried.link.name(), tried.result_label()])
                .inc();
        }
        if outcome.tokens > 0 {
            self.metrics.vision_tokens.inc_by(outcome.tokens);
            report.note("vision_tokens", outcome.tokens);
        }
        if outcome.kept {
            report.note("kept_conversion", true);
        }
        let file_type = outcome.file_type;
        if let Some(unwanted) = file_type.filter(|file_type| self.rules.skip.contains(file_type)) {
            return Err(stop(Unconverted::Refused(conversion::unwanted(unwanted)), &[]));
        }
        Ok((finish(outcome, report)?, file_type))
    }

    /// Gives the file back, with its text if it is a plain one.
    async fn convert_plain(
        &self,
        file: File,
        inline: bool,
        report: &mut Report,
    ) -> Result<(File, Option<Outcome>), Stop> {
        let waited = Instant::now();
        let _slot = self.capacity.processor().await?;
        report.time("wait_cpu_ms", waited);
        let conversion = Arc::clone(&self.conversion);
        let compute = move || {
            let outcome = conversion.convert_plain(&file);
            (file, outcome)
        };
        Ok(compute_on(inline, compute)
            .await
            .map_err(|why| Failure::permanent("converter_panicked", why))?)
    }
}

/// Notes what there is to say of a conversion.
fn finish(outcome: Outcome, report: &mut Report) -> Result<Document, Stop> {
    if outcome.tried.len() > 1 {
        report.note("tried", serde_json::json!(outcome.tried));
    }
    let document = outcome.result.map_err(|why| stop(why, &outcome.tried))?;
    report.note("converter", document.about.converter.clone());
    if !document.about.warnings.is_empty() {
        report.note("warnings", document.about.warnings.clone());
    }
    Ok(document)
}

fn stop(why: Unconverted, tried: &[Tried]) -> Stop {
    match why {
        Unconverted::Down(failure) => Stop::Fail(failure),
        Unconverted::Refused(error) => {
            let mut text = error.to_string();
            // The first converter's word is in the text; people want to know of the others as well.
            for tried in tried.iter().skip(1) {
                text.push_str(&format!("; {}: {}", tried.link, tried.outcome));
            }
            let failure = Failure::permanent(error.code(), text);
            match error {
                ConvertError::Unsupported { .. } | ConvertError::Blocked { .. } => Stop::Skip(failure),
                ConvertError::Failed { .. } => Stop::Fail(failure),
            }
        }
    }
}

/// The parts that a document lacks, those with the same reason together.
pub(super) fn missing(document: &Document) -> Vec<Missing> {
    let mut kinds: Vec<(Kind<'_>, Vec<&DocumentPlace>)> = Vec::new();
    for (place, unread) in document.unread() {
        let kind = Kind {
            attachment: place
                .attachment
                .as_deref()
                .filter(|_| place.page.is_some() || place.slide.is_some()),
            code: &unread.code,
            reason: &unread.reason,
        };
        match kinds.iter().position(|(known, _)| *known == kind) {
            None if kinds.len() < MOST_KINDS => kinds.push((kind, vec![place])),
            known => kinds[known.unwrap_or(MOST_KINDS - 1)].1.push(place),
        }
    }
    kinds
        .into_iter()
        .map(|(kind, places)| Missing {
            parts: names(kind.attachment, &places),
            count: u32::try_from(places.len()).unwrap_or(u32::MAX),
            code: kind.code.to_owned(),
            reason: kind.reason.to_owned(),
        })
        .collect()
}

/// What missing parts have in common.
#[derive(PartialEq)]
struct Kind<'a> {
    /// When it is pages of it that are missing.
    attachment: Option<&'a str>,
    code: &'a str,
    reason: &'a str,
}

/// `report.pdf, pages 3-5, 9`; names of sheets and attachments as they are, the first few of them.
fn names(attachment: Option<&str>, places: &[&DocumentPlace]) -> String {
    const NAMED: usize = 10;
    let mut words: Vec<String> = attachment.map(str::to_owned).into_iter().collect();
    for (one, many, number) in [
        (
            "page",
            "pages",
            (|place| place.page) as fn(&DocumentPlace) -> Option<u32>,
        ),
        ("slide", "slides", |place| place.slide),
    ] {
        let numbers: Vec<u32> = places.iter().filter_map(|place| number(place)).collect();
        match numbers.len() {
            0 => {}
            1 => words.push(format!("{one} {}", numbers[0])),
            _ => words.push(format!("{many} {}", ranges(numbers))),
        }
    }
    let unnumbered: Vec<String> = places
        .iter()
        .filter(|place| place.page.is_none() && place.slide.is_none())
        .map(|place| place.to_string())
        .collect();
    words.extend(unnumbered.iter().take(NAMED).cloned());
    if unnumbered.len() > NAMED {
        words.push(format!("and {} more", unnumbered.len() - NAMED));
    }
    words.join(", ")
}

/// `3-5, 9`.
fn ranges(mut numbers: Vec<u32>) -> String {
    numbers.sort_unstable();
    numbers.dedup();
    let mut words: Vec<String> = Vec::new();
    for run in numbers.chunk_by(|a, b| a + 1 == *b) {
        words.push(match run {
            [first, .., last] => format!("{first}-{last}"),
            [only] => only.to_string(),
            [] => continue,
        });
    }
    words.join(", ")
}

/// Where a stretch of the text is, in the words of the vector store. Only pages flow into each other, so only they have an end.
pub(super) fn place_of(document: &Document, range: &Range<usize>) -> Place {
    let last = document
        .place_at(range.end.saturating_sub(1).max(range.start))
        .page;
    let DocumentPlace {
        attachment,
        page,
        slide,
        sheet,
    } = document.place_at(range.start);
    Place {
        attachment,
        page,
        page_end: last.filter(|last| page.is_some_and(|first| *last > first)),
        slide,
        sheet,
    }
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "the file cannot be worked on: {}",
        text.unwrap_or_else(|| "no reason given".to_owned())
    )
}

/// Runs on a thread for computing, or where it is called; a panic becomes its text.
pub(super) async fn compute_on<T: Send + 'static>(
    inline: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let done = if inline {
        std::panic::catch_unwind(AssertUnwindSafe(work))
    } else {
        let span = tracing::Span::current();
        tokio::task::spawn_blocking(move || span.in_scope(work))
            .await
            .map_err(|ended| {
                ended
                    .try_into_panic()
                    .unwrap_or_else(|ended| Box::new(ended.to_string()))
            })
    };
    done.map_err(|panic| panic_text(&*panic))
}

#[cfg(test)]
mod tests;
