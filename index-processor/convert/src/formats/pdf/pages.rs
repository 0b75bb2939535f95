//! The pages of a PDF, as `unpdf` reads them, one after the other.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use unpdf::parser::backend::TextSuppression;
use unpdf::render::{BlockRenderer, CleanupOptions, CleanupPipeline};
use unpdf::{
    Block, ExtractionQuality, FormField, Metadata, PageSelection, PageStreamOptions, ParseEvent,
    ParseOptions, PdfParser, RenderOptions,
};

use crate::ConvertError;

/// What a document says.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) pages: Vec<Page>,
    pub(super) title: Option<String>,
    /// The names and values of form fields that are filled in, as Markdown.
    pub(super) fields: String,
    /// What is known of pages that the document should have and that were not found.
    pub(super) missing: Option<String>,
    pub(super) warnings: Vec<String>,
}

/// One page.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// From 1.
    pub(super) number: u32,
    /// Paragraphs, headings, list items and tables in reading order, as Markdown.
    pub(super) blocks: Vec<String>,
    pub(super) facts: Facts,
}

/// What is on a page, whether it could be read or not.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    /// Why the page could not be read at all.
    pub(super) error: Option<String>,
    /// Share of the page that images cover, 0 to 1.
    pub(super) image_coverage: f32,
    /// Images drawn.
    pub(super) images: u32,
    /// Shapes filled; letters drawn as outlines are such.
    pub(super) fills: u32,
    /// Pieces of text drawn.
    pub(super) text_runs: u32,
    /// Pieces of text whose font does not say which characters they are.
    pub(super) unreadable_runs: usize,
    /// Streams of content that could not be unpacked.
    pub(super) broken_streams: usize,
    /// Was a hidden layer of recognised text dropped as rubbish?
    pub(super) bad_ocr_layer: bool,
}

/// Reads all pages. More text than `limit` bytes is not read: the caller refuses what is over it.
pub(super) fn read(bytes: &[u8], limit: usize) -> Result<Reading, ConvertError> {
    let parser = open(bytes)?;
    let count = parser.page_count();
    if count == 0 {
        return Err(ConvertError::corrupt("PDF", "it has no pages"));
    }
    let mut reader = Reader {
        parser: &parser,
        renderer: BlockRenderer::new(render_options()),
        reading: Reading::default(),
        quality: None,
        read: 0,
        limit,
    };
    let mut next = 1;
    while next <= count && reader.read <= limit {
        if reader.pages(PageSelection::Range(next..=count)).is_ok() {
            break;
        }
        // A page behind this one may be what crashed the parser, which looks at some ahead: try this one by itself.
        next = reader.next();
        if next <= count && reader.pages(PageSelection::Pages(vec![next])).is_err() {
            reader.failed(next, "the parser crashed on it");
        }
        next = reader.next();
    }
    let Reader {
        mut reading, quality, ..
    } = reader;
    if let Some(quality) = quality {
        reading.missing = missing(&quality, count);
        if quality.xref_reconstructed {
            reading.warnings.push(
                "the table of contents of the file was damaged and was rebuilt from what is in it".to_owned(),
            );
        }
    }
    Ok(reading)
}

fn open(bytes: &[u8]) -> Result<PdfParser, ConvertError> {
    let options = ParseOptions::new().sequential();
    match catch_unwind(|| PdfParser::from_bytes_with_options(bytes, options)) {
        Ok(Ok(parser)) => Ok(parser),
        Ok(Err(unpdf::Error::Encrypted | unpdf::Error::InvalidPassword)) => {
            Err(ConvertError::password_protected("PDF"))
        }
        Ok(Err(unpdf::Error::UnsupportedVersion(what))) => Err(ConvertError::failed(
            "unsupported_encryption",
            format!(
                "this PDF is encrypted in a way that cannot be read ({what}); save it without encryption"
            ),
        )),
        Ok(Err(error)) => Err(ConvertError::corrupt("PDF", error)),
        Err(_) => Err(ConvertError::corrupt("PDF", "the parser crashed on it")),
    }
}

fn render_options() -> RenderOptions {
    RenderOptions::new().without_cleanup()
}

struct Reader<'a> {
    parser: &'a PdfParser,
    renderer: BlockRenderer,
    reading: Reading,
    quality: Option<ExtractionQuality>,
    /// Bytes of text so far.
    read: usize,
    limit: usize,
}

/// The parser crashed.
struct Crashed;

impl Reader<'_> {
    /// The first page that nothing is known of.
    fn next(&self) -> u32 {
        self.reading.pages.last().map_or(1, |page| page.number + 1)
    }

    fn pages(&mut self, selection: PageSelection) -> Result<(), Crashed> {
        let parser = self.parser;
        let options = PageStreamOptions {
            pages: selection,
            // One page after the other: what is in memory stays bounded, and the process is one of several.
            parallel: false,
            ..PageStreamOptions::default()
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            parser.for_each_page(options, |event| self.event(event))
        }));
        match outcome {
            Ok(Ok(quality)) => {
                // A later run, over fewer pages, knows no more of the document as a whole.
                self.quality.get_or_insert(quality);
                Ok(())
            }
            Ok(Err(error)) => {
                self.failed(self.next(), &error.to_string());
                Err(Crashed)
            }
            Err(_) => Err(Crashed),
        }
    }

    fn event(&mut self, event: ParseEvent) -> ControlFlow<()> {
        match event {
            ParseEvent::DocumentStart {
                metadata,
                form_fields,
                ..
            } => {
                self.reading.title = title(metadata);
                self.reading.fields = fields(&form_fields);
            }
            ParseEvent::PageParsed(page) => self.page(&page),
            ParseEvent::PageFailed { page, error } => self.failed(page, &error.to_string()),
            ParseEvent::Progress { .. } | ParseEvent::DocumentEnd { .. } => {}
        }
        if self.read > self.limit {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn page(&mut self, page: &unpdf::Page) {
        let mut previous: Option<&Block> = None;
        let mut blocks = Vec::with_capacity(page.elements.len());
        for block in &page.elements {
            let markdown = self.renderer.render_block_after(previous, block);
            previous = Some(block);
            if !markdown.trim().is_empty() {
                self.read += markdown.len();
                blocks.push(markdown);
            }
        }
        self.reading.pages.push(Page {
            number: page.number,
            blocks,
            facts: facts(page),
        });
    }

    fn failed(&mut self, number: u32, error: &str) {
        self.reading.pages.push(Page {
            number,
            blocks: Vec::new(),
            facts: Facts {
                error: Some(error.to_owned()),
                ..Facts::default()
            },
        });
    }
}

fn facts(page: &unpdf::Page) -> Facts {
    // Fonts of pictures (logos, arrows) have no characters on purpose; a run or two of them are no loss.
    let unreadable_runs = page
        .unreadable_fonts
        .iter()
        .filter(|font| font.reason != TextSuppression::BinaryDensity || font.runs > 2)
        .map(|font| font.runs)
        .sum();
    Facts {
        error: None,
        image_coverage: page.image_coverage,
        images: page.image_op_count,
        fills: page.fill_op_count,
        text_runs: page.text_op_count,
        unreadable_runs,
        broken_streams: page.undecodable_content_streams,
        bad_ocr_layer: page.ocr_text_suppressed,
    }
}

/// The title, without what programs put there by themselves.
fn title(metadata: Metadata) -> Option<String> {
    let title = metadata.title?;
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let title = ["Microsoft Word - ", "Microsoft PowerPoint - "]
        .iter()
        .find_map(|program| title.strip_prefix(program))
        .unwrap_or(&title);
    let is_name_of_nothing = ["untitled", "(anonymous)", "unspecified"]
        .iter()
        .any(|name| title.eq_ignore_ascii_case(name));
    (title.chars().any(char::is_alphanumeric) && !is_name_of_nothing).then(|| title.to_owned())
}

fn fields(fields: &[FormField]) -> String {
    let mut text = String::new();
    for field in fields {
        let value = field.display_value();
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        // Boxes are ticked or not by the hundred; which, says nothing without their labels.
        if value.is_empty() || value == "[ ]" || value == "[x]" {
            continue;
        }
        text.push_str(&format!("- {}: {value}\n", label(&field.name)));
    }
    text
}

/// What a field is called, out of its path in the form: `form1[0].Page1[0].First_Name[0]` is the `First Name`.
fn label(path: &str) -> String {
    let name = path.rsplit('.').next().unwrap_or(path);
    let name = name
        .split_once('[')
        .map_or(name, |(name, _)| name)
        .replace('_', " ");
    match name.trim() {
        "" => path.to_owned(),
        name => name.to_owned(),
    }
}

fn missing(quality: &ExtractionQuality, count: u32) -> Option<String> {
    if !quality.pages_incomplete {
        return None;
    }
    Some(match quality.declared_page_count {
        Some(declared) if declared > count => {
            format!(
                "the file is damaged: it should have {declared} pages, and {count} were found; save it anew"
            )
        }
        _ => "the file is damaged: not all of its pages were found; save it anew".to_owned(),
    })
}

/// Cleans the text of a page: Unicode form, ligatures, hyphens at line ends, empty lines.
pub(super) struct Cleaner(CleanupPipeline);

impl Cleaner {
    pub(super) fn new() -> Self {
        Self(CleanupPipeline::new(CleanupOptions {
            // There is none, and what looks like it is a rule at the top of a page.
            preserve_frontmatter: false,
            // A page with many of them is not read: they must be there to be seen.
            remove_replacement_char: false,
            ..CleanupOptions::standard()
        }))
    }

    pub(super) fn clean(&self, markdown: &str) -> String {
        let mut text = self.0.process(markdown).replace("\r\n", "\n").replace('\r', "\n");
        text.retain(|character| !matches!(character, '\u{AD}' | '\u{200B}' | '\u{FEFF}' | '\0'));
        tidy(&text)
    }
}

/// Outside code: single spaces, none at the ends of lines, no lines that are drawn with underscores.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut is_code = false;
    for line in text.lines() {
        let is_fence = line.starts_with("```") || line.starts_with("~~~");
        is_code ^= is_fence;
        if is_code || is_fence {
            tidy.push_str(line.trim_end());
        } else {
            let words = line.trim_start_matches(' ');
            tidy.push_str(&line[..line.len() - words.len()]);
            let words = words.split([' ', '\u{A0}']);
            let mut is_first = true;
            for word in words.filter(|word| !word.is_empty() && !is_rule(word)) {
                if !is_first {
                    tidy.push(' ');
                }
                is_first = false;
                tidy.push_str(word);
            }
        }
        tidy.truncate(tidy.trim_end_matches(' ').len());
        // At most one empty line.
        if !is_code && line.trim().is_empty() && (tidy.is_empty() || tidy.ends_with("\n\n")) {
            continue;
        }
        tidy.push('\n');
    }
    tidy.trim_end().to_owned()
}

/// A line drawn with underscores, which Markdown escapes: a place to write on, or a rule above a footnote.
fn is_rule(word: &str) -> bool {
    word.len() > 8 && word.bytes().all(|byte| byte == b'_' || byte == b'\\')
}
